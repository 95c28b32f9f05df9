"""Stop all messages to a contact, and begin again; one way for stop words and for providers that report an opt-out.

`stopped_reason` holds back what is ready to be sent, and the inbox clears it when the person writes again: whoever writes wants
an answer, above all in an emergency. `opted_out_at` and the withdrawn permissions stay until they say so themselves, so
nothing is ever sent that was not asked for.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bot.conversations import consent
from bot.storage.models import Contact, Conversation, Inbound, Outbound

OPTED_OUT = "opted_out"
"""The `stopped_reason` of somebody who asked us to stop."""


def stop_contact(session: Session, contact_id: str, now: datetime) -> None:
    """Stop a contact inside the caller's transaction: nothing that waits goes out, and all permissions end.

    Somebody who has already written again is only noted: the reply to that message must reach them. The caller holds the
    contact's lock, as the inbox does, so no message can slip in between.
    """
    conversations = select(Conversation.id).where(Conversation.contact_id == contact_id)
    connection = session.connection()
    has_written = select(Inbound.id).where(Inbound.conversation_id.in_(conversations), Inbound.state == "waiting")
    is_waiting = connection.execute(has_written.limit(1)).first() is not None
    reason = {} if is_waiting else {"stopped_reason": OPTED_OUT}
    connection.execute(update(Contact).where(Contact.id == contact_id).values(opted_out_at=now, **reason))
    connection.execute(delete(Outbound).where(Outbound.conversation_id.in_(conversations), Outbound.state == "queued"))
    consent.withdraw(session, contact_id, now)


def resume_contact(session: Session, contact_id: str) -> None:
    """Let a contact receive messages again; permissions have to be given anew."""
    session.connection().execute(update(Contact).where(Contact.id == contact_id).values(opted_out_at=None, stopped_reason=""))
