"""The durable inbox: what a channel has parsed is stored once, and waits for a worker.

The caller acknowledges the provider only after `Inbox.store` has returned, so nothing that was acknowledged can be lost.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Executable, bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from bot import metrics
from bot.conversations.opt_out import stop_contact
from bot.conversations.outbox import OPEN_STATES, queue_fallback, reply_trace
from bot.i18n import match_locale
from bot.logs import trace_id
from bot.messages import ContactLeft, DeliveryState, DeliveryStatus, InboundMessage, OutboundMessage
from bot.storage.models import ChannelCursor, Contact, Conversation, Delivery, Inbound, Outbound
from bot.storage.notices import INBOUND, notify
from bot.storage.session import Database
from bot.storage.vault import Vault

logger = logging.getLogger(__name__)

_STATE_ORDER = {state.value: order for order, state in enumerate(DeliveryState)}


@dataclass(frozen=True)
class StoredCount:
    """How many events were new, and how many were repeats of ones already stored."""

    stored: int = 0
    repeated: int = 0


class Inbox:
    """Stores inbound events.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def store(
        self, events: Sequence[InboundMessage | DeliveryStatus | ContactLeft], cursor: tuple[str, str] | None = None
    ) -> StoredCount:
        """Store events in one transaction, with the cursor of a polled channel if there is one.

        Args:
            cursor: the channel's name and how far it has now been read.
        """
        messages: list[tuple[InboundMessage, str]] = []
        reports: list[tuple[DeliveryStatus, str]] = []
        with self._database.transaction() as session:
            for event in events:
                if isinstance(event, InboundMessage):
                    messages.append((event, self._store_message(session, event)))
                elif isinstance(event, DeliveryStatus):
                    reports += [(event, trace) for trace in self._store_status(session, event)]
                else:
                    self._store_departure(session, event)
            if any(trace for _, trace in messages):
                notify(session, INBOUND)
            if cursor:
                session.merge(ChannelCursor(channel=cursor[0], cursor=cursor[1]))
        for message, trace in messages:
            _tell_message(message, trace)
        for report, trace in reports:
            _tell_report(report, trace)
        stored = sum(bool(trace) for _, trace in messages)
        return StoredCount(stored, len(messages) - stored)

    def cursor(self, channel: str) -> str:
        """Return how far a polled channel has been read; empty at first."""
        with self._database.transaction() as session:
            row = session.get(ChannelCursor, channel)
            return row.cursor if row else ""

    def _store_message(self, session: Session, message: InboundMessage) -> str:
        """Store a message and return its trace id, empty for one that was stored before."""
        now = self._clock()
        body = self._vault.encrypt(_body_of(message))  # Before the first statement, which takes the lock.
        conversation_id = self._conversation_of(session, message, now)
        values: dict[str, object] = {
            "conversation_id": conversation_id,
            "channel": message.channel,
            "provider_id": message.provider_id,
            "kind": message.kind.value,
            "body_encrypted": body,
            "text": "",
            "state": "waiting",
            "attempts": 0,
            "error_code": "",
            "received_at": now,
        }
        inbound_id = session.connection().execute(_insert_inbound(), values).scalar()
        if inbound_id is None:
            return ""
        session.connection().execute(_mark_waiting(), {"of_conversation": conversation_id, "since": now})
        return trace_id(int(inbound_id), now)

    def _conversation_of(self, session: Session, message: InboundMessage, now: datetime) -> str:
        key = self._vault.address_hash(message.channel, message.address)
        connection = session.connection()
        found = connection.execute(_find_conversation(), {"of_channel": message.channel, "of_hash": key}).first()
        if found is None:
            return self._begin_conversation(session, message, key, now)
        # Whoever writes again wants an answer, so a stopped contact is reached again.
        connection.execute(_mark_heard(), {"of_contact": found[0], "heard_at": now})
        return str(found[1])

    def _begin_conversation(self, session: Session, message: InboundMessage, key: str, now: datetime) -> str:
        contact_id, conversation_id = uuid.uuid4().hex, uuid.uuid4().hex
        hinted = match_locale(message.locale_hint)
        contact: dict[str, object] = {
            "id": contact_id,
            "channel": message.channel,
            "address_hash": key,
            "address_encrypted": self._vault.encrypt(message.address),
            "created_at": now,
            "last_inbound_at": now,
            "locale": hinted or "es",
            "locale_source": "hint" if hinted else "default",
        }
        connection = session.connection()
        connection.execute(_insert_contact(), contact)
        connection.execute(_insert_conversation(), {"id": conversation_id, "contact_id": contact_id})
        return conversation_id

    def _store_status(self, session: Session, status: DeliveryStatus) -> list[str]:
        """Store a report; return the trace id of the message that the reply was to, none when the report says nothing new."""
        query = select(Delivery).where(Delivery.channel == status.channel, Delivery.provider_id == status.provider_id)
        delivery = session.scalar(query.with_for_update())
        # Reports arrive out of order: a late "sent" must not hide that it was read.
        if delivery is None or _STATE_ORDER[status.state.value] <= _STATE_ORDER[delivery.state]:
            return []
        delivery.state, delivery.provider_code = status.state.value, status.provider_code
        delivery.updated_at = self._clock()
        outbound = session.get_one(Outbound, delivery.outbound_id)
        if status.may_go_plain and _may_fall_back(outbound):
            outbound.failure_code = status.provider_code
            queue_fallback(session, outbound, self._clock())
            return [_trace_of(session, outbound)]
        outbound.state = status.state.value
        outbound.failure_code = status.provider_code or outbound.failure_code
        if status.opts_out:
            conversation = session.get_one(Conversation, outbound.conversation_id)
            stop_contact(session, conversation.contact_id, self._clock())
        return [_trace_of(session, outbound)]

    def _store_departure(self, session: Session, event: ContactLeft) -> None:
        key = self._vault.address_hash(event.channel, event.address)
        where = (Contact.channel == event.channel, Contact.address_hash == key)
        session.execute(update(Contact).where(*where).values(stopped_reason="blocked_by_contact"))


# The statements below are built once: building them anew took most of the time of storing a message, while SQLite's only
# write lock was held.


@lru_cache(maxsize=1)
def _find_conversation() -> Executable:
    query = select(Contact.id, Conversation.id).join(Conversation, Conversation.contact_id == Contact.id)
    where = (Contact.channel == bindparam("of_channel"), Contact.address_hash == bindparam("of_hash"))
    return query.where(*where).with_for_update(of=Contact)


@lru_cache(maxsize=1)
def _insert_contact() -> Executable:
    return insert(Contact)


@lru_cache(maxsize=1)
def _insert_conversation() -> Executable:
    return insert(Conversation)


@lru_cache(maxsize=1)
def _mark_heard() -> Executable:
    heard = update(Contact).where(Contact.id == bindparam("of_contact"))
    return heard.values(last_inbound_at=bindparam("heard_at"), stopped_reason="")


@lru_cache(maxsize=1)
def _mark_waiting() -> Executable:
    idle = (Conversation.id == bindparam("of_conversation"), Conversation.waiting_since.is_(None))
    return update(Conversation).where(*idle).values(waiting_since=bindparam("since"))


@lru_cache(maxsize=1)
def _insert_inbound() -> Executable:
    # Two deliveries of one message may race; the unique key decides, not a look beforehand. Written out, because SQLAlchemy
    # compiles its own "on conflict" anew for every message.
    late = ("id", "decision", "topic", "done_at", "closed_at")
    names = [column.name for column in Inbound.__table__.columns if column.name not in late]
    statement = text(
        f"INSERT INTO inbound_message ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
        " ON CONFLICT (channel, provider_id) DO NOTHING RETURNING id"
    )
    return statement.bindparams(*(bindparam(name, type_=Inbound.__table__.columns[name].type) for name in names))


def _may_fall_back(reply: Outbound) -> bool:
    """Tell whether a reply went out with buttons and is not on its way just now."""
    is_out = reply.state not in OPEN_STATES
    return is_out and not reply.is_fallback and bool(OutboundMessage.from_json(reply.body).quick_replies)


def _trace_of(session: Session, reply: Outbound) -> str:
    message = session.get(Inbound, reply.inbound_id) if reply.inbound_id else None
    return reply_trace(reply.id, reply.created_at, message.id if message else None, message.received_at if message else None)


def _tell_message(message: InboundMessage, trace: str) -> None:
    if not trace:
        metrics.inbound_repeats.labels(message.channel).inc()
        logger.info("message_repeated channel=%s kind=%s", message.channel, message.kind.value)
        return
    metrics.inbound_messages.labels(message.channel, message.kind.value).inc()
    logger.info("message_stored id=%s channel=%s kind=%s", trace, message.channel, message.kind.value)


def _tell_report(report: DeliveryStatus, trace: str) -> None:
    metrics.delivery_reports.labels(report.channel, report.state.value).inc()
    code = report.provider_code or "-"
    logger.info("reply_reported id=%s channel=%s state=%s code=%s", trace, report.channel, report.state.value, code)


def _body_of(message: InboundMessage) -> str:
    location = [message.location.latitude, message.location.longitude] if message.location else None
    return json.dumps(
        {
            "text": message.text,
            "quick_reply": message.quick_reply,
            "location": location,
            "media_kind": message.media_kind,
            "is_shortened": message.is_shortened,
        },
        ensure_ascii=False,
    )
