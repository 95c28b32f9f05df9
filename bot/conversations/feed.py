"""What a contact reads who fetches replies from us, as a browser does: new replies, the history, and forgetting it all."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot import metrics
from bot.conversations.erasure import erase_contact
from bot.conversations.outbox import EMPTY_BODY, reply_trace, stored_message
from bot.messages import DeliveryState, InboundKind, OutboundMessage
from bot.storage.models import Contact, Conversation, Inbound, Outbound, QuickReplyToken
from bot.storage.session import Database
from bot.storage.vault import Vault

FRESH_SECONDS = 60.0
"""How long a reply counts as new to those who listen; whoever comes later asks for all after the last one they have."""
MOST_REPLIES = 200
MOST_HISTORY = 200
"""Entries of each side that a history goes back."""
logger = logging.getLogger(__name__)

_UNREAD = (DeliveryState.QUEUED.value, "sending")


@dataclass(frozen=True)
class FeedReply:
    """A reply as it is fetched; ids rise within a conversation."""

    outbound_id: int
    message: OutboundMessage = field(repr=False)


@dataclass(frozen=True)
class FeedInbound:
    """What the contact sent: masked once it is answered, as it was written while it waits."""

    kind: InboundKind
    text: str = field(repr=False)


@dataclass(frozen=True)
class History:
    """A conversation from its beginning, in order.

    Attributes:
        last_id: the last reply's id, 0 when there is none: where to go on fetching.
        is_waiting: a message has not been answered yet.
    """

    entries: Sequence[FeedReply | FeedInbound] = ()
    last_id: int = 0
    is_waiting: bool = False


class Feed:
    """Reads conversations for those who fetch, and marks as delivered what was handed out.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def replies_after(self, channel: str, address: str, after: int) -> list[FeedReply]:
        """Return the replies with an id above `after`, in order, whether or not they were handed out before."""
        with self._database.transaction() as session:
            conversation = self._conversation(session, channel, address)
            if conversation is None:
                return []
            where = (Outbound.conversation_id == conversation.id, Outbound.id > after)
            rows = session.scalars(select(Outbound).where(*where).order_by(Outbound.id).limit(MOST_REPLIES)).all()
            return self._hand_out(session, rows)

    def fresh(self, channel: str, addresses: Collection[str]) -> dict[str, list[FeedReply]]:
        """Return the newest replies that nobody has fetched, in order, for those of the addresses that have some."""
        by_hash = {self._vault.address_hash(channel, address): address for address in addresses}
        query = (
            select(Contact.address_hash, Outbound)
            .join(Conversation, Conversation.contact_id == Contact.id)
            .join(Outbound, Outbound.conversation_id == Conversation.id)
            .where(Outbound.state == DeliveryState.QUEUED.value, Outbound.channel == channel)
            .where(Outbound.due_at > self._clock() - timedelta(seconds=FRESH_SECONDS))
            .order_by(Outbound.id)
        )
        found: dict[str, list[FeedReply]] = {}
        with self._database.transaction() as session:
            for address_hash, row in session.execute(query).all():
                if address_hash in by_hash:
                    found.setdefault(by_hash[address_hash], []).extend(self._hand_out(session, [row]))
        return found

    def history(self, channel: str, address: str) -> History:
        """Return the conversation from its beginning; empty for an address that never wrote."""
        with self._database.transaction() as session:
            conversation = self._conversation(session, channel, address)
            if conversation is None:
                return History()
            # Whose text was deleted in time is not shown as an empty message.
            replies = [row for row in _newest(session, Outbound, conversation.id) if row.body != EMPTY_BODY or row.body_encrypted]
            inbound = [row for row in _newest(session, Inbound, conversation.id) if not _is_emptied(row)]
            timed: list[tuple[datetime, FeedReply | FeedInbound]] = [
                (row.received_at, self._inbound(session, row)) for row in inbound
            ]
            timed += zip((row.created_at for row in replies), self._hand_out(session, replies), strict=True)
            timed.sort(key=lambda entry: entry[0])
            last_id = replies[-1].id if replies else 0
            return History([entry for _, entry in timed], last_id, conversation.waiting_since is not None)

    def forget(self, channel: str, address: str) -> bool:
        """Delete the contact with all that hangs on it; return whether there was one."""
        key = self._vault.address_hash(channel, address)
        found = select(Contact.id).where(Contact.channel == channel, Contact.address_hash == key).with_for_update()
        with self._database.transaction() as session:
            contact_id = session.scalar(found)
            return contact_id is not None and erase_contact(session, contact_id)

    def _conversation(self, session: Session, channel: str, address: str) -> Conversation | None:
        key = self._vault.address_hash(channel, address)
        query = select(Conversation).join(Contact, Conversation.contact_id == Contact.id)
        return session.scalar(query.where(Contact.channel == channel, Contact.address_hash == key))

    def _hand_out(self, session: Session, rows: Sequence[Outbound]) -> list[FeedReply]:
        unread = [row for row in rows if row.state in _UNREAD]
        if unread:
            now = self._clock()
            ids = [row.id for row in unread]
            delivered = {"state": DeliveryState.DELIVERED.value, "sent_at": now}
            session.execute(update(Outbound).where(Outbound.id.in_(ids)).values(**delivered))
            received = select(Inbound.id, Inbound.received_at).where(Inbound.id.in_([row.inbound_id for row in unread]))
            times = {row.id: row.received_at for row in session.execute(received)}
            for row in unread:
                _tell_fetched(row, times.get(row.inbound_id or 0), now)
        return [FeedReply(row.id, stored_message(self._vault, row.body, row.body_encrypted)) for row in rows]

    def _inbound(self, session: Session, row: Inbound) -> FeedInbound:
        kind = InboundKind(row.kind)
        if row.text or row.body_encrypted is None:
            return FeedInbound(kind, row.text)
        body = json.loads(self._vault.decrypt(row.body_encrypted))
        token = session.get(QuickReplyToken, body["quick_reply"]) if body["quick_reply"] else None
        return FeedInbound(kind, body["text"] or (token.title if token else ""))


def _tell_fetched(reply: Outbound, received_at: datetime | None, now: datetime) -> None:
    waited = (now - received_at).total_seconds() if received_at else 0.0
    if received_at:
        metrics.reply_seconds.labels(reply.channel).observe(waited)
    trace = reply_trace(reply.id, reply.created_at, reply.inbound_id, received_at)
    logger.info("reply_fetched id=%s channel=%s outbound=%d milliseconds=%d", trace, reply.channel, reply.id, waited * 1000)


_Row = TypeVar("_Row", Inbound, Outbound)


def _is_emptied(row: Inbound) -> bool:
    return row.kind == InboundKind.TEXT.value and not row.text and row.body_encrypted is None


def _newest(session: Session, table: type[_Row], conversation_id: str) -> list[_Row]:
    query = select(table).where(table.conversation_id == conversation_id).order_by(table.id.desc()).limit(MOST_HISTORY)
    return list(reversed(session.scalars(query).all()))
