"""Put the countries that a message names into its entities; the matching itself is `bot.conversations.destinations`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Text

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.conversations.destinations import Destinations
from bot.engine.components.vocabulary import VocabularyComponent

ENTITY = "destination"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class DestinationExtractor(VocabularyComponent):
    """Adds an entity `destination` for each country.

    The country that is most likely meant comes last: the engine fills a text slot with the last of several entities.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults; `vocabulary` is a path below the project's folder, or an absolute one."""
        return {"vocabulary": "intents/vocabulary/destinations.yml"}

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations

    @classmethod
    def read(cls, vocabulary: Path, settings: Dict[Text, Any]) -> DestinationExtractor:
        """Read the countries' names."""
        return cls(Destinations(vocabulary))

    def process(self, messages: List[Message]) -> List[Message]:
        """Append the countries of each message to its entities."""
        for message in messages:
            found = self._destinations.find(str(message.get(TEXT) or ""))
            entities = [
                {
                    "entity": ENTITY,
                    "value": destination.value,
                    "start": destination.start,
                    "end": destination.end,
                    "confidence": destination.confidence,
                    "extractor": type(self).__name__,
                }
                for destination in [*found[1:], *found[:1]]
            ]
            message.set(ENTITIES, [*message.get(ENTITIES, []), *entities], add_to_output=True)
        return messages
