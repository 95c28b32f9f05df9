"""Erase all that is kept of a contact, tell them so, and keep a receipt that leads to nobody.

The confirmation must still reach the person, so their row is replaced within one transaction by an empty one, with a new id and
the confirmation as its only message. When that is out (or cannot be delivered) this row goes too; see `Outbox`. If the
person writes again first, it simply becomes the row of a new contact. A process that is killed at any point leaves either all of
the old data or none of it, and the confirmation in the outbox.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from bot.conversations.outbox import ERASED, Outbox
from bot.messages import OutboundMessage
from bot.storage.models import Contact, Conversation, Delivery, ErasureReceipt, Inbound, Outbound, UnansweredQuestion
from bot.storage.session import Database
from bot.storage.vault import Vault

_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # Without letters that are taken for others when read aloud or copied.
_CODE_LENGTH = 12
_PURPOSE = "erasure"


@dataclass(frozen=True)
class ErasedTurn:
    """The turn in which somebody confirmed that all of theirs shall be erased."""

    inbound_id: int
    conversation_id: str
    contact_id: str
    channel: str


def new_code(length: int = _CODE_LENGTH) -> str:
    """Return a random code of so many letters in groups of four, for example `K7M2-9QXD-4TBH`."""
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(length))
    return "-".join(letters[start : start + 4] for start in range(0, length, 4))


def code_hash(vault: Vault, code: str) -> str:
    """Return what is kept of a receipt code; spaces, hyphens and small letters do not matter."""
    return vault.keyed_hash(_PURPOSE, "".join(char for char in code.upper() if char.isalnum()))


def erase_contact(session: Session, contact_id: str) -> bool:
    """Delete a contact with all that hangs on it, inside the caller's transaction; return whether there was one.

    A worker that is busy with the conversation loses its lease, so nothing comes back.
    """
    connection = session.connection()
    conversations = select(Conversation.id).where(Conversation.contact_id == contact_id)
    replies = select(Outbound.id).where(Outbound.conversation_id.in_(conversations))
    # Delivery rows first: reports lock them before their reply, and two orders would block each other.
    locked = select(Delivery.id).where(Delivery.outbound_id.in_(replies)).order_by(Delivery.id).with_for_update()
    connection.execute(locked).all()
    connection.execute(delete(Delivery).where(Delivery.outbound_id.in_(replies)))
    connection.execute(delete(UnansweredQuestion).where(UnansweredQuestion.contact_id == contact_id))
    return connection.execute(delete(Contact).where(Contact.id == contact_id)).rowcount > 0


def erase_and_confirm(
    session: Session, outbox: Outbox, turn: ErasedTurn, replies: Sequence[OutboundMessage], receipt_hash: str, now: datetime
) -> None:
    """Replace a contact by an empty one that holds the confirmation, inside the caller's transaction.

    Messages that came in meanwhile are not part of what was confirmed: they wait on, for the new contact.
    """
    connection = session.connection()
    new = _empty_copy(session, turn, now)
    waiting = (Inbound.conversation_id == turn.conversation_id, Inbound.state == "waiting", Inbound.id != turn.inbound_id)
    moved = connection.execute(update(Inbound).where(*waiting).values(conversation_id=new.conversation_id)).rowcount
    if moved:
        since = select(func.min(Inbound.received_at)).where(Inbound.conversation_id == new.conversation_id).scalar_subquery()
        of_new = Conversation.id == new.conversation_id
        connection.execute(update(Conversation).where(of_new).values(waiting_since=since))
    for reply in replies:
        outbox.enqueue(session, new.conversation_id, turn.channel, reply, None)
    # Only now: the ids of replies must go on rising for a browser that asks for what is new.
    erase_contact(session, turn.contact_id)
    stopped = {"address_hash": new.address_hash, "stopped_reason": "" if moved else ERASED}
    connection.execute(update(Contact).where(Contact.id == new.contact_id).values(**stopped))
    connection.execute(insert(ErasureReceipt).values(code_hash=receipt_hash, at=now))


@dataclass(frozen=True)
class _NewContact:
    contact_id: str
    conversation_id: str
    address_hash: str


def _empty_copy(session: Session, turn: ErasedTurn, now: datetime) -> _NewContact:
    """Insert a contact that is known by nothing but its address, under a passing hash while the old one holds the true one."""
    old = session.execute(select(Contact).where(Contact.id == turn.contact_id)).scalar_one()
    new = _NewContact(uuid.uuid4().hex, uuid.uuid4().hex, old.address_hash)
    contact = {
        "id": new.contact_id,
        "channel": old.channel,
        "address_hash": uuid.uuid4().hex,
        "address_encrypted": old.address_encrypted,
        "locale": old.locale,
        "locale_source": "hint",
        "created_at": now,
        "last_inbound_at": old.last_inbound_at,
        "stopped_reason": ERASED,
    }
    connection = session.connection()
    connection.execute(insert(Contact).values(**contact))
    connection.execute(insert(Conversation).values(id=new.conversation_id, contact_id=new.contact_id))
    return new


class Receipts:
    """Lets staff confirm an erasure by the code that the person shows."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def erased_at(self, code: str) -> datetime | None:
        """Return when the erasure with this code was done, aware UTC; None for a code that we never gave or no longer keep."""
        with self._database.reading() as session:
            receipt = session.get(ErasureReceipt, code_hash(self._vault, code))
            return receipt.at if receipt else None
