"""Check one file as it would be if it were saved: the topic it belongs to, with this text in the place of the one on disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import yaml

from bot.content.checks.answers import NamedLimits
from bot.content.checks.help_points import check_help_points
from bot.content.checks.links import required_locales
from bot.content.checks.support import FactBase
from bot.content.checks.topics import check_topic
from bot.content.help_points import FOLDER as HELP_POINTS
from bot.content.library import folder_stamp
from bot.content.loader import (
    LoadedContent,
    Schema,
    load_catalogue,
    load_catalogue_destinations,
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
            path: an answer, a `topic.yml`, the catalogue or a help point, below the content folder.
            text: empty: the file is taken out.
            loaded: the content as it stands.
            beside: texts of other files, by path, that are saved together with this one.
        """
        return self.examine(path, text, loaded, today, beside)[1]

    def examine(
        self, path: str, text: str, loaded: LoadedContent, today: date, beside: Mapping[str, str] = _NO_FILES
    ) -> tuple[Topic | None, list[Problem]]:
        """Return the topic as it would be read, None when it could not be, and what would be wrong in this file."""
        if path.startswith(f"{HELP_POINTS}/"):
            return None, self._examine_help_point(path, text, loaded)
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
            before = self._read(topic_folder, entry, loaded, today)[1] if has_effects and source.exists() else []
            for other, other_text in beside.items():
                if other.startswith(f"{family}/{topic_id}/"):
                    _put(root / other, other_text)
            _put(topic_folder / name, text)
            topic, problems = self._read(topic_folder, entry, loaded, today)
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

    def _examine_help_point(self, path: str, text: str, loaded: LoadedContent) -> list[Problem]:
        """Return what would be wrong in a help point's file; a retired one needs only to fit the schema."""
        with tempfile.TemporaryDirectory(prefix="ruta-check-") as made:
            root = Path(made)
            (root / path).parent.mkdir()
            (root / path).write_text(text, encoding="utf-8")
            problems: list[Problem] = []
            points = load_help_points(root, Schema(self._folder / "schema.json"), problems)
            problems += check_help_points(root, replace(loaded, help_points=points), self._facts(loaded))
            return sorted(_without_repeats(problems), key=lambda problem: problem.line)

    def _read(
        self, topic_folder: Path, entry: CatalogueTopic, loaded: LoadedContent, today: date
    ) -> tuple[Topic | None, list[Problem]]:
        """Read a topic from a folder and check it as a part of the whole content."""
        problems: list[Problem] = []
        schema = Schema(self._folder / "schema.json")
        topic = load_topic(topic_folder / "topic.yml", entry, schema, problems)
        if topic and not topic.is_retired:
            catalogue = {**loaded.catalogue, entry.id: entry}
            changed = replace(loaded, catalogue=catalogue, topics={**loaded.topics, topic.id: topic})
            destinations = load_catalogue_destinations(self._folder)
            problems += check_topic(topic, changed, destinations, self._limits, self._facts(loaded), today)
        return topic, problems

    def _facts(self, loaded: LoadedContent) -> FactBase:
        stamp = folder_stamp(self._folder / "facts")
        if self._base is None or self._base[0] != stamp:
            self._base = (stamp, FactBase(loaded.facts))
        return self._base[1]


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
