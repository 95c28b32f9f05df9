"""What a turn changes beside its replies, stored in its own transaction.

Stop, begin again, erase, leave, void buttons, plans, the answers to a survey.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bot.conversations.commands import payload
from bot.conversations.opt_out import resume_contact, stop_contact
from bot.conversations.plans import delete_plan, save_plan, tick_item
from bot.conversations.stories import Story, store_story
from bot.storage.models import Outbound, QuickReplyToken

ERASE_YES = payload("erase_confirmed")
ERASE_NO = payload("erase_refused")
"""What the two buttons under "shall I erase it all?" mean; only tokens that we made carry them."""


class EffectKind(str, Enum):
    """What is to be done."""

    STOP = "stop"
    RESUME = "resume"
    ERASE = "erase"
    VOID_ERASURE = "void_erasure"
    EXIT = "exit"
    SAVE_PLAN = "save_plan"
    TICK_PLAN = "tick_plan"
    DELETE_PLAN = "delete_plan"
    STORE_STORY = "store_story"


@dataclass(frozen=True)
class Effect:
    """One change.

    Attributes:
        receipt_hash: what is kept of the receipt's code, for `ERASE`.
        before: replies queued before this time do not go out any more, for `EXIT`.
        dialogue: which dialogue made a plan, for `SAVE_PLAN`.
        topics: the steps of a plan, or the one to be ticked.
        story: the answers to a survey, for `STORE_STORY`.
    """

    kind: EffectKind
    receipt_hash: str = ""
    before: datetime | None = None
    dialogue: str = ""
    topics: tuple[str, ...] = ()
    story: Story | None = None


def apply_effect(session: Session, effect: Effect, contact_id: str, conversation_id: str, now: datetime) -> None:
    """Apply an effect other than `ERASE`, which takes the place of the whole turn, before the turn's replies are queued."""
    if effect.kind is EffectKind.STOP:
        stop_contact(session, contact_id, now)
    elif effect.kind is EffectKind.RESUME:
        resume_contact(session, contact_id)
    elif effect.kind is EffectKind.SAVE_PLAN:
        save_plan(session, contact_id, effect.dialogue, effect.topics, now)
    elif effect.kind is EffectKind.TICK_PLAN:
        tick_item(session, contact_id, effect.topics[0])
    elif effect.kind is EffectKind.DELETE_PLAN:
        delete_plan(session, contact_id)
    elif effect.kind is EffectKind.STORE_STORY and effect.story:
        store_story(session, effect.story, now)
    elif effect.kind is EffectKind.VOID_ERASURE:
        buttons = (QuickReplyToken.conversation_id == conversation_id, QuickReplyToken.payload.in_((ERASE_YES, ERASE_NO)))
        session.connection().execute(delete(QuickReplyToken).where(*buttons))
    elif effect.kind is EffectKind.EXIT:
        of_conversation = QuickReplyToken.conversation_id == conversation_id
        unsent = (Outbound.conversation_id == conversation_id, Outbound.state == "queued", Outbound.created_at < effect.before)
        session.connection().execute(delete(QuickReplyToken).where(of_conversation))
        session.connection().execute(delete(Outbound).where(*unsent))
