"""From a draft to a live text: draft → in review → published. Who may, with how many people, and what is written where.

The seam for version control: `on_published` is called after the file stands, with the versions that were stored; what it
returns is kept as the version's commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.content.checks.entry import EntryChecks
from bot.content.library import ContentLibrary
from bot.content.loader import text_hash
from bot.content.model import Problem
from bot.content.writing import body_of
from bot.editor.audit import AuditLog
from bot.editor.drafts import Drafts, DraftState, OpenDraft, move_row
from bot.editor.folder import ContentFolder
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.errors import RutaError
from bot.i18n import N_
from bot.storage.session import Database
from bot.storage.staff_models import Draft, Version


class PublicationRefused(RutaError):
    """A draft can not go live; `key` is the sentence for the person at the page."""

    def __init__(self, code: str, key: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(f"the draft cannot be published: {code}")
        self.code = code
        self.key = key
        self.problems = problems


@dataclass(frozen=True)
class Published:
    """What went live."""

    path: str
    version_id: int
    author_id: str
    reviewer_id: str
    reason: str


OnPublished = Callable[[Published], str]
"""Told after a file was written; returns the commit that holds it, or the empty string."""


class Workflow:
    """Moves drafts on.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        drafts: Drafts,
        folder: ContentFolder,
        library: ContentLibrary,
        checks: EntryChecks,
        clock: Callable[[], datetime],
        on_published: OnPublished | None = None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._drafts = drafts
        self._folder = folder
        self._library = library
        self._checks = checks
        self._clock = clock
        self._on_published = on_published

    def problems(self, path: str, text: str) -> list[Problem]:
        """Return what would be wrong in a file with this text."""
        return self._checks.check(path, text, self._library.loaded, self._clock().date())

    def submit(self, draft: OpenDraft, by: Staff, reason: str) -> None:
        """Ask for a review; what fails the checks is not worth another person's time.

        Raises:
            PublicationRefused: the text has faults.
        """
        self._require_no_errors(draft)
        self._drafts.move(draft.id, DraftState.IN_REVIEW, by.id, reason)

    def send_back(self, draft: OpenDraft, by: Staff, reason: str) -> None:
        """Give a draft back to its author, with the reason."""
        self._drafts.move(draft.id, DraftState.DRAFT, by.id, reason)

    def discard(self, draft: OpenDraft, by: Staff) -> None:
        """Close a draft without publishing it; `Drafts.reopen` takes it back."""
        self._drafts.move(draft.id, DraftState.DISCARDED, by.id)

    def publish(self, draft: OpenDraft, by: Staff, reason: str) -> Published:
        """Write a draft to the content folder and keep the version.

        Raises:
            PublicationRefused: the text has faults, or a second person must publish it.
            ChangedMeanwhile: the file on disk is not the one that the draft was begun from.
            NotWritten: the disk; nothing has changed, the draft is still there.
        """
        if not by.may(Need.REVIEW):
            raise PublicationRefused("role", N_("editor.publish.role"))
        if draft.author_id == by.id and self._is_critical(draft):
            raise PublicationRefused("same_person", N_("editor.publish.same_person"))
        self._require_no_errors(draft)
        with self._database.transaction() as session:
            row = session.get_one(Draft, draft.id, with_for_update=True)
            if row.closed_at is not None or row.text != draft.text:
                raise PublicationRefused("changed", N_("editor.publish.changed"))
            version = self._store_version(session, draft, by, reason)
            move_row(row, DraftState.PUBLISHED, self._clock(), reason)
            row.reviewer_id = by.id
            self._audit.write(session, by.id, "draft.published", draft.path, f"draft={draft.id} version={version.number}")
            published = Published(draft.path, version.id, draft.author_id, by.id, reason)
            # Last, so that a disk that refuses takes everything back. Were the database to fail after it, the draft stays
            # open, and publishing it again finds the text in its place.
            self._folder.write(draft.path, draft.text, draft.base_hash)
        self._tell(published)
        return published

    def _tell(self, published: Published) -> None:
        commit = self._on_published(published) if self._on_published else ""
        if commit:
            with self._database.transaction() as session:
                session.execute(update(Version).where(Version.id == published.version_id).values(commit_id=commit))

    def _require_no_errors(self, draft: OpenDraft) -> None:
        errors = tuple(problem for problem in self.problems(draft.path, draft.text) if not problem.is_warning)
        if errors:
            raise PublicationRefused("faults", N_("editor.publish.faults"), errors)

    def _is_critical(self, draft: OpenDraft) -> bool:
        """Tell whether the topic is critical now, or would be: a change must not make itself harmless first."""
        parts = draft.path.split("/")
        if len(parts) != 3:
            return False
        topic = self._library.loaded.topics.get(parts[1])
        would_be, _ = self._checks.examine(draft.path, draft.text, self._library.loaded, self._clock().date())
        return any(each is not None and each.sensitivity == "critical" for each in (topic, would_be))

    def _store_version(self, session: Session, draft: OpenDraft, by: Staff, reason: str) -> Version:
        newest = session.scalar(select(func.max(Version.number)).where(Version.path == draft.path)) or 0
        if not newest and draft.base_text:
            newest = 1
            session.add(self._version(draft, 1, draft.base_text))
        version = self._version(draft, newest + 1, draft.text)
        version.draft_id, version.author_id, version.reviewer_id, version.reason = draft.id, draft.author_id, by.id, reason
        session.add(version)
        session.flush()
        return version

    def _version(self, draft: OpenDraft, number: int, text: str) -> Version:
        own_hash = text_hash(body_of(text)) if draft.path.endswith(".md") else ""
        now = self._clock()
        return Version(path=draft.path, number=number, text=text, text_hash=own_hash, reason="", published_at=now)


def earlier_text(database: Database, path: str, of_hash: str) -> str:
    """Return the text of an answer that had this hash, from the versions that were kept; empty: it was not kept."""
    query = select(Version.text).where(Version.path == path, Version.text_hash == of_hash).order_by(Version.id.desc()).limit(1)
    with database.reading() as session:
        return session.scalar(query) or ""
