"""Measure whether memory stays flat: 20,000 messages through the gateway, and as many as asked for through a worker.

The real programs run on a temporary SQLite database, WhatsApp is a fake Twilio on loopback. Each message is of another contact,
so that whatever is kept for each contact or message shows. `tests/security/test_memory.py` runs a short form.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, update

from benchmarks.load import Letters, make_twilio, post_burst
from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.engine.examples import read_training_examples
from bot.logs import set_up_logging
from bot.messages import InboundKind, InboundMessage, OutboundMessage
from bot.settings import Settings
from bot.storage.models import Conversation, Inbound, Outbound
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import Paths, utc_now
from tests.support.programs import ROOT, Programs, run_programs
from tests.support.provider_settings import whatsapp_settings
from tests.support.server import serve

CONNECTIONS = 20
REPLY_EVERY = 5
"""One message in so many gets a reply, which the gateway sends: the fake provider takes only so many a second."""
WARM_UP_SHARE = 0.25
"""The share of the samples that is left out of the slope: what is loaded late, and what the allocator takes once."""
PATIENCE_SECONDS = 300.0
BAR = 40
SEED = 7

console = Console(highlight=False, width=110)


@dataclass(frozen=True)
class Sample:
    """What a program held after so many messages, in bytes."""

    messages: int
    rss: int


def slope(samples: Sequence[Sample]) -> float:
    """Return the growth in bytes for each message, after the warm-up."""
    steady = samples[int(len(samples) * WARM_UP_SHARE) :]
    return linear_regression([one.messages for one in steady], [one.rss for one in steady]).slope


def measure_gateway(
    folder: Path, messages: int, step: int, on_sample: Callable[[Sample], None] = lambda _sample: None
) -> list[Sample]:
    """Send messages to the gateway in bursts of `step`, let it send replies, and return what it holds after each burst."""
    twilio = make_twilio()
    letters = Letters(twilio, _texts())
    with serve(twilio.app) as twilio_url, _running(folder, twilio_url, "gateway") as (programs, database, vault):
        outbox = Outbox(database, vault, utc_now)
        samples: list[Sample] = []
        for burst in range(messages // step):
            posted = asyncio.run(post_burst(programs.url, letters.write(step), CONNECTIONS))
            if posted.refused:
                raise RuntimeError(f"the gateway refused {posted.refused} of {step} messages")
            _settle(database, outbox)
            samples.append(Sample((burst + 1) * step, _rss(programs, "gateway")))
            on_sample(samples[-1])
    return samples


def measure_worker(
    folder: Path,
    messages: int,
    step: int,
    on_sample: Callable[[Sample], None] = lambda _sample: None,
    most_texts: int | None = None,
) -> list[Sample]:
    """Give a worker messages, `step` at a time, and return what it holds when they are answered.

    Args:
        most_texts: how many different texts are sent; with few of them the worker soon knows all their words.
    """
    texts = _texts()[:most_texts]
    with _running(folder, "http://127.0.0.1:9", "worker") as (programs, database, vault):
        inbox, samples = Inbox(database, vault, utc_now), list[Sample]()
        for first in range(0, messages, step):
            inbox.store([_inbound(number, texts[number % len(texts)]) for number in range(first, first + step)])
            _wait(lambda: _count(database, Inbound, Inbound.state == "waiting") == 0)
            samples.append(Sample(first + step, _rss(programs, "worker")))
            on_sample(samples[-1])
    return samples


@contextmanager
def _running(folder: Path, twilio_url: str, name: str) -> Iterator[tuple[Programs, Database, Vault]]:
    settings = {
        "RUTA_CHANNELS": "whatsapp",
        "RUTA_LOG_LEVEL": "WARNING",
        **whatsapp_settings(twilio_url, folder),
    }
    with run_programs(folder, settings, name) as programs:
        database = Database(programs.environment["RUTA_DATABASE_URL"])
        encryption, hash_key = Settings.parse_obj({"mode": "development"}).keys(Paths(ROOT).var)
        try:
            yield programs, database, Vault(encryption, hash_key)
        finally:
            database.close()


def _settle(database: Database, outbox: Outbox) -> None:
    """End all messages as a worker does, with a reply to some, and wait until the replies are out."""
    with database.transaction() as session:
        waiting = list(session.scalars(select(Conversation.id).where(Conversation.waiting_since.is_not(None))))
        for conversation_id in waiting[::REPLY_EVERY]:
            outbox.enqueue(session, conversation_id, "whatsapp", OutboundMessage("Gracias por escribir."), None)
        session.execute(update(Inbound).where(Inbound.state == "waiting").values(state="done", body_encrypted=None))
        session.execute(update(Conversation).values(waiting_since=None))
    _wait(lambda: _count(database, Outbound, Outbound.state.in_(("queued", "sending"))) == 0)


def _wait(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done within {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)


def _count(database: Database, table: type[Inbound] | type[Outbound], where: object) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count(table.id)).where(where)) or 0  # type: ignore[arg-type]


def _inbound(number: int, text: str) -> InboundMessage:
    return InboundMessage("whatsapp", f"whatsapp:+5939{number:08d}", f"SM{number:032x}", InboundKind.TEXT, text)


def _texts() -> list[str]:
    texts = sorted({example.text for example in read_training_examples(ROOT)})
    random.Random(SEED).shuffle(texts)
    return texts


def _rss(programs: Programs, name: str) -> int:
    return int(psutil.Process(programs.processes[name].pid).memory_info().rss)


def _show(title: str, samples: Sequence[Sample]) -> None:
    table = Table("messages", "MiB", "", title=title, title_justify="left")
    highest = max(one.rss for one in samples)
    for one in samples:
        table.add_row(f"{one.messages:,}", f"{one.rss / 2**20:.1f}", "█" * round(BAR * one.rss / highest))
    console.print(table)
    grown = samples[-1].rss - samples[int(len(samples) * WARM_UP_SHARE)].rss
    console.print(f"after the warm-up {slope(samples):+.0f} bytes a message, {grown / 2**20:+.1f} MiB in all\n")


def main(
    gateway: Annotated[int, typer.Option(help="Messages for the gateway.")] = 20_000,
    worker: Annotated[int, typer.Option(help="Messages for the worker.")] = 10_000,
    step: Annotated[int, typer.Option(help="Messages between two samples.")] = 1_000,
) -> None:
    """Print how memory develops in the gateway and in a worker, and its slope."""
    set_up_logging("WARNING")
    for name, measure, messages in (("gateway", measure_gateway, gateway), ("worker", measure_worker, worker)):
        if messages:
            with tempfile.TemporaryDirectory() as folder, console.status(f"{name}: {messages:,} messages"):
                samples = measure(Path(folder), messages, min(step, messages))
            _show(f"{name}, resident memory", samples)


if __name__ == "__main__":
    typer.run(main)
