"""Talk to the bot in the terminal, and explain decisions line by line; nothing is stored."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.conversations.turns import OfferedChoice, Turn, TurnResult, fresh_turn
from bot.errors import RutaError
from bot.i18n import match_locale
from bot.markup import plain_text
from bot.messages import OutboundMessage
from bot.worker import Worker


class TerminalConversation:
    """One conversation that lives as long as the terminal."""

    def __init__(self, worker: Worker, locale: str, now: datetime) -> None:
        self._worker = worker
        self._turn: Turn = fresh_turn("", match_locale(locale), now)

    async def say(self, text: str) -> TurnResult:
        """Return what a typed text gets; a number names one of the last choices."""
        result = await self._worker.decide(replace(self._turn, text=text))
        self._turn = replace(
            self._turn,
            engine_state=self._turn.engine_state if result.engine_state is None else result.engine_state,
            locale=result.locale,
            locale_source=result.locale_source,
            choices=_choices(result.replies),
        )
        return result


def reply_lines(message: OutboundMessage) -> list[str]:
    """Return a reply as it is shown in a terminal, choices numbered."""
    lines = plain_text(message.text).split("\n")
    return [*lines, *(f"  {number}. {reply.title}" for number, reply in enumerate(message.quick_replies, 1))]


async def explain_safely(worker: Worker, line: str, now: datetime) -> dict[str, Any]:
    """Return what `explain` does, or its error as `error`, so that one bad line does not end a long run."""
    try:
        return await explain(worker, line, now)
    except RutaError as error:
        return {"error": error.code, "message": str(error)}


async def explain(worker: Worker, line: str, now: datetime) -> dict[str, Any]:
    """Return how one message is decided, as a fresh conversation.

    Args:
        line: the message itself, or a JSON object with `text` and optional `locale`.

    Raises:
        RutaError: the line looks like JSON and has no `text`.
    """
    text, locale = _read_line(line)
    started = time.perf_counter()
    result = await worker.decide(fresh_turn(text, match_locale(locale), now))
    return {
        "locale": result.locale,
        "ranking": [{"topic": topic, "confidence": round(chance, 4)} for topic, chance in result.trace.ranking],
        "decision": result.trace.decision,
        "topic": result.trace.topic or None,
        "destination": result.trace.destination or None,
        "choices": list(result.trace.choices),
        "reply": [reply.text for reply in result.replies],
        "milliseconds": round((time.perf_counter() - started) * 1000, 2),
    }


def useful_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that hold something."""
    return (line.strip() for line in lines if line.strip())


def _read_line(line: str) -> tuple[str, str]:
    if not line.startswith("{"):
        return line, ""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise RutaError(f"a line that begins with {{ must be JSON: {error}") from error
    text, locale = data.get("text"), data.get("locale") or ""
    if not isinstance(text, str) or not isinstance(locale, str):
        raise RutaError('a JSON line needs "text", and "locale" if it is there, as strings')
    return text, locale


def _choices(replies: Iterable[OutboundMessage]) -> tuple[OfferedChoice, ...]:
    offered = [reply.quick_replies for reply in replies if reply.quick_replies]
    last = offered[-1] if offered else ()
    return tuple(OfferedChoice(number, reply.title, reply.payload) for number, reply in enumerate(last, 1))
