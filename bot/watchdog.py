"""What ends a worker that is caught in one decision, where no time-out reaches."""

from __future__ import annotations

import faulthandler
import sys
import time

HANG_SECONDS = 60.0
"""After this long in one decision the worker ends itself: the engine is caught in a loop that no time-out reaches."""


class Watchdog:
    """Ends this process, with the lines of code it is at on standard error, when one decision takes too long.

    The supervisor starts a new one, and the message that did it becomes a dead letter after `bot.worker.MAX_ATTEMPTS`. It is a
    thread of the interpreter's own, which runs even while Python does not; starting it takes a millisecond, so it is not started
    anew for each turn of a busy worker.
    """

    def __init__(self) -> None:
        self._armed_at: float | None = None

    def arm(self) -> None:
        """Begin to wait, or go on waiting when it has only just begun."""
        now = time.monotonic()
        if self._armed_at is None or now - self._armed_at > HANG_SECONDS / 10:
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=sys.__stderr__ or 2)
            self._armed_at = now

    def disarm(self) -> None:
        """Wait no longer."""
        if self._armed_at is not None:
            faulthandler.cancel_dump_traceback_later()
            self._armed_at = None
