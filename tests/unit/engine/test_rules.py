"""The indexed rules of the real model against the engine's own search through all of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from rasa.core.policies.rule_policy import RULES, RulePolicy

from bot.engine.components.rules import IndexedRulePolicy
from tests.support.engine import shared_engine

pytestmark = pytest.mark.engine


def _policy() -> IndexedRulePolicy:
    processor = shared_engine()._agent.processor
    assert processor is not None
    nodes = processor.graph_runner._instantiated_nodes.values()
    (policy,) = [node._component for node in nodes if isinstance(node._component, IndexedRulePolicy)]
    return policy


def _conversations(intents: list[str], actions: list[str]) -> list[list[dict[str, Any]]]:
    start: dict[str, Any] = {}
    listening = [{"prev_action": {"action_name": "action_listen"}, "user": {"intent": intent}} for intent in intents]
    acted = [
        {"prev_action": {"action_name": action}, "user": {"intent": intent}}
        for intent, action in itertools.product(intents[::7], actions)
    ]
    return [[start], *([start, state] for state in listening), *([start, listening[0], state] for state in acted)]


def test_the_index_finds_the_same_rules_as_a_search_through_all() -> None:
    """For each intent, after each action, at a start, and with slots set."""
    policy = _policy()
    processor = shared_engine()._agent.processor
    assert processor is not None
    found = 0
    for states in _conversations(sorted(processor.domain.intents), sorted(processor.domain.action_names_or_texts)[::5]):
        for slots in ({}, {"topic": (1.0,), "destination": (1.0,)}):
            asked = [*states[:-1], {**states[-1], "slots": slots} if slots else states[-1]]
            expected = RulePolicy._get_possible_keys(policy, policy.lookup[RULES], asked)
            assert policy._get_possible_keys(policy.lookup[RULES], asked) == expected
            found += bool(expected)
    assert found > 100, "most conversations must meet a rule, else this shows nothing"


def test_no_rule_of_ours_looks_at_the_text() -> None:
    """So the search by text is left out; a rule with a text would bring it back."""
    policy = _policy()
    assert not policy._has_rules_on_text()
    with_text = '[{"prev_action": {"action_name": "action_listen"}, "user": {"text": "hola"}}]'
    copy = object.__new__(IndexedRulePolicy)
    copy.lookup = {RULES: {with_text: "utter_menu"}}
    assert copy._has_rules_on_text()
