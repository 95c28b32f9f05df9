"""What could not be answered or sent, so that the operator sees it and can let it be tried again. No message text is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from bot.messages import DeliveryState
from bot.storage.models import Conversation, Inbound, Outbound
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

        A message whose encrypted text is gone, because the person had it deleted, stays as it is.
        """
        now = self._clock()
        readable = (Inbound.state == "dead", Inbound.body_encrypted.is_not(None))
        with self._database.transaction() as session:
            owners = select(Inbound.conversation_id).where(*readable)
            idle = (Conversation.id.in_(owners), Conversation.waiting_since.is_(None))
            session.execute(update(Conversation).where(*idle).values(waiting_since=now))
            waiting = {"state": "waiting", "attempts": 0, "error_code": "", "done_at": None}
            messages = session.connection().execute(update(Inbound).where(*readable).values(**waiting)).rowcount
            failed = update(Outbound).where(Outbound.state == DeliveryState.FAILED.value)
            replies = session.connection().execute(failed.values(state="queued", attempts=0, due_at=now)).rowcount
        return messages + replies
