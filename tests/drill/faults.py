"""Break things at the planned moments, and restart what was killed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.drill.plan import BOTH_WORKERS, DISK_FULL, EVERYTHING, GATEWAY, PAUSE, POSTGRES, WORKER_1, WORKER_2, Fault, Plan
from tests.drill.senders import Post
from tests.drill.world import World

PATIENCE_SECONDS = 120.0
"""How long recovery is waited for before it counts as never."""
CATCHES = 400
"""Tries to stop a worker while it holds a conversation."""
SETTLE_SECONDS = 0.3
AWAKE_SECONDS = 2.0

VICTIMS = {
    GATEWAY: (GATEWAY,),
    WORKER_1: (WORKER_1,),
    WORKER_2: (WORKER_2,),
    BOTH_WORKERS: (WORKER_1, WORKER_2),
    POSTGRES: (POSTGRES,),
    EVERYTHING: (POSTGRES, GATEWAY, WORKER_1, WORKER_2),
}
"""What each kind of fault kills, in the order in which it is started again."""


@dataclass
class Outcome:
    """What a fault did.

    Attributes:
        began: when it was broken, in seconds of the monotonic clock.
        since: the moment from which recovery is measured, in seconds of the monotonic clock; `from_what` says it in words.
        notes: what else was seen.
    """

    fault: Fault
    began: float
    from_what: str = ""
    since: float = 0.0
    notes: list[str] = field(default_factory=list)


class Breaker:
    """Carries out a plan's faults, one after the other; `outcomes` holds what came of them."""

    def __init__(self, world: World, post: Post, report: Callable[[str], None]) -> None:
        self._world = world
        self._post = post
        self._report = report
        self.outcomes: list[Outcome] = []

    async def run(self, plan: Plan) -> None:
        """Break and mend until the plan is done."""
        started = time.monotonic()
        for fault in plan.schedule:
            await asyncio.sleep(max(0.0, started + fault.at - time.monotonic()))
            outcome = Outcome(fault, time.monotonic())
            self.outcomes.append(outcome)
            self._report(fault.kind)
            if fault.kind == DISK_FULL:
                await self._fill_disk(outcome)
            elif fault.kind == PAUSE:
                await self._stop_worker(outcome, plan.pause_seconds)
            else:
                await self._kill(outcome)

    async def _kill(self, outcome: Outcome) -> None:
        victims = VICTIMS[outcome.fault.kind]
        for victim in victims:
            await asyncio.to_thread(self._kill_one, victim)
        killed = time.monotonic()
        if outcome.fault.kind in (WORKER_1, WORKER_2):  # The other one goes on: what counts is how soon.
            outcome.from_what, outcome.since = "the kill", killed
            await asyncio.sleep(outcome.fault.down_seconds)
        else:
            await asyncio.sleep(outcome.fault.down_seconds)
            outcome.from_what, outcome.since = "the restart's begin", time.monotonic()
        await self._restart(victims)
        await self._recovered(outcome)

    def _kill_one(self, victim: str) -> None:
        if victim == POSTGRES:
            self._world.postgres.kill()
        else:
            self._world.programs.kill(victim)

    async def _restart(self, victims: tuple[str, ...]) -> None:
        if POSTGRES in victims:
            await asyncio.to_thread(self._world.postgres.start)
        programs = [victim for victim in victims if victim != POSTGRES]
        await asyncio.gather(*(asyncio.to_thread(self._world.programs.start, name) for name in programs))

    async def _fill_disk(self, outcome: Outcome) -> None:
        refusals = self._world.postgres.refusals_for_space()
        await asyncio.to_thread(self._world.volume.fill)
        freed_at = time.monotonic() + outcome.fault.down_seconds
        while time.monotonic() < freed_at or self._world.postgres.refusals_for_space() == refusals:
            if time.monotonic() > freed_at + PATIENCE_SECONDS:
                break
            await asyncio.to_thread(self._world.volume.keep_full)
            await asyncio.sleep(0.2)
        self._world.volume.free()
        has_ended = not self._world.postgres.is_running
        outcome.notes.append(f"refused {self._world.postgres.refusals_for_space() - refusals} times")
        outcome.notes.append("PostgreSQL ended and was started again" if has_ended else "PostgreSQL went on")
        outcome.from_what, outcome.since = "the freeing of space", time.monotonic()
        await self._restart((POSTGRES,))
        await self._recovered(outcome)

    async def _stop_worker(self, outcome: Outcome, seconds: float) -> None:
        """Freeze a worker that holds a conversation for longer than its lease, and let it go on."""
        process = self._world.programs.processes[WORKER_1]
        is_caught = await asyncio.to_thread(self._catch, process.pid, process.send_signal)
        outcome.notes.append("held a conversation" if is_caught else "was idle")
        outcome.from_what, outcome.since = "the stop", time.monotonic()
        await asyncio.sleep(max(0.0, outcome.began + seconds - time.monotonic()))
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(AWAKE_SECONDS)
        if process.poll() is not None:  # Its watchdog took the sleep for a hanging engine; the supervisor would start it again.
            outcome.notes.append("ended itself and was started again")
            await self._restart((WORKER_1,))

    def _catch(self, pid: int, send: Callable[[int], None]) -> bool:
        with self._world.postgres.connect() as connection:
            for _ in range(CATCHES):
                send(signal.SIGSTOP)
                if self._holds(connection, pid):
                    time.sleep(SETTLE_SECONDS)  # Its commit may have been on its way already.
                    if self._holds(connection, pid):
                        return True
                send(signal.SIGCONT)
                time.sleep(0.02)
        send(signal.SIGSTOP)
        return False

    def _holds(self, connection: psycopg.Connection[object], pid: int) -> bool:
        query = "SELECT 1 FROM conversation WHERE lease_owner ~ %s AND lease_until > now()"
        return connection.execute(query, (f"-{pid}(-|$)",)).fetchone() is not None

    async def _recovered(self, outcome: Outcome) -> None:
        """Wait until calls are acknowledged and replies sent again, so that the next fault finds a system that runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self._post.first_after(outcome.since) and self._world.ledger.first_after(outcome.since):
                return
            await asyncio.sleep(0.05)
