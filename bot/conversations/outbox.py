"""The durable outbox: replies wait here until the provider has taken them, in order for each contact."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from bot.errors import SendFailed
from bot.logs import trace_id
from bot.messages import DeliveryState, OutboundMessage, QuickReply
from bot.storage.models import Contact, Conversation, Delivery, Inbound, Outbound, QuickReplyToken
from bot.storage.notices import OUTBOUND, notify
from bot.storage.session import Database
from bot.storage.vault import Vault

TOKEN_DAYS = 7
"""How long a button can be tapped before the contact is asked to choose again."""
MAX_ATTEMPTS = 8
"""Tries before a reply is given up; with the back-off below that is about 20 minutes."""
BACKOFF_BASE_SECONDS = 2.0
BACKOFF_CAP_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 900.0
"""No reply waits longer for its next try, whatever a provider asks and however far the clock was put back meanwhile."""
OPEN_STATES = ("queued", "sending")
"""A reply in one of these is not out yet."""
ERASED = "erased"
"""Why a contact is stopped who only exists until the confirmation of their erasure is out."""
EMPTY_BODY = OutboundMessage("").to_json()
"""What stands in clear of a reply whose text was deleted, or is encrypted."""
SENDING_LEASE_SECONDS = 20.0
"""How long a reply stays "sending" before another gateway may take it; the gateway that sends it renews that in time."""


@dataclass(frozen=True)
class Sending:
    """A reply that the gateway is to send now.

    Attributes:
        trace_id: of the message that it answers.
        received_at: when that message came; None when it was deleted meanwhile, or the reply answers none.
    """

    outbound_id: int
    channel: str
    address: str = field(repr=False)
    message: OutboundMessage = field(repr=False)
    parts_sent: int
    is_fallback: bool
    attempts: int
    last_inbound_at: datetime
    stopped_reason: str
    trace_id: str = ""
    received_at: datetime | None = None

    @property
    def ends_contact(self) -> bool:
        """It confirms an erasure: once it is out, nothing of the contact is left."""
        return self.stopped_reason == ERASED


def backoff_seconds(attempts: int, retry_after: float | None, jitter: Callable[[], float] = random.random) -> float:
    """Return how long to wait before the next try: the provider's wish, or exponential with full jitter on the upper half.

    Args:
        attempts: tries made so far, 1 or more.
        retry_after: seconds that the provider asked for.
    """
    if retry_after is not None:
        return min(LONGEST_WAIT_SECONDS, retry_after) + jitter()
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
        self,
        session: Session,
        conversation_id: str,
        channel: str,
        message: OutboundMessage,
        inbound_id: int | None,
        *,
        is_private: bool = False,
    ) -> int:
        """Add a reply inside the caller's transaction, with a token for each quick reply; return its id.

        Args:
            is_private: a person wrote it, so it is stored encrypted.
        """
        now = self._clock()
        replies = tuple(replace(reply, token=reply.token or secrets.token_urlsafe(12)) for reply in message.quick_replies)
        body = replace(message, quick_replies=replies).to_json()
        sealed = self._vault.encrypt(body) if is_private else None
        of_reply = {"conversation_id": conversation_id, "inbound_id": inbound_id, "channel": channel, "body_encrypted": sealed}
        of_reply["body"] = EMPTY_BODY if is_private else body
        connection = session.connection()
        outbound_id = int(connection.execute(_insert_reply(), {**of_reply, "created_at": now, "due_at": now}).scalar_one())
        if replies:
            lasts = timedelta(minutes=message.choices_minutes) if message.choices_minutes else timedelta(days=TOKEN_DAYS)
            connection.execute(_insert_token(), _token_rows(conversation_id, outbound_id, replies, now + lasts))
        notify(session, OUTBOUND)
        return outbound_id

    def has_due(self, channels: set[str]) -> bool:
        """Tell whether `take_due` may find something, without the lock that it takes: most looks find nothing."""
        with self._database.reading() as session:
            return session.execute(_any_due(), {"channels": list(channels), **_due_times(self._clock())}).first() is not None

    def take_due(self, channels: set[str], limit: int) -> list[Sending]:
        """Mark the next due reply of each conversation as being sent, and return them.

        A conversation's later replies wait until its earlier ones are sent or given up, so order is kept.
        """
        now = self._clock()
        with self._database.transaction() as session:
            connection = session.connection()
            rows = connection.execute(_heads_due(), {"channels": list(channels), **_due_times(now), "most": limit}).all()
            if rows:
                lease = {"until": now + timedelta(seconds=SENDING_LEASE_SECONDS), "taken": [row.id for row in rows]}
                connection.execute(_mark_sending(), lease)
        return [self._sending(row) for row in rows]

    def keep(self, outbound_ids: Sequence[int]) -> None:
        """Renew the lease of replies that are still being sent."""
        until = self._clock() + timedelta(seconds=SENDING_LEASE_SECONDS)
        with self._database.transaction() as session:
            session.connection().execute(_renew(), {"until": until, "taken": list(outbound_ids)})

    def part_sent(self, outbound_id: int, provider_id: str, *, is_last: bool = False, ends_contact: bool = False) -> bool:
        """Record that one part was taken by the provider, so that a retry does not repeat it.

        Args:
            is_last: it was the last part; the reply is finished in the same transaction.
            ends_contact: see `Sending.ends_contact`.

        Returns:
            Whether the reply is still there; one whose contact was erased meanwhile must not go on.
        """
        now = self._clock()
        with self._database.transaction() as session:
            connection = session.connection()
            channel = connection.execute(_count_part(), {"of_reply": outbound_id}).scalar_one_or_none()
            if channel is None:
                return False
            part = {"outbound_id": outbound_id, "channel": channel, "provider_id": provider_id, "updated_at": now}
            connection.execute(_insert_delivery(), part)
            if is_last:
                _end_reply(session, outbound_id, now, ends_contact)
        return True

    def finish(self, outbound_id: int, *, ends_contact: bool = False) -> None:
        """Record that all parts were taken; a report that came first is not undone."""
        with self._database.transaction() as session:
            _end_reply(session, outbound_id, self._clock(), ends_contact)

    def use_fallback(self, outbound_id: int) -> None:
        """Send again at once without buttons or templates, which the provider refused."""
        with self._database.transaction() as session:
            row = session.get(Outbound, outbound_id)
            if row is not None:  # Else the contact was erased meanwhile.
                queue_fallback(session, row, self._clock())

    def fail(self, outbound_id: int, error: SendFailed, *, may_retry: bool = True) -> bool:
        """Record a failure; return whether it will be tried again.

        A permanent failure stays visible with its code; one that ends the contact stops all that waits for them. The
        confirmation of an erasure leaves nothing behind even if it cannot be delivered.
        """
        with self._database.transaction() as session:
            row = session.get(Outbound, outbound_id)
            if row is None:  # The contact was erased meanwhile.
                return False
            row.failure_code = f"{error.code}:{error.provider_code}" if error.provider_code else error.code
            if may_retry and error.failure.is_retryable and row.attempts < MAX_ATTEMPTS:
                wait = backoff_seconds(row.attempts, error.retry_after)
                row.state, row.due_at = "queued", self._clock() + timedelta(seconds=wait)
                return True
            row.state = DeliveryState.FAILED.value
            if error.failure.ends_contact:
                conversation = session.get_one(Conversation, row.conversation_id)
                contact = session.get_one(Contact, conversation.contact_id)
                contact.stopped_reason = contact.stopped_reason if contact.stopped_reason == ERASED else error.failure.value
            session.flush()
            session.execute(_delete_erased(), {"of_reply": outbound_id})
            return False

    def _sending(self, row: Row[Any]) -> Sending:
        return Sending(
            outbound_id=row.id,
            channel=row.channel,
            address=self._vault.decrypt(row.address_encrypted),
            message=stored_message(self._vault, row.body, row.body_encrypted),
            parts_sent=row.parts_sent,
            is_fallback=row.is_fallback,
            attempts=row.attempts + 1,
            last_inbound_at=row.last_inbound_at,
            stopped_reason=row.stopped_reason,
            trace_id=reply_trace(row.id, row.created_at, row.inbound_id, row.received_at),
            received_at=row.received_at,
        )


def stored_message(vault: Vault, body: str, sealed: bytes | None) -> OutboundMessage:
    """Return a reply from its two columns, of which one holds it."""
    return OutboundMessage.from_json(vault.decrypt(sealed) if sealed else body)


def reply_trace(outbound_id: int, created_at: datetime, inbound_id: int | None, received_at: datetime | None) -> str:
    """Return the trace id of the message that a reply answers, or one of its own, which begins with `r`."""
    if inbound_id is None or received_at is None:
        return f"r{trace_id(outbound_id, created_at)}"
    return trace_id(inbound_id, received_at)


# The statements below are built once, because building them took most of the time in which the lock was held.


def _due_times(now: datetime) -> dict[str, datetime]:
    return {"now": now, "impossible": now + 2 * timedelta(seconds=LONGEST_WAIT_SECONDS)}


def _is_due() -> tuple[ColumnElement[bool], ...]:
    of_channels = Outbound.channel.in_(bindparam("channels", expanding=True))
    # Later than any wait that could begin now, and not put there on purpose: it is from before the clock was put back.
    is_unplanned = or_(Outbound.attempts > 0, Outbound.due_at <= Outbound.created_at)
    is_due = or_(Outbound.due_at <= bindparam("now"), and_(Outbound.due_at > bindparam("impossible"), is_unplanned))
    return Outbound.state.in_(OPEN_STATES), of_channels, is_due


@lru_cache(maxsize=1)
def _insert_reply() -> Executable:
    return insert(Outbound).returning(Outbound.id)


@lru_cache(maxsize=1)
def _insert_token() -> Executable:
    return insert(QuickReplyToken)


@lru_cache(maxsize=1)
def _any_due() -> Executable:
    return select(Outbound.id).where(*_is_due()).limit(1)


@lru_cache(maxsize=1)
def _heads_due() -> Executable:
    of_channels = Outbound.channel.in_(bindparam("channels", expanding=True))
    heads = select(func.min(Outbound.id)).where(Outbound.state.in_(OPEN_STATES), of_channels).group_by(Outbound.conversation_id)
    reply = (Outbound.id, Outbound.channel, Outbound.parts_sent, Outbound.is_fallback, Outbound.attempts)
    body = (Outbound.body, Outbound.body_encrypted)
    trace = (Outbound.created_at, Outbound.inbound_id, Inbound.received_at)
    return (
        select(*reply, *body, *trace, Contact.address_encrypted, Contact.last_inbound_at, Contact.stopped_reason)
        .join(Conversation, Conversation.id == Outbound.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .outerjoin(Inbound, Inbound.id == Outbound.inbound_id)
        .where(Outbound.id.in_(heads), *_is_due())
        .order_by(Outbound.due_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=Outbound)
    )


@lru_cache(maxsize=1)
def _mark_sending() -> Executable:
    taken = update(Outbound).where(Outbound.id.in_(bindparam("taken", expanding=True)))
    return taken.values(state="sending", attempts=Outbound.attempts + 1, due_at=bindparam("until"))


@lru_cache(maxsize=1)
def _renew() -> Executable:
    sending = (Outbound.id.in_(bindparam("taken", expanding=True)), Outbound.state == "sending")
    return update(Outbound).where(*sending).values(due_at=bindparam("until"))


@lru_cache(maxsize=1)
def _count_part() -> Executable:
    part = update(Outbound).where(Outbound.id == bindparam("of_reply"))
    return part.values(parts_sent=Outbound.parts_sent + 1).returning(Outbound.channel)


@lru_cache(maxsize=1)
def _insert_delivery() -> Executable:
    return insert(Delivery).values(state=DeliveryState.SENT.value, provider_code="")


def _end_reply(session: Session, outbound_id: int, now: datetime, ends_contact: bool) -> None:
    connection = session.connection()
    connection.execute(_finish_reply(), {"of_reply": outbound_id, "at": now})
    if ends_contact:
        connection.execute(_delete_erased(), {"of_reply": outbound_id})


@lru_cache(maxsize=1)
def _delete_erased() -> Executable:
    """Delete the contact of a reply when it was only kept for that reply; whoever wrote again meanwhile stays."""
    owner = select(Conversation.contact_id).join(Outbound, Outbound.conversation_id == Conversation.id)
    open_reply = select(Outbound.id).join(Conversation, Conversation.id == Outbound.conversation_id)
    is_waiting = open_reply.where(Conversation.contact_id == Contact.id, Outbound.state.in_(OPEN_STATES)).exists()
    of_reply = owner.where(Outbound.id == bindparam("of_reply")).scalar_subquery()
    return delete(Contact).where(Contact.id == of_reply, Contact.stopped_reason == ERASED, ~is_waiting)


@lru_cache(maxsize=1)
def _finish_reply() -> Executable:
    state = case((Outbound.state == "sending", DeliveryState.SENT.value), else_=Outbound.state)
    return update(Outbound).where(Outbound.id == bindparam("of_reply")).values(state=state, sent_at=bindparam("at"))


def queue_fallback(session: Session, reply: Outbound, now: datetime) -> None:
    """Let a reply go out once more without buttons or templates.

    It starts at the first part: the two renderings are cut differently, and a part seen twice is better than one lost. Later
    reports on the parts that went out before no longer count.
    """
    session.execute(delete(Delivery).where(Delivery.outbound_id == reply.id))
    reply.state, reply.is_fallback, reply.parts_sent, reply.due_at = "queued", True, 0, now


def _token_rows(
    conversation_id: str, outbound_id: int, replies: tuple[QuickReply, ...], expires_at: datetime
) -> list[dict[str, object]]:
    return [
        {
            "token": reply.token,
            "conversation_id": conversation_id,
            "outbound_id": outbound_id,
            "position": position,
            "title": reply.title[:200],
            "payload": reply.payload,
            "expires_at": expires_at,
        }
        for position, reply in enumerate(replies, 1)
    ]
