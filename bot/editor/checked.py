"""What the checks say about the content folder, kept fresh beside the pages: a check takes seconds, a page must not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock

from bot.content.checks import check_content
from bot.content.library import folder_stamp
from bot.content.model import Problem
from bot.messages import ChannelLimits

LOOK_SECONDS = 3.0
"""How often the folder is looked at."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckedState:
    """The problems of the folder at one moment; `path` of each lies below the content folder."""

    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What fails `ruta check`."""
        return tuple(problem for problem in self.problems if not problem.is_warning)

    def of_folder(self, folder: Path) -> tuple[Problem, ...]:
        """Return the problems of one topic's files."""
        return tuple(problem for problem in self.problems if folder in problem.path.parents)


class Checked:
    """The last state of the checks, by the folder's fingerprint and the day.

    Args:
        today: returns the present day.
    """

    def __init__(self, folder: Path, limits: Sequence[tuple[str, ChannelLimits]], today: Callable[[], date]) -> None:
        self._folder = folder
        self._limits = limits
        self._today = today
        self._lock = Lock()
        self._key: object = None
        self._state: CheckedState | None = None

    @property
    def state(self) -> CheckedState | None:
        """The last known state; None until the first check is done."""
        return self._state

    def refresh(self) -> None:
        """Check now, if the folder or the day has changed since the last time; this takes seconds."""
        with self._lock:
            key = (folder_stamp(self._folder), self._today())
            if key != self._key:
                self._state = CheckedState(tuple(check_content(self._folder, self._limits, key[1])))
                self._key = key

    async def keep_fresh(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:  # A folder in the middle of a change, a full disk: the next look will tell.
                logger.error("checks_failed error=%s", type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)
