"""Groups of questions, kept between visits: grouping takes seconds, a page must not.

A child process groups (`bot.editor.grouping`), since its libraries are large and are needed only after new questions have
come. Until it is done, and for questions that came since, each question stands alone; the page says so.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Sequence

from bot.editor.questions import AskedQuestion, QuestionGroup, make_group, rank_groups

MOST_SECONDS = 120.0
"""After this long the child is given up; 2,000 questions of one language with 17,000 examples take some 5 s."""

logger = logging.getLogger(__name__)


class QuestionGroups:
    """Knows which questions ask the same.

    Args:
        background: returns all sentences of a language that the bot knows.
    """

    def __init__(self, background: Callable[[str], Sequence[str]]) -> None:
        self._background = background
        self._lock = threading.Lock()
        self._group_of: dict[int, int] = {}
        self._tried: frozenset[int] = frozenset()
        self._thread: threading.Thread | None = None

    def groups(self, questions: Collection[AskedQuestion]) -> tuple[list[QuestionGroup], bool]:
        """Return the groups, those that most people ask first, and whether some questions are still being sorted in."""
        ids = frozenset(question.id for question in questions)
        with self._lock:
            if ids - self._tried and self._thread is None:
                self._thread = threading.Thread(target=self._sort, args=(list(questions), ids), daemon=True)
                self._thread.start()
            known, is_sorting = self._group_of, self._thread is not None
        members: dict[tuple[str, int], list[AskedQuestion]] = {}
        for question in questions:
            label = known.get(question.id)
            members.setdefault(("alone", question.id) if label is None else ("group", label), []).append(question)
        return rank_groups([make_group(each) for each in members.values()]), is_sorting

    def wait(self, seconds: float = MOST_SECONDS) -> None:
        """Wait until nothing is being sorted; for tests and for commands."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _sort(self, questions: Sequence[AskedQuestion], ids: frozenset[int]) -> None:
        found: dict[int, int] | None = None
        try:
            found = _group_in_child(questions, self._background)
        except Exception as error:  # Whatever it was: the page stays usable with each question by itself.
            logger.error("grouping_failed error=%s questions=%d", type(error).__name__, len(ids))
        with self._lock:
            self._group_of = self._group_of if found is None else found
            self._tried = ids  # Also when it failed: it is tried again when a new question has come.
            self._thread = None


def _group_in_child(questions: Sequence[AskedQuestion], background: Callable[[str], Sequence[str]]) -> dict[int, int]:
    asked = {
        locale: {
            "questions": [(question.id, question.text) for question in questions if question.locale == locale],
            "background": list(background(locale)),
        }
        for locale in sorted({question.locale for question in questions})
    }
    command = [sys.executable, "-m", "bot.editor.grouping"]
    ended = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=MOST_SECONDS, check=True)
    return {number: label for label, group in enumerate(json.loads(ended.stdout)) for number in group}
