"""Measure how well messages are understood: the model in use on `tests/nlu/`, beside a plain baseline, and how it learns.

The model in use decides each message as the worker would, with phrases, follow-ups and thresholds. The baseline is
scikit-learn's TF-IDF on words and logistic regression with its usual settings, fitted on the same examples in the same run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from bot.content.loader import load_catalogue
from bot.conversations.masking import mask
from bot.conversations.urgent import UrgentPhrases
from bot.engine.evaluation import groups_of, judge_model, score_groups
from bot.engine.examples import read_calibration_examples, read_test_examples, read_training_examples
from bot.engine.scoring import Example, Outcome, Scores
from bot.engine.training import newest_model
from bot.logs import set_up_logging

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {
    "top_1": 0.92,
    "top_3": 0.98,
    "right": 0.85,
    "wrong": 0.03,
    "lost": 0.02,
    "refused": 0.95,
    "urgent": 0.99,
    "false_alarms": 0.01,
}
LESS_IS_BETTER = frozenset({"wrong", "lost", "false_alarms"})
FIT_SECONDS, PARSE_MILLISECONDS = 60.0, 5.0
SHARES = (0.25, 0.5, 0.75, 1.0)
BASELINE_ROUNDS = 200
"""Steps of the baseline's solver: it has settled by then on this much data."""

Rank = Callable[[str], Sequence[str]]
console = Console(highlight=False, width=150)


def fit_ours(examples: Sequence[Example]) -> Rank:
    """Fit the project's classifier; return what ranks the intents of a text."""
    from bot.engine.components.classifier import CalibratedSvmClassifier

    classifier = CalibratedSvmClassifier(CalibratedSvmClassifier.get_default_config(), None, None)
    texts, intents, locales = zip(*((one.text, one.intent, one.locale) for one in examples), strict=True)
    classifier.fit(texts, intents, locales)
    return lambda text: [row["name"] for row in classifier.rank(text)]


def fit_baseline(examples: Sequence[Example]) -> Rank:
    """Fit the peer; return what ranks the intents of a text."""
    model: Pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=BASELINE_ROUNDS))
    model.fit([one.text for one in examples], [one.intent for one in examples])
    labels = list(model.classes_)
    return lambda text: [labels[i] for i in np.argsort(-model.predict_proba([text])[0])]


def top(rank: Rank, unseen: Sequence[Example]) -> tuple[float, float, float]:
    """Return top-1, top-3 and the milliseconds of one ranking."""
    started = time.perf_counter()
    rankings = [rank(mask(one.text))[:3] for one in unseen]
    milliseconds = 1000 * (time.perf_counter() - started) / len(unseen)
    first = np.mean([ranking[0] == one.intent for ranking, one in zip(rankings, unseen, strict=True)])
    third = np.mean([one.intent in ranking for ranking, one in zip(rankings, unseen, strict=True)])
    return float(first), float(third), milliseconds


def share_of(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Return a share of the examples of each intent and locale, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(examples))
    taken: Counter[tuple[str, str]] = Counter()
    sizes = Counter((one.intent, one.locale) for one in examples)
    chosen = []
    for index in order:
        key = (examples[index].intent, examples[index].locale)
        if taken[key] < max(2, round(share * sizes[key])):
            taken[key] += 1
            chosen.append(examples[index])
    return chosen


def print_scores(title: str, groups: dict[str, Scores]) -> None:
    """Print the figures of each group, and which targets the whole misses."""
    table = Table("", "messages", *TARGETS, "urgent exact", title=title, title_justify="left")
    for name, scores in groups.items():
        counts = {"refused": scores.outside, "urgent": scores.alarming}
        cells = [f"{getattr(scores, figure):.3f}" if counts.get(figure, 1) else "-" for figure in TARGETS]
        table.add_row(name, str(scores.count), *cells, f"{scores.urgent_exact:.3f}" if scores.alarming else "-")
    table.add_row("target", "", *(f"{'≤' if name in LESS_IS_BETTER else '≥'} {value}" for name, value in TARGETS.items()), "")
    console.print(table)
    whole = groups["all"]
    missed = [name for name, value in TARGETS.items() if (getattr(whole, name) > value) == (name in LESS_IS_BETTER)]
    missed = [name for name in missed if getattr(whole, name) != TARGETS[name]]
    console.print(f"missed: {', '.join(missed) or 'none'}\n")


def print_confusions(outcomes: Sequence[Outcome], most: int) -> None:
    """Print the pairs that are mistaken most often, to write examples for."""
    pairs = Counter((one.example.intent, one.ranking[0]) for one in outcomes if one.ranking[0] != one.example.intent)
    table = Table("messages", "means", "taken for", title="mistaken most often", title_justify="left")
    for (intent, taken), count in pairs.most_common(most):
        table.add_row(str(count), intent, taken)
    console.print(table)


def measure_folds(examples: Sequence[Example], count: int, seed: int) -> tuple[float, float]:
    """Return top-1 and top-3 on examples that were left out of training, each once."""
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    labels = [one.intent for one in examples]
    found = [
        top(fit_ours([examples[i] for i in known]), [examples[i] for i in unseen])
        for known, unseen in splitter.split(labels, labels)
    ]
    return float(np.mean([row[0] for row in found])), float(np.mean([row[1] for row in found]))


def main(
    confusions: Annotated[int, typer.Option(min=0, max=100, help="How many confused pairs to print.")] = 15,
    curve: Annotated[bool, typer.Option(help="Measure how top-1 grows with the examples, and the baseline (2 minutes).")] = True,
    folds: Annotated[
        int, typer.Option(min=0, max=10, help="Also leave out each of so many folds of the examples once; 0: none.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The seed of all draws.")] = 7,
) -> None:
    """Measure understanding on tests/nlu and on the calibration messages, which set the thresholds and so flatter.

    right, wrong and lost are shares of the messages within scope, refused of those out of scope that are not answered as a topic,
    urgent of the urgent ones that get an urgent card, false_alarms of the others. Needs a trained model.
    """
    set_up_logging("WARNING")
    model = newest_model(ROOT / "models")
    if model is None:
        raise typer.BadParameter("there is no model yet; run `make train`")
    catalogue = load_catalogue(ROOT / "content")
    families = {topic.id: topic.family for topic in catalogue.values()}
    urgent = frozenset(topic.id for topic in catalogue.values() if topic.is_urgent)
    phrases = UrgentPhrases(ROOT / "intents" / "urgent")
    examples, unseen = read_training_examples(ROOT), read_test_examples(ROOT)
    console.print(f"{model.name}, {len(examples)} examples, {len({one.intent for one in examples})} intents\n")
    started = time.perf_counter()
    judged = judge_model(model, unseen, phrases)
    groups = groups_of([one.outcome for one in judged], families)
    print_scores("tests/nlu, the model in use", score_groups(groups, urgent))
    calibrated = groups_of([one.outcome for one in judge_model(model, read_calibration_examples(ROOT), phrases)], families)
    print_scores("calibration messages (the thresholds were set on them)", score_groups(calibrated, urgent))
    console.print(f"reading both sets took {time.perf_counter() - started:.0f} s, the loading of the model twice among it\n")
    if confusions:
        print_confusions([*groups["all"], *calibrated["all"]], confusions)
    if curve:
        _print_curve(examples, [*unseen, *read_calibration_examples(ROOT)], seed)
    if folds:
        first, third = measure_folds(examples, folds, seed)
        console.print(f"{folds} folds of the examples: top-1 {first:.3f}, top-3 {third:.3f}")


def _print_curve(examples: Sequence[Example], unseen: Sequence[Example], seed: int) -> None:
    table = Table("examples", "share", "top-1", "top-3", "fit", "one ranking", title="both sets, by share of the examples")
    first = third = seconds = milliseconds = 0.0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fitting", total=len(SHARES) + 1)
        for share in SHARES:
            known = share_of(examples, share, seed)
            started = time.perf_counter()
            rank = fit_ours(known)
            seconds = time.perf_counter() - started
            first, third, milliseconds = top(rank, unseen)
            row = (f"{first:.3f}", f"{third:.3f}", f"{seconds:.1f} s", f"{milliseconds:.2f} ms")
            table.add_row(str(len(known)), f"{share:.0%}", *row)
            progress.advance(task)
        started = time.perf_counter()
        rank = fit_baseline(examples)
        peer_seconds = time.perf_counter() - started
        peer_first, peer_third, peer_milliseconds = top(rank, unseen)
        progress.advance(task)
    peer_row = (f"{peer_first:.3f}", f"{peer_third:.3f}", f"{peer_seconds:.1f} s", f"{peer_milliseconds:.2f} ms")
    table.add_row(str(len(examples)), "baseline", *peer_row)
    ratios = (first / peer_first, third / peer_third, seconds / peer_seconds, milliseconds / peer_milliseconds)
    table.add_row("", "ours / baseline", *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)
    console.print(f"targets: training {FIT_SECONDS:.0f} s in all at 20,000 examples, one message {PARSE_MILLISECONDS:.0f} ms\n")


if __name__ == "__main__":
    typer.run(main)
