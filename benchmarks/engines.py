"""Measure our engine beside stock Rasa, on the same messages, in one run, as ratios.

Stock Rasa runs as its makers propose: its own server, default pipeline and policies, REST channel, SQL tracker store on SQLite.
Ours runs as it does in service: gateway and one worker, WhatsApp calls from a fake Twilio, which also takes the replies; so our
times hold the inbox, the outbox and the provider, and stock's do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import aiohttp
import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.load import Letter, Letters, NotedCalls, Posted, make_twilio, post_letter, session_of
from benchmarks.spine import Bench, Plan, percentile, program_settings
from benchmarks.stock import StockServer, lengthen, our_config, stock_config, stock_server, train, write_project
from benchmarks.turn import drain, make_worker, store
from bot.content.loader import load_catalogue
from bot.engine.examples import read_test_examples, read_training_examples
from bot.logs import set_up_logging
from tests.support.programs import ROOT, run_programs
from tests.support.server import serve

WARM_UP = 20
REPLY_SECONDS = 30.0
WAITING_EACH = 3
AROUND = 10
"""Messages before and after the tenth, and the last, of a long conversation over which its cost is taken."""

console = Console(highlight=False, width=130)


@dataclass
class Measured:
    """What one engine did; seconds and bytes."""

    replies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    drained: float = 0.0
    ready: float = 0.0
    memory: int = 0
    trained: float = 0.0
    stored: int = 0
    messages: int = 0
    history: list[float] = field(default_factory=list)


async def closed_loop(messages: int, at_once: int, say: Callable[[int], Awaitable[None]], step: Callable[[], None]) -> Measured:
    """Say messages, so many at once, each after the reply to the one before; return the time of each reply and of all."""
    measured, waiting = Measured(messages=messages), list(range(messages))[::-1]

    async def one() -> None:
        while waiting:
            number = waiting.pop()
            started = time.perf_counter()
            await say(number)
            measured.replies.append(time.perf_counter() - started)
            step()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    measured.seconds = time.perf_counter() - started
    return measured


async def ask_stock(server: StockServer, texts: Sequence[str], at_once: int, history: int, step: Callable[[], None]) -> Measured:
    """Ask stock Rasa through its REST channel, then write one long conversation."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120), trust_env=False) as session:

        async def say(sender: str, text: str) -> None:
            body = {"sender": sender, "message": text}
            async with session.post(f"{server.url}/webhooks/rest/webhook", json=body) as response:
                response.raise_for_status()
                await response.read()

        for number in range(WARM_UP):
            await say(f"warm{number}", texts[number % len(texts)])
        before = server.database.stat().st_size
        measured = await closed_loop(len(texts), at_once, lambda number: say(f"c{number}", texts[number]), step)
        measured.stored = server.database.stat().st_size - before
        measured.memory = server.memory()
        for place in (0, history - AROUND):
            if place:  # Written one by one, they would take stock a quarter of an hour.
                lengthen(server.database, "long", place)
            for number in range(place, place + 2 * AROUND):
                started = time.perf_counter()
                await say("long", texts[number % len(texts)])
                measured.history.append(time.perf_counter() - started)
                step()
    measured.ready = server.ready_seconds
    return measured


async def ask_ours(bench: Bench, letters: Sequence[Letter], at_once: int, step: Callable[[], None]) -> Measured:
    """Ask ours as WhatsApp would; a reply is there when the provider is called with it."""
    posted, noted = Posted(), bench.calls
    assert isinstance(noted, NotedCalls)
    async with session_of(at_once) as session:

        async def say(number: int) -> None:
            letter = letters[number]
            await post_letter(session, bench.url, letter, posted)
            deadline = time.perf_counter() + REPLY_SECONDS
            # The fake provider runs in a thread of its own, so there is no event to wait for.
            while letter.address not in noted.first_at and time.perf_counter() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.002)

        measured = await closed_loop(len(letters), at_once, say, step)
    measured.replies = [noted.first_at[letter.address] - posted.sent_at[letter.address] for letter in letters]
    return measured


def measure_ours(texts: Sequence[str], at_once: int, folder: Path, step: Callable[[], None]) -> Measured:
    """Run gateway and worker on a fresh SQLite database; ask, then let messages wait and time how fast they are answered."""
    twilio = make_twilio()
    plan = Plan(rate=20, seconds=1, conversations=len(texts) // WAITING_EACH, waiting_each=WAITING_EACH, seed=0)
    with serve(twilio.app) as url, run_programs(folder, program_settings(url, folder)) as programs:
        command = [sys.executable, "-m", "bot.cli", "whatsapp", "setup"]
        subprocess.run(command, cwd=ROOT, env=programs.environment, check=True, capture_output=True)
        programs.start("gateway")
        started = time.perf_counter()
        programs.start("worker")
        ready = time.perf_counter() - started
        bench = Bench(programs, folder / "ruta.db", twilio, Letters(twilio, texts), plan)
        asyncio.run(ask_ours(bench, bench.letters.write(WARM_UP), 1, lambda: None))
        before = _size(folder)
        measured = asyncio.run(ask_ours(bench, bench.letters.write(len(texts)), at_once, step))
        measured.stored = _size(folder) - before
        measured.drained = bench.drain_rate()
        measured.memory = psutil.Process(programs.processes["worker"].pid).memory_info().rss
    measured.ready = ready
    return measured


def _size(folder: Path) -> int:
    """Return the bytes of the database, what still stands in its log included in its place."""
    with contextlib.closing(sqlite3.connect(folder / "ruta.db", timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.stat().st_size for path in folder.glob("ruta.db*"))


def growth(history: Sequence[float]) -> float:
    """Return the usual time of the last messages of a conversation over that of its first ones."""
    return median(history[-2 * AROUND :]) / median(history[: 2 * AROUND])


def our_history(texts: Sequence[str], messages: int, folder: Path, step: Callable[[], None]) -> list[float]:
    """Write one long conversation to a worker in this process; return how long each turn took, from claim to commit."""
    worker, inbox = make_worker(folder)
    store(inbox, texts[:WARM_UP], WARM_UP, 0)
    asyncio.run(drain(worker))
    taken = []
    for number in range(messages):
        store(inbox, [texts[number % len(texts)]], 1, WARM_UP + number)
        started = time.perf_counter()
        asyncio.run(drain(worker))
        taken.append(time.perf_counter() - started)
        step()
    return taken


def train_both(folder: Path, each: int, epochs: int, seed: int, step: Callable[[], None]) -> tuple[int, float, float]:
    """Train both on the same project; return examples, and the seconds of stock and of ours. Stock's project is kept."""
    examples = read_training_examples(ROOT)
    urgent = [topic.id for topic in load_catalogue(ROOT / "content").values() if topic.is_urgent]
    count = write_project(folder / "stock", examples, each, seed, stock_config(epochs))
    write_project(folder / "ours", examples, each, seed, our_config(urgent))
    ours = train(folder / "ours")
    step()
    stock = train(folder / "stock")
    step()
    return count, stock, ours


def print_figures(stock: Measured, ours: Measured, title: str) -> None:
    """Print the one table; a ratio above 1 is in our favour."""
    table = Table(title=title, title_justify="left")
    for column in ("figure", "stock Rasa 3.6.21", "ours", "times better"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    speed = [measured.messages / measured.seconds for measured in (stock, ours)]
    table.add_row("messages/s of one engine process, 8 at once", *_both(speed, "{:.1f}/s"), f"{speed[1] / speed[0]:.1f}")
    table.add_row("the same, messages waiting", "", f"{ours.drained:.1f}/s", f"{ours.drained / speed[0]:.1f}")
    for share in (0.5, 0.95):
        reply = [1000 * percentile(measured.replies, share) for measured in (stock, ours)]
        table.add_row(f"reply p{100 * share:.0f}, 8 at once", *_both(reply, "{:.0f} ms"), f"{reply[0] / reply[1]:.1f}")
    table.add_row("ready", *_both([stock.ready, ours.ready], "{:.1f} s"), f"{stock.ready / ours.ready:.1f}")
    table.add_row(
        "memory", *_both([stock.memory / 2**20, ours.memory / 2**20], "{:.0f} MiB"), f"{stock.memory / ours.memory:.1f}"
    )
    table.add_row(
        "training, same examples", *_both([stock.trained, ours.trained], "{:.0f} s"), f"{stock.trained / ours.trained:.1f}"
    )
    size = [measured.stored / measured.messages * 1000 / 2**20 for measured in (stock, ours)]
    table.add_row("database for 1,000 messages", *_both(size, "{:.1f} MiB"), f"{size[0] / size[1]:.1f}")
    grown = [growth(measured.history) for measured in (stock, ours)]
    name = f"message {len(ours.history) - AROUND:,} of a conversation / message 10"
    table.add_row(name, *_both(grown, "{:.2f}"), f"{grown[0] / grown[1]:.1f}")
    console.print(table)


def _both(values: Sequence[float], pattern: str) -> list[str]:
    return [pattern.format(value) for value in values]


def main(
    messages: Annotated[int, typer.Option(min=20, max=5000, help="Messages asked, the same for both.")] = 500,
    at_once: Annotated[int, typer.Option(min=1, max=50, help="Contacts that write at the same time.")] = 8,
    history: Annotated[int, typer.Option(min=40, max=2000, help="Messages of the one long conversation.")] = 1000,
    each: Annotated[int, typer.Option(min=5, max=300, help="Examples of each topic that both learn from.")] = 30,
    epochs: Annotated[
        int, typer.Option(min=1, max=100, help="Stock's training rounds; its default is 100, which takes hours.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="The seed of examples and messages.")] = 7,
) -> None:
    """Compare with stock Rasa: messages/s, reply times, ready time, memory, training, database, cost of a long conversation.

    Takes about six minutes and a trained model (`ruta train`). Nothing leaves this machine, and nothing stays.
    """
    set_up_logging("ERROR")
    texts = [example.text for example in read_test_examples(ROOT)]
    random.Random(seed).shuffle(texts)
    texts = (texts * (messages // len(texts) + 1))[:messages]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        tempfile.TemporaryDirectory(prefix="ruta-bench-") as name,
    ):
        folder = Path(name)

        def phase(title: str, total: int) -> Callable[[], None]:
            task = progress.add_task(title, total=total)
            return lambda: progress.advance(task)

        count, stock_trained, our_trained = train_both(folder, each, epochs, seed, phase("train both", 2))
        (folder / "service").mkdir()
        ours = measure_ours(texts, at_once, folder / "service", phase("ours", messages))
        (folder / "long").mkdir()
        ours.history = our_history(texts, history + AROUND, folder / "long", phase("ours, one conversation", history + AROUND))
        with stock_server(folder / "stock") as server:
            stock = asyncio.run(ask_stock(server, texts, at_once, history, phase("stock Rasa", messages + 4 * AROUND)))
        stock.trained, ours.trained = stock_trained, our_trained
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print_figures(stock, ours, f"{messages} messages, {count} examples, stock trained for {epochs} epochs of 100; {where}")


if __name__ == "__main__":
    typer.run(main)
