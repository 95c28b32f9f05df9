"""The fault drill: people write, everything is broken, and at the end one table tells whether the system kept its promises."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.logs import set_up_logging
from tests.drill.claims import Claim, Drill, check_claims
from tests.drill.evidence import count_stuck, gather
from tests.drill.faults import Breaker
from tests.drill.plan import DISK_FULL, Plan, long_plan, short_plan
from tests.drill.senders import Post, make_contacts, write_all, write_until
from tests.drill.world import World, open_world

DRAIN_SECONDS = 300.0
"""How long the system may take, after the last call, to answer everything; the leases in service are 60 and 20 s."""

console = Console(highlight=False, width=150)


def main(
    seed: Annotated[int, typer.Option(help="Decides who writes what and when, and what is broken when.")] = 0,
    messages: Annotated[
        int, typer.Option(min=20, max=5000, help="Messages, at random moments; one more each second as a probe.")
    ] = 1000,
    conversations: Annotated[int, typer.Option(min=2, max=1000, help="Conversations, half on WhatsApp, half on Telegram.")] = 200,
    short: Annotated[bool, typer.Option("--short", help="About a minute: fewer faults and shortened leases.")] = False,
    faults: Annotated[bool, typer.Option(help="Without faults only the way of the messages is checked.")] = True,
    within: Annotated[float, typer.Option(min=1, help="Seconds in which the system must go on; more on a busy machine.")] = 10,
    log: Annotated[Path | None, typer.Option(help="Keep the programs' log lines here.")] = None,
) -> None:
    """Kill gateway, workers and PostgreSQL, fill the disk, stop a worker, let providers fail; prove that nothing is lost.

    Runs the real programs on a PostgreSQL of its own with fake providers on loopback. Prints one table; exit code 1 when
    a claim does not hold. Needs a trained model (`ruta train`), PostgreSQL's server, and root for the full disk.
    See docs/operations/drill.md.
    """
    set_up_logging("ERROR")
    seed = seed or int(time.time()) % 1_000_000
    plan = (short_plan if short else long_plan)(seed, messages, conversations)
    plan = plan if faults else replace(plan, faults=())
    console.print(f"seed {seed}: {messages} messages in {conversations} conversations over {plan.seconds:.0f} s")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        claims = list(_run(plan, progress, within, log))
    console.print(_table(claims, seed))
    raise typer.Exit(0 if all(claim.holds for claim in claims) else 1)


def _run(plan: Plan, progress: Progress, within: float, log: Path | None) -> list[Claim]:
    starting = progress.add_task("start the programs", total=1)
    with open_world(plan) as world:
        progress.advance(starting)
        if not world.volume.is_own:
            console.print("[yellow]the disk is not filled: that needs root and the right to mount[/yellow]")
            plan = replace(plan, faults=tuple(pair for pair in plan.faults if pair[0] != DISK_FULL))
        try:
            return list(check_claims(_drill(world, plan, progress), within))
        finally:
            if log is not None:
                log.write_bytes(world.programs.log.read_bytes())


def _drill(world: World, plan: Plan, progress: Progress) -> Drill:
    contacts, post = make_contacts(plan.letters, world.twilio), Post()
    probes = make_contacts(plan.probes, world.twilio, first=plan.conversations)
    writing = progress.add_task("people write", total=plan.messages)
    breaking = progress.add_task("nothing is broken", total=len(plan.schedule))

    def report(kind: str) -> None:
        progress.update(breaking, description=kind, advance=1)

    breaker = Breaker(world, post, report)
    if plan.schedule:
        world.begin_trouble(plan.seed)

    async def run() -> None:
        is_over = asyncio.Event()
        write = write_all(world.programs.url, contacts, post, lambda: progress.advance(writing))
        probe = asyncio.create_task(write_until(world.programs.url, probes, post, is_over))
        try:
            await asyncio.gather(write, breaker.run(plan))
        finally:
            is_over.set()
        await probe

    asyncio.run(run())
    progress.update(breaking, description="settle")
    drained = _drain(world, progress, breaking)
    with world.postgres.connect() as connection:
        evidence = gather(connection, contacts + probes, world.ledger)
    abandoned = world.programs.log.read_text(errors="replace").count("turn_abandoned")
    return Drill(plan, post, world.ledger, breaker.outcomes, evidence, abandoned, drained)


def _drain(world: World, progress: Progress, task: TaskID) -> float:
    """Wait until nothing is on its way any more; return the seconds."""
    began = time.monotonic()
    while time.monotonic() - began < DRAIN_SECONDS:
        try:
            with world.postgres.connect() as connection:
                stuck = count_stuck(connection)
        except psycopg.OperationalError:
            stuck = {"database": 1}
        if not any(stuck.values()):
            break
        progress.update(task, description="settle: " + ", ".join(f"{number} {name}" for name, number in stuck.items() if number))
        time.sleep(0.5)
    return time.monotonic() - began


def _table(claims: list[Claim], seed: int) -> Table:
    table = Table(title=f"fault drill, seed {seed}", title_justify="left")
    for column in ("claim", "figure", ""):
        table.add_column(column)
    for claim in claims:
        table.add_row(claim.name, claim.figure, "[green]holds[/green]" if claim.holds else "[red]FAILS[/red]")
    return table


if __name__ == "__main__":
    typer.run(main)
