"""What `/readyz` shows as warnings: messages still come in and go out, but somebody should look.

A monitor asks every few seconds, so each look is remembered for a while, and the slow one runs beside the question.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.conversations.queues import Queues
from bot.gateway.health import ReadyCheck

QUEUE_SECONDS = 5.0
CONTENT_SECONDS = 3600.0
"""Answers grow old by the day; reading them all takes a second."""

TEMPLATES_SECONDS = 60.0

T = TypeVar("T")


class Remembered(Generic[T]):
    """A look whose result serves for a while.

    Args:
        look: may fail; then the next question looks again.
        clock: returns seconds that never run backwards.
    """

    def __init__(self, look: Callable[[], T], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._seen: tuple[float, T] | None = None

    def __call__(self) -> T:
        """Return what was seen lately, or look."""
        if self._seen is None or self._clock() - self._seen[0] >= self._seconds:
            self._seen = (self._clock(), self._look())
        return self._seen[1]


class Beside(Generic[T]):
    """A slow look that runs in a thread of its own: who asks gets what was seen last, at first what is expected.

    Args:
        look: may fail; then what was seen last stands.
    """

    def __init__(self, look: Callable[[], T], seconds: float, expected: T, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._seconds = seconds
        self._seen = expected
        self._clock = clock
        self._began: float | None = None
        self._thread: threading.Thread | None = None

    def __call__(self) -> T:
        """Return what was seen last, and begin a new look when that is long ago."""
        is_looking = self._thread is not None and self._thread.is_alive()
        if not is_looking and (self._began is None or self._clock() - self._began >= self._seconds):
            self._began = self._clock()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self._seen

    def wait(self) -> None:
        """Return when a look that runs has ended."""
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        self._seen = self._look()


def cautions(queues: Queues, withheld: Callable[[], int], knows_templates: Callable[[], bool] | None) -> list[ReadyCheck]:
    """Return the checks that only warn.

    Args:
        withheld: counts the critical answers that are withheld; slow.
        knows_templates: None where no channel has templates.
    """
    figures = Remembered(queues.read, QUEUE_SECONDS)
    old = Beside(withheld, CONTENT_SECONDS, 0)
    checks = [
        ReadyCheck("dead_letters", lambda: figures().dead == 0, is_required=False),
        ReadyCheck("failed_sends", lambda: figures().failed == 0, is_required=False),
        ReadyCheck("stuck_conversations", lambda: figures().stuck == 0, is_required=False),
        ReadyCheck("content_withheld", lambda: old() == 0, is_required=False),
    ]
    if knows_templates:
        templates = Remembered(knows_templates, TEMPLATES_SECONDS)
        checks.append(ReadyCheck("whatsapp_templates_missing", templates, is_required=False))
    return checks
