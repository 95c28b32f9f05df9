"""The worker: claims a conversation that waits, decides the reply to its oldest message, and commits all effects at once.

While a person of staff has the conversation (`bot.conversations.handoff`) the worker only keeps what is written for them; what is
urgent, stops us, asks for data or asks to leave is answered all the same.

The order of a decision: too many messages at once, kinds that are no question, the words by which people stop us or ask for
their data, the choice that was tapped, urgent phrases, the choice that was typed, then the engine. No word of the third group
is an urgent one; if a slip makes it look so, the emergency goes first. A tapped choice comes with its title as text, so
"Emergency" must not be read as a cry for help.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

from bot import metrics
from bot.conversations.choices import chosen_payload, tapped_payload
from bot.conversations.commands import Command, read_command
from bot.conversations.complaints import REFUSED, ComplaintDesk
from bot.conversations.complaints import TOPIC as COMPLAINT
from bot.conversations.destinations import Destinations
from bot.conversations.dialogues.answers import shown_dialogue, wrong_kind
from bot.conversations.dialogues.plan_desk import PlanDesk
from bot.conversations.feedback import FeedbackDesk
from bot.conversations.flood import KEPT, REPEATED, TOLD, is_card_in_sight, is_flood, is_told, urgent_mark
from bot.conversations.handoff import PAYLOADS as OF_HANDOFF
from bot.conversations.handoff import HandoffDesk
from bot.conversations.masking import mask
from bot.conversations.nearby import NEAR, NearbyDesk
from bot.conversations.paging import MORE, fit_choices, following_page
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.quick_exit import QuickExit
from bot.conversations.replies import Replies
from bot.conversations.turns import Claim, Trace, Turn, TurnResult, Turns
from bot.conversations.unanswered import unanswered
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.urgent_cards import urgent_card
from bot.errors import LeaseLost, SettingsError, TurnOutdated
from bot.i18n import N_, Catalogues
from bot.messages import ChannelLimits, InboundKind, OutboundMessage
from bot.storage.notices import Notices
from bot.watchdog import Watchdog

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""How often an idle worker looks for waiting conversations when nobody wakes it."""
LISTENING_POLL_SECONDS = 1.0
"""The same while it is woken: leases run out and messages become due without anybody saying so, and a notice can be lost."""
ENGINE_SECONDS = 20.0
"""How long the engine may take for one message before it counts as failed; well under the lease."""
STOP_SECONDS = 6.0
"""How long the running turn may take once the worker is told to stop; service managers kill after 10 s."""
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
        notices: what wakes an idle worker; without it the worker looks often.
        stop_seconds: how long it may still take when the worker is told to stop.
        destinations: finds the country in an emergency that the engine failed on.
        feedback: asks whether answers helped; without it nobody is asked.
        complaints: takes complaints about staff; without it they get a sentence.
        quick_exit: hears the words that end a conversation at once.
        nearby: answers where help is; without it a shared position gets a sentence.
        plans: shows and ticks the plans of a return; without it nobody has one.
        handoff: hands conversations to people of staff; without it the bot only names where people answer.
    """

    turns: Turns
    engine: Answers
    replies: Replies
    texts: Catalogues
    urgent: UrgentPhrases
    privacy: PrivacyDesk
    limits: Mapping[str, ChannelLimits]
    ordinals: Path
    engine_seconds: float = ENGINE_SECONDS
    notices: Notices | None = None
    stop_seconds: float = STOP_SECONDS
    destinations: Destinations | None = None
    nearby: NearbyDesk | None = None
    quick_exit: QuickExit | None = None
    feedback: FeedbackDesk | None = None
    complaints: ComplaintDesk | None = None
    plans: PlanDesk | None = None
    handoff: HandoffDesk | None = None


class Worker:
    """Runs turns until it is stopped."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._claim: Claim | None = None
        self._watchdog = Watchdog()

    @property
    def parts(self) -> WorkerParts:
        """What it was put together from."""
        return self._parts

    def stop(self) -> None:
        """Finish the running turn, or give it back if it takes longer than `STOP_SECONDS`, and return from `run`."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Run turns until stopped."""
        listening = asyncio.create_task(self._parts.notices.run(self._wake.set)) if self._parts.notices else None
        try:
            while not self._stop.is_set():
                self._wake.clear()
                if not await self._run_safely() and not self._stop.is_set():
                    await self._rest()
        finally:
            self._watchdog.disarm()
            self._give_next_back()
            if listening:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def _give_next_back(self) -> None:
        """Let another worker have what was claimed with the last commit; if that fails, the lease ends by itself."""
        if self._claim is not None:
            with suppress(DBAPIError, LeaseLost):
                self._parts.turns.give_back(self._claim)

    async def _rest(self) -> None:
        is_woken = self._parts.notices is not None and self._parts.notices.is_listening
        try:
            await asyncio.wait_for(self._wake.wait(), LISTENING_POLL_SECONDS if is_woken else POLL_SECONDS)
        except asyncio.TimeoutError:
            return

    async def _run_safely(self) -> bool:
        """Run one turn; a database that is away for a moment costs a pause, not the loaded engine."""
        try:
            return await self.run_once(takes_next=True)
        except DBAPIError as error:
            metrics.database_failures.inc()
            logger.error("database_failed code=%s", type(error.orig).__name__)
        except LeaseLost:
            logger.warning("turn_abandoned code=lease_lost")
        except SettingsError as error:  # One row that no key opens must not stop the others, which now go first.
            logger.error("message_unreadable code=%s", error.code)
        await asyncio.sleep(DATABASE_PAUSE_SECONDS)
        return False

    async def run_once(self, *, takes_next: bool = False) -> bool:
        """Run one turn; return whether there was one.

        Args:
            takes_next: claim the next one with the commit, for the call that follows.
        """
        claim, self._claim = self._claim, None
        turn = self._parts.turns.open(claim) if claim else self._parts.turns.claim()
        if turn is None:
            return claim is not None
        began = time.perf_counter()
        logger.info(
            "turn_claimed id=%s channel=%s kind=%s attempt=%d", turn.trace_id, turn.channel, turn.kind.value, turn.attempts
        )
        self._watchdog.arm()
        try:
            decided = await self._before_the_end(turn)
        finally:
            if not takes_next:
                self._watchdog.disarm()
        if decided is None:
            self._parts.turns.give_back(turn.claim)
            logger.warning("turn_given_back id=%s code=stopping", turn.trace_id)
            return True
        result, is_dead = decided
        decision = "failed" if is_dead else result.trace.decision
        logger.info(
            "turn_decided id=%s decision=%s milliseconds=%d", turn.trace_id, decision, (time.perf_counter() - began) * 1000
        )
        result = self._apart(turn, result)
        if turn.is_stood_in:
            result = replace(result, replies=[])
        if await self._commit(turn, self._page(result, turn), is_dead=is_dead, takes_next=takes_next):
            _tell_committed(turn, result, time.perf_counter() - began, is_dead=is_dead)
        if self._claim is None:
            self._watchdog.disarm()
        return True

    async def _commit(self, turn: Turn, result: TurnResult, *, is_dead: bool, takes_next: bool) -> bool:
        """Commit, again and again while the database is away: nobody else may take the conversation until our lease ends.

        Returns:
            Whether the effects are stored by us, as far as we know.
        """
        has_failed = False
        while True:
            try:
                takes = takes_next and not self._stop.is_set()
                self._claim = self._parts.turns.commit(turn, result, is_dead=is_dead, takes_next=takes)
                return True
            except LeaseLost:
                metrics.turns_abandoned.inc()
                logger.warning("turn_abandoned id=%s code=lease_lost", turn.trace_id)
                if has_failed:  # Then the database was at fault, or our commit had gone through and only its answer was lost.
                    self._parts.turns.excuse(turn)
                return False
            except TurnOutdated:
                logger.info("turn_outdated id=%s", turn.trace_id)
                self._parts.turns.give_back(turn.claim)
                return False
            except (OperationalError, InterfaceError, InternalError) as error:
                self._watchdog.disarm()  # A database that is away is no reason to end.
                if self._stop.is_set():
                    raise
                has_failed = True
                metrics.database_failures.inc()
                logger.error("database_failed code=%s", type(error.orig).__name__)
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)

    async def _before_the_end(self, turn: Turn) -> tuple[TurnResult, bool] | None:
        """Decide a turn; None when the worker was told to stop and the engine does not come to an end."""
        deciding = asyncio.ensure_future(self._result(turn))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({deciding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({deciding}, timeout=self._parts.stop_seconds)
            return deciding.result() if deciding.done() else None
        finally:
            for task in (deciding, stopping):
                task.cancel()

    async def _result(self, turn: Turn) -> tuple[TurnResult, bool]:
        """Decide a turn; whatever goes wrong, the person gets a sentence and the message is kept for staff."""
        if turn.attempts > MAX_ATTEMPTS:
            return self._failed(turn, "too_many_attempts"), True
        try:
            return await asyncio.wait_for(self.decide(turn), self._parts.engine_seconds), False
        except Exception as error:  # The one broad except: a broken turn must not stop the conversation.
            code = getattr(error, "code", type(error).__name__)
            logger.error("turn_failed id=%s code=%s", turn.trace_id, code)
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
        leaving = None if topic else self._leaving(turn)
        if leaving is not None:
            return replace(self._with_case(turn, leaving), error_code=KEPT)
        stopped = None if topic else self._parts.privacy.hear_stop(turn, mask(turn.text))
        if stopped is not None:
            return self._with_case(turn, stopped)
        handed = None if topic else self._kept_for_staff(turn)
        if handed is not None:
            return replace(handed, replies=[], error_code=KEPT)
        kept = self._with_case(turn, self._plain(turn, OutboundMessage("")), is_urgent=bool(topic))
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
        kept = self._kept_for_staff(turn)
        if kept is not None:
            return kept
        desk = self._parts.handoff
        is_urgent = desk is not None and bool(turn.case or desk.is_asked(turn)) and self._is_emergency(turn)
        return self._with_case(turn, await self._decide_as_bot(turn), is_urgent=is_urgent)

    def _with_case(self, turn: Turn, result: TurnResult, *, is_urgent: bool = False) -> TurnResult:
        return self._parts.handoff.complete(turn, result, is_urgent=is_urgent) if self._parts.handoff else result

    def _kept_for_staff(self, turn: Turn) -> TurnResult | None:
        """Return what a message for a person of staff gets; None: the bot answers it, which it does to some in any state.

        A number that is typed to a person is no choice of ours.
        """
        desk, privacy = self._parts.handoff, self._parts.privacy
        if desk is None or not desk.holds(turn) or self._is_emergency(turn) or self._leaving(turn):
            return None
        is_choice = turn.kind is InboundKind.QUICK_REPLY or desk.is_asked(turn)
        chosen, text = chosen_payload(turn, self._parts.ordinals) if is_choice else "", _kept_text(turn)
        if privacy.hear(turn, text) or privacy.tap(turn, chosen, text):
            return None
        return desk.keep(turn, chosen)

    def _is_emergency(self, turn: Turn) -> bool:
        if turn.kind is InboundKind.QUICK_REPLY:
            return bool(self._urgent_topic(turn))
        return bool(turn.text and self._parts.urgent.match(turn.text))

    async def _decide_as_bot(self, turn: Turn) -> TurnResult:
        not_an_answer = wrong_kind(turn)
        if not_an_answer is not None:
            return await self._parts.engine.answer_turn(turn, "", not_an_answer)
        located = self._located(turn)
        if located is not None:
            return located
        fixed = self._fixed_reply(turn)
        if fixed is not None:
            return self._plain(turn, fixed)
        text = _kept_text(turn)
        chosen = chosen_payload(turn, self._parts.ordinals)
        is_tapped = bool(chosen) and turn.kind is InboundKind.QUICK_REPLY
        urgent = self._parts.urgent.match(turn.text) if turn.text and not is_tapped else None
        leaving = self._leaving(turn) if urgent is None else None
        if leaving is not None:
            return leaving
        private = self._parts.privacy.hear(turn, text) if urgent is None else None
        if private is not None:
            return private
        if urgent is not None:
            return await self._parts.engine.answer_turn(turn, text, Command(urgent.topic, is_from_words=True))
        private = self._parts.privacy.tap(turn, chosen, text) or self._plan(turn, text, chosen)
        if private is not None:
            return private
        known = self._of_desks(turn, chosen, text)
        if known is not None:
            return known
        if chosen.startswith(MORE):
            more = self._parts.texts.text(turn.locale, "reply.more_choices")
            return self._plain(turn, following_page(chosen, more))
        command = read_command(chosen) if chosen else None
        result = await self._parts.engine.answer_turn(turn, text, command)
        result = self._parts.privacy.complete(turn, result)
        result = self._completed(turn, result, is_tapped=command is not None)
        if command is None and (result.trace.is_miss or result.trace.choices):
            result = self._with_question(result)
        notice = self._shortened_notice(turn)
        return replace(result, replies=[*notice, *result.replies]) if notice else result

    def _located(self, turn: Turn) -> TurnResult | None:
        """Return the reply to a shared position, unless the words that came with it are a cry for help."""
        if turn.kind is not InboundKind.LOCATION or self._parts.nearby is None:
            return None
        return None if turn.text and self._parts.urgent.match(turn.text) else self._parts.nearby.locate(turn)

    def _leaving(self, turn: Turn) -> TurnResult | None:
        return self._parts.quick_exit.hear(turn) if self._parts.quick_exit else None

    def _of_desks(self, turn: Turn, chosen: str, text: str) -> TurnResult | None:
        """Return the reply to a choice of one of our desks, or to words that answer its question."""
        parts, found = self._parts, None
        if parts.complaints:
            found = parts.complaints.tap(turn, chosen) if chosen else parts.complaints.hear(turn)
        if found is None and parts.handoff and chosen in OF_HANDOFF:
            found = self._plain(turn, parts.replies.menu(turn.locale))
        if found is None and parts.feedback and chosen:
            found = parts.feedback.tap(turn, chosen, text)
        if found is None and parts.nearby:
            found = parts.nearby.tap(turn, chosen, text) if chosen else parts.nearby.hear(turn, text)
        return found

    def _completed(self, turn: Turn, result: TurnResult, *, is_tapped: bool) -> TurnResult:
        """Let our desks put their reply in place of the engine's sentence, and ask under an answer whether it helped."""
        if self._parts.nearby:
            result = self._parts.nearby.complete(turn, result, is_tapped=is_tapped)
        if self._parts.complaints:
            result = self._parts.complaints.complete(turn, result)
        if self._parts.feedback:
            result = self._parts.feedback.offer(turn, self._parts.feedback.complete(turn, result))
        return result

    def _plan(self, turn: Turn, masked: str, chosen: str) -> TurnResult | None:
        return self._parts.plans.hear(turn, masked, chosen) if self._parts.plans else None

    def _fixed_reply(self, turn: Turn) -> OutboundMessage | None:
        """Return the reply to what is no question, or None."""
        if turn.kind is InboundKind.QUICK_REPLY and not read_command(tapped_payload(turn)):
            is_ours = turn.payload.startswith((MORE, NEAR)) or turn.payload in (REFUSED, *OF_HANDOFF)
            return None if is_ours or turn.text else self._parts.replies.sentence("reply.choice_expired", turn.locale)
        key = N_("reply.unsupported") if turn.kind is InboundKind.UNSUPPORTED else None
        if turn.kind is InboundKind.LOCATION and not (turn.text and self._parts.urgent.match(turn.text)):
            key = N_("reply.location_received")
        if turn.kind is InboundKind.GROUP:  # Said once, and without choices that everybody in the group could tap.
            key_in_group = N_("reply.group_private_only")
            return OutboundMessage("" if turn.has_been_answered else self._parts.texts.text(turn.locale, key_in_group))
        if turn.kind is InboundKind.MEDIA and not turn.text.strip():
            key = N_("reply.voice_not_heard") if turn.media_kind == "audio" else N_("reply.media_not_seen")
        if turn.kind in (InboundKind.TEXT, InboundKind.EDITED) and not turn.text.strip():
            key = N_("reply.unsupported")
        return self._parts.replies.sentence(key, turn.locale) if key else None

    def _with_question(self, result: TurnResult) -> TurnResult:
        """Note for staff what got no certain answer."""
        trace = result.trace
        urgent = [topic.id for topic in self._parts.replies.catalogue.values() if topic.is_urgent]
        apart = [*urgent, COMPLAINT]  # What may be one must not lie in a list of everyday questions either.
        question = unanswered(result.masked_text, trace.decision, trace.is_miss, trace.choices, trace.ranking, apart)
        return replace(result, question=question)

    def _shortened_notice(self, turn: Turn) -> list[OutboundMessage]:
        if not turn.is_shortened:
            return []
        return [OutboundMessage(self._parts.texts.text(turn.locale, "reply.text_shortened"))]

    def _plain(self, turn: Turn, reply: OutboundMessage) -> TurnResult:
        replies = [reply] if reply.text else []
        return TurnResult(replies, _kept_text(turn), turn.locale, turn.locale_source, trace=Trace("fixed"))

    def _failed(self, turn: Turn, code: str) -> TurnResult:
        is_tapped = turn.kind is InboundKind.QUICK_REPLY
        urgent = self._parts.urgent.match(turn.text) if turn.text and not is_tapped else None
        reply = self._parts.replies.sentence("reply.engine_failed", turn.locale)
        if urgent is not None:  # Whatever is broken, somebody in danger reads where help is.
            reply = urgent_card(urgent, turn, self._parts.replies, self._parts.destinations)
        masked, trace = _kept_text(turn), Trace("failed")
        result = TurnResult([reply], masked, turn.locale, turn.locale_source, error_code=code[:60], trace=trace)
        return self._parts.handoff.mark_urgent(turn, result) if urgent and self._parts.handoff else result

    def _apart(self, turn: Turn, result: TurnResult) -> TurnResult:
        """Keep nothing of a message that may answer a survey: neither its words, nor that it belonged to one."""
        dialogues = self._parts.replies.library.loaded.dialogues
        surveys = {name for name, dialogue in dialogues.items() if dialogue.survey}
        trace = result.trace
        if surveys.isdisjoint((trace.topic, shown_dialogue(turn))):
            return result
        trace = Trace(trace.decision) if trace.topic in surveys else trace
        return replace(result, masked_text="", question=None, trace=trace)

    def _page(self, result: TurnResult, turn: Turn) -> TurnResult:
        limits = self._parts.limits.get(turn.channel)
        replies = [fit_choices(reply, limits, self._parts.texts, result.locale) for reply in result.replies]
        return replace(result, replies=replies)


def _kept_text(turn: Turn) -> str:
    """Return what is kept of a message: masked, and nothing of what names a shared position."""
    return "" if turn.kind is InboundKind.LOCATION else mask(turn.text)


def _tell_committed(turn: Turn, result: TurnResult, seconds: float, *, is_dead: bool) -> None:
    """Count and log a turn once its effects are stored: what was rolled back did not happen."""
    trace = result.trace
    metrics.turn_seconds.labels(turn.channel).observe(seconds)
    if is_dead:
        metrics.dead_letters.labels(result.error_code).inc()
    else:
        metrics.decisions.labels(trace.decision, trace.topic).inc()
    if trace.decision == "urgent" and not turn.is_stood_in:
        metrics.urgent_cards.labels("worker").inc()
    logger.info(
        "turn_committed id=%s channel=%s topic=%s replies=%d milliseconds=%d",
        turn.trace_id,
        turn.channel,
        trace.topic or "-",
        len(result.replies),
        seconds * 1000,
    )
