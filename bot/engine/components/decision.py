"""Decide what a classified message gets: an answer, up to three choices, or the menu with the way to a person.

The outcome stands in the message as `decision`; whatever is not answered becomes the engine's fallback intent, which a
rule sends to the reply `utter_not_sure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Dict, List, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.training_data.message import Message

from bot.engine.thresholds import Thresholds, read_thresholds

_PROJECT = Path(__file__).resolve().parents[3]
SMALL_TALK_ABOVE = 0.5
"""The least probability at which a greeting or the like is answered: it cannot be offered as a choice, and does no harm."""
_OFFERED_OF = 5
_MOST_OFFERED = 3


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class DecisionMaker(GraphComponent, IntentClassifier):
    """Turns calibrated probabilities into a decision, with the thresholds of the message's language.

    Config:
        thresholds: the file that `ruta thresholds` writes, a path below the project's folder or an absolute one.
        urgent: the urgent topics.
        never_offered: intents that make no sense as a choice.
    """

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Return the defaults."""
        return {"thresholds": "intents/thresholds.yml", "urgent": [], "never_offered": []}

    def __init__(self, config: Dict[str, Any], thresholds: Mapping[str, Thresholds]) -> None:
        self._urgent = frozenset(config["urgent"])
        self._never_offered = frozenset(config["never_offered"])
        self._thresholds = thresholds

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DecisionMaker:
        """Read the thresholds; loading a model does the same.

        Raises:
            RutaError: the thresholds cannot be read.
        """
        return cls(config, read_thresholds(_PROJECT / config["thresholds"]))

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the decision of each message, and the fallback intent where it is not an answer."""
        for message in messages:
            chances: dict[str, float] = message.get("all_confidences") or {}
            alarm = sum(chance for name, chance in chances.items() if name in self._urgent)
            locale = str((message.get("language") or {}).get("locale", ""))
            kind, topics = self.decide(chances, alarm, self._thresholds.get(locale) or self._thresholds["all"])
            message.set("decision", {"kind": kind, "topics": topics, "urgent_chance": alarm}, add_to_output=True)
            if kind in ("answer", "urgent"):
                chosen = {"name": topics[0], "confidence": chances[topics[0]]}
            else:
                chosen = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": 1.0}
            message.set("intent", chosen, add_to_output=True)
        return messages

    def decide(self, chances: Mapping[str, float], alarm: float, thresholds: Thresholds) -> tuple[str, list[str]]:
        """Return the kind of decision and its topics.

        Args:
            chances: the likeliest intents with their probabilities, in falling order.
            alarm: the total probability of all urgent topics.
        """
        ranked = list(chances)
        if not ranked:
            return "menu", []
        urgent = [name for name in ranked if name in self._urgent]
        if urgent and alarm >= thresholds.urgent_above:
            return "urgent", urgent[:1]
        is_small_talk = ranked[0] in self._never_offered and ranked[0] != "out_of_scope"
        if chances[ranked[0]] >= (min(SMALL_TALK_ABOVE, thresholds.answer_above) if is_small_talk else thresholds.answer_above):
            return "answer", ranked[:1]
        offered = [name for name in ranked[:_OFFERED_OF] if name not in self._never_offered][:_MOST_OFFERED]
        is_vague = ranked[0] == "out_of_scope" or sum(chances[name] for name in offered) < thresholds.choices_above
        return ("menu", []) if is_vague else ("choices", offered)

    @classmethod
    def required_components(cls) -> List[Type[Any]]:
        """Return what must stand before this component."""
        return [IntentClassifier]
