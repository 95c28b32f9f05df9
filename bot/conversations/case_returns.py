"""Let the bot answer again where staff were silent for too long, and tell the contact; the case stays on staff's list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bot.conversations.cases import OPEN, EntryKind, add_entry
from bot.conversations.outbox import Outbox
from bot.i18n import N_, Catalogues
from bot.messages import OutboundMessage
from bot.storage.models import Contact, Conversation, StaffCase
from bot.storage.session import Database

_MOST_AT_ONCE = 50


class CaseReturns:
    """Looks for cases in which the contact waits for staff in vain.

    Args:
        hours: how long they may wait.
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, outbox: Outbox, texts: Catalogues, hours: int, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._outbox = outbox
        self._texts = texts
        self._hours = timedelta(hours=hours)
        self._clock = clock

    def bring_back(self) -> int:
        """Return in how many cases the bot answers again from now on."""
        with self._database.reading() as session:
            contacts = session.scalars(select(StaffCase.contact_id).where(*self._overdue()).limit(_MOST_AT_ONCE)).all()
        return sum(self._bring_back(contact_id) for contact_id in contacts)

    def _bring_back(self, contact_id: str) -> bool:
        with self._database.transaction() as session:
            contact = session.scalar(select(Contact).where(Contact.id == contact_id).with_for_update())
            # Once more, now that nothing can change: somebody may have answered in between.
            case = session.scalar(select(StaffCase).where(*self._overdue(), StaffCase.contact_id == contact_id).with_for_update())
            if contact is None or case is None:
                return False
            case.bot_answers = True
            add_entry(session, case, EntryKind.EVENT, self._clock(), event="bot_back")
            if not contact.stopped_reason:
                tell(session, self._outbox, self._texts, contact, N_("handoff.bot_back"), code=case.code)
            return True

    def _overdue(self) -> list[ColumnElement[bool]]:
        before = self._clock() - self._hours
        is_silent = (StaffCase.handed_at <= before, func.coalesce(StaffCase.last_staff_at, StaffCase.handed_at) <= before)
        is_held = (StaffCase.state == OPEN, StaffCase.bot_answers.is_(False), StaffCase.waiting_since.is_not(None))
        return [*is_held, *is_silent]


def tell(session: Session, outbox: Outbox, texts: Catalogues, contact: Contact, key: str, **values: object) -> int:
    """Queue one of our sentences for a contact inside the caller's transaction, and return its id."""
    conversation_id = session.scalars(select(Conversation.id).where(Conversation.contact_id == contact.id)).one()
    sentence = OutboundMessage(texts.text(contact.locale, key, **values))
    return outbox.enqueue(session, conversation_id, contact.channel, sentence, None)
