"""Check one file as it would be if it were saved: the topic it belongs to, with this text in the place of the one on disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from bot.content.checks.answers import NamedLimits
from bot.content.checks.help_points import check_help_points
from bot.content.checks.support import FactBase
from bot.content.checks.topics import check_topic
from bot.content.help_points import FOLDER as HELP_POINTS
from bot.content.library import folder_stamp
from bot.content.loader import LoadedContent, Schema, load_catalogue_destinations, load_help_points, load_topic
from bot.content.model import Problem, Topic


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

    def check(self, path: str, text: str, loaded: LoadedContent, today: date) -> list[Problem]:
        """Return what would be wrong in this file, by line; the paths of the problems lie in no folder that stays.

        Args:
            path: an answer, a `topic.yml` or a help point, below the content folder.
            loaded: the content as it stands.
        """
        return self.examine(path, text, loaded, today)[1]

    def examine(self, path: str, text: str, loaded: LoadedContent, today: date) -> tuple[Topic | None, list[Problem]]:
        """Return the topic as it would be read, None when it could not be, and what would be wrong in this file."""
        if path.startswith(f"{HELP_POINTS}/"):
            return None, self._examine_help_point(path, text, loaded)
        family, topic_id, name = path.split("/")
        with tempfile.TemporaryDirectory(prefix="ruta-check-") as made:
            root = Path(made)
            topic_folder = root / family / topic_id
            source = self._folder / family / topic_id
            if source.exists():
                shutil.copytree(source, topic_folder)
            topic_folder.mkdir(parents=True, exist_ok=True)
            (root / "help-points").symlink_to((self._folder / "help-points").resolve())
            before = self._read(topic_folder, loaded, today)[1] if name == "topic.yml" else []
            (topic_folder / name).write_text(text, encoding="utf-8")
            topic, problems = self._read(topic_folder, loaded, today)
            found = [problem for problem in problems if problem.path.name == name]
            if name == "topic.yml":
                # An answer may rest on a fact that is taken out here: what it breaks elsewhere is a fault of this change.
                known = {(problem.path, problem.line, problem.code) for problem in before}
                broken = [each for each in problems if each.path.name != name and (each.path, each.line, each.code) not in known]
                found += [replace(each, line=0, message=f"{each.path.name}:{each.line}: {each.message}") for each in broken]
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

    def _read(self, topic_folder: Path, loaded: LoadedContent, today: date) -> tuple[Topic | None, list[Problem]]:
        """Read a topic from a folder and check it as a part of the whole content."""
        problems: list[Problem] = []
        schema = Schema(self._folder / "schema.json")
        topic = load_topic(topic_folder / "topic.yml", loaded.catalogue[topic_folder.name], schema, problems)
        if topic:
            changed = replace(loaded, topics={**loaded.topics, topic.id: topic})
            destinations = load_catalogue_destinations(self._folder)
            problems += check_topic(topic, changed, destinations, self._limits, self._facts(loaded), today)
        return topic, problems

    def _facts(self, loaded: LoadedContent) -> FactBase:
        stamp = folder_stamp(self._folder / "facts")
        if self._base is None or self._base[0] != stamp:
            self._base = (stamp, FactBase(loaded.facts))
        return self._base[1]


def _without_repeats(problems: list[Problem]) -> Iterator[Problem]:
    seen: set[tuple[int, str, str]] = set()
    for problem in problems:
        key = (problem.line, problem.code, problem.message)
        if key not in seen:
            seen.add(key)
            yield problem
