"""The terminal conversation and `ruta explain`, over a worker that notes what it is asked."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import cast

import pytest

from bot.conversations.turns import Trace, Turn, TurnResult
from bot.errors import RutaError
from bot.messages import OutboundMessage, QuickReply
from bot.terminal import TerminalConversation, explain, explain_safely, reply_lines, useful_lines
from bot.worker import Worker

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
CHOICES = (QuickReply("Cédula", "/id_card"), QuickReply("Menú", "/menu"))


class NotingWorker:
    """Gives out the results it was made with, in order, and keeps the turns."""

    def __init__(self, *results: TurnResult) -> None:
        self.turns: list[Turn] = []
        self._results = list(results)

    async def decide(self, turn: Turn) -> TurnResult:
        """Note the turn and return the next result."""
        self.turns.append(turn)
        return self._results.pop(0)

    @property
    def as_worker(self) -> Worker:
        """Itself, for what wants a worker."""
        return cast(Worker, self)


def _result(*replies: OutboundMessage, **changes: object) -> TurnResult:
    values: dict[str, object] = {"locale": "es", "locale_source": "detected", "engine_state": b"one"}
    return TurnResult(replies, "", **{**values, **changes})  # type: ignore[arg-type]


async def test_a_conversation_carries_state_language_and_choices() -> None:
    """What one turn left is what the next one begins with; the newest offered choices count."""
    plain, offering = OutboundMessage("hola"), OutboundMessage("elija", CHOICES)
    worker = NotingWorker(_result(plain, offering, locale="fr"), _result(plain, engine_state=None), _result(plain))
    conversation = TerminalConversation(worker.as_worker, "", NOW)
    for text in ("salut", "2", "merci"):
        await conversation.say(text)
    first, second, third = worker.turns
    assert (first.text, first.engine_state, first.locale, first.locale_source) == ("salut", None, "es", "default")
    assert (second.engine_state, second.locale, second.locale_source) == (b"one", "fr", "detected")
    assert [(choice.position, choice.payload) for choice in second.choices] == [(1, "/id_card"), (2, "/menu")]
    assert (third.engine_state, third.choices) == (b"one", ())


def test_a_reply_is_shown_with_numbered_choices_and_no_marks() -> None:
    """A terminal shows what a person would read, and a number for each choice."""
    assert reply_lines(OutboundMessage("**Hola**\n\n- uno", CHOICES)) == ["Hola", "• uno", "  1. Cédula", "  2. Menú"]


async def test_explain_prints_the_agreed_keys() -> None:
    """One line has all that a reader of decisions needs, in plain values."""
    trace = Trace("answer", "id_card", "", (), (("id_card", 0.91239), ("passport", 0.05)))
    worker = NotingWorker(_result(OutboundMessage("la respuesta"), trace=trace))
    line = await explain(worker.as_worker, "como saco la cedula", NOW)
    milliseconds = line.pop("milliseconds")
    assert isinstance(milliseconds, float)
    assert milliseconds >= 0
    assert line == {
        "locale": "es",
        "ranking": [{"topic": "id_card", "confidence": 0.9124}, {"topic": "passport", "confidence": 0.05}],
        "decision": "answer",
        "topic": "id_card",
        "destination": None,
        "choices": [],
        "reply": ["la respuesta"],
    }


@pytest.mark.parametrize(
    ("line", "text", "locale", "source"),
    [
        pytest.param("hola", "hola", "es", "default", id="plain"),
        pytest.param('{"text": "hello", "locale": "en"}', "hello", "en", "hint", id="with locale"),
        pytest.param('{"text": "oi", "locale": "pt-BR"}', "oi", "pt", "hint", id="with country"),
        pytest.param('{"text": "hi", "locale": null}', "hi", "es", "default", id="no locale"),
        pytest.param('{"text": "hi", "locale": "zz"}', "hi", "es", "default", id="unknown locale"),
        pytest.param('["hola"]', '["hola"]', "es", "default", id="a list is text"),
    ],
)
async def test_explain_reads_text_and_json_lines(line: str, text: str, locale: str, source: str) -> None:
    """Each line is a fresh conversation, in the language it says or in none."""
    worker = NotingWorker(_result())
    await explain(worker.as_worker, line, NOW)
    (turn,) = worker.turns
    assert (turn.text, turn.locale, turn.locale_source) == (text, locale, source)
    assert (turn.engine_state, turn.choices) == (None, ())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "must be JSON"),
        ("{}", 'needs "text"'),
        ('{"texto": "hola"}', 'needs "text"'),
        ('{"text": null}', 'needs "text"'),
        ('{"text": "a", "locale": 3}', "as strings"),
        ('{"text": "a"} x', "must be JSON"),
    ],
)
async def test_explain_says_what_is_wrong_with_a_json_line(line: str, says: str) -> None:
    """A broken line is an error of ours, one plain sentence, and not a question."""
    worker = NotingWorker()
    with pytest.raises(RutaError, match=says):
        await explain(worker.as_worker, line, NOW)
    explained = await explain_safely(worker.as_worker, line, NOW)
    assert (explained["error"], says in explained["message"]) == ("ruta_error", True)
    assert worker.turns == []


def test_empty_lines_are_passed_over() -> None:
    """Blank lines of a file are no questions."""
    assert list(useful_lines(["hola\n", "\n", "  \n", " qué tal \n"])) == ["hola", "qué tal"]
