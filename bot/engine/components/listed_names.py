"""Put what a message names into its entities, by lists that staff keep; the matching itself is `bot.conversations.concepts`.

`places`: the places in Ecuador, in `places.yml`. `concepts`: words that mean the same in four languages, in `concepts.yml`, so
that "coyotero", "pollero" and "passeur" are one value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Text

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.conversations.concepts import Concepts, read_concepts, read_places
from bot.conversations.words import read_common_words
from bot.engine.components.vocabulary import VocabularyComponent

_READERS = {"places": read_places, "concepts": read_concepts}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ListedNameExtractor(VocabularyComponent):
    """Adds an entity for each listed name, in the order of the message.

    Config:
        vocabulary: a folder below the project's, or an absolute one.
        lists: `places` or `concepts`.
        entity: what the entity is called.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults: the places."""
        return {"vocabulary": "intents/vocabulary", "lists": "places", "entity": "city"}

    def __init__(self, names: Concepts, entity: Text) -> None:
        self._names = names
        self._entity = entity

    @classmethod
    def read(cls, vocabulary: Path, settings: Dict[Text, Any]) -> ListedNameExtractor:
        """Read the lists."""
        path, common = vocabulary / f"{settings['lists']}.yml", vocabulary / "common-words.txt"
        return cls(_READERS[settings["lists"]](path, read_common_words(common)), settings["entity"])

    def process(self, messages: List[Message]) -> List[Message]:
        """Append what each message names to its entities."""
        for message in messages:
            entities = [
                {
                    "entity": self._entity,
                    "value": found.name,
                    "start": found.start,
                    "end": found.end,
                    "extractor": type(self).__name__,
                }
                for found in self._names.find_places(str(message.get(TEXT) or ""))
            ]
            if entities:
                message.set(ENTITIES, [*message.get(ENTITIES, []), *entities], add_to_output=True)
        return messages
