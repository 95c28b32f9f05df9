"""`ruta try-it`: the engine for the editor's "try it", a child process that answers questions against texts that are not live.

One JSON object a line. It says `{"ready": true}` once the model is loaded, or `{"error": code}` and ends. Then it reads
`{"text", "overlay": {path: text}}` and writes what `TryItAnswer` holds, or `{"error": code}`. It ends by itself when nobody
asks for a while, when its input is closed, and when a newer model is there. Nothing is stored and nothing is logged.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bot.content.overlay import OverlaidLibrary
from bot.conversations.turns import fresh_turn
from bot.errors import RutaError
from bot.messages import OutboundMessage

if TYPE_CHECKING:
    from bot.worker import Worker

IDLE_SECONDS = 300.0
"""How long it waits for the next question before it gives its memory back."""
MOST_RANKED = 3
DRAFT_UNREADABLE = "draft_unreadable"
NO_MODEL = "no_model"


@dataclass(frozen=True)
class TryItAnswer:
    """How one question was decided, and the replies as `OutboundMessage.to_json` writes them.

    Attributes:
        ranking: the topics that fit best, each with how sure the classifier is, 0 to 1.
        choices: the topics that were offered instead of an answer.
    """

    locale: str
    decision: str
    topic: str
    destination: str
    choices: tuple[str, ...]
    ranking: tuple[tuple[str, float], ...]
    replies: tuple[str, ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TryItAnswer:
        """Read what the child wrote."""
        ranking = tuple((str(topic), float(chance)) for topic, chance in data["ranking"])
        return cls(**{**data, "ranking": ranking, "choices": tuple(data["choices"]), "replies": tuple(data["replies"])})

    def messages(self) -> list[OutboundMessage]:
        """Return the replies as messages."""
        return [OutboundMessage.from_json(raw) for raw in self.replies]


def serve(
    build: Callable[[], tuple[Worker, OverlaidLibrary]],
    newest: Callable[[], Path | None],
    clock: Callable[[], datetime],
    output: IO[str],
    idle_seconds: float = IDLE_SECONDS,
) -> None:
    """Answer the questions on standard input until one of the ends that the module names.

    Args:
        build: loads the engine over a library.
        newest: returns the newest model's file; None: there is none.
        clock: returns the present time, aware UTC.
        output: where answers go; nothing else may write there.
    """
    model = newest()
    if model is None:
        _say(output, {"error": NO_MODEL})
        return
    try:
        worker, library = build()
        asyncio.run(worker.decide(fresh_turn("hola", "", clock())))  # The first message loads what later ones share.
    except Exception as error:  # Whatever it is, the page must be told; what the error says may name paths or texts.
        _say(output, {"error": code_of(error)})
        return
    _say(output, {"ready": True})
    while select.select([sys.stdin], [], [], idle_seconds)[0]:
        line = sys.stdin.readline()
        if not line or newest() != model:
            return
        _say(output, _answer(worker, library, line, clock()))


def code_of(error: Exception) -> str:
    """Return what may be told of an error: its code or its kind, never its words."""
    return error.code if isinstance(error, RutaError) else type(error).__name__


def own_output() -> IO[str]:
    """Return standard output for the answers alone; what libraries print goes nowhere from now on."""
    kept = os.dup(sys.stdout.fileno())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return os.fdopen(kept, "w", encoding="utf-8")


def _answer(worker: Worker, library: OverlaidLibrary, line: str, now: datetime) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        if library.lay(asked["overlay"]):
            return {"error": DRAFT_UNREADABLE}
        return asdict(asyncio.run(_decide(worker, str(asked["text"]), now)))
    except Exception as error:  # One bad question must not cost the loaded engine.
        return {"error": code_of(error)}


async def _decide(worker: Worker, text: str, now: datetime) -> TryItAnswer:
    limits = worker.parts.limits["webchat"]
    turn = fresh_turn(text[: limits.inbound_text], "", now)
    result = await worker.decide(replace(turn, is_shortened=len(text) > limits.inbound_text))
    trace = result.trace
    return TryItAnswer(
        locale=result.locale,
        decision=trace.decision,
        topic=trace.topic,
        destination=trace.destination,
        choices=tuple(trace.choices),
        ranking=tuple((topic, round(float(chance), 4)) for topic, chance in trace.ranking[:MOST_RANKED]),
        replies=tuple(reply.to_json() for reply in result.replies),
    )


def _say(output: IO[str], said: dict[str, Any]) -> None:
    output.write(json.dumps(said, ensure_ascii=False) + "\n")
    output.flush()
