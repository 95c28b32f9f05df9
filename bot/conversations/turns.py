"""One turn: a worker claims a conversation, reads its oldest waiting message, and commits all effects at once.

Engine state, replies and "done" go into one transaction that also proves that the lease is still ours, so a worker that
was paused or killed leaves no half turn behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bot.conversations.outbox import Outbox
from bot.errors import LeaseLost
from bot.messages import InboundKind, Location, OutboundMessage
from bot.storage.models import Contact, Conversation, Inbound, Outbound, QuickReplyToken
from bot.storage.session import Database
from bot.storage.vault import Vault

LEASE_SECONDS = 60.0
"""How long a worker may be silent before another one takes its conversation over."""


@dataclass(frozen=True)
class OfferedChoice:
    """A quick reply of the last reply that offered some, in order."""

    position: int
    title: str
    payload: str


@dataclass(frozen=True)
class Turn:
    """A waiting message with all that a decision needs.

    Attributes:
        body: the fields of the inbound message that were stored encrypted.
        payload: what the tapped quick reply means, when it is known and has not expired.
        choices: what was last offered.
        has_been_answered: the conversation has had a reply before.
    """

    inbound_id: int
    conversation_id: str
    contact_id: str
    channel: str
    kind: InboundKind
    text: str = field(repr=False)
    quick_reply: str
    payload: str
    location: Location | None
    media_kind: str
    is_shortened: bool
    attempts: int
    received_at: datetime
    locale: str
    locale_source: str
    engine_state: bytes | None = field(repr=False)
    choices: tuple[OfferedChoice, ...]
    has_been_answered: bool


@dataclass(frozen=True)
class Trace:
    """Why a turn was decided as it was, for `ruta explain` and for tests.

    Attributes:
        decision: answer, choices, menu, person, urgent or flow.
        ranking: (topic, probability), the likeliest first.
    """

    decision: str
    topic: str = ""
    destination: str = ""
    choices: tuple[str, ...] = ()
    ranking: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class TurnResult:
    """What a turn changes.

    Attributes:
        replies: in order.
        masked_text: what is kept of the message.
        engine_state: the engine's new state; None leaves it as it was.
    """

    replies: Sequence[OutboundMessage]
    masked_text: str
    locale: str
    locale_source: str
    engine_state: bytes | None = field(default=None, repr=False)
    error_code: str = ""
    trace: Trace = Trace("menu")


class Turns:
    """Claims conversations and commits turns.

    Args:
        owner: the worker's own id.
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, outbox: Outbox, owner: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._outbox = outbox
        self._owner = owner
        self._clock = clock

    def claim(self) -> Turn | None:
        """Take the conversation that has waited longest and return its first waiting message; None when none waits."""
        now = self._clock()
        free = or_(Conversation.lease_until.is_(None), Conversation.lease_until < now)
        waiting = (Conversation.waiting_since.is_not(None), free)
        with self._database.reading() as session:  # An idle worker must not take the one write lock of SQLite.
            if session.scalar(select(Conversation.id).where(*waiting).limit(1)) is None:
                return None
        query = (
            select(Conversation).where(*waiting).order_by(Conversation.waiting_since).limit(1).with_for_update(skip_locked=True)
        )
        with self._database.transaction() as session:
            conversation = session.scalar(query)
            if conversation is None:
                return None
            inbound = _oldest_waiting(session, conversation.id)
            if inbound is None:
                conversation.waiting_since = None
                return None
            conversation.lease_owner = self._owner
            conversation.lease_until = now + timedelta(seconds=LEASE_SECONDS)
            inbound.attempts += 1
            return self._turn(session, conversation, inbound)

    def commit(self, turn: Turn, result: TurnResult, *, is_dead: bool = False) -> None:
        """Store all effects of a turn in one transaction and give the conversation back.

        Raises:
            LeaseLost: another worker has taken over; nothing is stored.
        """
        now = self._clock()
        with self._database.transaction() as session:
            self._release(session, turn.conversation_id, now)
            values: dict[str, object] = {
                "state": "dead" if is_dead else "done",
                "done_at": now,
                "text": result.masked_text,
                "error_code": result.error_code,
            }
            if not is_dead:  # A dead letter keeps its text, encrypted, so that a person can still read and answer it.
                values["body_encrypted"] = None
            session.execute(update(Inbound).where(Inbound.id == turn.inbound_id).values(**values))
            changes = {"locale": result.locale, "locale_source": result.locale_source}
            session.execute(update(Contact).where(Contact.id == turn.contact_id).values(**changes))
            if result.engine_state is not None:
                state = update(Conversation).where(Conversation.id == turn.conversation_id)
                session.execute(state.values(engine_state=result.engine_state))
            for reply in result.replies:
                self._outbox.enqueue(session, turn.conversation_id, turn.channel, reply, turn.inbound_id)
            following = _oldest_waiting(session, turn.conversation_id)
            waiting = update(Conversation).where(Conversation.id == turn.conversation_id)
            session.execute(waiting.values(waiting_since=following.received_at if following else None))

    def give_back(self, turn: Turn) -> None:
        """Release the lease without an effect, so that the message is tried again."""
        with self._database.transaction() as session:
            self._release(session, turn.conversation_id, self._clock())

    def _release(self, session: Session, conversation_id: str, now: datetime) -> None:
        mine = (
            Conversation.id == conversation_id,
            Conversation.lease_owner == self._owner,
            Conversation.lease_until >= now,
        )
        released = session.execute(update(Conversation).where(*mine).values(lease_owner="", lease_until=None))
        if released.rowcount != 1:  # type: ignore[attr-defined]
            raise LeaseLost(f"conversation {conversation_id} was taken over")

    def _turn(self, session: Session, conversation: Conversation, inbound: Inbound) -> Turn:
        contact = session.get_one(Contact, conversation.contact_id)
        body = json.loads(self._vault.decrypt(inbound.body_encrypted or b""))
        return Turn(
            inbound_id=inbound.id,
            conversation_id=conversation.id,
            contact_id=contact.id,
            channel=inbound.channel,
            kind=InboundKind(inbound.kind),
            text=body["text"],
            quick_reply=body["quick_reply"],
            payload=self._payload_of(session, conversation.id, body["quick_reply"]),
            location=Location(*body["location"]) if body["location"] else None,
            media_kind=body["media_kind"],
            is_shortened=body["is_shortened"],
            attempts=inbound.attempts,
            received_at=inbound.received_at,
            locale=contact.locale,
            locale_source=contact.locale_source,
            engine_state=conversation.engine_state,
            choices=_last_choices(session, conversation.id, self._clock()),
            has_been_answered=_has_reply(session, conversation.id),
        )

    def _payload_of(self, session: Session, conversation_id: str, token: str) -> str:
        row = session.get(QuickReplyToken, token) if token else None
        if row is None or row.conversation_id != conversation_id or row.expires_at < self._clock():
            return ""
        return row.payload


def fresh_turn(text: str, locale: str, now: datetime) -> Turn:
    """Return the first turn of a conversation that no database holds, for the tools that ask without a contact."""
    return Turn(
        inbound_id=0,
        conversation_id="fresh",
        contact_id="fresh",
        channel="webchat",
        kind=InboundKind.TEXT,
        text=text,
        quick_reply="",
        payload="",
        location=None,
        media_kind="",
        is_shortened=False,
        attempts=1,
        received_at=now,
        locale=locale or "es",
        locale_source="hint" if locale else "default",
        engine_state=None,
        choices=(),
        has_been_answered=False,
    )


def _oldest_waiting(session: Session, conversation_id: str) -> Inbound | None:
    where = (Inbound.conversation_id == conversation_id, Inbound.state == "waiting")
    return session.scalar(select(Inbound).where(*where).order_by(Inbound.id).limit(1))


def _last_choices(session: Session, conversation_id: str, now: datetime) -> tuple[OfferedChoice, ...]:
    last = select(QuickReplyToken.outbound_id).where(QuickReplyToken.conversation_id == conversation_id)
    newest = session.scalar(last.order_by(QuickReplyToken.outbound_id.desc()).limit(1))
    if newest is None:
        return ()
    rows = session.scalars(select(QuickReplyToken).where(QuickReplyToken.outbound_id == newest))
    return tuple(
        OfferedChoice(row.position, row.title, row.payload)
        for row in sorted(rows, key=lambda row: row.position)
        if row.expires_at >= now
    )


def _has_reply(session: Session, conversation_id: str) -> bool:
    query = select(Outbound.id).where(Outbound.conversation_id == conversation_id).limit(1)
    return session.scalar(query) is not None
