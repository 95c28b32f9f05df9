"""Entities from the lists of staff: one value for all words that mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.engine.components.listed_names import ListedNameExtractor

VOCABULARY = Path(__file__).parents[3] / "intents" / "vocabulary"


@pytest.mark.parametrize(
    ("text", "value", "seen"),
    [
        ("el COYOTERO me pide mas plata", "smuggler", "COYOTERO"),
        ("le passeur veut mon passeport", "smuggler", "passeur"),
        ("an atravessador no", "smuggler", "atravessador"),
        ("debo a un chulqero", "loan_shark", "chulqero"),
    ],
    ids=["es", "fr", "pt", "typo"],
)
def test_words_that_mean_the_same_are_one_entity(text: str, value: str, seen: str) -> None:
    """Slang and other languages come out as the concept's name, with their place in the text."""
    extractor = ListedNameExtractor.read(VOCABULARY, {"lists": "concepts", "entity": "concept"})
    (message,) = extractor.process([Message({"text": text})])
    found = [entity for entity in message.get("entities") if entity["value"] == value]
    assert [text[entity["start"] : entity["end"]] for entity in found] == [seen]
    assert {entity["entity"] for entity in found} == {"concept"}


def test_what_others_found_stays() -> None:
    """A place stands beside the entities that were there; a message without one is left as it is."""
    extractor = ListedNameExtractor.read(VOCABULARY, ListedNameExtractor.get_default_config())
    there = {"entity": "destination", "value": "us"}
    named, bare = extractor.process([Message({"text": "de guayaqil a usa", "entities": [there]}), Message({"text": "hola"})])
    assert [entity["entity"] for entity in named.get("entities")] == ["destination", "city"]
    assert bare.get("entities") is None
