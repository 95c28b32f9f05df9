"""Decide what a classified message gets: an answer, up to three choices, or the menu with the way to a person.

The outcome stands in the message as `decision`; whatever is not answered becomes the engine's fallback intent, which a
rule sends to the reply `utter_not_sure`.
"""

from __future__ import annotations

from typing import Any, Dict, List, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class DecisionMaker(GraphComponent, IntentClassifier):
    """Turns calibrated probabilities into a decision.

    Config:
        answer_above: the least probability at which the first topic is answered.
        choices_above: the least probability that the first three together must reach to be offered.
        urgent_above: the least total probability of urgent topics at which the likeliest of them is answered.
        urgent: the urgent topics.
        never_offered: intents that make no sense as a choice.
    """

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Return the defaults; the figures behind them are in docs/decisions/0003-classifier.md."""
        return {"answer_above": 0.5, "choices_above": 0.35, "urgent_above": 0.5, "urgent": [], "never_offered": []}

    def __init__(self, config: Dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DecisionMaker:
        """Make the component."""
        return cls(config)

    def process(self, messages: List[Message]) -> List[Message]:
        """Set the decision of each message, and the fallback intent where it is not an answer."""
        for message in messages:
            chances: dict[str, float] = message.get("all_confidences") or {}
            kind, topics = self.decide(chances)
            message.set("decision", {"kind": kind, "topics": topics}, add_to_output=True)
            if kind in ("answer", "urgent"):
                chosen = {"name": topics[0], "confidence": chances[topics[0]]}
            else:
                chosen = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": 1.0}
            message.set("intent", chosen, add_to_output=True)
        return messages

    def decide(self, chances: dict[str, float]) -> tuple[str, list[str]]:
        """Return the kind of decision and its topics, from the probabilities in falling order."""
        if not chances:
            return "menu", []
        ranked = list(chances)
        urgent = [name for name in ranked if name in self._config["urgent"]]
        if urgent and sum(chances[name] for name in urgent) >= self._config["urgent_above"]:
            return "urgent", urgent[:1]
        if chances[ranked[0]] >= self._config["answer_above"]:
            return "answer", ranked[:1]
        offered = [name for name in ranked[:5] if name not in self._config["never_offered"]][:3]
        is_vague = ranked[0] == "out_of_scope" or sum(chances[name] for name in offered) < self._config["choices_above"]
        return ("menu", []) if is_vague else ("choices", offered)

    @classmethod
    def required_components(cls) -> List[Type[Any]]:
        """Return what must stand before this component."""
        return [IntentClassifier]
