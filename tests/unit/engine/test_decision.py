"""The decision: answer, up to three choices, or the menu; urgent topics first."""

from __future__ import annotations

from typing import Any

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.engine.components.decision import DecisionMaker
from bot.engine.thresholds import Thresholds

CONFIG = {**DecisionMaker.get_default_config(), "urgent": ["missing", "danger"], "never_offered": ["greet", "out_of_scope"]}
EVERYWHERE = Thresholds(answer_above=0.5, choices_above=0.35, urgent_above=0.5)
MAKER = DecisionMaker(CONFIG, {"all": EVERYWHERE, "fr": Thresholds(0.9, 0.35, 0.2)})


def _message(chances: dict[str, float] | None) -> Message:
    message = Message(data={"text": "una pregunta"})
    if chances is not None:
        message.set("all_confidences", chances)
    return MAKER.process([message])[0]


CASES: list[Any] = [
    pytest.param({"visa": 0.5, "cédula": 0.3}, ("answer", ["visa"]), id="sure enough"),
    pytest.param({"visa": 0.49, "cédula": 0.3, "a": 0.1, "b": 0.1}, ("choices", ["visa", "cédula", "a"]), id="unsure"),
    pytest.param({"visa": 0.2, "cédula": 0.1, "a": 0.04, "b": 0.03}, ("menu", []), id="no idea"),
    pytest.param({"visa": 0.25, "cédula": 0.1}, ("choices", ["visa", "cédula"]), id="just enough together"),
    pytest.param({"missing": 0.5, "visa": 0.5}, ("urgent", ["missing"]), id="urgent"),
    pytest.param({"visa": 0.48, "danger": 0.3, "missing": 0.2}, ("urgent", ["danger"]), id="two urgent ones together"),
    pytest.param({"visa": 0.52, "danger": 0.48}, ("answer", ["visa"]), id="urgent is less likely"),
    pytest.param({"greet": 0.4, "visa": 0.3, "cédula": 0.2}, ("choices", ["visa", "cédula"]), id="greeting is no choice"),
    pytest.param({"greet": 0.4, "visa": 0.2}, ("menu", []), id="what is left is too little"),
    pytest.param({"out_of_scope": 0.4, "visa": 0.3, "cédula": 0.2}, ("menu", []), id="out of scope"),
    pytest.param({"out_of_scope": 0.6, "visa": 0.4}, ("answer", ["out_of_scope"]), id="surely out of scope"),
    pytest.param({}, ("menu", []), id="nothing to rank"),
]


@pytest.mark.parametrize(("chances", "expected"), CASES)
def test_decide_weighs_the_probabilities(chances: dict[str, float], expected: tuple[str, list[str]]) -> None:
    """The thresholds decide, and urgent topics are weighed together before the rest."""
    alarm = sum(chances.get(name, 0.0) for name in CONFIG["urgent"])
    assert MAKER.decide(chances, alarm, EVERYWHERE) == expected


@pytest.mark.parametrize(("chances", "expected"), CASES)
def test_the_intent_is_the_decision(chances: dict[str, float], expected: tuple[str, list[str]]) -> None:
    """What is answered keeps its intent and probability, everything else becomes the fallback."""
    message = _message(chances)
    kind, topics = expected
    assert {name: message.get("decision")[name] for name in ("kind", "topics")} == {"kind": kind, "topics": topics}
    if kind in ("answer", "urgent"):
        assert message.get("intent") == {"name": topics[0], "confidence": chances[topics[0]]}
    else:
        assert message.get("intent") == {"name": "nlu_fallback", "confidence": 1.0}


def test_a_message_that_was_not_classified_gets_the_menu() -> None:
    """An empty text has no probabilities and is no error."""
    assert _message(None).get("decision") == {"kind": "menu", "topics": [], "urgent_chance": 0}


def test_small_talk_is_answered_sooner_than_a_topic() -> None:
    """A greeting cannot be offered as a choice; but out of scope is no small talk."""
    strict = Thresholds(answer_above=0.9, choices_above=0.35, urgent_above=0.5)
    assert MAKER.decide({"greet": 0.55, "visa": 0.3}, 0.0, strict) == ("answer", ["greet"])
    assert MAKER.decide({"out_of_scope": 0.55, "visa": 0.3}, 0.0, strict) == ("menu", [])
    assert MAKER.decide({"visa": 0.55, "greet": 0.3}, 0.0, strict) == ("choices", ["visa"])


def test_choices_come_from_the_likeliest_five() -> None:
    """A sixth topic is never offered, even when others of the first five may not be."""
    chances = {"visa": 0.3, "greet": 0.2, "out_of_scope": 0.1, "a": 0.09, "greet2": 0.08, "b": 0.07}
    config = {**CONFIG, "never_offered": ["greet", "greet2", "out_of_scope"]}
    maker = DecisionMaker(config, {"all": EVERYWHERE})
    assert maker.decide(chances, 0.0, EVERYWHERE) == ("choices", ["visa", "a"])


@pytest.mark.parametrize(("locale", "kind"), [("fr", "choices"), ("es", "answer"), ("", "answer")])
def test_each_language_has_its_thresholds(locale: str, kind: str) -> None:
    """A language without thresholds of its own takes those of all."""
    message = Message(data={"text": "une question", "language": {"locale": locale, "confidence": 1.0}})
    message.set("all_confidences", {"visa": 0.8, "cédula": 0.1})
    assert MAKER.process([message])[0].get("decision")["kind"] == kind
