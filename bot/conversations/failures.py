"""What could not be answered or sent, so that the operator sees it and can let it be tried again. No message text is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from bot.messages import DeliveryState
from bot.storage.models import Contact, Conversation, Delivery, Inbound, Outbound
from bot.storage.session import Database


@dataclass(frozen=True)
class Failure:
    """A message that was given up.

    Attributes:
        what: "message" for one of a person's that got no real answer, "reply" for one of ours that did not arrive.
        number: its row in the table of that kind.
        at: when it was received or made, aware UTC.
        code: why it was given up.
    """

    what: str
    number: int
    channel: str
    at: datetime
    attempts: int
    code: str


class Failures:
    """Lists what was given up and lets it be tried again.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[Failure]:
        """Return all, the oldest first."""
        with self._database.reading() as session:
            messages = session.scalars(select(Inbound).where(Inbound.state == "dead")).all()
            replies = session.scalars(select(Outbound).where(Outbound.state == DeliveryState.FAILED.value)).all()
            found = [
                *(Failure("message", m.id, m.channel, m.received_at, m.attempts, m.error_code) for m in messages),
                *(Failure("reply", r.id, r.channel, r.created_at, r.attempts, r.failure_code) for r in replies),
            ]
        return sorted(found, key=lambda failure: failure.at)

    def retry(self) -> int:
        """Let all be tried again from the start, and return how many there are.

        A reply that had gone out and was reported as not delivered is sent again from its first part.
        """
        now = self._clock()
        dead = (Inbound.state == "dead", Inbound.body_encrypted.is_not(None))
        owners = select(Inbound.conversation_id).where(*dead)
        with self._database.transaction() as session:
            connection = session.connection()
            # The inbox and the workers lock the contact first as well.
            contacts = select(Conversation.contact_id).where(Conversation.id.in_(owners))
            connection.execute(select(Contact.id).where(Contact.id.in_(contacts)).order_by(Contact.id).with_for_update())
            idle = (Conversation.id.in_(owners), Conversation.waiting_since.is_(None))
            connection.execute(update(Conversation).where(*idle).values(waiting_since=now))
            waiting = {"state": "waiting", "attempts": 0, "error_code": "", "done_at": None}
            messages = connection.execute(update(Inbound).where(*dead).values(**waiting)).rowcount
            failed = session.scalars(select(Outbound).where(Outbound.state == DeliveryState.FAILED.value)).all()
            for reply in failed:
                if reply.sent_at is not None:
                    session.execute(delete(Delivery).where(Delivery.outbound_id == reply.id))
                    reply.parts_sent, reply.sent_at = 0, None
                reply.state, reply.attempts, reply.due_at = "queued", 0, now
        return messages + len(failed)
