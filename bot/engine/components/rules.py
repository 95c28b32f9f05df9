"""The engine's rules, found by an index: with a rule for each of a hundred topics, trying all of them was a sixth of a turn."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Dict, List, Optional, Set, Text, Tuple

from rasa.core.policies.rule_policy import RULES, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import PREVIOUS_ACTION, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ACTION_NAME, INTENT, TEXT


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class IndexedRulePolicy(RulePolicy):
    """A `RulePolicy` that tries only rules whose last state has the last action and intent, or leaves them open."""

    def _get_possible_keys(self, lookup: Dict[Text, Text], states: List[State]) -> Set[Text]:
        if not states:
            return super()._get_possible_keys(lookup, states)
        index = self._index_of(lookup)
        action, intent = _last_step(states[-1])
        candidates: dict[str, str] = {}
        for step in {(action, intent), (action, None), (None, intent), (None, None)}:
            candidates.update(index.get(step, {}))
        return super()._get_possible_keys(candidates, states)

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> Tuple[Optional[Text], Optional[Text], bool]:
        if use_text_for_last_user_input and not self._has_rules_on_text():
            return None, None, False
        return super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)

    def _index_of(self, lookup: Dict[Text, Text]) -> dict[tuple[Any, Any], dict[str, str]]:
        indexes: dict[int, tuple[int, dict[tuple[Any, Any], dict[str, str]]]] = self.__dict__.setdefault("_indexes", {})
        size, index = indexes.get(id(lookup), (-1, {}))
        if size != len(lookup):  # While a model trains, its rules are still growing.
            index = defaultdict(dict)
            for key, action in lookup.items():
                index[_last_step(json.loads(key)[-1])][key] = action
            indexes[id(lookup)] = len(lookup), index
        return index

    def _has_rules_on_text(self) -> bool:
        if not hasattr(self, "_on_text"):
            self._on_text = any(TEXT in state.get(USER, {}) for key in self.lookup[RULES] for state in json.loads(key))
        return self._on_text


def _last_step(state: Any) -> tuple[Any, Any]:
    """Return the action before a state and the intent in it; None for what it leaves open."""
    return (state.get(PREVIOUS_ACTION) or {}).get(ACTION_NAME), (state.get(USER) or {}).get(INTENT)
