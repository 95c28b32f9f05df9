"""The statements of a turn. They are built once, because building them took most of the time in which the lock was held."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Update, bindparam, case, func, or_, select, update

from bot.conversations.flood import FLOOD_MESSAGES
from bot.conversations.queues import is_waiting
from bot.storage.models import Contact, Conversation, Inbound, Outbound, QuickReplyToken, UtcDateTime

STOOD_IN = "stood_in"
"""The mark of a waiting message that the gateway has answered in full."""


def _is_free() -> tuple[ColumnElement[bool], ...]:
    until = Conversation.lease_until
    # A lease that ends so late is from before the clock was put back.
    no_lease = or_(until.is_(None), until < bindparam("now"), until > bindparam("impossible"))
    return is_waiting(), no_lease


def _is_free_or_mine() -> tuple[ColumnElement[bool], ...]:
    """Tell what a worker may take: it has one turn at a time, so a lease of its own is left over from a failed claim."""
    is_waiting, no_lease = _is_free()
    return is_waiting, or_(no_lease, Conversation.lease_owner == bindparam("owner"))


def _of_conversation() -> ColumnElement[bool]:
    return Conversation.id == bindparam("of_conversation")


@lru_cache(maxsize=1)
def any_waiting() -> Executable:
    """Look whether anything waits that a worker may take."""
    return select(Conversation.id).where(*_is_free_or_mine()).limit(1)


def _without_reply() -> tuple[ColumnElement[bool], ...]:
    replied = select(Outbound.id).where(Outbound.inbound_id == Inbound.id).exists()
    return Inbound.state == "waiting", ~replied


@lru_cache(maxsize=1)
def overdue() -> Executable:
    """Select the messages that came before a time, wait without a reply, and are held by nobody."""
    waited = (Inbound.received_at < bindparam("before"), *_without_reply())
    messages = select(Inbound.id).join(Conversation, Conversation.id == Inbound.conversation_id)
    return messages.where(*_is_free(), *waited).order_by(Inbound.id).limit(bindparam("most"))


@lru_cache(maxsize=1)
def lock_if_free() -> Executable:
    """Lock a conversation in which something waits and which nobody holds."""
    return select(Conversation.id).where(_of_conversation(), *_is_free()).with_for_update(skip_locked=True)


@lru_cache(maxsize=1)
def still_unanswered() -> Executable:
    """Select a message if it still waits without a reply."""
    return select(Inbound.id).where(Inbound.id == bindparam("of_inbound"), *_without_reply())


@lru_cache(maxsize=1)
def take_conversation() -> Executable:
    """Give a worker the conversation that has waited longest."""
    longest = select(Conversation.id).where(*_is_free_or_mine()).order_by(Conversation.waiting_since).limit(1)
    taken = update(Conversation).where(Conversation.id == longest.with_for_update(skip_locked=True).scalar_subquery())
    return taken.values(lease_owner=bindparam("owner"), lease_until=bindparam("until")).returning(Conversation.id)


@lru_cache(maxsize=1)
def count_attempt() -> Executable:
    """Count a try of the first waiting message of a conversation."""
    waiting = (Inbound.conversation_id == bindparam("of_conversation"), Inbound.state == "waiting")
    oldest = select(func.min(Inbound.id)).where(*waiting).scalar_subquery()
    return update(Inbound).where(Inbound.id == oldest).values(attempts=Inbound.attempts + 1).returning(Inbound.id)


@lru_cache(maxsize=1)
def uncount_attempt() -> Executable:
    """Take a try back."""
    tried = (Inbound.id == bindparam("of_inbound"), Inbound.attempts > 0)
    return update(Inbound).where(*tried).values(attempts=Inbound.attempts - 1)


@lru_cache(maxsize=1)
def mark_idle() -> Executable:
    """Note that nothing waits in a conversation, and that nobody holds it."""
    return update(Conversation).where(_of_conversation()).values(waiting_since=None, lease_owner="", lease_until=None)


@lru_cache(maxsize=1)
def read_turn() -> Executable:
    """Select a message with its conversation and contact."""
    answered = select(Outbound.id).where(Outbound.conversation_id == Conversation.id).exists().label("has_been_answered")
    of_message = (
        Inbound.channel,
        Inbound.kind,
        Inbound.body_encrypted,
        Inbound.attempts,
        Inbound.received_at,
        Inbound.error_code,
    )
    of_contact = (Contact.id.label("contact_id"), Contact.locale, Contact.locale_source, Contact.opted_out_at)
    return (
        select(*of_message, *of_contact, Conversation.id.label("conversation_id"), Conversation.engine_state, answered)
        .join(Conversation, Conversation.id == Inbound.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(Inbound.id == bindparam("of_inbound"))
    )


@lru_cache(maxsize=1)
def newest_choices() -> Executable:
    """Select the choices of the last reply that offered some before a time."""
    of_conversation = QuickReplyToken.conversation_id == bindparam("of_conversation")
    offered = select(func.max(QuickReplyToken.outbound_id)).join(Outbound, Outbound.id == QuickReplyToken.outbound_id)
    newest = offered.where(of_conversation, Outbound.created_at <= bindparam("at")).scalar_subquery()
    choice = (QuickReplyToken.position, QuickReplyToken.title, QuickReplyToken.payload, QuickReplyToken.expires_at)
    return select(*choice).where(QuickReplyToken.outbound_id == newest).order_by(QuickReplyToken.position)


@lru_cache(maxsize=1)
def answered_before() -> Executable:
    """Select the messages that were answered before one, as many as the flood rule looks at, the newest first."""
    done = (Inbound.conversation_id == bindparam("of_conversation"), Inbound.state == "done")
    columns = (Inbound.received_at, Inbound.error_code, Inbound.decision, Inbound.topic)
    before = select(*columns).where(*done, Inbound.id < bindparam("of_inbound"))
    return before.order_by(Inbound.id.desc()).limit(FLOOD_MESSAGES)


@lru_cache(maxsize=1)
def release_lease() -> Executable:
    """Give a conversation back, if it is still held by this worker."""
    mine = (Conversation.lease_owner == bindparam("owner"), Conversation.lease_until >= bindparam("now"))
    return update(Conversation).where(_of_conversation(), *mine).values(lease_owner="", lease_until=None)


@lru_cache(maxsize=1)
def lock_contact() -> Executable:
    """Lock a contact."""
    return select(Contact.id).where(Contact.id == bindparam("of_contact")).with_for_update()


@lru_cache(maxsize=1)
def move_back() -> Executable:
    """Let a conversation wait behind all others."""
    return update(Conversation).where(_of_conversation()).values(waiting_since=bindparam("since"))


@lru_cache(maxsize=1)
def mark_stood_in() -> Executable:
    """Note that the gateway has answered a message in full."""
    return update(Inbound).where(Inbound.id == bindparam("of_inbound")).values(error_code=STOOD_IN)


@lru_cache(maxsize=1)
def mark_dead() -> Executable:
    """Give a message up; its encrypted text stays."""
    return _end_message().values(state="dead")


@lru_cache(maxsize=1)
def mark_done() -> Executable:
    """End a message; its encrypted text goes."""
    return _end_message().values(state="done", body_encrypted=None)


def _end_message() -> Update:
    message = update(Inbound).where(Inbound.id == bindparam("of_inbound"))
    written: dict[str, Any] = {"text": bindparam("masked"), "error_code": bindparam("code")}
    return message.values(done_at=bindparam("at"), decision=bindparam("decided"), topic=bindparam("about"), **written)


@lru_cache(maxsize=1)
def set_locale() -> Executable:
    """Store the language of a contact."""
    contact = update(Contact).where(Contact.id == bindparam("of_contact"))
    return contact.values(locale=bindparam("tag"), locale_source=bindparam("source"))


@lru_cache(maxsize=1)
def set_engine_state() -> Executable:
    """Store the engine's memory of a conversation."""
    return update(Conversation).where(_of_conversation()).values(engine_state=bindparam("state"), memory_until=bindparam("until"))


@lru_cache(maxsize=1)
def wait_for_next() -> Executable:
    """Whoever has more waiting queues up again, behind all who wait now: a flood holds nobody up longer than a turn."""
    waiting = (Inbound.conversation_id == Conversation.id, Inbound.state == "waiting")
    again = case((select(Inbound.id).where(*waiting).exists(), bindparam("now", type_=UtcDateTime())), else_=None)
    return update(Conversation).where(_of_conversation()).values(waiting_since=again)
