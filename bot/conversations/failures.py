"""What could not be answered or sent, or is stuck, so that the operator sees it, and lets it be tried again or ends it.

No message text is read. Closing keeps the record and empties what a person wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, aliased

from bot.conversations.queues import STUCK_SECONDS, is_dead, is_stuck
from bot.errors import RutaError
from bot.messages import DeliveryState
from bot.storage.models import Contact, Conversation, Delivery, Inbound, Outbound
from bot.storage.notices import INBOUND, notify
from bot.storage.session import Database

CLOSED = "closed"
"""The state of what an operator has ended."""
_NAME = re.compile(r"(message|reply|stuck)-([1-9][0-9]*)")


class FailureUnknown(RutaError):
    """A name does not stand in the list of failures; nothing was changed."""

    code = "failure_unknown"


@dataclass(frozen=True)
class Failure:
    """A message that was given up, or that is stuck.

    Attributes:
        what: "message" for one of a person's that got no real answer, "reply" for one of ours that did not arrive, "stuck" for
            the oldest waiting message of a conversation that waits too long or whose worker died.
        number: its row in the table of that kind.
        at: when it was received or made, aware UTC.
        code: why it was given up or is stuck.
    """

    what: str
    number: int
    channel: str
    at: datetime
    attempts: int
    code: str

    @property
    def name(self) -> str:
        """What an operator calls it by."""
        return f"{self.what}-{self.number}"


class Failures:
    """Lists what was given up or is stuck, lets it be tried again, and ends it.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[Failure]:
        """Return all, the oldest first."""
        with self._database.reading() as session:
            found = self._found(session)
        return sorted(found, key=lambda failure: failure.at)

    def retry(self, names: Collection[str] = ()) -> int:
        """Let some, or all when none is named, be tried again from the start, and return how many there are.

        A reply that had gone out and was reported as not delivered is sent again from its first part; a stuck conversation is
        given free, and a worker that still holds it can store nothing more.

        Raises:
            FailureUnknown: a name is not in the list.
        """
        now = self._clock()
        with self._database.transaction() as session:
            chosen = self._chosen(session, names)
            messages = _numbers(chosen, "message", "stuck")
            owners = self._locked_conversations(session, messages)
            waiting = {"state": "waiting", "attempts": 0, "error_code": "", "done_at": None}
            # Of a message whose text has been emptied there is nothing left to try.
            kept = (Inbound.id.in_(messages), Inbound.body_encrypted.is_not(None))
            count = session.connection().execute(update(Inbound).where(*kept).values(**waiting)).rowcount
            freed = update(Conversation).where(Conversation.id.in_(owners)).values(lease_owner="", lease_until=None)
            session.execute(freed.values(waiting_since=func.coalesce(Conversation.waiting_since, now)))
            for reply in session.scalars(select(Outbound).where(Outbound.id.in_(_numbers(chosen, "reply")))):
                if reply.sent_at is not None:
                    session.execute(delete(Delivery).where(Delivery.outbound_id == reply.id))
                    reply.parts_sent, reply.sent_at = 0, None
                reply.state, reply.attempts, reply.due_at = "queued", 0, now
                count += 1
            notify(session, INBOUND)  # Replies are looked for by themselves.
        return count

    def close(self, names: Collection[str]) -> int:
        """End some: their records stay, marked closed with the time, and what the person wrote is emptied.

        Raises:
            FailureUnknown: a name is not in the list, or none was given.
        """
        if not names:
            raise FailureUnknown("name what to close, as `ruta failures` lists it, for example message-12")
        now = self._clock()
        with self._database.transaction() as session:
            chosen = self._chosen(session, names)
            messages = _numbers(chosen, "message", "stuck")
            owners = self._locked_conversations(session, messages)
            closed = {"state": CLOSED, "closed_at": now}
            session.execute(update(Inbound).where(Inbound.id.in_(messages)).values(**closed, body_encrypted=None))
            session.execute(update(Outbound).where(Outbound.id.in_(_numbers(chosen, "reply"))).values(**closed))
            following = select(func.min(Inbound.received_at)).where(
                Inbound.conversation_id == Conversation.id, Inbound.state == "waiting"
            )
            left = {"lease_owner": "", "lease_until": None, "waiting_since": following.scalar_subquery()}
            session.execute(update(Conversation).where(Conversation.id.in_(owners)).values(**left))
        return len(chosen)

    def _chosen(self, session: Session, names: Collection[str]) -> Sequence[Failure]:
        found = self._found(session)
        unknown = sorted(set(names) - {failure.name for failure in found})
        if unknown:
            shown = ", ".join(name if _NAME.fullmatch(name) else repr(name[:40]) for name in unknown)
            raise FailureUnknown(f"not in the list of failures: {shown}; `ruta failures` shows the names, nothing was changed")
        return [failure for failure in found if not names or failure.name in names]

    def _found(self, session: Session) -> Sequence[Failure]:
        messages = session.scalars(select(Inbound).where(is_dead()))
        replies = session.scalars(select(Outbound).where(Outbound.state == DeliveryState.FAILED.value))
        return [
            *(Failure("message", m.id, m.channel, m.received_at, m.attempts, m.error_code) for m in messages),
            *(Failure("reply", r.id, r.channel, r.created_at, r.attempts, r.failure_code) for r in replies),
            *self._stuck(session),
        ]

    def _stuck(self, session: Session) -> Iterable[Failure]:
        now = self._clock()
        asked = {"now": now, "before": now - timedelta(seconds=STUCK_SECONDS)}
        other = aliased(Inbound)
        oldest = select(func.min(other.id)).where(other.conversation_id == Conversation.id, other.state == "waiting")
        query = select(Inbound, Conversation.lease_owner).join(Conversation, Conversation.id == Inbound.conversation_id)
        for message, owner in session.execute(query.where(is_stuck(), Inbound.id == oldest.scalar_subquery()), asked):
            code = "worker_gone" if owner else "no_worker"
            yield Failure("stuck", message.id, message.channel, message.received_at, message.attempts, code)

    def _locked_conversations(self, session: Session, messages: Collection[int]) -> Collection[str]:
        """Return the conversations of messages, their contacts locked as the inbox and the workers lock them first."""
        owners = session.scalars(select(Inbound.conversation_id).where(Inbound.id.in_(messages)).distinct()).all()
        contacts = select(Conversation.contact_id).where(Conversation.id.in_(owners))
        session.execute(select(Contact.id).where(Contact.id.in_(contacts)).order_by(Contact.id).with_for_update())
        return owners


def _numbers(failures: Iterable[Failure], *kinds: str) -> Collection[int]:
    return [failure.number for failure in failures if failure.what in kinds]
