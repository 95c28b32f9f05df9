"""Put the countries that a message names into its entities; the matching itself is `bot.conversations.destinations`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.conversations.destinations import Destinations

ENTITY = "destination"
_PROJECT = Path(__file__).resolve().parents[3]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class DestinationExtractor(GraphComponent):
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
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DestinationExtractor:
        """Read the vocabulary; loading a model does the same.

        Raises:
            VocabularyError: the vocabulary cannot be read.
        """
        return cls(Destinations(_PROJECT / {**cls.get_default_config(), **config}["vocabulary"]))

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
