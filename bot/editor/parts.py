"""What the editor's pages work with: built once by `bot.wiring`, handed to every page as `visit.parts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from bot.content.checks.entry import EntryChecks
from bot.content.library import ContentLibrary
from bot.content.loader import load_catalogue_destinations
from bot.conversations.staff_cases import StaffCases
from bot.editor.accounts import Accounts
from bot.editor.audit import AuditLog
from bot.editor.checked import Checked
from bot.editor.commits import FolderCommits
from bot.editor.drafts import Drafts
from bot.editor.example_store import ExampleStore
from bot.editor.folder import ContentFolder
from bot.editor.link_task import Check, LinkTask, check_all
from bot.editor.passwords import Passwords
from bot.editor.previews import ShownReplies
from bot.editor.question_groups import QuestionGroups
from bot.editor.questions import Questions
from bot.editor.second_factor import SecondFactor
from bot.editor.sentences import SentenceFiles
from bot.editor.sessions import Sessions
from bot.editor.throttle import Throttle
from bot.editor.training import TRAINING_COMMAND, TrainingDesk
from bot.editor.try_it import TRY_IT_COMMAND, TryItDesk
from bot.editor.undo import UndoSteps
from bot.editor.versions import FolderWatch, Versions
from bot.editor.workflow import Workflow
from bot.i18n import Catalogues
from bot.messages import Bubble, ChannelLimits, OutboundMessage
from bot.storage.session import Database
from bot.storage.vault import Vault

Preview = Callable[[OutboundMessage, str], Mapping[str, list[Bubble]]]
"""Shows a reply in a locale as each channel would: the bubbles, by channel."""


@dataclass(frozen=True)
class EditorParts:
    """Everything that pages may use.

    Attributes:
        root: the project's folder: its examples, tests and models; a training runs in it.
        content: the content folder.
        url: the public address of the editor, without a slash at the end.
        limits: what each channel can show, by name.
        preview: shows a reply as the channels render it.
        clock: returns the present time, aware UTC.
        training_command: what trains, in `root`.
        try_it_command: what answers questions against drafts, in `root`.
        locales: the folder of the catalogues.
        link_results: the file in which the last check of links is kept.
        check_links: asks for the addresses of the content.
    """

    database: Database
    vault: Vault
    texts: Catalogues
    root: Path
    content: Path
    url: str
    limits: Mapping[str, ChannelLimits]
    preview: Preview
    clock: Callable[[], datetime]
    passwords: Passwords = field(default_factory=Passwords)
    training_command: tuple[str, ...] = TRAINING_COMMAND
    try_it_command: tuple[str, ...] = TRY_IT_COMMAND
    locales: Path = Path("locales")
    link_results: Path = Path("var/links.json")
    check_links: Check = check_all

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the editor over https."""
        return self.url.startswith("https://")

    def today(self) -> date:
        """Return the present day, as the content's dates are meant."""
        return self.clock().date()

    def content_destinations(self) -> tuple[str, ...]:
        """Return the destinations that the catalogue names."""
        return load_catalogue_destinations(self.content)

    @cached_property
    def audit(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.database, self.vault, self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions of signed-in people."""
        return Sessions(self.database, self.vault, self.clock)

    @cached_property
    def throttle(self) -> Throttle:
        """What slows down who guesses."""
        return Throttle(self.database, self.vault, self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        """The accounts."""
        return Accounts(self.database, self.vault, self.audit, self.sessions, self.throttle, self.passwords, self.clock)

    @cached_property
    def second_factor(self) -> SecondFactor:
        """The second factors."""
        return SecondFactor(self.database, self.vault, self.audit, self.clock)

    @cached_property
    def undo_steps(self) -> UndoSteps:
        """What can be taken back."""
        return UndoSteps(self.database, self.clock)

    @cached_property
    def library(self) -> ContentLibrary:
        """The content as it stands on disk now."""
        return ContentLibrary(self.content, self.today)

    @cached_property
    def checked(self) -> Checked:
        """What the checks say about the content."""
        return Checked(self.content, tuple(self.limits.items()), self.today)

    @cached_property
    def folder(self) -> ContentFolder:
        """The one way to read and write the content folder."""
        return ContentFolder(self.content)

    @cached_property
    def sentences(self) -> SentenceFiles:
        """The one way to read and write the system's sentences."""
        return SentenceFiles(self.locales)

    @cached_property
    def link_task(self) -> LinkTask:
        """What asks all links of the content."""
        return LinkTask(self.link_results, self.clock, self.check_links)

    @cached_property
    def drafts(self) -> Drafts:
        """The changes that are not live yet."""
        return Drafts(self.database, self.audit, self.clock)

    @cached_property
    def workflow(self) -> Workflow:
        """What moves drafts on."""
        return Workflow(
            database=self.database,
            audit=self.audit,
            drafts=self.drafts,
            folder=self.folder,
            library=self.library,
            checks=EntryChecks(self.content, tuple(self.limits.items())),
            versions=self.versions,
            clock=self.clock,
            on_published=FolderCommits(self.content, self.accounts.number_of).commit,
        )

    @cached_property
    def versions(self) -> Versions:
        """The history of each file."""
        return Versions(self.database, self.audit, self.folder, self.clock)

    @cached_property
    def folder_watch(self) -> FolderWatch:
        """What notices changes of the folder that were not made here."""
        return FolderWatch(self.versions, self.content)

    @cached_property
    def example_store(self) -> ExampleStore:
        """The examples that the model learns from."""
        return ExampleStore(self.root / "intents", self.root / "tests" / "nlu", lambda: self.library.loaded.catalogue)

    @cached_property
    def questions(self) -> Questions:
        """The questions without a certain answer."""
        return Questions(self.database, self.clock)

    @cached_property
    def question_groups(self) -> QuestionGroups:
        """Which of them ask the same."""
        return QuestionGroups(self.example_store.locale_sentences)

    @cached_property
    def cases(self) -> StaffCases:
        """What people write to staff."""
        return StaffCases(self.database, self.vault, self.texts, self.limits, self.clock)

    @cached_property
    def training(self) -> TrainingDesk:
        """What starts a training and tells how it stands."""
        return TrainingDesk(self.root, self.database, self.audit, self.clock, self.training_command)

    @cached_property
    def try_it(self) -> TryItDesk:
        """What asks the bot as if drafts were live."""
        return TryItDesk(self.root, self.try_it_command)

    @cached_property
    def shown_replies(self) -> ShownReplies:
        """What composes replies from texts that are not live."""
        return ShownReplies(self.texts, self.content / "people.yml")
