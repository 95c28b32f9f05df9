"""Drafts: changes of content files that are not live yet, at most one open for each file, kept in the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.editor.audit import AuditLog
from bot.editor.folder import ChangedMeanwhile, fingerprint
from bot.storage.session import Database
from bot.storage.staff_models import Draft, Version


class DraftState(str, Enum):
    """How far a draft has come."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class OpenDraft:
    """A draft as pages see it.

    Attributes:
        path: below the content folder, with slashes.
        base_text: the file as it stood when the draft was begun.
        text: empty: the file is to be taken out.
        author_id: who changed it last.
        authors: everybody who wrote a part of it, the first one first.
        reason: why, as the author or the reviewer wrote.
    """

    id: int
    path: str
    locale: str
    state: DraftState
    author_id: str
    updated_at: datetime
    reason: str = field(repr=False)
    text: str = field(repr=False)
    base_text: str = field(repr=False)
    base_hash: str = ""
    authors: tuple[str, ...] = ()

    @property
    def is_retirement(self) -> bool:
        """Whether publishing it takes the file out."""
        return not self.text


@dataclass(frozen=True)
class FileChange:
    """A file as it would be.

    Attributes:
        on_disk: the file as it stands.
        current: the text that the change builds on: the open draft's, else the file's.
    """

    path: str
    locale: str
    text: str = field(repr=False)
    on_disk: str = field(repr=False)
    current: str = field(repr=False)


class Drafts:
    """Keeps drafts.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def find(self, path: str) -> OpenDraft | None:
        """Return the open draft of a file; None: there is none."""
        with self._database.reading() as session:
            row = session.scalar(_open(path))
            return _value(row) if row else None

    def get(self, draft_id: int) -> OpenDraft | None:
        """Return an open draft by its id."""
        with self._database.reading() as session:
            row = session.get(Draft, draft_id)
            return _value(row) if row and row.closed_at is None else None

    def all_open(self, state: DraftState | None = None) -> list[OpenDraft]:
        """Return the open drafts, the one that waits longest first."""
        query = select(Draft).where(Draft.closed_at.is_(None)).order_by(Draft.updated_at)
        with self._database.reading() as session:
            rows = session.scalars(query.where(Draft.state == state.value) if state else query)
            return [_value(row) for row in rows]

    def count(self, state: DraftState) -> int:
        """Return how many open drafts are in a state."""
        query = select(func.count()).select_from(Draft).where(Draft.closed_at.is_(None), Draft.state == state.value)
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def save(self, path: str, locale: str, text: str, on_disk: str, seen: str, by: str) -> OpenDraft:
        """Keep a changed text; a draft that was in review is a draft again.

        Args:
            on_disk: the file as it stands now; the base of a new draft.
            seen: the fingerprint of the text that the person began with: the open draft's, or the file's.

        Raises:
            ChangedMeanwhile: somebody else has changed the draft or the file since.
        """
        try:
            with self._database.transaction() as session:
                return self._keep(session, path, locale, text, on_disk, seen, by)
        except IntegrityError:  # Two people began at the same moment: the other one's draft stands.
            current_draft = self.find(path)
            raise ChangedMeanwhile(current_draft.text if current_draft else on_disk) from None

    def save_all(self, changes: Sequence[FileChange], by: str, action: str) -> list[OpenDraft]:
        """Keep many changed texts, all of them or none, and note the whole under one action.

        Raises:
            ChangedMeanwhile: somebody else has changed one of them since; none was kept.
        """
        try:
            with self._database.transaction() as session:
                self._audit.write(session, by, action, detail=f"files={len(changes)}")
                return [
                    self._keep(session, each.path, each.locale, each.text, each.on_disk, fingerprint(each.current), by)
                    for each in changes
                ]
        except IntegrityError:
            raise ChangedMeanwhile("") from None

    def rebase(self, draft_id: int, on_disk: str, by: str) -> None:
        """Note that a person has seen the file as it stands now and keeps the draft on top of it."""
        with self._database.transaction() as session:
            row = session.get_one(Draft, draft_id, with_for_update=True)
            row.base_text, row.base_hash, row.updated_at = on_disk, fingerprint(on_disk), self._clock()
            self._audit.write(session, by, "draft.rebased", row.path)

    def move(self, draft_id: int, state: DraftState, by: str, reason: str = "") -> None:
        """Move an open draft to another state; published and discarded ones are closed, and a closed one stays as it is."""
        with self._database.transaction() as session:
            row = session.get_one(Draft, draft_id, with_for_update=True)
            if row.closed_at is not None:
                return
            move_row(row, state, self._clock(), reason)
            self._audit.write(session, by, f"draft.{state.value}", row.path, f"draft={draft_id}")

    def reopen(self, draft_id: int, by: str) -> bool:
        """Take a discarded draft back; False when another one was begun meanwhile."""
        with self._database.transaction() as session:
            row = session.get(Draft, draft_id, with_for_update=True)
            if row is None or row.state != DraftState.DISCARDED.value or session.scalar(_open(row.path)):
                return False
            row.state, row.closed_at = DraftState.DRAFT.value, None
            self._audit.write(session, by, "draft.restored", row.path, f"draft={draft_id}")
            return True

    def _keep(self, session: Session, path: str, locale: str, text: str, on_disk: str, seen: str, by: str) -> OpenDraft:
        row = session.scalar(_open(path).with_for_update())
        current = row.text if row else on_disk
        if fingerprint(current) != seen and current != text:
            raise ChangedMeanwhile(current)
        row = row or self._begin(session, path, locale, on_disk)
        row.authors = json.dumps(list(dict.fromkeys([*authors_of(row), by])))
        row.text, row.author_id, row.state = text, by, DraftState.DRAFT.value
        row.updated_at, row.reviewer_id = self._clock(), None
        session.flush()
        self._audit.write(session, by, "draft.saved", path)
        return _value(row)

    def _begin(self, session: Session, path: str, locale: str, on_disk: str) -> Draft:
        base_hash = fingerprint(on_disk)
        row = Draft(path=path, locale=locale, base_text=on_disk, base_hash=base_hash, created_at=self._clock())
        row.reason = ""
        session.add(row)
        return row


def move_row(row: Draft, state: DraftState, now: datetime, reason: str) -> None:
    """Change a draft's state inside the caller's transaction."""
    row.state, row.updated_at, row.reason = state.value, now, reason or row.reason
    if state in (DraftState.PUBLISHED, DraftState.DISCARDED):
        row.closed_at = now


def _open(path: str) -> Select[tuple[Draft]]:
    return select(Draft).where(Draft.path == path, Draft.closed_at.is_(None))


def _value(row: Draft) -> OpenDraft:
    return OpenDraft(
        id=row.id,
        path=row.path,
        locale=row.locale,
        state=DraftState(row.state),
        author_id=row.author_id,
        updated_at=row.updated_at,
        reason=row.reason,
        text=row.text,
        base_text=row.base_text,
        base_hash=row.base_hash,
        authors=tuple(authors_of(row)),
    )


def authors_of(row: Draft | Version) -> list[str]:
    """Return everybody who wrote a part of a draft or a version; the release before kept only the last one."""
    authors: list[str] = json.loads(row.authors or "[]")
    return authors if not row.author_id or row.author_id in authors else [*authors, row.author_id]
