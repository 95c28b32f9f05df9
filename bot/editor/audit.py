"""The audit log: who did what, when, to what. Entries are only ever added, each chained to the one before by its hash."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.storage.session import Database
from bot.storage.staff_models import AuditEntry
from bot.storage.vault import Vault

_START = "0" * 64
_PURPOSE = "editor-audit"

logger = logging.getLogger(__name__)


class AuditLog:
    """Writes and verifies the log.

    The chain is made with our key, so that somebody who can only write to the database can not forge it. What is cut off at
    the end shows when the number and hash that each entry leaves in the program's own log are compared.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def write(self, session: Session, staff_id: str, action: str, target: str = "", detail: str = "") -> None:
        """Add an entry inside the caller's transaction, so that nothing happens without it.

        Args:
            staff_id: who did it; empty for a command on the server.
            action: a stable name such as `draft.saved`.
            target: what it was done to: a path of the content folder, an account's id.
            detail: a few plain words or codes; never a name, an address or a text.
        """
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE audit_entry IN EXCLUSIVE MODE"))  # SQLite has one writer anyway.
        session.flush()
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).first()
        entry = AuditEntry(
            id=last.id + 1 if last else 1,
            at=self._clock().replace(microsecond=0),
            staff_id=staff_id,
            action=action,
            target=target,
            detail=detail,
            previous_hash=last.hash if last else _START,
        )
        entry.hash = self._hash(entry)
        session.add(entry)
        session.flush()
        logger.info("audit_written entry=%d hash=%s", entry.id, entry.hash[:16])

    def has_entry(self, staff_id: str, action: str, target: str, since: datetime) -> bool:
        """Tell whether somebody did the same since a time."""
        same = (AuditEntry.target == target, AuditEntry.staff_id == staff_id, AuditEntry.action == action)
        with self._database.reading() as session:
            return session.scalar(select(AuditEntry.id).where(*same, AuditEntry.at >= since).limit(1)) is not None

    def newest(self, count: int, before: int | None = None) -> list[AuditEntry]:
        """Return the newest entries, the last one first; those below an id when one is given."""
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(count)
        with self._database.reading() as session:
            return list(session.scalars(query.where(AuditEntry.id < before) if before else query))

    def verify(self) -> tuple[int, str, list[int]]:
        """Return how many entries there are, the last one's hash, and the ids at which the chain is broken."""
        broken: list[int] = []
        count, previous = 0, _START
        for entry in self.all():
            count += 1
            if entry.id != count or entry.previous_hash != previous or entry.hash != self._hash(entry):
                broken.append(entry.id)
            previous, count = entry.hash, entry.id
        return count, previous, broken

    def all(self) -> Iterator[AuditEntry]:
        """Yield every entry, the oldest first."""
        with self._database.reading() as session:
            yield from session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=500))

    def _hash(self, entry: AuditEntry) -> str:
        parts = (entry.id, entry.at.isoformat(), entry.staff_id, entry.action, entry.target, entry.detail, entry.previous_hash)
        return self._vault.keyed_hash(_PURPOSE, "\0".join(str(part) for part in parts))
