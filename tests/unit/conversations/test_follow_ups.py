"""Follow-ups: only what says nothing else goes on with the last answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.content.model import SECTIONS
from bot.conversations.destinations import Destinations
from bot.conversations.follow_ups import FollowUp, FollowUps
from bot.engine.examples import read_training_examples
from bot.errors import RutaError

VOCABULARY = Path(__file__).resolve().parents[3] / "intents" / "vocabulary"
FOLLOW_UPS = FollowUps(VOCABULARY / "follow-ups.yml")
DESTINATIONS = Destinations(VOCABULARY / "destinations.yml")


def _find(text: str) -> FollowUp | None:
    return FOLLOW_UPS.find(text, [(found.start, found.end) for found in DESTINATIONS.find(text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¿Cuánto cuesta?", FollowUp("more_detail", "cost")),
        ("y kuanto cuesta eso", FollowUp("more_detail", "cost")),
        ("¿y los requisitos?", FollowUp("more_detail", "requirements")),
        ("y en España cuánto demora", FollowUp("more_detail", "time")),
        ("how much?", FollowUp("more_detail", "cost")),
        ("combien de temps ?", FollowUp("more_detail", "time")),
        ("onde fica?", FollowUp("more_detail", "where")),
        ("más", FollowUp("more_detail")),
        ("tell me more please", FollowUp("more_detail")),
        ("no entendí", FollowUp("repeat_or_explain")),
        ("¿y para Canadá?", FollowUp("inform_destination")),
        ("et pour l'Espagne ?", FollowUp("inform_destination")),
    ],
)
def test_what_only_goes_on_is_a_follow_up(text: str, expected: FollowUp) -> None:
    """In four languages, without accents, with a slip and with small words around it."""
    assert _find(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cuánto cuesta el pasaporte",
        "cuanto cobra el coyote",
        "requisitos para canada",
        "mexico dangers",
        "me quedó claro, gracias",
        "mala información",
        "quiero ir a españa",
        "no entiendo nada de lo que me pasa",
        "hola",
        "si",
        "y ahora",
        "",
        "más " * 20,
    ],
)
def test_a_question_of_its_own_is_none(text: str) -> None:
    """One word too many and the classifier decides."""
    assert _find(text) is None


def test_examples_of_other_intents_are_left_to_the_classifier() -> None:
    """Of every third of 30,000 examples hardly any that means something else is taken for a follow-up."""
    taken = [
        (one.intent, one.text)
        for one in read_training_examples(VOCABULARY.parents[1])[::3]
        if len(one.text) < 60 and (found := _find(one.text)) and found.intent != one.intent and one.intent != "more_detail"
    ]
    assert len(taken) < 10, taken


def test_the_sections_are_those_of_the_content() -> None:
    """A phrase leads to a section that answers can have."""
    meanings = FOLLOW_UPS._phrases.values()
    assert {meaning.section for meaning in meanings} - {""} <= set(SECTIONS)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """The error says which file."""
    path = tmp_path / "follow-ups.yml"
    for text in ("a: [", "fillers: []", "connectors: []\nfillers: []\nsections: {}\nmore: []\nagain: []\nother: []"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RutaError, match="follow-ups.yml"):
            FollowUps(path)
