"""Put the places in Ecuador that a message names into its entities; the matching itself is `bot.conversations.concepts`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Text

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.conversations.concepts import Concepts, read_places
from bot.conversations.words import read_common_words
from bot.engine.components.vocabulary import VocabularyComponent

ENTITY = "city"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class PlaceExtractor(VocabularyComponent):
    """Adds an entity `city` for each place in Ecuador, in the order of the message."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults; `vocabulary` is a folder below the project's, or an absolute one."""
        return {"vocabulary": "intents/vocabulary"}

    def __init__(self, places: Concepts) -> None:
        self._places = places

    @classmethod
    def read(cls, vocabulary: Path, settings: Dict[Text, Any]) -> PlaceExtractor:
        """Read the places' names."""
        return cls(read_places(vocabulary / "places.yml", read_common_words(vocabulary / "common-words.txt")))

    def process(self, messages: List[Message]) -> List[Message]:
        """Append the places of each message to its entities."""
        for message in messages:
            entities = [
                {"entity": ENTITY, "value": found.name, "start": found.start, "end": found.end, "extractor": type(self).__name__}
                for found in self._places.find_places(str(message.get(TEXT) or ""))
            ]
            if entities:
                message.set(ENTITIES, [*message.get(ENTITIES, []), *entities], add_to_output=True)
        return messages
