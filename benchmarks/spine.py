"""Measure the way of a message: acknowledge, reply, one worker's throughput, ready times, memory.

The gateway and one worker run as real processes on a temporary SQLite database, WhatsApp is a fake Twilio on loopback.
Everything shares this machine's cores with the load, so the figures are this machine's, and the peers' ratios say more.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.load import Letters, NotedCalls, Posted, make_twilio, post_at_rate, post_burst
from benchmarks.peers import bare_server, commit_seconds
from bot.engine.examples import read_training_examples
from bot.logs import set_up_logging
from tests.support.fake_twilio import FakeTwilio
from tests.support.programs import ROOT, Programs, run_programs
from tests.support.provider_settings import whatsapp_settings
from tests.support.server import serve

GATEWAY_STARTS = 3
"""Starts of which the median is shown; the first one reads the disk."""
BURST = 200
CONNECTIONS = 20
WARM_UP = 40
"""Messages before anything is measured: the first ones load what is loaded late."""
COMMITS = 200
REPLY_PATIENCE_SECONDS = 30.0
DRAIN_PATIENCE_SECONDS = 300.0
STOP_TRIES = 50

console = Console(highlight=False, width=130)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rate: float
    seconds: float
    conversations: int
    waiting_each: int
    seed: int

    @property
    def messages(self) -> int:
        """Messages of a phase at a rate."""
        return max(1, round(self.rate * self.seconds))


@dataclass
class Figures:
    """What was measured; seconds and bytes."""

    acknowledged: dict[str, Posted] = field(default_factory=dict)
    bare: dict[str, Posted] = field(default_factory=dict)
    commits: list[float] = field(default_factory=list)
    replies: list[float] = field(default_factory=list)
    replies_missing: int = 0
    drained_a_second: float = 0.0
    ready: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)


class Bench:
    """The running programs with what the phases need."""

    def __init__(self, programs: Programs, database: Path, twilio: FakeTwilio, letters: Letters, plan: Plan) -> None:
        self.programs = programs
        self.database = database
        self.calls = twilio.calls
        self.letters = letters
        self.plan = plan

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.programs.url

    def waiting(self) -> int:
        """Return how many messages wait for a worker."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM inbound_message WHERE state = 'waiting'").fetchone()[0])

    def drain(self, patience: float) -> float:
        """Wait until no message waits; return the seconds.

        Raises:
            RuntimeError: some still wait.
        """
        started = time.perf_counter()
        while time.perf_counter() - started < patience:
            if not self.waiting():
                return time.perf_counter() - started
            time.sleep(0.05)
        raise RuntimeError(f"{self.waiting()} messages still wait after {patience:.0f} s")

    def drain_rate(self) -> float:
        """Let messages wait while the worker is stopped, then return how many a second it answers, the gateway sending."""
        letters = self.letters.write(self.plan.conversations, self.plan.waiting_each)
        with self.worker_stopped():
            asyncio.run(post_burst(self.url, letters, CONNECTIONS))
            waiting = self.waiting()
        return waiting / self.drain(DRAIN_PATIENCE_SECONDS)

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """Freeze the worker, but not inside a transaction: it would keep SQLite's only write lock, as no real fault does."""
        worker = self.programs.processes["worker"]
        for _ in range(STOP_TRIES):
            worker.send_signal(signal.SIGSTOP)
            if self._may_write():
                break
            worker.send_signal(signal.SIGCONT)
            time.sleep(0.013)
        try:
            yield
        finally:
            worker.send_signal(signal.SIGCONT)

    def _may_write(self) -> bool:
        with closing(sqlite3.connect(self.database, timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True


def measure_replies(bench: Bench, figures: Figures, step: Callable[[], None]) -> None:
    """Send at the rate while the worker runs: the time to the acknowledgement and to the provider's API."""
    letters = bench.letters.write(bench.plan.messages)
    posted = asyncio.run(post_at_rate(bench.url, letters, bench.plan.rate, bench.plan.seed, step))
    figures.acknowledged["rate, worker running"] = posted
    noted = bench.calls
    assert isinstance(noted, NotedCalls)
    deadline = time.perf_counter() + REPLY_PATIENCE_SECONDS
    while time.perf_counter() < deadline and any(address not in noted.first_at for address in posted.sent_at):
        time.sleep(0.1)
    answered = [address for address in posted.sent_at if address in noted.first_at]
    figures.replies = [noted.first_at[address] - posted.sent_at[address] for address in answered]
    figures.replies_missing = len(posted.sent_at) - len(answered)


def measure_bursts(bench: Bench, figures: Figures, step: Callable[[], None]) -> None:
    """Send the burst while the worker runs, and again, then at the rate, while it is stopped."""
    figures.acknowledged["burst, worker running"] = asyncio.run(post_burst(bench.url, bench.letters.write(BURST), CONNECTIONS))
    step()
    bench.drain(DRAIN_PATIENCE_SECONDS)
    with bench.worker_stopped():
        posted = asyncio.run(
            post_at_rate(bench.url, bench.letters.write(bench.plan.messages), bench.plan.rate, bench.plan.seed, lambda: None)
        )
        figures.acknowledged["rate, worker stopped"] = posted
        step()
        figures.acknowledged["burst, worker stopped"] = asyncio.run(
            post_burst(bench.url, bench.letters.write(BURST), CONNECTIONS)
        )
        step()
    bench.drain(DRAIN_PATIENCE_SECONDS)


def measure_peers(bench: Bench, figures: Figures, folder: Path, step: Callable[[], None]) -> None:
    """Send the same kinds of load to the bare server, and commit to the same disk."""
    with bench.worker_stopped(), bare_server() as url:
        asyncio.run(post_burst(url, bench.letters.write(WARM_UP), CONNECTIONS))
        posted = asyncio.run(
            post_at_rate(url, bench.letters.write(bench.plan.messages), bench.plan.rate, bench.plan.seed, lambda: None)
        )
        figures.bare["rate"] = posted
        step()
        figures.bare["burst"] = asyncio.run(post_burst(url, bench.letters.write(BURST), CONNECTIONS))
        step()
        figures.commits = commit_seconds(folder, COMMITS)
        step()


def start_programs(programs: Programs, figures: Figures, step: Callable[[], None]) -> None:
    """Start the gateway a few times and the worker once; keep the times."""
    taken = []
    for start in range(GATEWAY_STARTS):
        if start:
            programs.kill("gateway")
        taken.append(_timed(lambda: programs.start("gateway")))
        step()
    figures.ready["gateway"] = median(taken)
    figures.ready["worker"] = _timed(lambda: programs.start("worker"))
    step()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run_all(plan: Plan, texts: Sequence[str], folder: Path, progress: Progress) -> Figures:
    """Run all phases in order."""
    figures, twilio = Figures(), make_twilio()
    with serve(twilio.app) as twilio_url, run_programs(folder, program_settings(twilio_url, folder)) as programs:
        subprocess.run(
            [sys.executable, "-m", "bot.cli", "whatsapp", "setup"],
            cwd=ROOT,
            env=programs.environment,
            check=True,
            capture_output=True,
        )
        with _phase(progress, "start", GATEWAY_STARTS + 1) as step:
            start_programs(programs, figures, step)
        bench = Bench(programs, folder / "ruta.db", twilio, Letters(twilio, texts), plan)
        with _phase(progress, "warm up", 1) as step:
            asyncio.run(post_burst(bench.url, bench.letters.write(WARM_UP), CONNECTIONS))
            bench.drain(DRAIN_PATIENCE_SECONDS)
        with _phase(progress, f"replies at {plan.rate:g}/s", plan.messages) as step:
            measure_replies(bench, figures, step)
        with _phase(progress, "bursts, worker stopped", 3) as step:
            measure_bursts(bench, figures, step)
        with _phase(progress, "throughput", 1) as step:
            figures.drained_a_second = bench.drain_rate()
            step()
        with _phase(progress, "peers", 3) as step:
            measure_peers(bench, figures, folder, step)
        figures.memory = {name: psutil.Process(process.pid).memory_info().rss for name, process in programs.processes.items()}
    return figures


@contextmanager
def _phase(progress: Progress, title: str, total: int) -> Iterator[Callable[[], None]]:
    task = progress.add_task(title, total=total)
    yield lambda: progress.advance(task)
    progress.update(task, completed=total)


def program_settings(twilio_url: str, folder: Path) -> dict[str, str]:
    """Return the settings of the programs with the fake provider."""
    return {
        "RUTA_CHANNELS": "whatsapp",
        "RUTA_LOG_LEVEL": "WARNING",
        **whatsapp_settings(twilio_url, folder),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1).__int__() - 1))] if ordered else 0.0


def print_figures(figures: Figures, plan: Plan) -> None:
    """Print the one table."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    table = Table(title=f"spine: {plan.rate:g}/s for {plan.seconds:g} s; {where}", title_justify="left")
    for column in ("figure", "p50", "p95", "p99", "n", "bare server p50 / p99", "ours / bare p50", "p99"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name in sorted(figures.acknowledged):
        table.add_row(*_acknowledge_row(name, figures.acknowledged[name], figures.bare[name.split(",")[0]]))
    commit = [_ms(percentile(figures.commits, share)) for share in (0.5, 0.95, 0.99)]
    stopped = percentile(figures.acknowledged["rate, worker stopped"].seconds, 0.5)
    beside = f"{stopped / percentile(figures.commits, 0.5):.1f} commits"
    table.add_row("one bare commit (SQLite, WAL, FULL)", *commit, str(len(figures.commits)), "", beside, "")
    reply = [_ms(percentile(figures.replies, share)) for share in (0.5, 0.95, 0.99)]
    table.add_row("webhook sent to provider called", *reply, f"{len(figures.replies)} (-{figures.replies_missing})", "", "", "")
    waited = f"{plan.conversations} x {plan.waiting_each} waiting"
    count = str(plan.conversations * plan.waiting_each)
    table.add_row(f"one worker, {waited}", f"{figures.drained_a_second:.1f}/s", "", "", count, "", "", "")
    for name in ("gateway", "worker"):
        memory = f"{figures.memory[name] / 2**20:.0f} MiB after the load"
        table.add_row(f"{name} ready, memory", f"{figures.ready[name]:.2f} s", "", "", "", memory, "", "")
    console.print(table)


def _acknowledge_row(name: str, ours: Posted, bare: Posted) -> list[str]:
    values = [percentile(ours.seconds, share) for share in (0.5, 0.95, 0.99)]
    peers = [percentile(bare.seconds, share) for share in (0.5, 0.99)]
    count = f"{len(ours.seconds)} (-{ours.refused})" if ours.refused else str(len(ours.seconds))
    ratios = [f"{ours_value / peer:.1f}" if peer else "" for ours_value, peer in zip(values[::2], peers, strict=True)]
    return [f"acknowledge, {name}", *(_ms(value) for value in values), count, " / ".join(_ms(p) for p in peers), *ratios]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def main(
    rate: Annotated[float, typer.Option(min=1, max=80, help="Messages a second in the phases at a rate.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="How long each phase at a rate lasts.")] = 20,
    conversations: Annotated[int, typer.Option(min=1, max=2000, help="Conversations that wait for the throughput.")] = 200,
    waiting: Annotated[int, typer.Option(min=1, max=20, help="Messages that wait in each of them.")] = 3,
    seed: Annotated[int, typer.Option(help="The seed of the messages and their moments.")] = 7,
) -> None:
    """Measure acknowledge, reply, throughput, ready times and memory; one table with the peers' ratios.

    Takes about two minutes and a trained model (`ruta train`). Nothing leaves this machine, and nothing stays.
    """
    set_up_logging("WARNING")
    plan = Plan(rate, seconds, conversations, waiting, seed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        tempfile.TemporaryDirectory(prefix="ruta-bench-") as folder,
    ):
        with _phase(progress, "read the messages", 1):
            texts = [example.text for example in read_training_examples(ROOT)]
        random.Random(seed).shuffle(texts)
        figures = run_all(plan, texts, Path(folder), progress)
    print_figures(figures, plan)


if __name__ == "__main__":
    typer.run(main)
