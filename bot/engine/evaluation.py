"""Measure a trained model on messages that it has not seen, and compare it with the one in use."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.conversations.commands import engine_text
from bot.conversations.masking import mask
from bot.conversations.urgent import UrgentPhrases
from bot.engine.scoring import Example, Outcome, Scores, score
from bot.errors import EngineError
from bot.i18n import LOCALES

GUARDED = ("top_1", "right", "wrong", "refused", "urgent", "false_alarms")
"""The figures that a new model must not make worse."""
_LESS_IS_BETTER = frozenset({"wrong", "lost", "false_alarms"})
MESSAGES_ALLOWED = 2
"""A figure of a group counts as fallen when it is worse by more messages than this: so much is chance."""
EVERYTHING = "all"


@dataclass(frozen=True)
class Judged:
    """A message with what the model made of it before and after the thresholds.

    Attributes:
        chances: the likeliest intents with their probabilities, in falling order.
        urgent_chance: the total probability of urgent topics.
        is_fixed: a reviewed phrase or a follow-up decided, whatever the thresholds.
        read_locale: the language that the model took it for.
        outcome: what was decided.
    """

    example: Example
    chances: dict[str, float]
    urgent_chance: float
    is_fixed: bool
    read_locale: str
    outcome: Outcome


@dataclass(frozen=True)
class Fall:
    """A guarded figure that became worse.

    Attributes:
        group: all, a locale or a family.
    """

    group: str
    figure: str
    before: float
    after: float


def judge_model(
    model: Path, examples: Sequence[Example], phrases: UrgentPhrases, on_message: Callable[[], None] = lambda: None
) -> list[Judged]:
    """Let a trained model decide each message as the worker would in a fresh conversation.

    Raises:
        EngineError: the model cannot be loaded.
    """
    from rasa.core.agent import Agent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The engine's own deprecations; nothing an operator could act on.
        agent = Agent.load(model)
    if agent.processor is None:
        raise EngineError(f"{model}: the model cannot be loaded")

    async def judge_all() -> list[Judged]:
        return [await _judge(agent, example, phrases, on_message) for example in examples]

    return asyncio.run(judge_all())


async def _judge(agent: Any, example: Example, phrases: UrgentPhrases, on_message: Callable[[], None]) -> Judged:
    parsed = await agent.parse_message(engine_text(mask(example.text)))
    decision = parsed.get("decision") or {"kind": "menu", "topics": []}
    rows = parsed.get("intent_ranking", ())
    match = phrases.match(example.text)
    kind, topics = ("urgent", (match.topic,)) if match else (decision["kind"], tuple(decision["topics"]))
    on_message()
    return Judged(
        example,
        chances={row["name"]: row["confidence"] for row in rows},
        urgent_chance=float(decision.get("urgent_chance", 0.0)),
        is_fixed=match is not None or "urgent_chance" not in decision,
        read_locale=str((parsed.get("language") or {}).get("locale", "")),
        outcome=Outcome(example, tuple(row["name"] for row in rows), kind, topics),
    )


def decide_again(judged: Sequence[Judged], decide: Callable[[Judged], tuple[str, list[str]]]) -> list[Outcome]:
    """Return what becomes of the messages with another decision; phrases and follow-ups stay as they were."""
    decided = [(one, None if one.is_fixed else decide(one)) for one in judged]
    return [one.outcome if made is None else replace(one.outcome, kind=made[0], topics=tuple(made[1])) for one, made in decided]


def groups_of(outcomes: Sequence[Outcome], families: Mapping[str, str]) -> dict[str, list[Outcome]]:
    """Return all messages, then those of each locale, then those of each family.

    Args:
        families: the family of each topic.
    """
    groups: dict[str, list[Outcome]] = {EVERYTHING: list(outcomes)}
    for locale in LOCALES:
        groups[locale] = [one for one in outcomes if one.example.locale == locale]
    for family in dict.fromkeys(families.values()):
        groups[family] = [one for one in outcomes if families.get(one.example.intent) == family]
    return {name: members for name, members in groups.items() if members}


def score_groups(groups: Mapping[str, Sequence[Outcome]], urgent: Collection[str]) -> dict[str, Scores]:
    """Return the figures of each group."""
    return {name: score(members, urgent) for name, members in groups.items()}


def falls(before: Mapping[str, Scores], after: Mapping[str, Scores]) -> list[Fall]:
    """Return the guarded figures that became worse by more than chance."""
    found = []
    for group, new in after.items():
        old = before.get(group)
        for figure in GUARDED if old else ():
            was, now = getattr(old, figure), getattr(new, figure)
            worse = now - was if figure in _LESS_IS_BETTER else was - now
            if worse * _counted(new, figure) > MESSAGES_ALLOWED + 1e-9:
                found.append(Fall(group, figure, was, now))
    return found


def _counted(scores: Scores, figure: str) -> int:
    """Return of how many messages a figure is the share."""
    counts = {
        "top_1": scores.count,
        "refused": scores.outside,
        "urgent": scores.alarming,
        "false_alarms": scores.count - scores.alarming,
    }
    return counts.get(figure, scores.count - scores.outside)
