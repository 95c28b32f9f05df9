"""Cases as people of staff see and change them: the list, a thread, replies, notes, who has it, closing.

A case is known by its code alone; nothing here returns an address or what leads to one. Every change takes the contact's lock
first, as the inbox and the worker do, so that no message slips in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, case, delete, func, select
from sqlalchemy.orm import Session

from bot.conversations.case_returns import tell
from bot.conversations.cases import CLOSED, OPEN, EntryKind, add_entry
from bot.conversations.outbox import Outbox
from bot.i18n import N_, Catalogues
from bot.messages import ChannelLimits, OutboundMessage
from bot.storage.models import Contact, Conversation, Outbound, StaffCase, StaffCaseEntry
from bot.storage.session import Database
from bot.storage.vault import Vault

CLOSED_SHOWN = 50
TEXT_LIMIT = 3000
"""Characters of a reply or note: what a person reads on a telephone in one go, and more."""
AGAIN_SECONDS = 60
"""The same reply within this time is a second click on the button."""
Write = Callable[[Session], None]
"""What else is written in the same transaction: the entry in the audit log."""


class CaseRefused(Exception):
    """Something can not be done with a case now.

    Attributes:
        code: `gone`, `closed`, `window`, `stopped`, `left` or `new_message`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class CaseLine:
    """A case in the list.

    Attributes:
        waiting_since: the contact's first message that nobody has answered; None: the last word is ours.
        assigned_to: an account; empty: nobody's.
    """

    code: str
    channel: str
    locale: str
    is_urgent: bool
    bot_answers: bool
    waiting_since: datetime | None
    last_at: datetime
    assigned_to: str
    state: str
    closed_by: str


@dataclass(frozen=True)
class ThreadEntry:
    """One line of a thread.

    Attributes:
        delivery: how far a reply of staff has come, as in `outbound_message`; empty: its record is gone.
        failure: why it could not be delivered.
    """

    id: int
    kind: EntryKind
    at: datetime
    text: str = field(repr=False)
    event: str = ""
    staff_id: str = ""
    delivery: str = ""
    failure: str = ""


@dataclass(frozen=True)
class CaseThread:
    """A case with all that was said.

    Attributes:
        window_until: until when a reply may be sent; None: the channel sets no limit.
        refusal: why no reply can be sent now, as in `CaseRefused`; empty: it can.
    """

    line: CaseLine
    entries: tuple[ThreadEntry, ...]
    window_until: datetime | None
    refusal: str

    @property
    def last_id(self) -> int:
        """The newest line's id; 0: there is none."""
        return self.entries[-1].id if self.entries else 0


class StaffCases:
    """Reads and changes cases.

    Args:
        limits: by channel; they say how long after the contact's last message we may write.
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        texts: Catalogues,
        limits: Mapping[str, ChannelLimits],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._texts = texts
        self._limits = limits
        self._clock = clock
        self._outbox = Outbox(database, vault, clock)

    def list_open(self) -> list[CaseLine]:
        """Return the open cases: urgent ones first, then those who have waited longest, then the others, the latest first."""
        waits = case((StaffCase.waiting_since.is_(None), 1), else_=0)
        order = (StaffCase.is_urgent.desc(), waits, StaffCase.waiting_since, StaffCase.last_at.desc())
        with self._database.reading() as session:
            return [_line(*row) for row in session.execute(_cases().where(StaffCase.state == OPEN).order_by(*order)).tuples()]

    def list_closed(self) -> list[CaseLine]:
        """Return the cases that were closed last."""
        closed = _cases().where(StaffCase.state == CLOSED).order_by(StaffCase.last_at.desc()).limit(CLOSED_SHOWN)
        with self._database.reading() as session:
            return [_line(*row) for row in session.execute(closed).tuples()]

    def count_waiting(self) -> int:
        """Return in how many open cases the contact waits for us."""
        waiting = (StaffCase.state == OPEN, StaffCase.waiting_since.is_not(None))
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(StaffCase).where(*waiting)) or 0

    def read(self, code: str) -> CaseThread | None:
        """Return a case with its thread; None when there is none with this code."""
        with self._database.reading() as session:
            found = session.execute(_cases().where(StaffCase.code == code)).tuples().first()
            if found is None:
                return None
            row, contact = found
            entries = (
                select(StaffCaseEntry, Outbound.state, Outbound.failure_code)
                .outerjoin(Outbound, Outbound.id == StaffCaseEntry.outbound_id)
                .where(StaffCaseEntry.case_id == row.id)
                .order_by(StaffCaseEntry.id)
            )
            thread = tuple(self._entry(*each) for each in session.execute(entries).tuples())
            return CaseThread(_line(row, contact), thread, self._window_until(contact), self._refusal(row, contact))

    def reply(self, code: str, staff_id: str, text: str, write: Write) -> bool:
        """Send a reply by the outbox; the bot falls silent. Return whether it is new, not a second click.

        Raises:
            CaseRefused: it can not be sent now.
        """
        now = self._clock()
        with self._database.transaction() as session:
            row, contact = self._locked(session, code)
            refusal = self._refusal(row, contact)
            if refusal:
                raise CaseRefused(refusal)
            if self._is_repeated(session, row, staff_id, text, now):
                return False
            said = self._texts.text(contact.locale, N_("handoff.from_person"))
            intro = "" if row.last_staff_at else f"*{said}*\n\n"
            conversation = select(Conversation.id).where(Conversation.contact_id == contact.id)
            message, conversation_id = OutboundMessage(f"{intro}{text}"), session.scalars(conversation).one()
            sent = self._outbox.enqueue(session, conversation_id, contact.channel, message, None, is_private=True)
            sealed = self._vault.encrypt(text)
            add_entry(session, row, EntryKind.STAFF, now, sealed=sealed, staff_id=staff_id, outbound_id=sent)
            row.last_staff_at = row.last_at = now
            row.waiting_since, row.bot_answers, row.is_acknowledged = None, False, True
            row.assigned_to = row.assigned_to or staff_id
            write(session)
            return True

    def note(self, code: str, staff_id: str, text: str, write: Write) -> None:
        """Add an internal note, which the contact never sees.

        Raises:
            CaseRefused: there is no such case.
        """
        with self._database.transaction() as session:
            row, _ = self._locked(session, code)
            add_entry(session, row, EntryKind.NOTE, self._clock(), sealed=self._vault.encrypt(text), staff_id=staff_id)
            write(session)

    def assign(self, code: str, staff_id: str, to: str, write: Write) -> None:
        """Give a case to an account, or to nobody.

        Raises:
            CaseRefused: there is no such case, or it is closed.
        """
        with self._database.transaction() as session:
            row, _ = self._open(session, code)
            row.assigned_to = to
            add_entry(session, row, EntryKind.EVENT, self._clock(), event="assigned" if to else "unassigned", staff_id=staff_id)
            write(session)

    def close(self, code: str, staff_id: str, seen: int, write: Write) -> None:
        """Close a case; the bot answers again and says so.

        Args:
            seen: the newest line that the person had before them.

        Raises:
            CaseRefused: the contact has written meanwhile, there is no such case, or it is closed.
        """
        now = self._clock()
        with self._database.transaction() as session:
            row, contact = self._open(session, code)
            newer = (StaffCaseEntry.case_id == row.id, StaffCaseEntry.id > seen, StaffCaseEntry.kind == EntryKind.CONTACT.value)
            if session.scalar(select(StaffCaseEntry.id).where(*newer).limit(1)) is not None:
                raise CaseRefused("new_message")
            told = None
            if not row.bot_answers and not self._refusal(row, contact):
                told = tell(session, self._outbox, self._texts, contact, N_("handoff.closed_case"))
            row.state, row.closed_by, row.waiting_since, row.last_at = CLOSED, "staff", None, now
            add_entry(session, row, EntryKind.EVENT, now, event="closed", staff_id=staff_id, outbound_id=told)
            write(session)

    def reopen(self, code: str, staff_id: str, write: Write) -> None:
        """Take a closing by staff back; the contact is told unless they had not read of the closing yet.

        Raises:
            CaseRefused: it was not closed by staff, or the contact has another open case.
        """
        now = self._clock()
        with self._database.transaction() as session:
            row, contact = self._locked(session, code)
            other = select(StaffCase.id).where(StaffCase.contact_id == contact.id, StaffCase.state == OPEN)
            if row.state != CLOSED or row.closed_by != "staff" or session.scalar(other) is not None:
                raise CaseRefused("closed")
            row.state, row.closed_by, row.handed_at, row.last_at = OPEN, "", now, now
            row.waiting_since = self._waiting_since(session, row)
            if not row.bot_answers and not self._is_unsaid(session, row) and not self._refusal(row, contact):
                tell(session, self._outbox, self._texts, contact, N_("handoff.reopened"))
            add_entry(session, row, EntryKind.EVENT, now, event="reopened", staff_id=staff_id)
            write(session)

    def _waiting_since(self, session: Session, row: StaffCase) -> datetime | None:
        """Return when the contact wrote first after our last reply; None: the last word is ours."""
        if row.last_staff_at is None:
            return row.opened_at
        unanswered = (StaffCaseEntry.kind == EntryKind.CONTACT.value, StaffCaseEntry.at > row.last_staff_at)
        return session.scalar(select(func.min(StaffCaseEntry.at)).where(StaffCaseEntry.case_id == row.id, *unanswered))

    def _is_unsaid(self, session: Session, row: StaffCase) -> bool:
        """Take the sentence on the closing back if it is still to be sent, or tell that it was never said."""
        closing = (StaffCaseEntry.case_id == row.id, StaffCaseEntry.event == "closed")
        told = session.scalar(select(StaffCaseEntry.outbound_id).where(*closing).order_by(StaffCaseEntry.id.desc()).limit(1))
        if told is None:
            return True
        unsent = (Outbound.id == told, Outbound.state == "queued", Outbound.parts_sent == 0)
        return session.connection().execute(delete(Outbound).where(*unsent)).rowcount > 0

    def _locked(self, session: Session, code: str) -> tuple[StaffCase, Contact]:
        contact_id = session.scalar(select(StaffCase.contact_id).where(StaffCase.code == code))
        contact = session.scalar(select(Contact).where(Contact.id == contact_id).with_for_update())
        row = session.scalar(select(StaffCase).where(StaffCase.code == code).with_for_update())
        if contact is None or row is None:
            raise CaseRefused("gone")
        return row, contact

    def _open(self, session: Session, code: str) -> tuple[StaffCase, Contact]:
        row, contact = self._locked(session, code)
        if row.state != OPEN:
            raise CaseRefused("closed")
        return row, contact

    def _refusal(self, row: StaffCase, contact: Contact) -> str:
        """Return why no reply can be sent now; empty: it can."""
        until = self._window_until(contact)
        reasons = {
            "closed": row.state != OPEN,
            "left": row.left_at is not None,
            "stopped": bool(contact.stopped_reason),
            "window": until is not None and until <= self._clock(),
        }
        return next((reason for reason, is_so in reasons.items() if is_so), "")

    def _window_until(self, contact: Contact) -> datetime | None:
        limits = self._limits.get(contact.channel)
        hours = limits.service_window_hours if limits else 0
        return contact.last_inbound_at + timedelta(hours=hours) if hours else None

    def _is_repeated(self, session: Session, row: StaffCase, staff_id: str, text: str, now: datetime) -> bool:
        since = now - timedelta(seconds=AGAIN_SECONDS)
        mine = and_(StaffCaseEntry.case_id == row.id, StaffCaseEntry.staff_id == staff_id, StaffCaseEntry.at > since)
        replies = select(StaffCaseEntry.text_encrypted).where(mine, StaffCaseEntry.kind == EntryKind.STAFF.value)
        return any(self._vault.decrypt(sealed) == text for sealed in session.scalars(replies) if sealed)

    def _entry(self, row: StaffCaseEntry, delivery: str | None, failure: str | None) -> ThreadEntry:
        text = self._vault.decrypt(row.text_encrypted) if row.text_encrypted else ""
        kind = EntryKind(row.kind)
        return ThreadEntry(row.id, kind, row.at, text, row.event, row.staff_id, delivery or "", failure or "")


def _cases() -> Select[tuple[StaffCase, Contact]]:
    return select(StaffCase, Contact).join(Contact, Contact.id == StaffCase.contact_id)


def _line(row: StaffCase, contact: Contact) -> CaseLine:
    return CaseLine(
        code=row.code,
        channel=contact.channel,
        locale=contact.locale,
        is_urgent=row.is_urgent,
        bot_answers=row.bot_answers,
        waiting_since=row.waiting_since,
        last_at=row.last_at,
        assigned_to=row.assigned_to,
        state=row.state,
        closed_by=row.closed_by,
    )
