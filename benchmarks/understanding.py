"""Measure how well messages are understood, beside a plain baseline, and propose the thresholds of config.yml.

The project's own classifier and decision are used, on held-out folds of `intents/nlu/` and on `tests/nlu/`. The two differ
much, and neither is what people will write: read both. Once config.yml's thresholds come from half of `tests/nlu/`, only the
row "other half" of the last table is honest about them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.examples import read_config, read_test_examples, read_training_examples, without_near_copies
from benchmarks.scoring import Example, Judged, Scores, score
from bot.conversations.masking import mask
from bot.conversations.urgent import UrgentPhrases
from bot.i18n import LOCALES
from bot.logs import set_up_logging

if TYPE_CHECKING:
    from bot.engine.components.decision import DecisionMaker

ROOT = Path(__file__).resolve().parents[1]
ANSWER_STEPS = [round(0.20 + 0.05 * step, 2) for step in range(16)]
CHOICES_STEPS = [round(0.05 + 0.05 * step, 2) for step in range(12)]
URGENT_STEPS = [round(0.10 + 0.05 * step, 2) for step in range(18)]
MOST_WRONG = 0.05
"""The share of messages within scope that may be answered with another topic."""
MOST_FALSE_ALARMS = 0.01
"""The share of messages that are not urgent and may still get an urgent card."""
MOST_LOST_MORE = 0.01
"""The share of messages that a stricter `choices_above` may lose."""
SEARCH_ROUNDS = 3
"""Turns of the search; more change nothing."""
BASELINE_ROUNDS = 200
"""Steps of the baseline's solver: it has settled by then on this much data."""

Rank = Callable[[str], list[tuple[str, float]]]
console = Console(highlight=False, width=170)


@dataclass(frozen=True)
class Fitted:
    """A model that ranks the intents of a text, and the seconds that fitting and one ranking took."""

    rank: Rank
    fit_seconds: float


@dataclass(frozen=True)
class Thresholds:
    """The three values of config.yml that this command proposes."""

    answer_above: float
    choices_above: float
    urgent_above: float


@dataclass(frozen=True)
class Proposal:
    """Thresholds, and whether they keep both limits on the messages that they were set on."""

    thresholds: Thresholds
    is_within: bool


class Decisions:
    """Builds deciders with config.yml's settings and other thresholds."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # The engine is imported late, after its log has been made quiet.
        from bot.engine.components.decision import DecisionMaker

        self._kind: type[DecisionMaker] = DecisionMaker
        self.settings = {**DecisionMaker.get_default_config(), **settings}
        self.urgent = frozenset(self.settings["urgent"])

    @property
    def current(self) -> Thresholds:
        """The thresholds as they stand in config.yml."""
        return Thresholds(*(float(self.settings[name]) for name in ("answer_above", "choices_above", "urgent_above")))

    def score(self, judged: Sequence[Judged], thresholds: Thresholds, has_phrases: bool = True) -> Scores:
        """Return what becomes of the messages with these thresholds."""
        decide = self._kind({**self.settings, **vars(thresholds)}).decide
        return score(judged, decide, self.urgent, has_phrases)


def fit_ours(settings: dict[str, Any], examples: Sequence[Example]) -> Fitted:
    """Fit the project's classifier."""
    from bot.engine.components.classifier import CalibratedSvmClassifier

    classifier = CalibratedSvmClassifier({**CalibratedSvmClassifier.get_default_config(), **settings}, None, None)
    started = time.perf_counter()
    classifier.fit([example.text for example in examples], [example.intent for example in examples])

    def rank(text: str) -> list[tuple[str, float]]:
        return [(row["name"], row["confidence"]) for row in classifier.rank(text)]

    return Fitted(rank, time.perf_counter() - started)


def fit_baseline(examples: Sequence[Example]) -> Fitted:
    """Fit the peer: words and logistic regression with scikit-learn's usual settings."""
    model: Pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=BASELINE_ROUNDS))
    started = time.perf_counter()
    model.fit([example.text for example in examples], [example.intent for example in examples])
    labels = list(model.classes_)

    def rank(text: str) -> list[tuple[str, float]]:
        chances: NDArray[np.float64] = model.predict_proba([text])[0]
        return [(labels[i], float(chances[i])) for i in np.argsort(-chances)]

    return Fitted(rank, time.perf_counter() - started)


def judge(fitted: Fitted, phrases: UrgentPhrases, examples: Sequence[Example]) -> tuple[list[Judged], float]:
    """Rank each message as the worker does, masked and with the urgent phrases; return also the milliseconds of one ranking."""
    judged, seconds = [], 0.0
    for example in examples:
        text = mask(example.text)
        started = time.perf_counter()
        ranking = fitted.rank(text)
        seconds += time.perf_counter() - started
        match = phrases.match(example.text)
        judged.append(Judged(example, tuple(name for name, _ in ranking), dict(ranking), match.topic if match else ""))
    return judged, 1000 * seconds / max(1, len(examples))


@dataclass
class Measured:
    """What one set of messages gave, ours and the peer's."""

    title: str
    ours: list[Judged]
    peer: list[Judged]
    seconds: list[float]
    milliseconds: list[float]
    peer_seconds: list[float]
    peer_milliseconds: list[float]
    copies: frozenset[Example] = frozenset()

    @property
    def fresh(self) -> list[Judged]:
        """Ours without the messages that are near copies of an example."""
        return [one for one in self.ours if one.example not in self.copies]


def measure(
    title: str,
    splits: Sequence[tuple[Sequence[Example], Sequence[Example]]],
    classifier: dict[str, Any],
    phrases: UrgentPhrases,
    progress: Progress,
    has_peer: bool,
) -> Measured:
    """Fit on the first part of each split and judge the second."""
    found = Measured(title, [], [], [], [], [], [])
    task = progress.add_task(title, total=len(splits) * (2 if has_peer else 1))
    for known, unseen in splits:
        fitted = fit_ours(classifier, known)
        judged, milliseconds = judge(fitted, phrases, unseen)
        found.ours += judged
        found.seconds.append(fitted.fit_seconds)
        found.milliseconds.append(milliseconds)
        progress.advance(task)
        if has_peer:
            peer = fit_baseline(known)
            judged, milliseconds = judge(peer, phrases, unseen)
            found.peer += judged
            found.peer_seconds.append(peer.fit_seconds)
            found.peer_milliseconds.append(milliseconds)
            progress.advance(task)
    return found


def folds_of(examples: Sequence[Example], count: int, seed: int) -> list[tuple[list[Example], list[Example]]]:
    """Split the examples into folds with the same share of each intent; each fold is unseen once."""
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    labels = [example.intent for example in examples]
    return [([examples[i] for i in known], [examples[i] for i in unseen]) for known, unseen in splitter.split(labels, labels)]


def propose(decisions: Decisions, judged: Sequence[Judged]) -> Proposal:
    """Return the thresholds that miss the fewest urgent messages, then answer the most, within the two limits.

    An urgent topic can also be answered because it alone is likely enough, so the two thresholds are searched in turns.
    `choices_above` is the highest value that loses at most one message in a hundred more than always offering choices does:
    below it choices hold the right topic too seldom to be worth reading.
    """
    best = _with(decisions.current, answer_above=ANSWER_STEPS[-1])
    scored = partial(decisions.score, judged)
    for _ in range(SEARCH_ROUNDS):
        best = _lowest("urgent_above", URGENT_STEPS, best, lambda t: scored(t).false_alarms <= MOST_FALSE_ALARMS)
        best = _lowest("answer_above", ANSWER_STEPS, best, lambda t: scored(t).wrong <= MOST_WRONG)
    least_lost = scored(_with(best, choices_above=0.0)).lost
    kept = [v for v in CHOICES_STEPS if scored(_with(best, choices_above=v)).lost <= least_lost + MOST_LOST_MORE]
    best = _with(best, choices_above=max(kept, default=CHOICES_STEPS[0]))
    reached = scored(best)
    return Proposal(best, reached.wrong <= MOST_WRONG and reached.false_alarms <= MOST_FALSE_ALARMS)


def _lowest(name: str, values: Sequence[float], base: Thresholds, is_good: Callable[[Thresholds], bool]) -> Thresholds:
    """Return the base with the lowest value that is good, or with the highest when none is."""
    candidates = [_with(base, **{name: value}) for value in values]
    return next((candidate for candidate in candidates if is_good(candidate)), candidates[-1])


def _with(thresholds: Thresholds, **changes: float) -> Thresholds:
    return Thresholds(**{**vars(thresholds), **changes})


def print_scores(found: Measured, decisions: Decisions) -> None:
    """Print one row for each locale, for all without the phrases, and for the peer with its ratio."""
    table = _table(f"{found.title}, thresholds of config.yml {decisions.current}", _SCORE_COLUMNS)
    for locale in LOCALES:
        part = [one for one in found.ours if one.example.locale == locale]
        table.add_row(locale, *_cells(decisions.score(part, decisions.current)))
    ours = decisions.score(found.ours, decisions.current)
    table.add_row("all", *_cells(ours), style="bold")
    table.add_row("all, no phrases", *_cells(decisions.score(found.ours, decisions.current, has_phrases=False)))
    if found.copies:
        table.add_row("without near copies", *_cells(decisions.score(found.fresh, decisions.current)))
    if found.peer:
        peer = decisions.score(found.peer, decisions.current, has_phrases=False)
        table.add_row("peer, no phrases", *_cells(peer))
        console.print(table)
        console.print(
            f"top-1 ours / peer: {ours.top_1 / peer.top_1:.2f}, top-3: {ours.top_3 / peer.top_3:.2f}; "
            f"fit {np.mean(found.seconds):.1f} s, {np.mean(found.seconds) / np.mean(found.peer_seconds):.2f} of the peer's; "
            f"one message {np.mean(found.milliseconds):.2f} ms, "
            f"{np.mean(found.milliseconds) / np.mean(found.peer_milliseconds):.2f} of the peer's\n"
        )
    else:
        console.print(table)


_SCORE_COLUMNS = [
    "",
    "messages",
    "top-1",
    "top-3",
    "right",
    "wrong",
    "choices",
    "lost",
    "scope kept",
    "urgent",
    "urgent exact",
    "false alarms",
]


def _cells(scores: Scores) -> list[str]:
    values = list(vars(scores).values())
    return [str(values[0]), *(f"{value:.3f}" for value in values[1:])]


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def print_thresholds(title: str, judged: Sequence[Judged], decisions: Decisions, base: Thresholds) -> None:
    """Print what each threshold does while the other two stay as proposed."""
    steps = {"urgent_above": URGENT_STEPS, "answer_above": ANSWER_STEPS, "choices_above": CHOICES_STEPS}
    for name, values in steps.items():
        table = _table(f"{title}: {name}, the others {base}", [name, *_SCORE_COLUMNS[4:]])
        for value in values:
            scores = decisions.score(judged, _with(base, **{name: value}))
            table.add_row(f"{value:.2f}", *_cells(scores)[3:], style="bold" if value == vars(base)[name] else "")
        console.print(table)


def print_confusions(found: Measured, most: int) -> None:
    """Print the pairs that are mistaken most often, to write examples for."""
    pairs: dict[tuple[str, str], int] = {}
    for one in found.ours:
        if one.ranking[0] != one.example.intent:
            pair = (one.example.intent, one.ranking[0])
            pairs[pair] = pairs.get(pair, 0) + 1
    table = _table(f"{found.title}: mistaken most often", ["messages", "means", "taken for"])
    for (intent, taken), count in sorted(pairs.items(), key=lambda pair: -pair[1])[:most]:
        table.add_row(str(count), intent, taken)
    console.print(table)


def main(
    folds: Annotated[int, typer.Option(min=2, max=10, help="Folds of intents/nlu; each is left out of training once.")] = 5,
    seed: Annotated[int, typer.Option(help="The seed of the split.")] = 7,
    peer: Annotated[bool, typer.Option(help="Measure the plain baseline too; most of the time goes there.")] = True,
    thresholds: Annotated[bool, typer.Option(help="Print what each threshold does, and propose values.")] = True,
    confusions: Annotated[int, typer.Option(min=0, max=100, help="How many confused pairs to print.")] = 15,
) -> None:
    """Measure understanding on held-out folds of intents/nlu and on tests/nlu; propose thresholds for config.yml.

    right, wrong, choices (that hold the right topic) and lost are shares of the messages within scope, "scope kept" of those
    out of scope that are not answered as a topic, "urgent" of the urgent ones, "false alarms" of the others.
    """
    set_up_logging("WARNING")
    config = read_config(ROOT)
    classifier, decisions = config["CalibratedSvmClassifier"], Decisions(config["DecisionMaker"])
    phrases = UrgentPhrases(ROOT / "intents" / "urgent")
    examples, unseen = read_training_examples(ROOT), read_test_examples(ROOT)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        sets = [measure("held-out folds", folds_of(examples, folds, seed), classifier, phrases, progress, peer)]
        if unseen:
            sets.append(measure("tests/nlu", [(examples, unseen)], classifier, phrases, progress, peer))
            sets[-1].copies = frozenset(unseen) - frozenset(without_near_copies(unseen, examples))
    for found in sets:
        print_scores(found, decisions)
        if confusions:
            print_confusions(found, confusions)
    if not unseen:
        console.print("tests/nlu holds no test_*.yml: only the held-out folds were measured")
    if thresholds:
        _print_proposals(sets, decisions, seed)


def _print_proposals(sets: Sequence[Measured], decisions: Decisions, seed: int) -> None:
    """Set thresholds on the folds and on half of the test set, and report what each does on messages not used to set it.

    Of the test set, near copies of examples are left out.
    """
    folds = sets[0]
    print_thresholds(folds.title, folds.ours, decisions, propose(decisions, folds.ours).thresholds)
    proposals = {"folds": propose(decisions, folds.ours)}
    reported = {"folds": folds.ours}
    if len(sets) > 1:
        setting, held = halves_of(sets[1].fresh, seed)
        proposals["half of tests/nlu"] = propose(decisions, setting)
        reported = {**reported, "half of tests/nlu": setting, "other half": held}
        print_thresholds(sets[1].title, sets[1].fresh, decisions, proposals["half of tests/nlu"].thresholds)
    proposals["config.yml now"] = Proposal(decisions.current, is_within=False)
    columns = ["set on", "answer", "choices", "urgent", "reported on", "messages", *_SCORE_COLUMNS[4:]]
    table = _table("proposals; an honest row is reported on messages that it was not set on", columns)
    for name, proposal in proposals.items():
        for place, judged in reported.items():
            scores = decisions.score(judged, proposal.thresholds)
            mark = name if proposal.is_within or name.startswith("config") else f"{name} (limits not reached)"
            values = [f"{value:.2f}" for value in vars(proposal.thresholds).values()]
            table.add_row(mark, *values, place, str(scores.count), *_cells(scores)[3:])
    console.print(table)


def halves_of(judged: Sequence[Judged], seed: int) -> tuple[list[Judged], list[Judged]]:
    """Split messages into two halves with the same share of each intent."""
    labels = [one.example.intent for one in judged]
    first, second = next(StratifiedKFold(2, shuffle=True, random_state=seed).split(labels, labels))
    return [judged[i] for i in first], [judged[i] for i in second]


if __name__ == "__main__":
    typer.run(main)
