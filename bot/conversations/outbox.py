"""The durable outbox: replies wait here until the provider has taken them, in order for each contact."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.errors import SendFailed
from bot.messages import DeliveryState, OutboundMessage, QuickReply
from bot.storage.models import Contact, Conversation, Delivery, Outbound, QuickReplyToken
from bot.storage.session import Database
from bot.storage.vault import Vault

TOKEN_DAYS = 7
"""How long a button can be tapped before the contact is asked to choose again."""
MAX_ATTEMPTS = 8
"""Tries before a reply is given up; with the back-off below that is about 20 minutes."""
BACKOFF_BASE_SECONDS = 2.0
BACKOFF_CAP_SECONDS = 600.0
SENDING_LEASE_SECONDS = 90.0
"""How long a reply stays "sending" before another gateway may take it, longer than any provider's time-out."""


@dataclass(frozen=True)
class Sending:
    """A reply that the gateway is to send now."""

    outbound_id: int
    channel: str
    address: str = field(repr=False)
    message: OutboundMessage = field(repr=False)
    parts_sent: int
    is_fallback: bool
    attempts: int
    last_inbound_at: datetime
    stopped_reason: str


def backoff_seconds(attempts: int, retry_after: float | None, jitter: Callable[[], float] = random.random) -> float:
    """Return how long to wait before the next try: the provider's wish, or exponential with full jitter on the upper half.

    Args:
        attempts: tries made so far, 1 or more.
        retry_after: seconds that the provider asked for.
    """
    if retry_after is not None:
        return retry_after + jitter()
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** (attempts - 1))
    return float(ceiling * (0.5 + jitter() / 2))


class Outbox:
    """Stores replies and hands them to the gateway.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def enqueue(
        self, session: Session, conversation_id: str, channel: str, message: OutboundMessage, inbound_id: int | None
    ) -> int:
        """Add a reply inside the caller's transaction, with a token for each quick reply; return its id."""
        now = self._clock()
        replies = tuple(replace(reply, token=reply.token or secrets.token_urlsafe(12)) for reply in message.quick_replies)
        row = Outbound(
            conversation_id=conversation_id,
            inbound_id=inbound_id,
            channel=channel,
            body=replace(message, quick_replies=replies).to_json(),
            state="queued",
            created_at=now,
            due_at=now,
        )
        session.add(row)
        session.flush()
        session.add_all(_token_rows(row, replies, now + timedelta(days=TOKEN_DAYS)))
        return row.id

    def take_due(self, channels: set[str], limit: int) -> list[Sending]:
        """Mark the next due reply of each conversation as being sent, and return them.

        A conversation's later replies wait until its earlier ones are sent or given up, so order is kept.
        """
        now = self._clock()
        open_states = ("queued", "sending")
        heads = select(func.min(Outbound.id)).where(Outbound.state.in_(open_states)).group_by(Outbound.conversation_id)
        due = (
            select(Outbound)
            .where(Outbound.id.in_(heads), Outbound.channel.in_(channels), Outbound.due_at <= now)
            .order_by(Outbound.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._database.transaction() as session:
            taken = []
            for row in session.scalars(due).all():
                row.state = "sending"
                row.attempts += 1
                row.due_at = now + timedelta(seconds=SENDING_LEASE_SECONDS)
                taken.append(self._sending(session, row))
            return taken

    def part_sent(self, outbound_id: int, provider_id: str, *, is_last: bool = False) -> None:
        """Record that one part was taken by the provider, so that a retry does not repeat it.

        Args:
            is_last: it was the last part; the reply is finished in the same transaction.
        """
        now = self._clock()
        with self._database.transaction() as session:
            row = session.get_one(Outbound, outbound_id)
            row.parts_sent += 1
            session.add(Delivery(outbound_id=row.id, channel=row.channel, provider_id=provider_id, updated_at=now, state="sent"))
            if is_last:
                _finish(row, now)

    def finish(self, outbound_id: int) -> None:
        """Record that all parts were taken; a report that came first is not undone."""
        with self._database.transaction() as session:
            _finish(session.get_one(Outbound, outbound_id), self._clock())

    def use_fallback(self, outbound_id: int) -> None:
        """Send again at once without buttons or templates, which the provider refused.

        It starts at the first part: the two renderings are cut differently, and a part seen twice is better than one lost.
        """
        with self._database.transaction() as session:
            row = session.get_one(Outbound, outbound_id)
            row.state, row.is_fallback, row.parts_sent, row.due_at = "queued", True, 0, self._clock()

    def fail(self, outbound_id: int, error: SendFailed, *, may_retry: bool = True) -> bool:
        """Record a failure; return whether it will be tried again.

        A permanent failure stays visible with its code; one that ends the contact stops all that waits for them.
        """
        with self._database.transaction() as session:
            row = session.get_one(Outbound, outbound_id)
            row.failure_code = f"{error.code}:{error.provider_code}" if error.provider_code else error.code
            if may_retry and error.failure.is_retryable and row.attempts < MAX_ATTEMPTS:
                wait = backoff_seconds(row.attempts, error.retry_after)
                row.state, row.due_at = "queued", self._clock() + timedelta(seconds=wait)
                return True
            row.state = DeliveryState.FAILED.value
            if error.failure.ends_contact:
                conversation = session.get_one(Conversation, row.conversation_id)
                session.get_one(Contact, conversation.contact_id).stopped_reason = error.failure.value
            return False

    def _sending(self, session: Session, row: Outbound) -> Sending:
        contact = session.get_one(Contact, session.get_one(Conversation, row.conversation_id).contact_id)
        return Sending(
            outbound_id=row.id,
            channel=row.channel,
            address=self._vault.decrypt(contact.address_encrypted),
            message=OutboundMessage.from_json(row.body),
            parts_sent=row.parts_sent,
            is_fallback=row.is_fallback,
            attempts=row.attempts,
            last_inbound_at=contact.last_inbound_at,
            stopped_reason=contact.stopped_reason,
        )


def _finish(row: Outbound, now: datetime) -> None:
    if row.state == "sending":
        row.state = DeliveryState.SENT.value
    row.sent_at = now


def failed_sends(session: Session) -> list[Outbound]:
    """Return the replies that were given up, newest first."""
    query = select(Outbound).where(Outbound.state == "failed").order_by(Outbound.id.desc())
    return list(session.scalars(query))


def _token_rows(row: Outbound, replies: tuple[QuickReply, ...], expires_at: datetime) -> list[QuickReplyToken]:
    return [
        QuickReplyToken(
            token=reply.token,
            conversation_id=row.conversation_id,
            outbound_id=row.id,
            position=position,
            title=reply.title[:200],
            payload=reply.payload,
            expires_at=expires_at,
        )
        for position, reply in enumerate(replies, 1)
    ]
