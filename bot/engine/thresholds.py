"""The thresholds of the decision, one set for each language; `ruta thresholds` sets them on calibration messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import yaml

from bot.engine.evaluation import Judged
from bot.engine.scoring import Outcome, Scores
from bot.errors import RutaError
from bot.i18n import LOCALES

EVERY_LOCALE = "all"
LEAST_MESSAGES = 150
"""A language with fewer calibration messages gets the thresholds that were set on all of them."""
MOST_FALSE_ALARMS = 0.01
"""The share of messages that are not urgent and may still get an urgent card."""
COSTS = {"wrong": 3.0, "lost": 1.0, "offered": 0.5}
"""What a message costs that is not answered right at once: a wrong answer may send somebody the wrong way, a lost one has to be
written again, a choice has to be read."""
CHANCE = 0.3
"""Costs that differ by less than this over the root of the number of messages, half a standard error, are the same; of those the
middle `answer_above` is taken, since the cheapest is cheapest by chance."""
ANSWER_STEPS = [round(0.30 + 0.02 * step, 2) for step in range(33)]
CHOICES_STEPS = [round(0.05 + 0.05 * step, 2) for step in range(12)]
URGENT_STEPS = [round(0.10 + 0.02 * step, 2) for step in range(41)]
_SEARCH_ROUNDS = 3
_HEAD = """# Written by `ruta thresholds` from the messages in tests/nlu/calibration_<locale>.yml; do not edit by hand.
#   answer_above   the least probability at which the first topic is answered
#   choices_above  the least probability that the first three together must reach to be offered
#   urgent_above   the least total probability of urgent topics at which the likeliest of them is answered
"""


@dataclass(frozen=True)
class Thresholds:
    """Probabilities, 0 to 1; see the head of the file."""

    answer_above: float
    choices_above: float
    urgent_above: float


Decide = Callable[[Thresholds], Sequence[Outcome]]
Score = Callable[[Sequence[Outcome]], Scores]


def read_thresholds(path: Path) -> dict[str, Thresholds]:
    """Return the thresholds by locale, with those for all others under `all`.

    Raises:
        RutaError: the file cannot be read, or a value is missing or not between 0 and 1.
    """
    names = [field.name for field in fields(Thresholds)]
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {str(locale): Thresholds(**{name: float(row[name]) for name in names}) for locale, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise RutaError(f"{path}: cannot be read as thresholds ({type(error).__name__}); `ruta thresholds` writes it") from error
    values = [value for thresholds in found.values() for value in asdict(thresholds).values()]
    if EVERY_LOCALE not in found or not all(0 <= value <= 1 for value in values):
        raise RutaError(f"{path}: there must be a block `{EVERY_LOCALE}`, and all values from 0 to 1")
    return found


def write_thresholds(path: Path, thresholds: Mapping[str, Thresholds]) -> None:
    """Write the file as a whole."""
    text = _HEAD + yaml.safe_dump({locale: asdict(values) for locale, values in thresholds.items()}, sort_keys=False)
    made = path.with_suffix(".new")
    made.write_text(text, encoding="utf-8")
    made.replace(path)


def search_thresholds(decide: Decide, score: Score, base: Thresholds | None = None) -> Thresholds:
    """Return the thresholds that cost least.

    First the lowest `urgent_above` that keeps the false alarms safely within `MOST_FALSE_ALARMS`, since a missed emergency is
    worse than any wrong answer; then the other two by `COSTS`. An urgent topic can also be answered because it alone is likely
    enough, so they are searched in turns.

    Args:
        decide: returns what becomes of the calibration messages with some thresholds.
        score: counts it.
        base: keep its `urgent_above`: one language alone has too few urgent messages to set it.
    """
    best = base or Thresholds(0.6, 0.3, URGENT_STEPS[-1])

    def costs(name: str, values: Sequence[float]) -> dict[Thresholds, float]:
        return {candidate: cost_of(score(decide(candidate))) for candidate in _with(best, name, values)}

    count = score(decide(best)).count or 1
    allowed = MOST_FALSE_ALARMS - math.sqrt(MOST_FALSE_ALARMS / count) / 2  # Half a standard error below the limit.
    for _ in range(_SEARCH_ROUNDS):
        if base is None:
            quiet = [t for t in _with(best, "urgent_above", URGENT_STEPS) if score(decide(t)).false_alarms <= allowed]
            best = quiet[0] if quiet else replace(best, urgent_above=URGENT_STEPS[-1])
        by_answer = costs("answer_above", ANSWER_STEPS)
        least = min(by_answer.values()) + CHANCE / math.sqrt(count)
        good = [candidate for candidate, cost in by_answer.items() if cost <= least]
        best = good[len(good) // 2]
        by_choices = costs("choices_above", CHOICES_STEPS)
        equal = [candidate for candidate, cost in by_choices.items() if cost == min(by_choices.values())]
        best = equal[len(equal) // 2]
    return best


def search_by_locale(
    judged: Sequence[Judged], decide: Callable[[Sequence[Judged], Mapping[str, Thresholds]], Sequence[Outcome]], score: Score
) -> dict[str, Thresholds]:
    """Return the thresholds of all calibration messages, and of each language that has enough of them.

    Args:
        decide: returns what becomes of messages with thresholds by locale.
    """

    def search(members: Sequence[Judged], base: Thresholds | None = None) -> Thresholds:
        return search_thresholds(lambda thresholds: decide(members, {EVERY_LOCALE: thresholds}), score, base)

    found = {EVERY_LOCALE: search(judged)}
    for locale in LOCALES:
        members = [one for one in judged if one.read_locale == locale]
        if len(members) >= LEAST_MESSAGES:
            found[locale] = search(members, found[EVERY_LOCALE])
    return found


def cost_of(scores: Scores) -> float:
    """Return what an average message within scope costs; a message out of scope that is answered counts as wrong."""
    return sum(weight * float(getattr(scores, name)) for name, weight in COSTS.items()) + COSTS["wrong"] * (
        scores.outside / scores.count * (1 - scores.refused) if scores.count else 0.0
    )


def _with(base: Thresholds, name: str, values: Iterable[float]) -> list[Thresholds]:
    return [replace(base, **{name: value}) for value in values]
