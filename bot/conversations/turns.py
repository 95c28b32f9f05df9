"""One turn: a worker claims a conversation, reads its oldest waiting message, and commits all effects at once.

Engine state, replies and "done" go into one transaction that also proves that the lease is still ours, so a worker that
was paused or killed leaves no half turn behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from bot.conversations import turn_statements as sql
from bot.conversations.cases import OpenCase, read_open_case
from bot.conversations.effects import Effect, EffectKind, apply_effect
from bot.conversations.erasure import ErasedTurn, erase_and_confirm
from bot.conversations.flood import EarlierMessage
from bot.conversations.notes import Note
from bot.conversations.outbox import Outbox
from bot.conversations.turn_statements import STOOD_IN
from bot.conversations.unanswered import Question, store_question
from bot.errors import LeaseLost, SettingsError
from bot.logs import trace_id
from bot.messages import InboundKind, Location, OutboundMessage
from bot.storage.models import QuickReplyToken
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
class Claim:
    """A conversation that this worker holds, and its first waiting message."""

    conversation_id: str
    inbound_id: int


@dataclass(frozen=True)
class Turn:
    """A waiting message with all that a decision needs.

    Attributes:
        body: the fields of the inbound message that were stored encrypted.
        payload: what the tapped quick reply means, when it is known and has not expired.
        choices: what had last been offered when the message came.
        has_been_answered: the conversation has had a reply before.
        is_stood_in: the gateway has answered it in full while no worker did; it is only run for the engine's memory.
        is_opted_out: the contact has asked us to stop, and has not taken that back.
        earlier: the contact's last answered messages, the newest first, as many as the flood rule looks at.
        case: the contact's open case with people of staff; None when there is none.
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
    is_stood_in: bool = False
    is_opted_out: bool = False
    earlier: tuple[EarlierMessage, ...] = ()
    case: OpenCase | None = None

    @property
    def claim(self) -> Claim:
        """What the worker holds while it runs this turn."""
        return Claim(self.conversation_id, self.inbound_id)

    @property
    def trace_id(self) -> str:
        """The message's one id in the log."""
        return trace_id(self.inbound_id, self.received_at)


@dataclass(frozen=True)
class Trace:
    """Why a turn was decided as it was, for `ruta explain` and for tests.

    Attributes:
        decision: answer, choices, menu, person, urgent or flow; fixed for what needs no deciding, failed for a fault.
        ranking: (topic, probability), the likeliest first.
        is_miss: the message was not understood.
    """

    decision: str
    topic: str = ""
    destination: str = ""
    choices: tuple[str, ...] = ()
    ranking: tuple[tuple[str, float], ...] = ()
    is_miss: bool = False


@dataclass(frozen=True)
class TurnResult:
    """What a turn changes.

    Attributes:
        replies: in order.
        masked_text: what is kept of the message.
        engine_state: the engine's new state; None leaves it as it was, an empty one forgets it.
        effect: what it changes beside the replies.
        question: what staff should see because it got no certain answer.
        note: what else is stored for staff.
        forget_after: the engine's new state must be gone after this time; None: with the contact's texts.
    """

    replies: Sequence[OutboundMessage]
    masked_text: str
    locale: str
    locale_source: str
    engine_state: bytes | None = field(default=None, repr=False)
    error_code: str = ""
    trace: Trace = Trace("menu")
    effect: Effect | None = None
    question: Question | None = None
    note: Note | None = None
    forget_after: timedelta | None = None


class Turns:
    """Claims conversations and commits turns.

    Args:
        owner: the worker's own id, which no other worker has or had: a lease is told by it.
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
        with self._database.reading() as session:  # An idle worker must not take the one write lock of SQLite.
            if session.execute(sql.any_waiting(), {**_lease_times(now), "owner": self._owner}).first() is None:
                return None
        with self._database.transaction() as session:
            claim = self._take(session, now)
        return self.open(claim) if claim else None

    def open(self, claim: Claim) -> Turn | None:
        """Return the turn of a claim; None when its contact has been forgotten in between.

        Raises:
            SettingsError: no key opens the message; the claim is given back.
        """
        try:
            with self._database.reading() as session:  # Not in the claim: reading and decrypting would hold its lock.
                return self._turn(session, claim.inbound_id)
        except NoResultFound:
            return None
        except Exception:
            # A message that cannot be read, by a wrong key or a fault of the moment, does not count as tried; others go first.
            self.give_back(claim)
            raise

    def _take(self, session: Session, now: datetime) -> Claim | None:
        connection = session.connection()
        lease = {**_lease_times(now), "owner": self._owner}
        conversation_id = connection.execute(sql.take_conversation(), lease).scalar()
        if conversation_id is None:
            return None
        inbound_id = connection.execute(sql.count_attempt(), {"of_conversation": conversation_id}).scalar()
        if inbound_id is None:  # Nothing waits after all: the mark was left over.
            connection.execute(sql.mark_idle(), {"of_conversation": conversation_id})
            return None
        return Claim(conversation_id, int(inbound_id))

    def commit(self, turn: Turn, result: TurnResult, *, is_dead: bool = False, takes_next: bool = False) -> Claim | None:
        """Store all effects of a turn in one transaction and give the conversation back.

        Args:
            takes_next: claim the next conversation as well, which spares a busy worker every second transaction.

        Returns:
            What was claimed; None when nothing waits.

        Raises:
            LeaseLost: another worker has taken over; nothing is stored.
            TurnOutdated: the message must be decided anew; nothing is stored.
        """
        now = self._clock()
        answered = {
            "of_inbound": turn.inbound_id,
            "at": now,
            "masked": result.masked_text,
            "code": result.error_code,
            "decided": result.trace.decision,
            "about": result.trace.topic,
        }
        with self._database.transaction() as session:
            connection = session.connection()
            # The inbox locks the contact first as well. Without it a message that comes in just now could be overlooked below.
            connection.execute(sql.lock_contact(), {"of_contact": turn.contact_id})
            self._release(session, turn.conversation_id, now)
            if result.effect and result.effect.kind is EffectKind.ERASE:
                erased = ErasedTurn(turn.inbound_id, turn.conversation_id, turn.contact_id, turn.channel)
                erase_and_confirm(session, self._outbox, erased, result.replies, result.effect.receipt_hash, now)
                return None
            # A dead letter keeps its text, encrypted, so that a person can still read and answer it.
            connection.execute(sql.mark_dead() if is_dead else sql.mark_done(), answered)
            if (result.locale, result.locale_source) != (turn.locale, turn.locale_source):
                language = {"of_contact": turn.contact_id, "tag": result.locale, "source": result.locale_source}
                connection.execute(sql.set_locale(), language)
            if result.engine_state is not None:
                until = now + result.forget_after if result.forget_after else None
                state = {"of_conversation": turn.conversation_id, "state": result.engine_state or None, "until": until}
                connection.execute(sql.set_engine_state(), state)
            if result.question is not None:
                store_question(session, self._vault, result.question, turn.contact_id, result.locale, turn.received_at)
            if result.note is not None:
                result.note.store(session, self._vault, turn.contact_id, now)
            if result.effect is not None:
                apply_effect(session, result.effect, turn.contact_id, turn.conversation_id, now)
            for reply in result.replies:
                self._outbox.enqueue(session, turn.conversation_id, turn.channel, reply, turn.inbound_id)
            # Last, and a statement of its own: on PostgreSQL it must see what came in while we waited for the row's lock.
            connection.execute(sql.wait_for_next(), {"of_conversation": turn.conversation_id, "now": now})
            return self._take(session, now) if takes_next else None

    def give_back(self, claim: Claim) -> None:
        """Let another worker run a claimed turn at once, as if it had not been tried; others go first.

        Raises:
            LeaseLost: another worker has taken over already.
        """
        with self._database.transaction() as session:
            now = self._clock()
            self._release(session, claim.conversation_id, now)
            session.connection().execute(sql.uncount_attempt(), {"of_inbound": claim.inbound_id})
            session.connection().execute(sql.move_back(), {"of_conversation": claim.conversation_id, "since": now})

    def excuse(self, turn: Turn) -> None:
        """Do not count a try that failed by no fault of the message: a database that is away makes no dead letters."""
        with self._database.transaction() as session:
            session.connection().execute(sql.uncount_attempt(), {"of_inbound": turn.inbound_id})

    def overdue(self, seconds: float, most: int) -> list[int]:
        """Return the messages that no worker has taken for a while, without any reply yet, the oldest first; none is claimed."""
        now = self._clock()
        since = {**_lease_times(now), "before": now - timedelta(seconds=seconds), "most": most}
        with self._database.reading() as session:
            return [int(row) for row in session.execute(sql.overdue(), since).scalars()]

    def read(self, inbound_id: int) -> Turn | None:
        """Return a waiting message without claiming it; None when it is gone or cannot be read."""
        try:
            with self._database.reading() as session:
                return self._turn(session, inbound_id)
        except (NoResultFound, SettingsError):
            return None

    def stand_in(self, turn: Turn, reply: OutboundMessage, *, ends: bool) -> bool:
        """Queue a reply to a message that waits for a worker; return whether it still waited.

        Args:
            ends: the reply is all that the message asked for: a worker still runs it, for the engine's memory, and says nothing.
        """
        now = self._clock()
        with self._database.transaction() as session:
            connection = session.connection()
            free = {"of_conversation": turn.conversation_id, **_lease_times(now)}
            is_free = connection.execute(sql.lock_if_free(), free).first() is not None
            if not is_free or connection.execute(sql.still_unanswered(), {"of_inbound": turn.inbound_id}).first() is None:
                return False
            self._outbox.enqueue(session, turn.conversation_id, turn.channel, reply, turn.inbound_id)
            if ends:
                connection.execute(sql.mark_stood_in(), {"of_inbound": turn.inbound_id})
        return True

    def _release(self, session: Session, conversation_id: str, now: datetime) -> None:
        mine = {"of_conversation": conversation_id, "owner": self._owner, "now": now}
        if session.connection().execute(sql.release_lease(), mine).rowcount != 1:
            raise LeaseLost(f"conversation {conversation_id} was taken over")

    def _turn(self, session: Session, inbound_id: int) -> Turn:
        row = session.execute(sql.read_turn(), {"of_inbound": inbound_id}).one()
        body = json.loads(self._vault.decrypt(row.body_encrypted or b""))
        return Turn(
            inbound_id=inbound_id,
            conversation_id=row.conversation_id,
            contact_id=row.contact_id,
            channel=row.channel,
            kind=InboundKind(row.kind),
            text=body["text"],
            quick_reply=body["quick_reply"],
            payload=self._payload_of(session, row.conversation_id, body["quick_reply"], row.received_at),
            location=Location(*body["location"]) if body["location"] else None,
            media_kind=body["media_kind"],
            is_shortened=body["is_shortened"],
            attempts=row.attempts,
            received_at=row.received_at,
            locale=row.locale,
            locale_source=row.locale_source,
            engine_state=row.engine_state,
            choices=_last_choices(session, row.conversation_id, row.received_at),
            has_been_answered=row.has_been_answered,
            is_stood_in=row.error_code == STOOD_IN,
            is_opted_out=row.opted_out_at is not None,
            earlier=_earlier_messages(session, row.conversation_id, inbound_id),
            case=read_open_case(session, row.contact_id),
        )

    def _payload_of(self, session: Session, conversation_id: str, token: str, tapped_at: datetime) -> str:
        """Return what a tap means: only a token that was offered in this conversation and had not expired when it was tapped."""
        row = session.get(QuickReplyToken, token) if token else None
        if row is None or row.conversation_id != conversation_id or row.expires_at < tapped_at:
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


def _last_choices(session: Session, conversation_id: str, at: datetime) -> tuple[OfferedChoice, ...]:
    """Return what a contact saw last when they wrote: a "2" must not be read against a menu that was sent meanwhile."""
    rows = session.execute(sql.newest_choices(), {"of_conversation": conversation_id, "at": at})
    return tuple(OfferedChoice(row.position, row.title, row.payload) for row in rows if row.expires_at >= at)


def _earlier_messages(session: Session, conversation_id: str, inbound_id: int) -> tuple[EarlierMessage, ...]:
    rows = session.execute(sql.answered_before(), {"of_conversation": conversation_id, "of_inbound": inbound_id})
    return tuple(EarlierMessage(row.received_at, row.error_code, row.topic if row.decision == "answer" else "") for row in rows)


def _lease_times(now: datetime) -> dict[str, datetime]:
    """Return the present, the end of a lease that is given now, and one that none can have, even by a clock that is ahead."""
    lease = timedelta(seconds=LEASE_SECONDS)
    return {"now": now, "until": now + lease, "impossible": now + 2 * lease}
