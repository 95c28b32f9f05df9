"""Concepts: the same name for what people call by many names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from bot.conversations.concepts import Concepts
from bot.conversations.words import read_common_words
from bot.errors import RutaError

VOCABULARY = Path(__file__).resolve().parents[3] / "intents" / "vocabulary"
CONCEPTS = Concepts(VOCABULARY / "concepts.yml", read_common_words(VOCABULARY / "common-words.txt"))


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
        Concepts(path)
