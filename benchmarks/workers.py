"""Measure how much a second worker adds on PostgreSQL: the same waiting messages, answered by one and by two.

PostgreSQL (the tests' own, which does not wait for the disk), the workers and, unless it is stopped, the gateway with the fake
provider share this machine's cores. So the ratio is a lower bound of what two machines would show; with the gateway stopped it is
that of workers and database alone.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import create_engine, text

from benchmarks.load import Letters, make_twilio, post_burst
from benchmarks.spine import CONNECTIONS, DRAIN_PATIENCE_SECONDS, program_settings
from bot.engine.examples import read_training_examples
from bot.logs import set_up_logging
from tests.support.postgres import find_binaries, run_postgres
from tests.support.programs import ROOT, Programs, run_programs
from tests.support.server import serve

WAITING_EACH = 3
console = Console(highlight=False, width=130)


class Waiting:
    """Counts the messages that wait."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")

    def count(self) -> int:
        """Return how many wait."""
        with self._engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM inbound_message WHERE state = 'waiting'")).scalar_one())

    def drain(self) -> float:
        """Wait until none waits; return the seconds.

        Raises:
            RuntimeError: some still wait.
        """
        started = time.perf_counter()
        while time.perf_counter() - started < DRAIN_PATIENCE_SECONDS:
            if not self.count():
                return time.perf_counter() - started
            time.sleep(0.05)
        raise RuntimeError(f"{self.count()} messages still wait")


@contextmanager
def stopped(programs: Programs, names: Sequence[str]) -> Iterator[None]:
    """Freeze programs that are idle, and let them go on afterwards."""
    for name in names:
        programs.processes[name].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for name in names:
            programs.processes[name].send_signal(signal.SIGCONT)


def measure(programs: Programs, waiting: Waiting, letters: Letters, messages: int, workers: int, is_alone: bool) -> float:
    """Return the messages a second of so many workers on messages that wait."""
    names = ["worker-1", "worker-2"]
    batch = letters.write(messages // WAITING_EACH, WAITING_EACH)
    with stopped(programs, names[workers:]):
        with stopped(programs, names[:workers]):
            asyncio.run(post_burst(programs.url, batch, CONNECTIONS))
            count = waiting.count()
        with stopped(programs, ["gateway"] if is_alone else []):
            return count / waiting.drain()


def start_two(programs: Programs) -> None:
    """Start the gateway and two workers."""
    programs.start("gateway")
    for name in ("worker-1", "worker-2"):
        programs.start("worker")
        programs.processes[name] = programs.processes.pop("worker")


def main(
    messages: Annotated[int, typer.Option(min=30, max=6000, help="Messages that wait in each round.")] = 450,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Rounds of each; the median counts.")] = 3,
    seed: Annotated[int, typer.Option(help="The seed of the messages.")] = 7,
) -> None:
    """Compare one worker with two on a real PostgreSQL. Takes about two minutes and a trained model (`ruta train`)."""
    set_up_logging("ERROR")
    binaries = find_binaries()
    if binaries is None:
        console.print("no PostgreSQL on this machine: install it (Debian: apt-get install postgresql)")
        raise typer.Exit(2)
    texts = [example.text for example in read_training_examples(ROOT)]
    random.Random(seed).shuffle(texts)
    speeds: dict[tuple[bool, int], list[float]] = {(alone, workers): [] for alone in (False, True) for workers in (1, 2)}
    twilio = make_twilio()
    with (
        Progress(console=Console(stderr=True)) as progress,
        tempfile.TemporaryDirectory(prefix="ruta-bench-") as name,
        run_postgres(binaries) as url,
        serve(twilio.app) as twilio_url,
        run_programs(Path(name), {**program_settings(twilio_url, Path(name)), "RUTA_DATABASE_URL": url}) as programs,
    ):
        command = [sys.executable, "-m", "bot.cli", "whatsapp", "setup"]
        subprocess.run(command, cwd=ROOT, env=programs.environment, check=True, capture_output=True)
        task = progress.add_task("one worker and two", total=rounds * len(speeds) + 1)
        start_two(programs)
        waiting, letters = Waiting(url), Letters(twilio, texts)
        measure(programs, waiting, letters, 60, 2, False)
        progress.advance(task)
        for _ in range(rounds):
            for (alone, workers), measured in speeds.items():
                measured.append(measure(programs, waiting, letters, messages, workers, alone))
                progress.advance(task)
    print_figures(speeds, messages)


def print_figures(speeds: dict[tuple[bool, int], list[float]], messages: int) -> None:
    """Print the one table."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    table = Table(title=f"PostgreSQL, {messages} waiting messages; {where}", title_justify="left")
    for column in ("beside the workers", "one worker", "two workers", "two / one"):
        table.add_column(column, justify="left" if column.startswith("beside") else "right")
    for alone, name in ((False, "gateway, sending to a fake provider"), (True, "nothing: the gateway stopped")):
        one, two = median(speeds[alone, 1]), median(speeds[alone, 2])
        table.add_row(name, f"{one:.1f}/s", f"{two:.1f}/s", f"{two / one:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
