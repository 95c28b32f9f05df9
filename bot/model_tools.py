"""What `ruta train` and `ruta thresholds` do, with their bars and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.conversations.urgent import UrgentPhrases
from bot.engine.scoring import Outcome, Scores, score
from bot.errors import RutaError, SettingsError
from bot.i18n import LOCALES
from bot.training_report import FAILED, FIGURES, REFUSED, TAKEN, Reporter, TrainingFiles, learn_from
from bot.wiring import Paths, utc_now


def train_model_in_use(paths: Paths, screen: Console, now: datetime, *, accept: bool = False) -> None:
    """Train, compare with the model in use, and use the new one if it is no worse.

    How it stands is in `models/last-training.json` all the while, for the editor and for scripts.

    Args:
        accept: use it in any case.

    Raises:
        EngineError: the engine refused the data.
        ModelRefused: the new model is worse; it is kept out of use.
        TrainingRuns: another training runs.
    """
    from bot.engine.promotion import ModelRefused
    from bot.engine.training import TRAINED_PARTS

    files = TrainingFiles(paths.models)
    with files.lock():
        reporter = Reporter(files, learn_from(paths.root), now, TRAINED_PARTS + 1, accepted=accept)
        try:
            used = _train_and_compare(paths, screen, now, reporter, accept=accept)
        except ModelRefused:
            reporter.end(REFUSED, utc_now())
            raise
        except BaseException as error:  # Also when it is stopped: whoever looks must not believe that it still runs.
            reporter.end(FAILED, utc_now(), step=getattr(error, "code", type(error).__name__))
            raise
        reporter.end(TAKEN, utc_now(), model=used.name)
        screen.print(f"model        {used.name}")


def _train_and_compare(paths: Paths, screen: Console, now: datetime, reporter: Reporter, *, accept: bool) -> Path:
    """Return the model that is in use afterwards."""
    from bot.engine.promotion import ModelRefused, compare, refuse
    from bot.engine.training import TRAINED_PARTS, newest_model, put_in_place, train_model

    with _bar() as progress:
        task = progress.add_task("training", total=TRAINED_PARTS)

        def step(part: str) -> None:
            progress.update(task, advance=1, description=f"training     {part}")
            reporter.step(part)

        made = train_model(paths.root, paths.models, now, step)
        progress.update(task, completed=TRAINED_PARTS, description="training     done")
    used = newest_model(paths.models)
    if used is not None:
        reporter.step("comparing")
        with _bar() as progress:
            task = progress.add_task("comparing", total=None)
            comparison = compare(paths.root, used, made, partial(progress.advance, task))
        if comparison:
            screen.print(_comparison_table(comparison.before, comparison.after))
            reporter.compared(
                before=_figures(comparison.before),
                after=_figures(comparison.after),
                falls=tuple((fall.group, fall.figure, fall.before, fall.after) for fall in comparison.falls),
                unreadable=comparison.unreadable,
            )
        if comparison and comparison.unreadable:
            screen.print(f"not compared: the model in use cannot be measured any more ({comparison.unreadable})", style="yellow")
        if comparison and comparison.falls and not accept:
            kept = refuse(made, paths.models)
            fallen = "; ".join(f"{f.group} {f.figure} {f.before:.3f} -> {f.after:.3f}" for f in comparison.falls)
            raise ModelRefused(
                f"fallen: {fallen}. The old model stays in use, the new one is {kept}; `ruta train --accept` uses it"
            )
    return put_in_place(made, paths.models)


def _figures(groups: Mapping[str, Scores]) -> dict[str, dict[str, float]]:
    """Return the figures of each group with the number of its messages; a share of no messages is left out."""
    return {
        group: {"count": scores.count, **{name: round(getattr(scores, name), 4) for name in FIGURES if _has(scores, name)}}
        for group, scores in groups.items()
    }


def set_thresholds(paths: Paths, screen: Console, *, write: bool) -> None:
    """Search thresholds for each language and print what they do; see `bot.engine.thresholds`.

    Raises:
        SettingsError: there is no model.
        RutaError: there are no calibration messages.
    """
    from bot.engine.evaluation import judge_model
    from bot.engine.examples import read_calibration_examples, read_test_examples
    from bot.engine.thresholds import read_thresholds, search_by_locale, write_thresholds
    from bot.engine.training import newest_model

    model = newest_model(paths.models)
    if model is None:
        raise SettingsError(f"{paths.models}: there is no model yet; run `ruta train`")
    calibration, tests = read_calibration_examples(paths.root), read_test_examples(paths.root)
    if not calibration:
        raise RutaError("tests/nlu/ holds no calibration_<locale>.yml; see its README")
    file, urgent, decide = _decider(paths)
    with _bar() as progress:
        task = progress.add_task("reading", total=len(calibration) + len(tests))
        phrases = UrgentPhrases(paths.intents / "urgent")
        judged = judge_model(model, [*calibration, *tests], phrases, partial(progress.advance, task))
    sets = {"calibration": judged[: len(calibration)], "tests": judged[len(calibration) :]}
    found = search_by_locale(sets["calibration"], decide, partial(score, urgent=urgent))
    rows = {}
    for name, by_locale in (("now", read_thresholds(file)), ("new", found)):
        for place, members in sets.items():
            outcomes = decide(members, by_locale)
            rows[f"{name}, {place}"] = score(outcomes, urgent)
            for locale in LOCALES:
                part = [one for one in outcomes if one.example.locale == locale]
                rows[f"{name}, {place} {locale}"] = score(part, urgent)
    screen.print(_scores_table("what the thresholds do", rows))
    for locale, values in found.items():
        screen.print(f"{locale}: {values}")
    if write:
        write_thresholds(file, found)
        screen.print(f"written      {file.relative_to(paths.root)}")


def _decider(paths: Paths) -> tuple[Path, frozenset[str], Callable[..., list[Outcome]]]:
    """Return the thresholds' file, the urgent topics, and what decides judged messages anew with thresholds by locale."""
    from bot.engine.components.decision import DecisionMaker
    from bot.engine.evaluation import Judged, decide_again
    from bot.engine.importer import ContentImporter
    from bot.engine.thresholds import EVERY_LOCALE, Thresholds

    pipeline = ContentImporter(str(paths.root / "config.yml")).get_config()["pipeline"]
    written = next(component for component in pipeline if component["name"].endswith("DecisionMaker"))
    config = {**DecisionMaker.get_default_config(), **written}
    maker = DecisionMaker(config, {})

    def decide(members: Sequence[Judged], by_locale: Mapping[str, Thresholds]) -> list[Outcome]:
        def one_of(one: Judged) -> tuple[str, list[str]]:
            return maker.decide(one.chances, one.urgent_chance, by_locale.get(one.read_locale) or by_locale[EVERY_LOCALE])

        return decide_again(members, one_of)

    return paths.root / config["thresholds"], frozenset(config["urgent"]), decide


def _comparison_table(before: Mapping[str, Scores], after: Mapping[str, Scores]) -> Table:
    table = Table("tests/nlu", "messages", *FIGURES, title="in use -> new", title_justify="left")
    for group, scores in after.items():
        old = before.get(group)
        news = _cells(scores)
        olds = _cells(old) if old else news
        cells = [new if new == was else f"{was} -> {new}" for was, new in zip(olds, news, strict=True)]
        table.add_row(group, str(scores.count), *cells)
    return table


def _scores_table(title: str, rows: Mapping[str, Scores]) -> Table:
    table = Table("", "messages", *FIGURES, title=title, title_justify="left")
    for name, scores in rows.items():
        table.add_row(name, str(scores.count), *_cells(scores))
    return table


def _cells(scores: Scores) -> list[str]:
    """Return the shown figures; a share of no messages is a dash."""
    return [f"{getattr(scores, name):.3f}" if _has(scores, name) else "-" for name in FIGURES]


def _has(scores: Scores, name: str) -> bool:
    """Tell whether there are messages of which a figure is the share."""
    return bool({"refused": scores.outside, "urgent": scores.alarming}.get(name, 1))


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=sys.__stderr__))
