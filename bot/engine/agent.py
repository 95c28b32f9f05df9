"""Run one message through the engine, in this process: the narrow door through which the worker and the tools speak to Rasa."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.core.events import ActionExecuted, ActionExecutionRejected, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.actions.dialogues import SURVEY_DAYS_KEPT
from bot.content.model import Kind
from bot.conversations.commands import Command, engine_text
from bot.conversations.dialogues.desk import DialogueDesk
from bot.conversations.dialogues.state import read_state
from bot.conversations.effects import Effect, EffectKind
from bot.conversations.replies import Replies
from bot.conversations.stories import Story
from bot.conversations.turns import Trace, Turn, TurnResult
from bot.engine.action_endpoint import InProcessActions
from bot.engine.importer import DIALOGUE_FORM
from bot.engine.nlg import SECTIONS_SLOT, ContentNlg, locale_of_turn, note_section
from bot.engine.runner import InProcessAgent
from bot.engine.tracker_store import SessionTrackerStore
from bot.errors import EngineError
from bot.messages import InboundKind, OutboundMessage, QuickReply

LOOK_SECONDS = 5.0
"""How often, at most, a newer model is looked for."""

logger = logging.getLogger(__name__)


class _Collector(OutputChannel):
    """Collects the responses of one turn."""

    def __init__(self) -> None:
        self.replies: list[OutboundMessage] = []
        self.section = ""
        self.plan: dict[str, Any] = {}
        self.story: dict[str, Any] = {}

    @classmethod
    def name(cls) -> str:
        """Return the channel's name, which the engine writes into its events."""
        return "collector"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep a response as a value."""
        buttons = tuple(QuickReply(row["title"], row["payload"]) for row in message.get("buttons") or [])
        self.replies.append(OutboundMessage(message.get("text") or "", buttons))
        custom = message.get("custom") or {}
        self.section = custom.get("section", "")
        self.plan = custom.get("plan") or self.plan
        self.story = custom.get("story") or self.story

    @property
    def effect(self) -> Effect | None:
        """What the turn stores beside its replies."""
        if self.plan:
            return Effect(EffectKind.SAVE_PLAN, dialogue=self.plan["dialogue"], topics=tuple(self.plan["topics"]))
        return Effect(EffectKind.STORE_STORY, story=Story(**self.story)) if self.story else None

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Keep a plain text, which some of the engine's own actions send."""
        self.replies.append(OutboundMessage(text))


class Engine:
    """A loaded model.

    Args:
        model: the model's file.
        replies: who composes the replies.
        dialogues: who runs the guided dialogues; by default made from the project's folders.
    """

    def __init__(self, model: Path, replies: Replies, dialogues: DialogueDesk | None = None) -> None:
        self._replies = replies
        self._store = SessionTrackerStore()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The engine's own deprecations; nothing an operator could act on.
            actions = InProcessActions(dialogues or DialogueDesk.open(Path.cwd(), replies))
            self._agent = InProcessAgent(
                generator=ContentNlg(replies=replies), tracker_store=self._store, action_endpoint=actions
            )
            self._agent.load_model(model)
        if self._agent.processor is None:
            raise EngineError(f"{model}: the model cannot be loaded; run `ruta train`")
        self._intents = frozenset(self._agent.processor.domain.intents)

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Return replies, new state and trace for one message.

        Args:
            text: masked; typed text is always data, never a command.
            command: the intent of a tapped choice; it skips the classifier.

        Raises:
            EngineError: the engine gave no reply.
        """
        self._store.put(turn.conversation_id, turn.engine_state)
        collector = _Collector()
        parse_data = await self._parse_data(command, text) if command else None
        await self._agent.handle_message(_user_message(turn, text, parse_data, collector))
        if collector.section:
            await self._store.remember(SECTIONS_SLOT, note_section(self._store.last, collector.section))
        state = self._store.take(turn.conversation_id)
        if not collector.replies:
            raise EngineError("the engine gave no reply")
        locale, source = locale_of_turn(self._store.last)
        return TurnResult(
            replies=tuple(collector.replies),
            masked_text=text,
            locale=locale,
            locale_source=source,
            engine_state=state,
            trace=self._trace(self._store.last),
            effect=collector.effect,
            forget_after=_forget_after(self._store.last),
        )

    async def _parse_data(self, command: Command, text: str) -> dict[str, Any]:
        """Return what the classifier would: the command's intent, with language and country of the words it was seen in."""
        read: dict[str, Any] = {"text": "", "entities": []}
        if command.is_from_words and self._agent.processor:
            read = await self._agent.processor.parse_message(UserMessage(text=engine_text(text)))
        entities = [{"entity": name, "value": value, "start": 0, "end": 0} for name, value in command.entities.items()]
        # A button may outlive its topic, or be newer than the model; without a rule the engine would repeat itself ten times.
        name = command.intent if command.intent in self._intents else DEFAULT_NLU_FALLBACK_INTENT_NAME
        intent = {"name": name, "confidence": 1.0}
        return {**read, "intent": intent, "intent_ranking": [intent], "entities": [*read["entities"], *entities], "decision": {}}

    def _trace(self, tracker: DialogueStateTracker) -> Trace:
        latest = tracker.latest_message
        parsed: dict[str, Any] = (latest.parse_data if latest else None) or {}
        intent = str((latest.intent.get("name") if latest else "") or "")
        in_dialogue = _dialogue_trace(tracker, self._replies)
        if in_dialogue is not None:
            return in_dialogue
        decision = self._decision(intent, parsed)
        is_topic = decision in ("answer", "urgent", "flow", "person")
        return Trace(
            decision=decision,
            topic=intent if is_topic else "",
            destination=str(tracker.get_slot("destination") or ""),
            choices=tuple(parsed["decision"]["topics"]) if decision == "choices" else (),
            ranking=tuple((row["name"], row["confidence"]) for row in parsed.get("intent_ranking", ())),
            is_miss=intent in (DEFAULT_NLU_FALLBACK_INTENT_NAME, "out_of_scope"),
        )

    def _decision(self, intent: str, parsed: dict[str, Any]) -> str:
        topic = self._replies.catalogue.get(intent)
        if topic is None and parsed.get("decision", {}).get("kind") == "choices":
            return "choices"
        if intent == "talk_to_person":
            return "person"
        if topic is None or intent in ("menu", "out_of_scope"):
            return "menu"
        if topic.is_urgent:
            return "urgent"
        return "flow" if topic.kind is Kind.FLOW else "answer"


class FreshEngine:
    """The engine with the newest model: a newer one is loaded beside the one in use, which answers until it is ready.

    Args:
        find: returns the newest model's file.
        load: loads a model; it runs in a thread.
    """

    def __init__(self, find: Callable[[], Path | None], load: Callable[[Path], Engine], model: Path) -> None:
        self._find = find
        self._load = load
        self._model = self._model_in_use = model
        self._engine = load(model)
        self._looked_at = time.monotonic()
        self._loading: asyncio.Task[None] | None = None

    @property
    def model(self) -> Path:
        """The file of the model that answers now."""
        return self._model_in_use

    @property
    def current(self) -> Engine:
        """The engine that answers now."""
        return self._engine

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Return replies, new state and trace for one message; see `Engine.answer_turn`."""
        self._look()
        return await self._engine.answer_turn(turn, text, command)

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_SECONDS or (self._loading and not self._loading.done()):
            return
        self._looked_at = time.monotonic()
        newest = self._find()
        if newest and newest != self._model:
            self._model = newest  # Noted before it is loaded: a broken one is tried once, not with every message.
            self._loading = asyncio.create_task(self._swap(newest))

    async def _swap(self, model: Path) -> None:
        try:
            self._engine = await asyncio.to_thread(self._load, model)
        except Exception as error:  # Whatever is wrong with the new model, the old one goes on answering.
            logger.error("model_not_loaded model=%s code=%s", model.name, getattr(error, "code", type(error).__name__))
        else:
            self._model_in_use = model
            logger.info("model_swapped model=%s", model.name)


def _forget_after(tracker: DialogueStateTracker) -> timedelta | None:
    """Return how long the memory may hold what it does now: answers to a survey only for a pause."""
    state = read_state(tracker.get_slot("dialogue"))
    return timedelta(days=SURVEY_DAYS_KEPT) if state and state.is_survey and not state.is_past else None


def _dialogue_trace(tracker: DialogueStateTracker, replies: Replies) -> Trace | None:
    """Return why a guided dialogue took the message; None when it did not: then nobody took what was typed for an answer."""
    since: list[Event] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        since.append(event)
    has_run = any(isinstance(event, ActionExecuted) and event.action_name == DIALOGUE_FORM for event in since)
    if not has_run or any(isinstance(event, ActionExecutionRejected) for event in since):
        return None
    state = read_state(tracker.get_slot("dialogue"))
    if state is None:
        return None
    alarm = replies.catalogue.get(state.note)
    return Trace("urgent", alarm.id) if alarm and alarm.is_urgent else Trace("flow", state.dialogue)


def _user_message(turn: Turn, text: str, parse_data: dict[str, Any] | None, collector: _Collector) -> UserMessage:
    return UserMessage(
        text=engine_text(text),
        output_channel=collector,
        sender_id=turn.conversation_id,
        parse_data=parse_data,
        metadata={
            "locale": turn.locale,
            "locale_source": turn.locale_source,
            "is_edit": turn.kind is InboundKind.EDITED,
        },
    )
