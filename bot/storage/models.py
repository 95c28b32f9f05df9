"""The tables. Personal data is only in columns that end in `_encrypted`; every time is aware UTC."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A time that goes in and comes out as aware UTC, also on SQLite, which keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not be stored")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back where the database dropped it."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value


class Base(DeclarativeBase):
    """The declarative base of all tables."""

    type_annotation_map = {datetime: UtcDateTime}


class Contact(Base):
    """A person who writes to us, on one channel, known by an internal id."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("channel", "address_hash"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    address_hash: Mapped[str] = mapped_column(String(64))
    address_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    locale: Mapped[str] = mapped_column(String(8), default="es")
    locale_source: Mapped[str] = mapped_column(String(10), default="default")
    created_at: Mapped[datetime]
    last_inbound_at: Mapped[datetime]
    stopped_reason: Mapped[str] = mapped_column(String(30), default="")
    opted_out_at: Mapped[datetime | None]


class Conversation(Base):
    """The thread of one contact on one channel, with the engine's state and the lease of the worker that runs it.

    `memory_until` is set while that state holds answers to a survey: then it goes before all else does.
    """

    __tablename__ = "conversation"
    __table_args__ = (Index("ix_conversation_waiting_since", "waiting_since"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), unique=True)
    engine_state: Mapped[bytes | None] = mapped_column(LargeBinary)
    waiting_since: Mapped[datetime | None]
    lease_owner: Mapped[str] = mapped_column(String(40), default="")
    lease_until: Mapped[datetime | None]
    memory_until: Mapped[datetime | None]


class Inbound(Base):
    """A message that a contact sent. `body_encrypted` is emptied once it is done or closed; `text` is masked.

    `state` goes waiting → done, or dead → closed when it was given up; expired once retention has emptied it. `decision` and
    `topic` say what was decided, without a word of the contact.
    """

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        Index("ix_inbound_message_conversation_state", "conversation_id", "state", "id"),
        # Few rows, looked for at every scrape and health check among all that were ever stored.
        Index("ix_inbound_message_dead", "state", sqlite_where=text("state = 'dead'"), postgresql_where=text("state = 'dead'")),
        Index("ix_inbound_message_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(20))
    body_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    text: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    error_code: Mapped[str] = mapped_column(String(60), default="")
    decision: Mapped[str] = mapped_column(String(20), default="", server_default="")
    topic: Mapped[str] = mapped_column(String(60), default="", server_default="")
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Outbound(Base):
    """A reply on its way: queued → sending → sent → delivered → read, or failed → closed; a page's goes queued → delivered."""

    __tablename__ = "outbound_message"
    __table_args__ = (
        Index("ix_outbound_message_state", "state", "due_at"),
        Index("ix_outbound_message_conversation", "conversation_id", "id"),
        Index("ix_outbound_message_created_at", "created_at"),
        # Deleting a message looks for its replies; without this each one would read the whole table.
        Index("ix_outbound_message_inbound", "inbound_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    inbound_id: Mapped[int | None] = mapped_column(ForeignKey("inbound_message.id", ondelete="SET NULL"))
    channel: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    body_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    """In place of `body`, for what a person of staff wrote."""
    state: Mapped[str] = mapped_column(String(10), default="queued")
    parts_sent: Mapped[int] = mapped_column(Integer, default=0)
    is_fallback: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Delivery(Base):
    """The provider's id of one sent part, so that its later reports find the message."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("channel", "provider_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    outbound_id: Mapped[int] = mapped_column(ForeignKey("outbound_message.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(10), default="sent")
    provider_code: Mapped[str] = mapped_column(String(20), default="")
    updated_at: Mapped[datetime]


class QuickReplyToken(Base):
    """What a tapped button means; the token goes to the provider, the payload stays here."""

    __tablename__ = "quick_reply_token"

    token: Mapped[str] = mapped_column(String(24), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    outbound_id: Mapped[int] = mapped_column(ForeignKey("outbound_message.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(200))
    payload: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ChannelCursor(Base):
    """How far a polled channel has been read."""

    __tablename__ = "channel_cursor"

    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    cursor: Mapped[str] = mapped_column(String(64))


class Consent(Base):
    """A permission that a contact gave for one purpose, in one version of its wording. Kept after it was withdrawn, as proof."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class UnansweredQuestion(Base):
    """A question that got no certain answer, for staff: masked, and without the person once the contact is gone.

    `person_hash` counts people without naming them; it comes from the contact's random id and ends with it. `guesses` is JSON:
    topics with their probabilities.
    """

    __tablename__ = "unanswered_question"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contact.id", ondelete="SET NULL"), index=True)
    person_hash: Mapped[str] = mapped_column(String(64))
    masked_text: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(String(8))
    decision: Mapped[str] = mapped_column(String(20))
    guesses: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(20), default="open")
    handled_at: Mapped[datetime | None]


class PlanItem(Base):
    """A step of the plan that a guided dialogue made: which topic, in which order, and whether it is done. No answer, no word."""

    __tablename__ = "plan_item"
    __table_args__ = (UniqueConstraint("contact_id", "topic"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), index=True)
    dialogue: Mapped[str] = mapped_column(String(60))
    topic: Mapped[str] = mapped_column(String(60))
    position: Mapped[int] = mapped_column(Integer)
    is_done: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(index=True)


class ErasureReceipt(Base):
    """Proof that an erasure was done: a code that only the person has, hashed, and when. Nothing leads to the person."""

    __tablename__ = "erasure_receipt"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class AnswerFeedback(Base):
    """Whether an answer helped: tied to the text by its hash, and to nobody once the contact's random id is gone."""

    __tablename__ = "answer_feedback"
    __table_args__ = (UniqueConstraint("person_hash", "topic", "destination", "locale", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    person_hash: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(String(60), index=True)
    destination: Mapped[str] = mapped_column(String(8))
    locale: Mapped[str] = mapped_column(String(8))
    version: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(20))
    given_at: Mapped[datetime] = mapped_column(index=True)


class Complaint(Base):
    """What somebody told of staff or officials: for a short list of people only; nothing leads to who wrote it."""

    __tablename__ = "complaint"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    text_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    locale: Mapped[str] = mapped_column(String(8))
    made_at: Mapped[datetime] = mapped_column(index=True)


class StaffCase(Base):
    """A conversation that a contact wants to have with a person of staff; at most one is open for a contact.

    While it is open and `bot_answers` is false the bot keeps silent. `code` is all that staff and contact call it by.
    """

    __tablename__ = "staff_case"
    __table_args__ = (
        Index(
            "ix_staff_case_open",
            "contact_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_staff_case_state", "state", "last_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), index=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    state: Mapped[str] = mapped_column(String(10), default="open")
    closed_by: Mapped[str] = mapped_column(String(10), default="")
    """`staff`, `contact` (went back to the bot), `stop` (wants no messages), or empty."""
    is_urgent: Mapped[bool] = mapped_column(default=False)
    bot_answers: Mapped[bool] = mapped_column(default=False)
    is_acknowledged: Mapped[bool] = mapped_column(default=False)
    """The contact has been told that their messages are kept."""
    assigned_to: Mapped[str] = mapped_column(String(32), default="")
    """An account of the editor; empty: nobody's."""
    opened_at: Mapped[datetime]
    handed_at: Mapped[datetime]
    """When the bot last fell silent for it."""
    waiting_since: Mapped[datetime | None]
    """The contact's first message that nobody has answered; None: the last word is ours."""
    last_staff_at: Mapped[datetime | None]
    last_at: Mapped[datetime] = mapped_column(index=True)
    left_at: Mapped[datetime | None]
    """The contact left in a hurry then: nothing may be sent until they ask for a person again."""


class StaffCaseEntry(Base):
    """One line of a case's thread: what the contact or staff wrote, an internal note, or something that happened."""

    __tablename__ = "staff_case_entry"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("staff_case.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """`contact`, `staff`, `note` or `event`."""
    text_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    event: Mapped[str] = mapped_column(String(20), default="")
    staff_id: Mapped[str] = mapped_column(String(32), default="")
    outbound_id: Mapped[int | None] = mapped_column(ForeignKey("outbound_message.id", ondelete="SET NULL"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class Story(Base):
    """The answers of one person to a survey, and nothing that leads to them: no contact, no day, no order.

    `id` is random and on SQLite the rows lie in its order; on PostgreSQL `mix_stories` hides order and transaction.
    `month` is the first moment of the month. `answers` is JSON: option by question.
    """

    __tablename__ = "story"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    survey: Mapped[str] = mapped_column(String(60))
    consent_version: Mapped[str] = mapped_column(String(20))
    month: Mapped[datetime] = mapped_column(index=True)
    answers: Mapped[str] = mapped_column(Text)
