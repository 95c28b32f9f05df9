"""Check one file as it would be if it were saved: the topic it belongs to, with this text in the place of the one on disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.content.checks.answers import NamedLimits
from bot.content.checks.facts import FactChange, broken_by, check_fact_rows, with_facts
from bot.content.checks.help_points import check_help_points
from bot.content.checks.links import required_locales
from bot.content.checks.support import FactBase
from bot.content.checks.topics import check_topic
from bot.content.facts import FOLDER as FACTS
from bot.content.help_points import FOLDER as HELP_POINTS
from bot.content.help_points import read_help_point
from bot.content.library import folder_stamp
from bot.content.loader import (
    LoadedContent,
    Schema,
    load_catalogue,
    load_catalogue_destinations,
    load_fact_rows,
    load_help_points,
    load_topic,
)
from bot.content.model import CatalogueTopic, Problem, Topic

CATALOGUE = "topics.yml"
_NO_FILES: Mapping[str, str] = {}


class EntryChecks:
    """Checks texts that are not on disk yet. The facts are read once and again only when they change.

    Args:
        folder: the content folder.
        limits: the channels' names and limits that answers must fit.
    """

    def __init__(self, folder: Path, limits: NamedLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._base: tuple[object, FactBase] | None = None

    def check(
        self, path: str, text: str, loaded: LoadedContent, today: date, beside: Mapping[str, str] = _NO_FILES
    ) -> list[Problem]:
        """Return what would be wrong in this file, by line; the paths of the problems lie in no folder that stays.

        Args:
            path: an answer, a `topic.yml`, the catalogue, a help point or a file of facts, below the content folder.
            text: empty: the file is taken out.
            loaded: the content as it stands.
            beside: texts of other files, by path, that are saved together with this one.
        """
        return self.examine(path, text, loaded, today, beside)[1]

    def examine(
        self, path: str, text: str, loaded: LoadedContent, today: date, beside: Mapping[str, str] = _NO_FILES
    ) -> tuple[Topic | None, list[Problem]]:
        """Return the topic as it would be read, None when it could not be, and what would be wrong in this file."""
        if path.startswith(f"{FACTS}/"):
            return None, self._examine_facts(path, text, loaded, today, beside)
        loaded, base = self._laid_facts(loaded, beside)
        if path.startswith(f"{HELP_POINTS}/"):
            return None, self._examine_help_point(path, text, loaded, base)
        with tempfile.TemporaryDirectory(prefix="ruta-check-") as made:
            root = Path(made)
            if path == CATALOGUE:
                return None, _catalogue_problems(root, text, loaded)
            family, topic_id, name = path.split("/")
            topic_folder = root / family / topic_id
            source = self._folder / family / topic_id
            if source.exists():
                shutil.copytree(source, topic_folder)
            topic_folder.mkdir(parents=True, exist_ok=True)
            (root / "help-points").symlink_to((self._folder / "help-points").resolve())
            entry = loaded.catalogue.get(topic_id) or _new_entry(root, beside.get(CATALOGUE, ""), topic_id)
            if entry is None:
                return None, [Problem(topic_folder / name, 0, "topic_unknown", "topics.yml has no such topic; add it there")]
            has_effects = name == "topic.yml" or not text
            before = self._read(topic_folder, entry, loaded, today, base)[1] if has_effects and source.exists() else []
            for other, other_text in beside.items():
                if other.startswith(f"{family}/{topic_id}/"):
                    _put(root / other, other_text)
            _put(topic_folder / name, text)
            topic, problems = self._read(topic_folder, entry, loaded, today, base)
            found = [problem for problem in problems if problem.path.name == name]
            if has_effects:
                # An answer may rest on a fact that is taken out here: what it breaks elsewhere is a fault of this change.
                known = {(problem.path, problem.line, problem.code) for problem in before}
                broken = [each for each in problems if each.path.name != name and (each.path, each.line, each.code) not in known]
                found += [replace(each, line=0, message=f"{each.path.name}:{each.line}: {each.message}") for each in broken]
            if not text and name.removesuffix(".md") in required_locales(entry):
                reason = f"the checks ask for {name}; without it people read the Spanish text"
                found.append(Problem(topic_folder / name, 0, "answer_missing", reason, is_warning=True))
            return topic, sorted(_without_repeats(found), key=lambda problem: problem.line)

    def broken_by_facts(
        self, path: str, text: str, loaded: LoadedContent, today: date, beside: Mapping[str, str] = _NO_FILES
    ) -> dict[str, list[Problem]]:
        """Return the errors that this text of a file of facts makes in other files, by their path below the folder."""
        with tempfile.TemporaryDirectory(prefix="ruta-check-") as made:
            root = Path(made).resolve()
            gone, rows = self._fact_rows(path, "")[0], self._fact_rows(path, text)[0]
            after = with_facts(loaded, gone, rows)
            points = self._points_beside(after, beside, root)
            after = replace(after, help_points=points)
            new_base = self._facts(loaded).changed(gone, rows)
            change = FactChange(loaded, after, self._facts(loaded), new_base, _differing(gone, rows))
            topics = [each for topic in change.topics() if (each := self._with_texts(topic, beside, root))]
            home = root if (root / HELP_POINTS).exists() else self._folder
            found: dict[str, list[Problem]] = {}
            for problem in broken_by(change, topics, home, self._limits, today):
                below = root if root in problem.path.parents else self._folder
                found.setdefault(problem.path.relative_to(below).as_posix(), []).append(problem)
            return found

    def _points_beside(self, loaded: LoadedContent, beside: Mapping[str, str], root: Path) -> dict[str, Mapping[str, Any]]:
        """Return the help points with those that go live together; if there are any, the folder gets links to all files."""
        points = dict(loaded.help_points)
        laid = {path: text for path, text in beside.items() if path.startswith(f"{HELP_POINTS}/")}
        if laid:
            (root / HELP_POINTS).mkdir()
            for file in (self._folder / HELP_POINTS).glob("*.yml"):
                if f"{HELP_POINTS}/{file.name}" not in laid:
                    (root / HELP_POINTS / file.name).symlink_to(file.resolve())
        for path, text in laid.items():
            _put(root / path, text)
            points[Path(path).stem] = read_help_point(text)
        return {slug: point for slug, point in points.items() if "fact" in point and "retired_on" not in point}

    def _with_texts(self, topic: Topic, beside: Mapping[str, str], root: Path) -> Topic | None:
        """Return a topic as it would be with texts that go live together with it; None: it could not be read then."""
        here = f"{topic.family}/{topic.id}"
        if not any(path.startswith(f"{here}/") for path in beside):
            return topic
        shutil.copytree(topic.path.parent, root / here)
        for other, other_text in beside.items():
            if other.startswith(f"{here}/"):
                _put(root / other, other_text)
        entry = load_catalogue(self._folder)[topic.id]
        return load_topic(root / here / "topic.yml", entry, Schema(self._folder / "schema.json"), [])

    def _examine_facts(
        self, path: str, text: str, loaded: LoadedContent, today: date, beside: Mapping[str, str]
    ) -> list[Problem]:
        """Return what would be wrong in a file of facts, and what it would break elsewhere."""
        gone, (rows, unreadable) = self._fact_rows(path, "")[0], self._fact_rows(path, text)
        problems = list(unreadable)
        others = {fact_id for fact_id in loaded.facts if fact_id not in gone}
        twice = [fact_id for fact_id in rows if fact_id in others]
        problems += [Problem(Path(path), 0, "fact_twice", f"{each} stands in another file; give it a new id") for each in twice]
        if not problems:
            problems += check_fact_rows(Path(path), text, rows, _differing(gone, rows))
        for other, found in self.broken_by_facts(path, text, loaded, today, beside).items():
            problems += [Problem(Path(path), 0, each.code, f"{other}:{each.line}: {each.message}") for each in found]
        return sorted(_without_repeats(problems), key=lambda problem: problem.line)

    def _fact_rows(self, path: str, text: str) -> tuple[Mapping[str, Mapping[str, Any]], tuple[Problem, ...]]:
        """Return the facts of a text and what cannot be read of it; of the file as it stands when the text is empty."""
        return _read_rows(Path(path), text or _read(self._folder / path))

    def _laid_facts(self, loaded: LoadedContent, beside: Mapping[str, str]) -> tuple[LoadedContent, FactBase]:
        """Return the content and its facts as they would be with the files of facts that are saved together with it."""
        laid = {path: text for path, text in beside.items() if path.startswith(f"{FACTS}/")}
        base = self._facts(loaded)
        for path, text in laid.items():
            gone, rows = self._fact_rows(path, "")[0], self._fact_rows(path, text)[0]
            loaded, base = with_facts(loaded, gone, rows), base.changed(gone, rows)
        return loaded, base

    def _examine_help_point(self, path: str, text: str, loaded: LoadedContent, base: FactBase) -> list[Problem]:
        """Return what would be wrong in a help point's file; a retired one needs only to fit the schema."""
        with tempfile.TemporaryDirectory(prefix="ruta-check-") as made:
            root = Path(made)
            (root / path).parent.mkdir()
            (root / path).write_text(text, encoding="utf-8")
            problems: list[Problem] = []
            points = load_help_points(root, Schema(self._folder / "schema.json"), problems)
            problems += check_help_points(root, replace(loaded, help_points=points), base)
            return sorted(_without_repeats(problems), key=lambda problem: problem.line)

    def _read(
        self, topic_folder: Path, entry: CatalogueTopic, loaded: LoadedContent, today: date, base: FactBase
    ) -> tuple[Topic | None, list[Problem]]:
        """Read a topic from a folder and check it as a part of the whole content."""
        problems: list[Problem] = []
        schema = Schema(self._folder / "schema.json")
        topic = load_topic(topic_folder / "topic.yml", entry, schema, problems)
        if topic and not topic.is_retired:
            catalogue = {**loaded.catalogue, entry.id: entry}
            changed = replace(loaded, catalogue=catalogue, topics={**loaded.topics, topic.id: topic})
            destinations = load_catalogue_destinations(self._folder)
            problems += check_topic(topic, changed, destinations, self._limits, base, today)
        return topic, problems

    def _facts(self, loaded: LoadedContent) -> FactBase:
        stamp = folder_stamp(self._folder / "facts")
        if self._base is None or self._base[0] != stamp:
            self._base = (stamp, FactBase(loaded.facts))
        return self._base[1]


@lru_cache(maxsize=16)
def _read_rows(path: Path, text: str) -> tuple[Mapping[str, Mapping[str, Any]], tuple[Problem, ...]]:
    problems: list[Problem] = []
    return load_fact_rows(path, text, {}, problems), tuple(problems)


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {fact_id for fact_id in {*before, *after} if before.get(fact_id) != after.get(fact_id)}


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _put(file: Path, text: str) -> None:
    if text:
        file.write_text(text, encoding="utf-8")
    else:
        file.unlink(missing_ok=True)


def _new_entry(root: Path, catalogue: str, topic_id: str) -> CatalogueTopic | None:
    """Return a topic's line of a catalogue that is not on disk yet."""
    if not catalogue:
        return None
    (root / CATALOGUE).write_text(catalogue, encoding="utf-8")
    return load_catalogue(root).get(topic_id)


def _catalogue_problems(root: Path, text: str, loaded: LoadedContent) -> list[Problem]:
    path = root / CATALOGUE
    path.write_text(text, encoding="utf-8")
    try:
        topics = load_catalogue(root)
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        return [Problem(path, 1, "yaml", f"cannot be read ({type(error).__name__}); check quotes, commas and brackets")]
    gone = [topic_id for topic_id in loaded.catalogue if topic_id not in topics]
    return [Problem(path, 0, "topic_gone", f"{topic_id} must stay in the catalogue; retire it instead") for topic_id in gone]


def _without_repeats(problems: list[Problem]) -> Iterator[Problem]:
    seen: set[tuple[int, str, str]] = set()
    for problem in problems:
        key = (problem.line, problem.code, problem.message)
        if key not in seen:
            seen.add(key)
            yield problem
