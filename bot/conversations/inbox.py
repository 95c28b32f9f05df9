"""The durable inbox: what a channel has parsed is stored once, and waits for a worker.

The caller acknowledges the provider only after `Inbox.store` has returned, so nothing that was acknowledged can be lost.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.i18n import match_locale
from bot.messages import ContactLeft, DeliveryState, DeliveryStatus, InboundMessage
from bot.storage.models import ChannelCursor, Contact, Conversation, Delivery, Inbound, Outbound
from bot.storage.session import Database
from bot.storage.vault import Vault

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
        stored = repeated = 0
        with self._database.transaction() as session:
            for event in events:
                if isinstance(event, InboundMessage):
                    is_new = self._store_message(session, event)
                    stored, repeated = stored + is_new, repeated + (not is_new)
                elif isinstance(event, DeliveryStatus):
                    self._store_status(session, event)
                else:
                    self._store_departure(session, event)
            if cursor:
                session.merge(ChannelCursor(channel=cursor[0], cursor=cursor[1]))
        return StoredCount(stored, repeated)

    def cursor(self, channel: str) -> str:
        """Return how far a polled channel has been read; empty at first."""
        with self._database.transaction() as session:
            row = session.get(ChannelCursor, channel)
            return row.cursor if row else ""

    def _store_message(self, session: Session, message: InboundMessage) -> bool:
        now = self._clock()
        conversation_id = self._conversation_of(session, message, now)
        values = {
            "conversation_id": conversation_id,
            "channel": message.channel,
            "provider_id": message.provider_id,
            "kind": message.kind.value,
            "body_encrypted": self._vault.encrypt(_body_of(message)),
            "text": "",
            "state": "waiting",
            "attempts": 0,
            "error_code": "",
            "received_at": now,
        }
        if not _insert_new(session, values):
            return False
        waiting = update(Conversation).where(Conversation.id == conversation_id, Conversation.waiting_since.is_(None))
        session.execute(waiting.values(waiting_since=now))
        return True

    def _conversation_of(self, session: Session, message: InboundMessage, now: datetime) -> str:
        key = self._vault.address_hash(message.channel, message.address)
        query = select(Contact).where(Contact.channel == message.channel, Contact.address_hash == key)
        contact = session.scalar(query.with_for_update())
        if contact is None:
            contact = Contact(
                id=uuid.uuid4().hex,
                channel=message.channel,
                address_hash=key,
                address_encrypted=self._vault.encrypt(message.address),
                created_at=now,
                last_inbound_at=now,
                stopped_reason="",
                locale=match_locale(message.locale_hint) or "es",
                locale_source="hint" if match_locale(message.locale_hint) else "default",
            )
            session.add(contact)
            session.flush()
            session.add(Conversation(id=uuid.uuid4().hex, contact_id=contact.id))
            session.flush()
        contact.last_inbound_at = now
        contact.stopped_reason = ""  # Whoever writes again wants an answer.
        return session.scalars(select(Conversation.id).where(Conversation.contact_id == contact.id)).one()

    def _store_status(self, session: Session, status: DeliveryStatus) -> None:
        query = select(Delivery).where(Delivery.channel == status.channel, Delivery.provider_id == status.provider_id)
        delivery = session.scalar(query.with_for_update())
        # Reports arrive out of order: a late "sent" must not hide that it was read.
        if delivery is None or _STATE_ORDER[status.state.value] <= _STATE_ORDER[delivery.state]:
            return
        delivery.state, delivery.provider_code = status.state.value, status.provider_code
        delivery.updated_at = self._clock()
        outbound = session.get_one(Outbound, delivery.outbound_id)
        outbound.state = status.state.value
        outbound.failure_code = status.provider_code or outbound.failure_code
        if status.opts_out:
            conversation = session.get_one(Conversation, outbound.conversation_id)
            session.get_one(Contact, conversation.contact_id).stopped_reason = "opted_out"

    def _store_departure(self, session: Session, event: ContactLeft) -> None:
        key = self._vault.address_hash(event.channel, event.address)
        where = (Contact.channel == event.channel, Contact.address_hash == key)
        session.execute(update(Contact).where(*where).values(stopped_reason="blocked_by_contact"))


def _insert_new(session: Session, values: dict[str, object]) -> bool:
    # Two deliveries of one message may race; the unique key decides, not a look beforehand.
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert(Inbound) if dialect == "postgresql" else sqlite.insert(Inbound)
    statement = insert.values(**values).on_conflict_do_nothing(index_elements=["channel", "provider_id"])
    return session.execute(statement.returning(Inbound.id)).first() is not None


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

