"""The gate of training: a new model is used only when none of the guarded figures falls on messages that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.content.loader import load_catalogue
from bot.conversations.urgent import UrgentPhrases
from bot.engine.evaluation import Fall, falls, groups_of, judge_model, score_groups
from bot.engine.examples import read_test_examples
from bot.engine.scoring import Outcome, Scores
from bot.errors import RutaError

REFUSED = "refused"
"""The folder, below that of the models, in which the last refused one is kept to be looked at."""


class ModelRefused(RutaError):
    """A new model is worse than the one in use; the one in use stays."""

    code = "model_refused"


@dataclass(frozen=True)
class Comparison:
    """The figures of the model in use and of the new one by group.

    Attributes:
        unreadable: why the model in use could not be measured, so that nothing was compared; empty when it was.
    """

    before: Mapping[str, Scores]
    after: Mapping[str, Scores]
    falls: tuple[Fall, ...]
    unreadable: str = ""


def compare(root: Path, used: Path, made: Path, on_message: Callable[[], None]) -> Comparison | None:
    """Measure both models on `tests/nlu/`; None when there is nothing to measure on.

    Args:
        used: the model in use.
        on_message: called after each message that a model has judged.
    """
    examples = read_test_examples(root)
    if not examples:
        return None
    catalogue = load_catalogue(root / "content")
    families = {topic.id: topic.family for topic in catalogue.values()}
    urgent = frozenset(topic.id for topic in catalogue.values() if topic.is_urgent)
    phrases = UrgentPhrases(root / "intents" / "urgent")

    def groups(model: Path) -> dict[str, list[Outcome]]:
        return groups_of([one.outcome for one in judge_model(model, examples, phrases, on_message)], families)

    after = score_groups(groups(made), urgent)
    try:
        before = score_groups(groups(used), urgent)
    except Exception as error:  # A model of an older release, whose parts no longer fit: nothing to compare with.
        return Comparison({}, after, (), f"{type(error).__name__} in {used.name}")
    return Comparison(before, after, tuple(falls(before, after)))


def refuse(made: Path, folder: Path) -> Path:
    """Keep a model that was not good enough out of use, in place of the last one of this kind."""
    refused = folder / REFUSED
    refused.mkdir(exist_ok=True)
    for old in refused.glob("*.tar.gz"):
        old.unlink()
    return made.replace(refused / made.name)
