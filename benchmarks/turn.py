"""Show where the time of one worker's turn goes: database, urgent phrases, engine and its parts, content.

One worker runs in this process on a temporary SQLite database, without a gateway beside it. The first messages run
unwatched and give the milliseconds of a turn; the others run under cProfile, which slows Python down, and give the shares.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from bot.conversations.inbox import Inbox
from bot.engine.examples import read_training_examples
from bot.logs import set_up_logging
from bot.messages import InboundKind, InboundMessage
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from bot.storage.vault import Vault
from bot.wiring import App, Paths, build_worker, utc_now

if TYPE_CHECKING:
    from bot.worker import Worker

ROOT = Path(__file__).resolve().parents[1]
WARM_UP = 20
PARTS = {
    "claim": ("conversations/turns.py", "claim"),
    "commit": ("conversations/turns.py", "commit"),
    "  of both: SQLite's own commits": ("~", "<method 'commit' of 'sqlite3.Connection' objects>"),
    "urgent phrases": ("conversations/urgent.py", "match"),
    "mask": ("conversations/masking.py", "mask"),
    "engine": ("engine/agent.py", "answer_turn"),
    "  language": ("components/language.py", "process"),
    "  destinations": ("components/destinations.py", "process"),
    "  classifier": ("components/classifier.py", "process"),
    "  decision": ("components/decision.py", "process"),
    "  rule policy": ("policies/rule_policy.py", "predict_action_probabilities"),
    "  all policies and their choice": ("core/processor.py", "_run_prediction_loop"),
    "  tracker store, read": ("engine/tracker_store.py", "retrieve"),
    "  tracker store, write": ("engine/tracker_store.py", "save"),
    "  replies from content": ("engine/nlg.py", "generate"),
    "  deep copies": ("python3.10/copy.py", "deepcopy"),
}
"""What is shown: file and function; indented rows are inside the one above that is not."""

console = Console(highlight=False, width=130)


def make_worker(folder: Path, url: str = "") -> tuple[Worker, Inbox]:
    """Build a worker on a fresh database, SQLite in the folder unless a url is given, and the inbox that feeds it."""
    key = Fernet.generate_key().decode()
    settings = Settings.parse_obj(
        {"mode": "development", "channels": "whatsapp", "database_url": url or f"sqlite:///{folder}/ruta.db"}
    )
    database, vault = Database(settings.database_url), Vault([key], key)
    upgrade_database(database)
    return build_worker(App(Paths(ROOT), settings, vault, database)), Inbox(database, vault, utc_now)


def store(inbox: Inbox, texts: Sequence[str], conversations: int, first: int) -> None:
    """Store messages, one after the other from each conversation."""
    inbox.store(
        [
            InboundMessage("whatsapp", f"whatsapp:+5939{i % conversations:08d}", f"SM{first + i:032x}", InboundKind.TEXT, text)
            for i, text in enumerate(texts)
        ]
    )


async def drain(worker: Worker) -> int:
    """Run turns until none waits; return how many there were."""
    turns = 0
    while await worker.run_once(takes_next=True):
        turns += 1
    return turns


def print_parts(profile: cProfile.Profile, turns: int, most: int) -> None:
    """Print the parts, and the functions with the most time of their own."""
    stats = pstats.Stats(profile)
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    total: float = stats.total_tt  # type: ignore[attr-defined]
    table = Table(title=f"profiled: {1000 * total / turns:.1f} ms a turn, {turns} turns", title_justify="left")
    for column in ("part", "share", "ms a turn", "calls a turn"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name, (file, function) in PARTS.items():
        found = [row for key, row in rows.items() if key[0].endswith(file) and key[2] == function]
        spent, calls = sum(row[3] for row in found), sum(row[1] for row in found)
        table.add_row(name, f"{spent / total:.0%}", f"{1000 * spent / turns:.2f}", f"{calls / turns:.1f}")
    console.print(table)
    own = sorted(rows.items(), key=lambda item: -item[1][2])[:most]
    for (file, line, function), (_, calls, spent, _, _) in own:
        place = "/".join(Path(file).parts[-2:])
        console.print(f"{1000 * spent / turns:6.2f} ms own, {calls / turns:7.1f} calls  {place}:{line} {function}", markup=False)


def main(
    messages: Annotated[int, typer.Option(min=20, max=2000, help="Messages in each of the two runs.")] = 300,
    conversations: Annotated[int, typer.Option(min=1, max=500, help="Contacts that write them.")] = 100,
    seed: Annotated[int, typer.Option(help="The seed of the messages.")] = 7,
    functions: Annotated[int, typer.Option(min=0, max=50, help="Functions to list by their own time.")] = 15,
) -> None:
    """Show where the time of one worker's turn goes. Takes about a minute and a trained model (`ruta train`)."""
    set_up_logging("WARNING")
    texts = [example.text for example in read_training_examples(ROOT)]
    random.Random(seed).shuffle(texts)
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(prefix="ruta-turn-") as folder:
        worker, inbox = make_worker(Path(folder))
        store(inbox, texts[:WARM_UP], conversations, 0)
        asyncio.run(drain(worker))
        store(inbox, texts[WARM_UP : WARM_UP + messages], conversations, WARM_UP)
        started = time.perf_counter()
        turns = asyncio.run(drain(worker))
        seconds = time.perf_counter() - started
        console.print(f"not profiled: {1000 * seconds / turns:.1f} ms a turn, {turns / seconds:.1f}/s, {turns} turns")
        store(inbox, texts[WARM_UP + messages : WARM_UP + 2 * messages], conversations, WARM_UP + messages)
        profile.enable()
        turns = asyncio.run(drain(worker))
        profile.disable()
    print_parts(profile, turns, functions)


if __name__ == "__main__":
    typer.run(main)
