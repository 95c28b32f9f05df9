"""Look up answers by topic, destination and locale in the content as it stands on disk now.

An edit is seen within a second: the library compares the newest change time of the folder, and reads it again only then.
If the new state cannot be read as a whole, the last good one stays; if one file cannot, the last good state of that file does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bot.content.loader import LoadedContent, load_content
from bot.content.model import Answer, EmergencyNumber, Provenance, Topic
from bot.errors import ContentError

RELOAD_SECONDS = 1.0
"""How often the folder is looked at, at most."""
UNSAFE_NUMBERS = frozenset({"EN-010", "EN-011", "EN-052", "EN-053", "EN-063"})
"""Numbers whose notes say that pages contradict each other or that they must be confirmed first; never sent by themselves."""


@dataclass(frozen=True)
class Found:
    """An answer that was looked up.

    Attributes:
        is_translated: the answer is in the reader's locale; False: it is in Spanish because there is none.
        is_general: a destination was asked for, and there is only the general answer.
        is_past_review: the answer is older than it may be.
    """

    topic: Topic
    answer: Answer
    provenance: Provenance
    is_translated: bool
    is_general: bool
    is_past_review: bool

    @property
    def is_withheld(self) -> bool:
        """Whether the answer must not be shown: critical and past its review date."""
        return self.is_past_review and self.topic.sensitivity == "critical"


class ContentLibrary:
    """The content folder, kept fresh.

    Args:
        folder: the content folder.
        today: returns the present day.
        clock: returns seconds that never run backwards.
    """

    def __init__(self, folder: Path, today: Callable[[], date] = date.today, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._today = today
        self._clock = clock
        self._stamp = folder_stamp(folder)
        self._loaded = load_content(folder)
        self._looked_at = self._clock()

    @property
    def loaded(self) -> LoadedContent:
        """The present state."""
        if self._clock() - self._looked_at >= RELOAD_SECONDS:
            self._looked_at = self._clock()
            self._reload_if_changed()
        return self._loaded

    def find(self, topic_id: str, destination: str, locale: str) -> Found | None:
        """Return the answer for a destination in a locale, falling back to general and to Spanish; None: no such answer."""
        topic = self.loaded.topics.get(topic_id)
        if topic is None:
            return None
        for code in (destination, ""):
            for language in (locale, "es"):
                answer = topic.answers.get((code, language))
                if answer is None or (code and code not in topic.destinations):
                    continue
                provenance = topic.destinations[code] if code else topic.provenance
                return Found(
                    topic,
                    answer,
                    provenance,
                    is_translated=language == locale,
                    is_general=bool(destination) and not code and bool(topic.destinations),
                    is_past_review=self._today() > provenance.review_by,
                )
        return None

    def menu_title(self, topic_id: str, locale: str) -> str:
        """Return a topic's short title, or the empty string when there is no answer for it."""
        found = self.find(topic_id, "", locale)
        return found.answer.menu_title if found else ""

    def emergency_numbers(self, services: tuple[str, ...], country: str) -> list[EmergencyNumber]:
        """Return the reliable numbers of a country for these services, the services in their order."""
        numbers = [
            number
            for number in self.loaded.emergency_numbers
            if number.country == country and number.confidence != "low" and number.id not in UNSAFE_NUMBERS
        ]
        chosen = [number for service in services for number in numbers if number.service == service]
        seen: set[str] = set()
        return [n for n in chosen if not (n.number in seen or seen.add(n.number))]  # type: ignore[func-returns-value]

    def _reload_if_changed(self) -> None:
        try:
            stamp = folder_stamp(self._folder)
            if stamp == self._stamp:
                return
            self._loaded = _keep_last_good(self._loaded, load_content(self._folder))
        except (ContentError, OSError):
            return  # Half a save: the last good state answers until the folder can be read again.
        self._stamp = stamp


def _keep_last_good(old: LoadedContent, new: LoadedContent) -> LoadedContent:
    """Return the new state, with the old state of what stands in a file that can no longer be read; a deleted file is gone."""
    broken = {problem.path for problem in new.problems}
    topics = {topic.id: _keep_answers(old.topics.get(topic.id), topic, broken) for topic in new.topics.values()}
    topics.update({topic.id: topic for topic in old.topics.values() if topic.id not in topics and topic.path in broken})
    retired = {topic.id: topic for topic in old.retired.values() if topic.path in broken}
    broken_points = {path.stem for path in broken if path.parent.name == "help-points"}
    points = {slug: point for slug, point in old.help_points.items() if slug in broken_points}
    dialogues = {one.id: one for one in old.dialogues.values() if one.path in broken}
    has_broken_facts = any(path.parent.name == "facts" for path in broken)
    return replace(
        new,
        topics=topics,
        retired={**retired, **new.retired},
        help_points={**points, **new.help_points},
        dialogues={**dialogues, **new.dialogues},
        facts={**old.facts, **new.facts} if has_broken_facts else new.facts,
        emergency_numbers=old.emergency_numbers if has_broken_facts else new.emergency_numbers,
    )


def _keep_answers(old: Topic | None, new: Topic, broken: set[Path]) -> Topic:
    kept = {key: answer for key, answer in old.answers.items() if answer.path in broken} if old else {}
    return replace(new, answers={**kept, **new.answers})


def folder_stamp(folder: Path) -> tuple[int, int, int]:
    """Return the newest change time below the folder, the number of entries and their size.

    The size is there because two saves within one tick of the file system's clock have the same time.
    """
    newest = count = size = 0
    stack = [str(folder)]
    while stack:
        current = stack.pop()
        newest = max(newest, os.stat(current).st_mtime_ns)
        with os.scandir(current) as entries:
            for entry in entries:
                count += 1
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                else:
                    status = entry.stat()
                    newest, size = max(newest, status.st_mtime_ns), size + status.st_size
    return newest, count, size
