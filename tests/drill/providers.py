"""The fake providers as the drill needs them: they note what they accepted and when, and they make trouble by the dice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.whatsapp.templates import template_specs
from tests.support import fake_telegram, twilio_answers
from tests.support.fake_telegram import FakeTelegram
from tests.support.fake_twilio import FakeTwilio

CALLS = 20_000
"""Calls for which the trouble is thrown beforehand; more than any drill makes."""


@dataclass(frozen=True)
class Accepted:
    """A message that a provider took, whether or not the gateway lived to read the answer.

    Attributes:
        at: seconds of the monotonic clock.
    """

    at: float
    channel: str
    address: str
    provider_id: str
    text: str


@dataclass
class Ledger:
    """What both providers accepted, in order, and the trouble that they made."""

    accepted: list[Accepted] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)

    def note(self, channel: str, address: str, provider_id: str, text: str) -> None:
        """Note one message."""
        self.accepted.append(Accepted(time.monotonic(), channel, address, provider_id, text))

    def first_after(self, moment: float) -> float | None:
        """Return when the first message after a moment was accepted."""
        return next((one.at for one in self.accepted if one.at >= moment), None)


TROUBLE: Mapping[str, float] = {
    "429 with Retry-After": 0.02,
    "5xx": 0.03,
    "no answer": 0.01,
    "connection reset": 0.02,
    "refused for good": 0.005,
}
"""The share of calls that fail, by kind."""


class _Script(list[Any]):
    """Answers by the dice, counted when they are given."""

    def __init__(self, answers: Mapping[str, Callable[[], Any]], accept: Any, seed: str, trouble: Counter[str]) -> None:
        dice = random.Random(seed)
        names = dice.choices([*TROUBLE, ""], [*TROUBLE.values(), 1 - sum(TROUBLE.values())], k=CALLS)
        super().__init__((name, answers[name]() if name else accept) for name in names)
        self.reverse()
        self._trouble = trouble

    def popleft(self) -> Any:
        """Return the next answer, as the fakes take it."""
        name, answer = self.pop()
        if name:
            self._trouble[name] += 1
        return answer


class DrillTwilio(FakeTwilio):
    """Twilio with all templates in its account."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        for spec in template_specs():
            self.add_content(spec.to_payload())

    def begin_trouble(self, seed: int) -> None:
        """Fail by the dice from now on."""
        answers = {
            "429 with Retry-After": lambda: twilio_answers.slow_down(1),
            "5xx": twilio_answers.server_error,
            "no answer": twilio_answers.hang,
            "connection reset": twilio_answers.reset,
            "refused for good": lambda: twilio_answers.refuse(63024),
        }
        self._answers = _Script(answers, twilio_answers.accept(), f"twilio {seed}", self._ledger.trouble)  # type: ignore[assignment]

    def _accept(self, fields: dict[str, Any]) -> dict[str, Any]:
        answer = super()._accept(fields)
        shown = self.messages[answer["sid"]]["shown"]
        self._ledger.note("whatsapp", fields["To"], answer["sid"], str(shown.get("body", "")))
        return answer


class DrillTelegram(FakeTelegram):
    """Telegram."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def begin_trouble(self, seed: int) -> None:
        """Fail by the dice from now on."""
        answers = {
            "429 with Retry-After": lambda: fake_telegram.slow_down(1),
            "5xx": fake_telegram.server_error,
            "no answer": fake_telegram.hang,
            "connection reset": fake_telegram.reset,
            "refused for good": lambda: fake_telegram.refuse(400, "Bad Request: chat not found"),
        }
        self._answers = _Script(answers, fake_telegram.accept(), f"telegram {seed}", self._ledger.trouble)  # type: ignore[assignment]

    def _send_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        answer = super()._send_message(parameters)
        self._ledger.note("telegram", str(parameters["chat_id"]), str(answer["message_id"]), answer["text"])
        return answer
