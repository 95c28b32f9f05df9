"""What a connection may cost before a whole call has come: time, bytes, and a place among those that are still silent.

uvicorn waits for a call's headers for ever and takes any amount of them. `BodyLimit` looks after what comes behind the headers.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
"""How long a connection may take from its beginning, or from a call's first byte, to the end of the headers."""
HEADER_BYTES = 64 * 1024
"""The longest headers with their request line; a provider's are below 4 KiB."""
MOST_SILENT = 400
"""How many connections may be without a whole call; when there are more, the one that waits longest is dropped."""
OPEN_FILES = 8192
"""How many files and connections the process may hold, if the system lets us: many allow 1,024 unless asked."""

logger = logging.getLogger(__name__)


def allow_open_files() -> None:
    """Raise the limit of open files as far as needed and allowed; it is never lowered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Silent:
    """The connections that have not brought a whole call yet, the one that waits longest first."""

    def __init__(self, most: int = MOST_SILENT) -> None:
        self._most = most
        self._waiting: dict[BoundedProtocol, None] = {}

    def add(self, protocol: BoundedProtocol) -> None:
        """Note a connection, and drop the longest waiting one when there are too many."""
        self._waiting[protocol] = None
        if len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            oldest.drop("too_many_connections")

    def remove(self, protocol: BoundedProtocol) -> None:
        """Forget a connection: its call has come, or it is gone."""
        self._waiting.pop(protocol, None)


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is dropped when headers come too slowly, are too long, or when too many others are silent."""

    silent = Silent()
    header_seconds = HEADER_SECONDS
    header_bytes = HEADER_BYTES

    _timer: asyncio.TimerHandle | None = None
    _read = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the end of the headers."""
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_headers()  # Empty lines between calls begin no message, and would stop the server's own clock.
        if self._timer is None:
            super().data_received(data)
            return
        self._read += len(data)
        super().data_received(data)
        if self._timer is not None and self._read > self.header_bytes:
            self.drop("headers_too_long")

    def on_message_begin(self) -> None:
        """Start the clock for a further call on the same connection."""
        super().on_message_begin()
        if self._timer is None:
            self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Stop the clock; from here on the application bounds time and size."""
        self._stop_waiting()
        super().on_headers_complete()

    def drop(self, code: str) -> None:
        """Close at once, without an answer: whoever does this does not read one."""
        logger.warning("connection_dropped code=%s", code)
        self._stop_waiting()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    def _wait_for_headers(self) -> None:
        self._read = 0
        self._timer = self.loop.call_later(self.header_seconds, self.drop, "headers_too_slow")
        self.silent.add(self)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.silent.remove(self)


def protocol_of(**limits: Any) -> type[BoundedProtocol]:
    """Return the protocol with a list of silent connections of its own, so that two servers in one process share nothing.

    Args:
        limits: `header_seconds`, `header_bytes` or `most_silent` in place of ours.
    """
    most_silent = limits.pop("most_silent", MOST_SILENT)
    return type("OwnProtocol", (BoundedProtocol,), {"silent": Silent(most_silent), **limits})
