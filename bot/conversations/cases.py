"""Cases: conversations that a contact has with a person of staff, as a turn sees and changes them.

A change is stored in the turn's transaction, which holds the contact's lock, as staff's pages do: what was decided on a case that
has changed meanwhile is not stored, and the message is decided anew. So none falls between the bot and the person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.errors import TurnOutdated
from bot.storage.models import StaffCase, StaffCaseEntry
from bot.storage.vault import Vault

OPEN, CLOSED = "open", "closed"


class EntryKind(str, Enum):
    """What a line of a thread is."""

    CONTACT = "contact"
    STAFF = "staff"
    NOTE = "note"
    EVENT = "event"


class CaseStep(str, Enum):
    """What a turn does with a case."""

    OPEN = "open"
    KEEP = "keep"
    """A message for the thread."""
    END = "end"
    """The contact goes back to the bot. An urgent case stays on staff's list."""
    STOP = "stop"
    """The contact wants no messages."""
    LEAVE = "leave"
    """The contact left in a hurry: nothing may reach the telephone now."""
    REJOIN = "rejoin"
    """The contact asks for a person again."""
    BOT_BACK = "bot_back"
    """Staff were silent for too long, so the bot answers again."""


@dataclass(frozen=True)
class OpenCase:
    """The open case of a contact.

    Attributes:
        quiet_since: since when the bot is silent and no word of staff has come, aware UTC.
    """

    id: int
    code: str
    bot_answers: bool
    is_acknowledged: bool
    quiet_since: datetime


@dataclass(frozen=True)
class CaseChange:
    """What a turn changes; a note of `bot.conversations.notes`.

    Attributes:
        case: as the decision saw it; None: there was none.
        code: of the new case, for `OPEN`.
        text: what the contact wrote.
        event: what else came, for example `audio`.
        acknowledges: the contact is told now that the message is kept.
    """

    step: CaseStep
    case: OpenCase | None = None
    code: str = ""
    text: str = field(default="", repr=False)
    event: str = ""
    is_urgent: bool = False
    acknowledges: bool = False

    def store(self, session: Session, vault: Vault, contact_id: str, now: datetime) -> None:
        """Store it.

        Raises:
            TurnOutdated: the case is no longer as the decision saw it.
        """
        row = lock_open_case(session, contact_id)
        if (row is None) != (self.case is None) or (row and self.case and _seen(row) != _seen(self.case)):
            raise TurnOutdated("the case has changed")
        if row is None:
            if self.step is not CaseStep.OPEN:
                return
            row = StaffCase(contact_id=contact_id, code=self.code, opened_at=now, handed_at=now, waiting_since=now, last_at=now)
            session.add(row)
            session.flush()
        self._change(row, now)
        if self.text:
            add_entry(session, row, EntryKind.CONTACT, now, sealed=vault.encrypt(self.text))
        for event in filter(None, (self.event, _EVENTS.get(self.step, ""))):
            add_entry(session, row, EntryKind.EVENT, now, event=event)

    def _change(self, row: StaffCase, now: datetime) -> None:
        row.last_at = now
        row.is_urgent = row.is_urgent or self.is_urgent
        row.is_acknowledged = row.is_acknowledged or self.acknowledges
        if self.text or self.event or self.step is CaseStep.REJOIN:
            row.waiting_since = row.waiting_since or now
        if self.step is CaseStep.REJOIN:
            row.bot_answers, row.handed_at, row.left_at = False, now, None
        elif self.step in (CaseStep.BOT_BACK, CaseStep.LEAVE) or (self.step is CaseStep.END and row.is_urgent):
            row.bot_answers = True
            row.left_at = now if self.step is CaseStep.LEAVE else row.left_at
        elif self.step in (CaseStep.END, CaseStep.STOP):
            row.state, row.closed_by = CLOSED, "contact" if self.step is CaseStep.END else "stop"


_EVENTS = {
    CaseStep.END: "went_back",
    CaseStep.STOP: "stopped",
    CaseStep.LEAVE: "left",
    CaseStep.REJOIN: "rejoined",
    CaseStep.BOT_BACK: "bot_back",
}


def read_open_case(session: Session, contact_id: str) -> OpenCase | None:
    """Return a contact's open case; None when there is none."""
    row = session.scalar(select(StaffCase).where(StaffCase.contact_id == contact_id, StaffCase.state == OPEN))
    if row is None:
        return None
    quiet_since = max(row.handed_at, row.last_staff_at or row.handed_at)
    return OpenCase(row.id, row.code, row.bot_answers, row.is_acknowledged, quiet_since)


def lock_open_case(session: Session, contact_id: str) -> StaffCase | None:
    """Return a contact's open case for a change; the caller holds the contact's lock."""
    return session.scalar(select(StaffCase).where(StaffCase.contact_id == contact_id, StaffCase.state == OPEN).with_for_update())


def add_entry(
    session: Session,
    case: StaffCase,
    kind: EntryKind,
    now: datetime,
    *,
    sealed: bytes | None = None,
    event: str = "",
    staff_id: str = "",
    outbound_id: int | None = None,
) -> None:
    """Add a line to a thread, inside the caller's transaction."""
    entry = StaffCaseEntry(case_id=case.id, kind=kind.value, text_encrypted=sealed, event=event, staff_id=staff_id, at=now)
    entry.outbound_id = outbound_id
    session.add(entry)


def _seen(case: StaffCase | OpenCase) -> tuple[int, bool]:
    return case.id, case.bot_answers
