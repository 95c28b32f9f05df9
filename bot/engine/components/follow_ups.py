"""Make a message that only goes on with the last answer the intent that says so; see `bot.conversations.follow_ups`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Dict, List, Text, Type

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.conversations.follow_ups import FollowUps
from bot.engine.components.destinations import ENTITY
from bot.engine.components.vocabulary import VocabularyComponent


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class FollowUpReader(VocabularyComponent, IntentClassifier):
    """Overrides the decision for follow-ups, but never an urgent one."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Return the defaults: `vocabulary` is a path below the project's folder, `never_offered` as for the decision."""
        return {"vocabulary": "intents/vocabulary/follow-ups.yml", "never_offered": []}

    def __init__(self, follow_ups: FollowUps, never_offered: Iterable[str] = ()) -> None:
        self._follow_ups = follow_ups
        self._never_offered = frozenset(never_offered)

    @classmethod
    def read(cls, vocabulary: Path, settings: Dict[Text, Any]) -> FollowUpReader:
        """Read the phrases."""
        return cls(FollowUps(vocabulary), settings["never_offered"])

    def process(self, messages: List[Message]) -> List[Message]:
        """Set intent, section and decision of the follow-ups among the messages."""
        for message in messages:
            entities = message.get(ENTITIES) or []
            countries = [(row["start"], row["end"]) for row in entities if row["entity"] == ENTITY]
            found = self._follow_ups.find(str(message.get(TEXT) or ""), countries)
            if found is None or (message.get("decision") or {}).get("kind") == "urgent":
                continue
            message.set("intent", {"name": found.intent, "confidence": 1.0}, add_to_output=True)
            decision = {"kind": "answer", "topics": [found.intent], "guessed": self._guessed(message)}
            message.set("decision", decision, add_to_output=True)
            if found.section:
                section = {"entity": "section", "value": found.section, "start": 0, "end": 0, "extractor": type(self).__name__}
                message.set(ENTITIES, [*entities, section], add_to_output=True)
        return messages

    def _guessed(self, message: Message) -> List[str]:
        """Return what the classifier would have answered or offered, in case that there is nothing to go on with."""
        topics = (message.get("decision") or {}).get("topics", [])
        return [topic for topic in topics if topic not in self._never_offered]

    @classmethod
    def required_components(cls) -> List[Type[Any]]:
        """Return what must stand before this component."""
        return [IntentClassifier]
