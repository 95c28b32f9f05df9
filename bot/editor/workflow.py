"""From a draft to a live text: draft → in review → published → retired. Who may, with how many people, what is written where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.content.checks.entry import CATALOGUE, EntryChecks
from bot.content.checks.facts import facts_of
from bot.content.facts import FOLDER as FACTS
from bot.content.facts import NUMBER_PREFIX, changed_facts, facts_named
from bot.content.library import ContentLibrary
from bot.content.model import Problem
from bot.editor.audit import AuditLog
from bot.editor.bundles import bundle_of, text_of
from bot.editor.commits import CommitResult
from bot.editor.drafts import Drafts, DraftState, OpenDraft, move_row
from bot.editor.folder import ContentFolder, fingerprint
from bot.editor.refusals import PublicationRefused
from bot.editor.retiring import Retiring
from bot.editor.roles import Need
from bot.editor.sessions import Staff
from bot.editor.versions import KeptVersion, Versions
from bot.errors import RutaError
from bot.i18n import N_
from bot.storage.session import Database
from bot.storage.staff_models import Draft


@dataclass(frozen=True)
class Published:
    """One file that went live.

    Attributes:
        before: the number of the version that stood there before; 0: there was no file.
        authors: everybody who wrote a part of it, the first one first.
        is_retirement: the file was taken out.
    """

    path: str
    version_id: int
    number: int
    before: int
    authors: tuple[str, ...]
    reviewer_id: str
    reason: str = field(repr=False)
    is_retirement: bool


OnPublished = Callable[[Sequence[Published]], CommitResult]
"""Told after all files of a publication were written; says which commit holds them, or why none does. It never raises."""


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
        versions: Versions,
        clock: Callable[[], datetime],
        on_published: OnPublished | None = None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._drafts = drafts
        self._folder = folder
        self._library = library
        self._checks = checks
        self._versions = versions
        self._clock = clock
        self._on_published = on_published
        self.retiring = Retiring(drafts, folder, library, clock)

    def problems(self, path: str, text: str, beside: dict[str, str] | None = None) -> list[Problem]:
        """Return what would be wrong in a file with this text.

        Args:
            beside: texts of other files that go live together with it, by path.
        """
        return self._checks.check(path, text, self._library.loaded, self._clock().date(), beside or {})

    def bundle(self, draft: OpenDraft) -> list[OpenDraft]:
        """Return the drafts that go live together with this one, itself among them."""
        found = bundle_of(draft, self._drafts, self._folder)
        facts = [each for each in self._drafts.all_open() if each.path.startswith(f"{FACTS}/")]
        return self._with_facts(found, facts) if facts else found

    def broken_by_facts(self, draft: OpenDraft, beside: dict[str, str] | None = None) -> dict[str, list[Problem]]:
        """Return the errors that a draft of facts would make in other files, by their path.

        Args:
            beside: texts of other files that go live together with it, by path.
        """
        day = self._clock().date()
        return self._checks.broken_by_facts(draft.path, draft.text, self._library.loaded, day, beside or {})

    def submit(self, draft: OpenDraft, by: Staff, reason: str) -> None:
        """Ask for a review; what fails the checks is not worth another person's time.

        Raises:
            PublicationRefused: the text has faults.
        """
        bundle = self.bundle(draft)
        self._require_no_errors(bundle)
        for each in bundle:
            self._drafts.move(each.id, DraftState.IN_REVIEW, by.id, reason)

    def send_back(self, draft: OpenDraft, by: Staff, reason: str) -> None:
        """Give a draft back to its author, with the reason."""
        for each in self.bundle(draft):
            self._drafts.move(each.id, DraftState.DRAFT, by.id, reason)

    def discard(self, draft: OpenDraft, by: Staff) -> None:
        """Close a draft without publishing it; `Drafts.reopen` takes it back."""
        self._drafts.move(draft.id, DraftState.DISCARDED, by.id)

    def publish(self, draft: OpenDraft, by: Staff, reason: str) -> CommitResult:
        """Write a draft, and what goes live with it, to the content folder, and keep the versions.

        Raises:
            PublicationRefused: the text has faults, or a second person must publish it.
            ChangedMeanwhile: a file on disk is not the one that its draft was begun from.
            NotWritten: the disk; nothing has changed, the drafts are still there.
        """
        bundle = self.bundle(draft)
        self._require_right(bundle, by)
        self._require_no_errors(bundle)
        written: list[OpenDraft] = []
        try:
            with self._database.transaction() as session:
                published = [self._record(session, each, by, reason) for each in bundle]
                # Last, so that a disk that refuses takes everything back. Were the database to fail after it, the drafts stay
                # open, and publishing them again finds the texts in their place.
                for each in bundle:
                    self._folder.write(each.path, each.text, each.base_hash)
                    written.append(each)
        except IntegrityError:  # The folder was looked at in the same moment, and the number of the version is taken.
            raise PublicationRefused("changed", N_("editor.publish.changed")) from None
        except RutaError:
            self._take_back(written)
            raise
        return self._commit(published)

    def restore(self, version: KeptVersion, by: Staff, reason: str) -> OpenDraft | CommitResult:
        """Make an earlier version live again, as a new one; what needs another person becomes a draft in review instead.

        Raises:
            PublicationRefused: there is an open draft of the file, which must be settled first.
            ChangedMeanwhile: a file on disk changed in this moment.
            NotWritten: the disk.
        """
        if self._drafts.find(version.path):
            raise PublicationRefused("open_draft", N_("editor.history.open_draft"))
        on_disk = self._folder.read(version.path)
        if on_disk == version.text:
            raise PublicationRefused("same", N_("editor.history.same"))
        self._versions.notice(version.path)
        locale = locale_of(version.path)
        draft = self._drafts.save(version.path, locale, version.text, on_disk, fingerprint(on_disk), by.id)
        try:
            return self.publish(draft, by, reason)
        except PublicationRefused as refused:
            if refused.code != "faults":
                self._drafts.move(draft.id, DraftState.IN_REVIEW, by.id, reason)
            return self._drafts.get(draft.id) or draft

    def _with_facts(self, found: list[OpenDraft], facts: Sequence[OpenDraft]) -> list[OpenDraft]:
        """Return a bundle with what it needs of facts and texts: a new amount and the answer that says it go live together."""
        needed = [each for each in found if each in facts]
        if not needed and self._errors(found):
            listed = self._facts_listed(found)
            needed = [each for each in facts if listed & changed_facts(each.base_text, each.text)]
        broken = dict.fromkeys(path for each in needed for path in self.broken_by_facts(each))
        mended = [each for path in broken if (each := self._drafts.find(path)) is not None]
        texts = [other for each in mended for other in bundle_of(each, self._drafts, self._folder)]
        return list({each.path: each for each in (*needed, *found, *texts)}.values())

    def _facts_listed(self, bundle: Sequence[OpenDraft]) -> set[str]:
        """Return the facts that the topics and help points of a bundle list, as they are and as they would be."""
        loaded = self._library.loaded
        listed: set[str] = set()
        for each in bundle:
            topic = loaded.topics.get(each.path.split("/")[1]) if each.path.count("/") == 2 else None
            listed |= facts_of(topic) if topic else set()
            listed |= facts_named(each.text) if each.path.endswith(".yml") else set()
        return listed

    def _errors(self, bundle: Sequence[OpenDraft]) -> list[Problem]:
        texts = {each.path: each.text for each in bundle}
        found = [problem for each in bundle for problem in self.problems(each.path, each.text, texts)]
        return [problem for problem in found if not problem.is_warning]

    def _record(self, session: Session, draft: OpenDraft, by: Staff, reason: str) -> Published:
        """Keep the version and close the draft, in the transaction in which the file is written."""
        row = session.get_one(Draft, draft.id, with_for_update=True)
        if row.closed_at is not None or row.text != draft.text:
            raise PublicationRefused("changed", N_("editor.publish.changed"))
        self._versions.notice_within(session, draft.path)
        version = self._versions.add(session, row, by.id, reason or row.reason)
        move_row(row, DraftState.PUBLISHED, self._clock(), reason)
        row.reviewer_id = by.id
        action = "draft.retired" if draft.is_retirement else "draft.published"
        self._audit.write(session, by.id, action, draft.path, f"draft={draft.id} version={version.number}")
        return Published(
            path=draft.path,
            version_id=version.id,
            number=version.number,
            before=version.number - 1,
            authors=draft.authors,
            reviewer_id=by.id,
            reason=version.reason,
            is_retirement=draft.is_retirement,
        )

    def _take_back(self, written: Sequence[OpenDraft]) -> None:
        """Put files back that were written before a later one of the same publication failed."""
        for each in reversed(written):
            try:
                self._folder.write(each.path, each.base_text, fingerprint(each.text))
            except RutaError:
                continue  # Nobody reaches it without the file that failed, and publishing again finds it in its place.

    def _commit(self, published: Sequence[Published]) -> CommitResult:
        if self._on_published is None:
            return CommitResult()
        result = self._on_published(published)
        if result.commit_id:
            self._versions.note_commit([each.version_id for each in published], result.commit_id)
        return result

    def _require_right(self, bundle: Sequence[OpenDraft], by: Staff) -> None:
        if not by.may(Need.REVIEW):
            raise PublicationRefused("role", N_("editor.publish.role"))
        wrote_here = any(by.id in each.authors for each in bundle)
        if wrote_here and self.needs_two(bundle):
            raise PublicationRefused("same_person", N_("editor.publish.same_person"))

    def _require_no_errors(self, bundle: Sequence[OpenDraft]) -> None:
        errors = tuple(self._errors(bundle))
        if errors:
            raise PublicationRefused("faults", N_("editor.publish.faults"), errors)
        for each in bundle:
            self.retiring.require_possible(each)

    def needs_two(self, bundle: Sequence[OpenDraft]) -> bool:
        """Tell whether a topic is critical now, or would be: a change must not make itself harmless first."""
        texts = {each.path: each.text for each in bundle}
        return any(self._is_critical(each, texts) for each in bundle if each.path != CATALOGUE)

    def _is_critical(self, draft: OpenDraft, texts: dict[str, str]) -> bool:
        parts, loaded = draft.path.split("/"), self._library.loaded
        if parts[0] == FACTS:
            changed = changed_facts(draft.base_text, draft.text)
            if any(fact_id.startswith(NUMBER_PREFIX) for fact_id in changed):
                return True  # The bot sends these by themselves.
            return any(topic.sensitivity == "critical" and changed & facts_of(topic) for topic in loaded.topics.values())
        if len(parts) != 3:
            return False
        topic = loaded.topics.get(parts[1]) or loaded.retired.get(parts[1])
        would_be, _ = self._checks.examine(draft.path, draft.text, loaded, self._clock().date(), texts)
        return any(each is not None and each.sensitivity == "critical" for each in (topic, would_be))


def locale_of(path: str) -> str:
    """Return the language of a content file; empty: it is true in every language."""
    return path.removesuffix(".md").rsplit("/", 1)[-1].rsplit(".", 1)[-1] if path.endswith(".md") else ""


def seen_in(bundle: Sequence[OpenDraft]) -> str:
    """Return the fingerprint of what a person sees when they look at a publication."""
    return fingerprint(text_of(bundle))
