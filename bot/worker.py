"""The worker: claims a conversation that waits, decides the reply to its oldest message, and commits all effects at once.

The order of a decision: too many messages at once, kinds that are no question, the choice that was tapped, urgent phrases, the
choice that was typed, then the engine. A tapped choice comes with its title as text, so "Emergency" in the menu must not be read
as a cry for help.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from bot.conversations.choices import chosen_payload, tapped_payload
from bot.conversations.commands import Command, read_command
from bot.conversations.flood import KEPT, REPEATED, TOLD, is_card_in_sight, is_flood, is_told, urgent_mark
from bot.conversations.masking import mask
from bot.conversations.paging import MORE, fit_choices, following_page
from bot.conversations.replies import Replies
from bot.conversations.turns import Turn, TurnResult, Turns
from bot.conversations.urgent import UrgentPhrases
from bot.errors import LeaseLost, SettingsError
from bot.i18n import N_, Catalogues
from bot.messages import ChannelLimits, InboundKind, OutboundMessage

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""How often an idle worker looks for waiting conversations."""
ENGINE_SECONDS = 20.0
"""How long the engine may take for one message before it counts as failed; well under the lease."""
DATABASE_PAUSE_SECONDS = 1.0
"""How long a worker rests when the database cannot be reached, or when a message cannot be read."""
MAX_ATTEMPTS = 3
"""Tries before a message whose worker keeps dying goes to the dead letters."""


class Answers(Protocol):
    """What the worker needs of the engine; `bot.engine.agent.Engine` is the real one."""

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Return replies and new state for a message."""


@dataclass(frozen=True)
class WorkerParts:
    """What a worker is put together from.

    Attributes:
        limits: by channel; a message of a channel that is no longer enabled is answered without paging.
        engine_seconds: how long the engine may take for one message.
    """

    turns: Turns
    engine: Answers
    replies: Replies
    texts: Catalogues
    urgent: UrgentPhrases
    limits: Mapping[str, ChannelLimits]
    ordinals: Path
    engine_seconds: float = ENGINE_SECONDS


class Worker:
    """Runs turns until it is stopped."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Finish the running turn and return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Run turns until stopped."""
        while not self._stop.is_set():
            if not await self._run_safely():
                try:
                    await asyncio.wait_for(self._stop.wait(), POLL_SECONDS)
                except asyncio.TimeoutError:
                    continue

    async def _run_safely(self) -> bool:
        """Run one turn; a database that is away for a moment costs a pause, not the loaded engine."""
        try:
            return await self.run_once()
        except DBAPIError as error:
            logger.error("database_failed code=%s", type(error.orig).__name__)
        except SettingsError as error:  # One row that no key opens must not stop the others, which now go first.
            logger.error("message_unreadable code=%s", error.code)
        await asyncio.sleep(DATABASE_PAUSE_SECONDS)
        return False

    async def run_once(self) -> bool:
        """Run one turn; return whether there was one."""
        turn = self._parts.turns.claim()
        if turn is None:
            return False
        result, is_dead = await self._result(turn)
        if turn.is_stood_in:
            result = replace(result, replies=[])
        try:
            self._parts.turns.commit(turn, self._page(result, turn), is_dead=is_dead)
        except LeaseLost:
            logger.warning("turn_abandoned code=lease_lost inbound=%s", turn.inbound_id)
        return True

    async def _result(self, turn: Turn) -> tuple[TurnResult, bool]:
        """Decide a turn; whatever goes wrong, the person gets a sentence and the message is kept for staff."""
        if turn.attempts > MAX_ATTEMPTS:
            return self._failed(turn, "too_many_attempts"), True
        try:
            return await asyncio.wait_for(self.decide(turn), self._parts.engine_seconds), False
        except Exception as error:  # The one broad except: a broken turn must not stop the conversation.
            code = getattr(error, "code", type(error).__name__)
            logger.error("turn_failed code=%s inbound=%s", code, turn.inbound_id)
            return self._failed(turn, str(code)), True

    async def decide(self, turn: Turn) -> TurnResult:
        """Return what a message gets, in the order that the module states; nothing is stored."""
        if is_flood(turn.received_at, turn.earlier):
            return await self._decide_in_flood(turn)
        return await self._decide(turn)

    async def _decide_in_flood(self, turn: Turn) -> TurnResult:
        """Answer what is urgent, say once that it is too much, and keep the rest, masked, without an answer."""
        topic = self._urgent_topic(turn)
        if topic and not is_card_in_sight(topic, turn.earlier):
            return replace(await self._decide(turn), error_code=urgent_mark(topic))
        kept = self._plain(turn, OutboundMessage(""))
        if topic or turn.kind is InboundKind.GROUP or is_told(turn.earlier):
            return replace(kept, error_code=REPEATED if topic else KEPT)
        notice = OutboundMessage(self._parts.texts.text(turn.locale, "reply.too_many_messages"))
        return replace(kept, replies=[notice], error_code=TOLD)

    def _urgent_topic(self, turn: Turn) -> str:
        """Return what is urgent in a message, said or tapped, the emergency menu included; empty when nothing is."""
        command = read_command(chosen_payload(turn, self._parts.ordinals))
        if command and command.entities.get("family") == "emergency":
            return command.intent
        if command and command.intent in self._parts.urgent.topics:
            return command.intent
        match = self._parts.urgent.match(turn.text) if turn.text and turn.kind is not InboundKind.QUICK_REPLY else None
        return match.topic if match else ""

    async def _decide(self, turn: Turn) -> TurnResult:
        fixed = self._fixed_reply(turn)
        if fixed is not None:
            return self._plain(turn, fixed)
        text = mask(turn.text)
        chosen = chosen_payload(turn, self._parts.ordinals)
        is_tapped = bool(chosen) and turn.kind is InboundKind.QUICK_REPLY
        urgent = self._parts.urgent.match(turn.text) if turn.text and not is_tapped else None
        if urgent is not None:
            return await self._parts.engine.answer_turn(turn, text, Command(urgent.topic, is_from_words=True))
        if chosen.startswith(MORE):
            more = self._parts.texts.text(turn.locale, "reply.more_choices")
            return self._plain(turn, following_page(chosen, more))
        command = read_command(chosen) if chosen else None
        result = await self._parts.engine.answer_turn(turn, text, command)
        notice = self._shortened_notice(turn)
        return replace(result, replies=[*notice, *result.replies]) if notice else result

    def _fixed_reply(self, turn: Turn) -> OutboundMessage | None:
        """Return the reply to what is no question, or None."""
        if turn.kind is InboundKind.QUICK_REPLY and not read_command(tapped_payload(turn)):
            is_page = turn.payload.startswith(MORE)
            return None if is_page or turn.text else self._parts.replies.sentence("reply.choice_expired", turn.locale)
        key = {
            InboundKind.LOCATION: N_("reply.location_received"),
            InboundKind.UNSUPPORTED: N_("reply.unsupported"),
        }.get(turn.kind)
        if turn.kind is InboundKind.GROUP:  # Said once, and without choices that everybody in the group could tap.
            key_in_group = N_("reply.group_private_only")
            return OutboundMessage("" if turn.has_been_answered else self._parts.texts.text(turn.locale, key_in_group))
        if turn.kind is InboundKind.MEDIA and not turn.text.strip():
            key = N_("reply.voice_not_heard") if turn.media_kind == "audio" else N_("reply.media_not_seen")
        if turn.kind in (InboundKind.TEXT, InboundKind.EDITED) and not turn.text.strip():
            key = N_("reply.unsupported")
        return self._parts.replies.sentence(key, turn.locale) if key else None

    def _shortened_notice(self, turn: Turn) -> list[OutboundMessage]:
        if not turn.is_shortened:
            return []
        return [OutboundMessage(self._parts.texts.text(turn.locale, "reply.text_shortened"))]

    def _plain(self, turn: Turn, reply: OutboundMessage) -> TurnResult:
        replies = [reply] if reply.text else []
        return TurnResult(replies, mask(turn.text), turn.locale, turn.locale_source)

    def _failed(self, turn: Turn, code: str) -> TurnResult:
        sentence = self._parts.replies.sentence("reply.engine_failed", turn.locale)
        return TurnResult([sentence], mask(turn.text), turn.locale, turn.locale_source, error_code=code[:60])

    def _page(self, result: TurnResult, turn: Turn) -> TurnResult:
        limits = self._parts.limits.get(turn.channel)
        replies = [fit_choices(reply, limits, self._parts.texts, result.locale) for reply in result.replies]
        return replace(result, replies=replies)
