"""The history of each content file: what was published here, and what somebody else wrote into the folder.

A version is kept for good and never changed. One with an empty text says that the file was taken out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

import yaml
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.content.library import folder_stamp
from bot.content.loader import text_hash
from bot.content.writing import body_of
from bot.editor.audit import AuditLog
from bot.editor.drafts import authors_of
from bot.editor.folder import ContentFolder, fingerprint
from bot.storage.session import Database
from bot.storage.staff_models import Draft, Version

LOOK_SECONDS = 3.0
"""How often the folder is looked at for changes that were not made here."""
_BATCH = 50
"""Files of one transaction, so that others wait for milliseconds only when a whole folder is new."""

logger = logging.getLogger(__name__)


class Origin(str, Enum):
    """Who wrote a version."""

    EDITOR = "editor"
    FOLDER = "folder"


@dataclass(frozen=True)
class KeptVersion:
    """A version as pages see it.

    Attributes:
        number: counted from 1 for each file.
        text: empty: the file was taken out.
        authors: the accounts that wrote a part of it; empty for one from the folder.
        commit_id: the commit that holds it; empty: none does.
        published_at: for one from the folder when it was noticed.
    """

    id: int
    path: str
    number: int
    origin: Origin
    authors: tuple[str, ...]
    reviewer_id: str
    commit_id: str
    published_at: datetime
    reason: str = field(repr=False)
    text: str = field(repr=False)


class Versions:
    """Keeps the history.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, audit: AuditLog, folder: ContentFolder, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._audit = audit
        self._folder = folder
        self._clock = clock

    def of(self, path: str) -> list[KeptVersion]:
        """Return a file's versions, the newest first."""
        query = select(Version).where(Version.path == path).order_by(Version.number.desc())
        with self._database.reading() as session:
            return [_value(row) for row in session.scalars(query)]

    def text_with_hash(self, path: str, of_hash: str) -> str:
        """Return the text of an answer that had this hash, as translations name it; empty: it was not kept."""
        query = select(Version.text).where(Version.path == path, Version.text_hash == of_hash).order_by(Version.id.desc())
        with self._database.reading() as session:
            return session.scalar(query.limit(1)) or ""

    def add(self, session: Session, draft: Draft, reviewer_id: str, reason: str) -> Version:
        """Keep what a draft makes live, in the transaction that publishes it."""
        row = self._row(draft.path, _newest_number(session, draft.path) + 1, draft.text, Origin.EDITOR)
        row.draft_id, row.author_id, row.authors, row.reviewer_id = draft.id, draft.author_id, draft.authors, reviewer_id
        row.reason = reason
        session.add(row)
        session.flush()
        return row

    def note_commit(self, version_ids: Sequence[int], commit_id: str) -> None:
        """Note which commit holds versions."""
        with self._database.transaction() as session:
            session.execute(update(Version).where(Version.id.in_(version_ids)).values(commit_id=commit_id))

    def notice(self, path: str) -> bool:
        """Keep a file as it stands when it is not as its newest version says, and tell whether it was so."""
        try:
            with self._database.transaction() as session:
                return self.notice_within(session, path)
        except IntegrityError:  # A publication of the same moment was faster; the next look will tell.
            return False

    def notice_within(self, session: Session, path: str) -> bool:
        """Do the same inside the caller's transaction."""
        newest = session.scalar(select(Version).where(Version.path == path).order_by(Version.number.desc()).limit(1))
        found = self._folder.read(path)
        if found == (newest.text if newest else "") or _is_being_published(session, path, found):
            return False
        number = newest.number if newest else 0
        session.add(self._row(path, number + 1, found, Origin.FOLDER))
        if number:  # The first one is only what stood there when the history began.
            self._audit.write(session, "", "folder.changed", path, f"version={number + 1}")
        session.flush()
        return True

    def notice_all(self) -> int:
        """Keep every file that was changed, added or taken out by others, and return how many they were."""
        known = self._known()
        present = set(self._folder.paths())
        gone = {path for path, seen in known.items() if path not in present and seen != fingerprint("")}
        changed = [path for path in sorted(present | gone) if known.get(path) != fingerprint(self._folder.read(path))]
        return sum(self._notice_some(changed[start : start + _BATCH]) for start in range(0, len(changed), _BATCH))

    def _notice_some(self, paths: Sequence[str]) -> int:
        with self._database.transaction() as session:
            return sum(self.notice_within(session, path) for path in paths)

    def _known(self) -> dict[str, str]:
        """Return the fingerprint of each file's newest version."""
        newest = select(Version.path, func.max(Version.number).label("number")).group_by(Version.path).subquery()
        join = (Version.path == newest.c.path) & (Version.number == newest.c.number)
        with self._database.reading() as session:
            rows = session.execute(select(Version.path, Version.fingerprint).join(newest, join)).all()
            return {path: seen or fingerprint(self.of(path)[0].text) for path, seen in rows}

    def _row(self, path: str, number: int, text: str, origin: Origin) -> Version:
        own_hash = _answer_hash(text) if path.endswith(".md") and text else ""
        return Version(
            path=path,
            number=number,
            text=text,
            text_hash=own_hash,
            fingerprint=fingerprint(text),
            origin=origin.value,
            authors="[]",
            reason="",
            published_at=self._clock(),
        )


class FolderWatch:
    """Looks at the folder again and again, and keeps what others changed in it."""

    def __init__(self, versions: Versions, content: Path) -> None:
        self._versions = versions
        self._content = content
        self._stamp: object = None

    def look(self) -> int:
        """Look now, if anything has changed since the last time, and return how many versions were kept."""
        stamp = folder_stamp(self._content)
        if stamp == self._stamp:
            return 0
        count = self._versions.notice_all()
        self._stamp = stamp
        if count:
            logger.info("folder_changed files=%d", count)
        return count

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:  # A folder in the middle of a change, a database that is away: the next look will tell.
                logger.error("history_failed error=%s", type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)


def _newest_number(session: Session, path: str) -> int:
    return session.scalar(select(func.max(Version.number)).where(Version.path == path)) or 0


def _is_being_published(session: Session, path: str, found: str) -> bool:
    """Tell whether the file is what an open draft makes of it: the server stopped between the file and the database."""
    open_texts = session.scalars(select(Draft.text).where(Draft.path == path, Draft.closed_at.is_(None)))
    return any(text == found for text in open_texts)


def _answer_hash(text: str) -> str:
    try:
        return text_hash(body_of(text))
    except (yaml.YAMLError, ValueError):  # The head of a file that was broken by hand.
        return ""


def _value(row: Version) -> KeptVersion:
    return KeptVersion(
        id=row.id,
        path=row.path,
        number=row.number,
        origin=Origin(row.origin),
        authors=tuple(authors_of(row)),
        reviewer_id=row.reviewer_id or "",
        commit_id=row.commit_id,
        published_at=row.published_at,
        reason=row.reason,
        text=row.text,
    )


def numbered(versions: Sequence[KeptVersion]) -> Iterator[tuple[KeptVersion, KeptVersion | None]]:
    """Yield each version with the one before it, the newest first."""
    for place, version in enumerate(versions):
        yield version, versions[place + 1] if place + 1 < len(versions) else None
