"""The check of links beside the pages: it takes minutes, so a page only starts it and shows how it stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread

from bot.link_checks import LinkResult, NoNetwork, check_links, write_results

Check = Callable[[Mapping[str, Sequence[str]], Callable[[], datetime]], "list[LinkResult]"]

logger = logging.getLogger(__name__)


def check_all(links: Mapping[str, Sequence[str]], clock: Callable[[], datetime]) -> list[LinkResult]:
    """Ask for all addresses, from a thread of its own."""
    return asyncio.run(check_links(links, clock))


class LinkTask:
    """Runs at most one check at a time and keeps its results.

    Args:
        path: the file for the results.
        clock: returns the present time, aware UTC.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], check: Check = check_all) -> None:
        self._path = path
        self._clock = clock
        self._check = check
        self._lock = Lock()
        self._is_running = False
        self.failure = ""
        """The code of why the last check brought nothing; empty when it did."""

    @property
    def is_running(self) -> bool:
        """Whether a check is under way."""
        return self._is_running

    def start(self, links: Mapping[str, Sequence[str]]) -> bool:
        """Begin a check; False when one is under way."""
        with self._lock:
            if self._is_running:
                return False
            self._is_running, self.failure = True, ""
        Thread(target=self._run, args=(links,), name="links", daemon=True).start()
        return True

    def _run(self, links: Mapping[str, Sequence[str]]) -> None:
        try:
            write_results(self._path, self._check(links, self._clock))
        except NoNetwork as error:
            self.failure = error.code
        except Exception as error:  # The edge of a thread: the page says that it failed, the log says why.
            self.failure = "failed"
            logger.error("links_failed error=%s", type(error).__name__)
        finally:
            self._is_running = False
