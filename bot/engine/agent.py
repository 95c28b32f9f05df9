"""Run one message through the engine, in this process: the narrow door through which the worker and the tools speak to Rasa."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage

from bot.conversations.commands import Command, engine_text
from bot.conversations.replies import Replies
from bot.engine.nlg import ContentNlg, locale_of_turn
from bot.engine.tracker_store import SessionTrackerStore
from bot.errors import EngineError
from bot.messages import OutboundMessage, QuickReply


@dataclass(frozen=True)
class EngineInput:
    """What the engine gets of a message.

    Attributes:
        text: masked; typed text is always data, never a command.
        command: the intent of a tapped choice; it skips the classifier.
        state: the engine's state after the last turn; None at the beginning.
    """

    conversation_id: str
    text: str = field(repr=False)
    locale: str
    locale_source: str
    command: Command | None = None
    state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EngineResult:
    """What the engine made of a message.

    Attributes:
        decision: answer, choices, menu, person, urgent or flow.
        ranking: (topic, probability), the likeliest first.
    """

    replies: tuple[OutboundMessage, ...]
    state: bytes = field(repr=False)
    locale: str
    locale_source: str
    decision: str
    topic: str
    destination: str
    choices: tuple[str, ...]
    ranking: tuple[tuple[str, float], ...]
    milliseconds: float


class _Collector(OutputChannel):
    """Collects the responses of one turn."""

    def __init__(self) -> None:
        self.replies: list[OutboundMessage] = []

    @classmethod
    def name(cls) -> str:
        """Return the channel's name, which the engine writes into its events."""
        return "collector"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep a response as a value."""
        buttons = tuple(QuickReply(row["title"], row["payload"]) for row in message.get("buttons") or [])
        self.replies.append(OutboundMessage(message.get("text") or "", buttons))

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Keep a plain text, which some of the engine's own actions send."""
        self.replies.append(OutboundMessage(text))


class Engine:
    """A loaded model.

    Args:
        model: the model's file.
        replies: who composes the replies.
    """

    def __init__(self, model: Path, replies: Replies) -> None:
        self._replies = replies
        self._store = SessionTrackerStore()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The engine's own deprecations; nothing an operator could act on.
            self._agent = Agent.load(model, generator=ContentNlg(replies=replies), tracker_store=self._store)
        if self._agent.processor is None:
            raise EngineError(f"{model}: the model cannot be loaded; run `ruta train`")

    async def answer(self, message: EngineInput) -> EngineResult:
        """Return replies and new state for one message.

        Raises:
            EngineError: the engine gave no reply.
        """
        started = time.perf_counter()
        self._store.put(message.conversation_id, message.state)
        collector = _Collector()
        await self._agent.handle_message(self._user_message(message, collector))
        state = self._store.take(message.conversation_id)
        if not collector.replies:
            raise EngineError("the engine gave no reply")
        return self._result(collector, state, started)

    def _user_message(self, message: EngineInput, collector: _Collector) -> UserMessage:
        parse_data = _parse_data(message.command) if message.command else None
        return UserMessage(
            text="" if message.command else engine_text(message.text),
            output_channel=collector,
            sender_id=message.conversation_id,
            parse_data=parse_data,  # type: ignore[arg-type]
            metadata={"locale": message.locale, "locale_source": message.locale_source},
        )

    def _result(self, collector: _Collector, state: bytes, started: float) -> EngineResult:
        tracker = self._store.last
        latest = tracker.latest_message
        parsed: dict[str, Any] = (latest.parse_data if latest else None) or {}
        intent = str((latest.intent.get("name") if latest else "") or "")
        locale, source = locale_of_turn(tracker)
        kind, topics = self._decision(intent, parsed)
        return EngineResult(
            replies=tuple(collector.replies),
            state=state,
            locale=locale,
            locale_source=source,
            decision=kind,
            topic=intent if kind in ("answer", "urgent", "flow", "person") else "",
            destination=str(tracker.get_slot("destination") or ""),
            choices=topics if kind == "choices" else (),
            ranking=tuple((row["name"], row["confidence"]) for row in parsed.get("intent_ranking", ())),
            milliseconds=(time.perf_counter() - started) * 1000,
        )

    def _decision(self, intent: str, parsed: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        made = parsed.get("decision", {})
        topic = self._replies.catalogue.get(intent)
        if made.get("kind") == "choices":
            return "choices", tuple(made["topics"])
        if intent == "talk_to_person":
            return "person", ()
        if topic is None or intent in ("menu", "out_of_scope"):
            return "menu", ()
        if topic.is_urgent:
            return "urgent", ()
        return ("flow" if topic.kind.value == "flow" else "answer"), ()


def _parse_data(command: Command) -> dict[str, Any]:
    entities = [{"entity": name, "value": value, "start": 0, "end": 0} for name, value in command.entities.items()]
    intent = {"name": command.intent, "confidence": 1.0}
    return {"text": "", "intent": intent, "intent_ranking": [intent], "entities": entities}
