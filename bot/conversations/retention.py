"""How long each kind of data is kept, and its deletion in small batches.

Runs every hour in the gateway, and by `ruta privacy purge`. Each batch is a transaction of its own, so that SQLite's one write
lock is never held for long; what is due is looked up before, without it. Running twice at the same time does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, and_, delete, func, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from bot.conversations.outbox import EMPTY_BODY, ERASED
from bot.conversations.stories import mix_stories
from bot.storage.models import (
    AnswerFeedback,
    Complaint,
    Contact,
    Conversation,
    Delivery,
    ErasureReceipt,
    Inbound,
    Outbound,
    PlanItem,
    QuickReplyToken,
    StaffCase,
    StaffCaseEntry,
    Story,
    UnansweredQuestion,
)
from bot.storage.session import BUSY_SECONDS, Database

BATCH = 200
"""Rows of one transaction: a few milliseconds on SQLite."""
PAUSE_SECONDS = 0.02
"""How long the lock is left to others between two batches."""
GRACE = timedelta(hours=2)
"""How long past its limit something may lie before it counts as overdue: the purge runs every hour."""
ERASED_HOURS = 24
"""How long the confirmation of an erasure waits for a browser that has not fetched it; elsewhere it goes when it is sent."""
EXPIRED = "expired"
"""The state of a message given up, or a reply not out yet, whose text was deleted."""


@dataclass(frozen=True)
class RetentionLimits:
    """How many days each kind of data is kept; `bot.settings` explains them."""

    text_days: int = 30
    record_days: int = 90
    question_days: int = 180
    contact_days: int = 365
    receipt_days: int = 730
    feedback_days: int = 365
    complaint_days: int = 180
    plan_days: int = 30
    story_days: int = 730


@dataclass(frozen=True)
class KindReport:
    """How one kind of data stands.

    Attributes:
        kept: how many rows there are.
        oldest: the time that its limit counts from, of the oldest row; aware UTC.
        days: its limit; 0 for what carries its own end: tokens, and memories that hold answers to a survey.
        due: rows past the limit, which the next purge deletes.
        overdue: rows past it for longer than an hourly purge allows.
    """

    kind: str
    kept: int
    oldest: datetime | None
    days: float
    due: int
    overdue: int


@dataclass(frozen=True)
class _Kind:
    """One kind of data: the rows of one table, or some of them, that are deleted, or emptied, after so many days.

    Attributes:
        at: the time that the limit counts from.
        rows: which rows are of this kind; None: all of the table.
        end: returns the statements for rows past their limit, where more is to be done than to delete them.
    """

    name: str
    key: InstrumentedAttribute[Any]
    at: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
    days: float
    rows: ColumnElement[bool] | None = None
    end: Callable[[Sequence[Any]], list[Update | Delete]] | None = None

    @property
    def all(self) -> ColumnElement[bool]:
        """The rows that are of this kind."""
        return true() if self.rows is None else self.rows

    def due(self, now: datetime) -> ColumnElement[bool]:
        """Return the rows that are past their limit."""
        return and_(self.all, self.at < now - timedelta(days=self.days))

    def statements(self, keys: Sequence[Any]) -> list[Update | Delete]:
        """Return what ends some rows."""
        return self.end(keys) if self.end else [delete(self.key.class_).where(self.key.in_(keys))]


class Retention:
    """Reports and deletes.

    Args:
        clock: returns the present time, aware UTC.
        pause: waits between two batches; tests pass one that does not.
    """

    def __init__(
        self,
        database: Database,
        limits: RetentionLimits,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._kinds = _kinds(limits)
        self._clock = clock
        self._pause = pause

    def report(self) -> list[KindReport]:
        """Return how each kind of data stands now."""
        now = self._clock()
        with self._database.reading() as session:
            return [_report(session, kind, now) for kind in self._kinds]

    def purge(self, *, only_count: bool = False) -> dict[str, int]:
        """Delete what is past its limit and return how many rows of each kind; nothing is changed when only counting."""
        now = self._clock()
        if only_count:
            return {report.kind: report.due for report in self.report()}
        deleted = {kind.name: self._purge_kind(kind, now) for kind in self._kinds}
        mix_stories(self._database, now)
        self._empty_log()
        return deleted

    def _purge_kind(self, kind: _Kind, now: datetime) -> int:
        deleted = 0
        while True:
            with self._database.reading() as session:
                keys = session.scalars(select(kind.key).where(kind.due(now)).order_by(kind.at).limit(BATCH)).all()
            if not keys:
                return deleted
            with self._database.transaction() as session:
                # Once more, now that nothing can change: somebody may have written again in between.
                still_due = select(kind.key).where(kind.key.in_(keys), kind.due(now)).with_for_update(of=kind.key.class_)
                locked = session.scalars(still_due).all()
                for statement in kind.statements(locked) if locked else ():
                    session.connection().execute(statement)
            deleted += len(locked)
            if len(keys) < BATCH or not locked:
                return deleted
            self._pause(PAUSE_SECONDS)

    def _empty_log(self) -> None:
        """Let SQLite's write-ahead log forget what was deleted; when somebody reads just now, a later run does it."""
        if self._database.engine.dialect.name != "sqlite":
            return
        connection = self._database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=0")  # It would keep writers out while it waits for readers.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
        finally:
            connection.close()


def _report(session: Session, kind: _Kind, now: datetime) -> KindReport:
    counted = session.execute(select(func.count(kind.key), func.min(kind.at)).where(kind.all)).one()
    due = session.scalar(select(func.count(kind.key)).where(kind.due(now))) or 0
    overdue = session.scalar(select(func.count(kind.key)).where(kind.due(now - GRACE))) or 0
    return KindReport(kind.name, counted[0], counted[1], kind.days, due, overdue)


def _kinds(limits: RetentionLimits) -> list[_Kind]:
    """Return the kinds of data, those first whose rows hang on others."""
    text, record = limits.text_days, limits.record_days
    has_text = and_(Inbound.state != "waiting", or_(Inbound.text != "", Inbound.body_encrypted.is_not(None)))
    has_reply = or_(Outbound.body != EMPTY_BODY, Outbound.body_encrypted.is_not(None))
    is_erased = Contact.stopped_reason == ERASED
    return [
        _Kind("case_texts", StaffCaseEntry.id, StaffCaseEntry.at, text),
        _Kind("cases", StaffCase.id, StaffCase.last_at, text),
        _Kind("expired_buttons", QuickReplyToken.token, QuickReplyToken.expires_at, 0, _not_tapped()),
        _Kind("messages_text", Inbound.id, Inbound.received_at, text, has_text, _empty_messages),
        _Kind("replies_text", Outbound.id, Outbound.created_at, text, has_reply, _empty_replies),
        _Kind("unfinished_surveys", Conversation.id, Conversation.memory_until, 0, _is_idle(), _forget_survey),
        _Kind("conversation_memory", Contact.id, Contact.last_inbound_at, text, _has_memory(), _empty_memory),
        _Kind("reply_records", Outbound.id, Outbound.created_at, record, None, _delete_replies),
        _Kind("message_records", Inbound.id, Inbound.received_at, record, Inbound.state != "waiting"),
        _Kind("unanswered_questions", UnansweredQuestion.id, UnansweredQuestion.asked_at, limits.question_days),
        _Kind("plans", PlanItem.id, PlanItem.made_at, limits.plan_days),
        _Kind("erasure_confirmations", Contact.id, Contact.created_at, ERASED_HOURS / 24, is_erased),
        _Kind("contacts", Contact.id, Contact.last_inbound_at, limits.contact_days),
        _Kind("answer_feedback", AnswerFeedback.id, AnswerFeedback.given_at, limits.feedback_days),
        _Kind("complaints", Complaint.id, Complaint.made_at, limits.complaint_days),
        _Kind("stories", Story.id, Story.month, limits.story_days),
        _Kind("erasure_receipts", ErasureReceipt.code_hash, ErasureReceipt.at, limits.receipt_days),
    ]


def _not_tapped() -> ColumnElement[bool]:
    """Buttons of conversations where nothing waits: a tap that was made in time must still find its meaning."""
    waiting = select(Conversation.id).where(Conversation.waiting_since.is_not(None))
    return QuickReplyToken.conversation_id.not_in(waiting)


def _has_memory() -> ColumnElement[bool]:
    remembered = (Conversation.contact_id == Contact.id, Conversation.engine_state.is_not(None))
    return select(Conversation.id).where(*remembered, Conversation.waiting_since.is_(None)).exists()


def _empty_messages(keys: Sequence[int]) -> list[Update | Delete]:
    of_keys = update(Inbound).where(Inbound.id.in_(keys))
    return [of_keys.where(Inbound.state == "dead").values(state=EXPIRED), of_keys.values(text="", body_encrypted=None)]


def _empty_replies(keys: Sequence[int]) -> list[Update | Delete]:
    # What could not be sent for so long must not be sent now, and staff could not try it again without its text.
    of_keys = update(Outbound).where(Outbound.id.in_(keys))
    not_out = of_keys.where(Outbound.state.in_(("queued", "sending", "failed")))
    tokens = delete(QuickReplyToken).where(QuickReplyToken.outbound_id.in_(keys))
    return [not_out.values(state=EXPIRED), of_keys.values(body=EMPTY_BODY, body_encrypted=None), tokens]


def _empty_memory(keys: Sequence[str]) -> list[Update | Delete]:
    return [update(Conversation).where(Conversation.contact_id.in_(keys)).values(engine_state=None, memory_until=None)]


def _is_idle() -> ColumnElement[bool]:
    return and_(Conversation.memory_until.is_not(None), Conversation.waiting_since.is_(None))


def _forget_survey(keys: Sequence[str]) -> list[Update | Delete]:
    return [update(Conversation).where(Conversation.id.in_(keys)).values(engine_state=None, memory_until=None)]


def _delete_replies(keys: Sequence[int]) -> list[Update | Delete]:
    # Delivery rows first, in the order in which reports lock them.
    return [delete(Delivery).where(Delivery.outbound_id.in_(keys)), delete(Outbound).where(Outbound.id.in_(keys))]
