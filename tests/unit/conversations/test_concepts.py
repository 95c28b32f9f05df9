"""Concepts: the same name for what people call by many names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from bot.conversations.concepts import FoundName, read_concepts, read_places
from bot.conversations.words import read_common_words
from bot.errors import RutaError

VOCABULARY = Path(__file__).resolve().parents[3] / "intents" / "vocabulary"
COMMON = read_common_words(VOCABULARY / "common-words.txt")
CONCEPTS = read_concepts(VOCABULARY / "concepts.yml", COMMON)
PLACES = read_places(VOCABULARY / "places.yml", COMMON)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("el coyotero me pide más", "smuggler"),
        ("LOS POLLEROS", "smuggler"),
        ("le passeur veut l'argent", "smuggler"),
        ("o atravessador sumiu", "smuggler"),
        ("le debo al chulquero", "loan_shark"),
        ("the loan shark came", "loan_shark"),
        ("el chulquro", "loan_shark"),
    ],
)
def test_many_names_are_one_concept(text: str, concept: str) -> None:
    """In four languages, in capitals and with a slip."""
    assert concept in CONCEPTS.find(text)


def test_a_correct_word_is_no_typo() -> None:
    """ "Ahogado" is one letter from "abogado" and is not a lawyer."""
    assert "lawyer" not in CONCEPTS.find("mi primo salió ahogado")
    assert CONCEPTS.find("") == []


def test_a_stored_one_finds_the_same() -> None:
    """The lists travel inside the model."""
    stored = pickle.loads(pickle.dumps(CONCEPTS))
    assert stored.find("el chulquro y el coyote") == CONCEPTS.find("el chulquro y el coyote")


@pytest.mark.parametrize(
    "text",
    ["[", "other: {}", "concepts: {a: {es: [uno, dos]}, b: {en: [Uno]}}", "concepts: [a]"],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    """A word in two concepts would count for both: the error names it."""
    path = tmp_path / "concepts.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RutaError, match="concepts.yml"):
        read_concepts(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vivo en Guayaquil", [FoundName("guayaquil", 8, 17)]),
        ("soy de guayakil", [FoundName("guayaquil", 7, 15)]),
        ("Lago Agrio o Tulcan", [FoundName("lago agrio", 0, 10), FoundName("tulcan", 13, 19)]),
        ("voy a santo domingo de", [FoundName("santo domingo", 6, 19)]),
        ("estoy en huaqillas", [FoundName("huaquillas", 9, 18)]),
        ("necesito una manta para el frio", []),
        ("cuanto cuesta el pasaje", []),
    ],
)
def test_places_are_found_with_slips_and_not_in_other_words(text: str, found: list[FoundName]) -> None:
    """A blanket is no city and a ticket no canton."""
    assert PLACES.find_places(text) == found
