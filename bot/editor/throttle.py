"""Slow down who guesses: a delay that grows with each failure, for each account and for each network address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.storage.session import Database
from bot.storage.staff_models import StaffThrottle
from bot.storage.vault import Vault

FORGET_AFTER = timedelta(hours=24)
"""Failures are forgotten after this long without one."""
_PURPOSE = "editor-throttle"


@dataclass(frozen=True)
class Patience:
    """How many failures cost nothing, and the longest delay after that, in seconds."""

    free: int
    longest: float


PATIENCE = {"account": Patience(free=4, longest=300.0), "address": Patience(free=20, longest=900.0)}
"""By kind. The account's delay stays short, so that a stranger cannot keep its owner out for long."""


class Throttle:
    """Counts failures and says how long to wait.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def seconds_to_wait(self, **subjects: str) -> int:
        """Return the seconds until another try is allowed; 0: now. Subjects are given by kind: `account=...`, `address=...`."""
        with self._database.reading() as session:
            rows = [session.get(StaffThrottle, self._key(kind, subject)) for kind, subject in subjects.items()]
        waits = [(row.blocked_until - self._clock()).total_seconds() for row in rows if row and row.blocked_until]
        return max(0, *(int(wait) + 1 if wait > 0 else 0 for wait in waits), 0)

    def note_failure(self, **subjects: str) -> None:
        """Count a failure of each subject and block it for a while when it has had its free tries."""
        now = self._clock()
        with self._database.transaction() as session:
            for kind, subject in subjects.items():
                key = self._key(kind, subject)
                row = session.get(StaffThrottle, key, with_for_update=True)
                if row is None:
                    row = StaffThrottle(key_hash=key, failures=0, last_failed_at=now)
                    session.add(row)
                row.failures = 1 if now - row.last_failed_at > FORGET_AFTER else row.failures + 1
                row.last_failed_at = now
                row.blocked_until = _blocked_until(PATIENCE[kind], row.failures, now)

    def forget(self, kind: str, subject: str) -> None:
        """Forget a subject's failures, after a success."""
        with self._database.transaction() as session:
            row = session.get(StaffThrottle, self._key(kind, subject))
            if row:
                session.delete(row)

    def _key(self, kind: str, subject: str) -> str:
        return self._vault.keyed_hash(_PURPOSE, f"{kind}\0{subject}")


def _blocked_until(patience: Patience, failures: int, now: datetime) -> datetime | None:
    beyond = failures - patience.free
    return now + timedelta(seconds=min(patience.longest, 2.0 ** min(beyond, 20))) if beyond > 0 else None
