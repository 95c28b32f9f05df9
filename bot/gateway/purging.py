"""Delete every hour what is past its time."""

from __future__ import annotations

import asyncio
import logging

import anyio.to_thread

from bot.conversations.retention import Retention

HOUR_SECONDS = 3600.0
START_SECONDS = 30.0
"""How long the gateway lets messages go first that came while it was away."""

logger = logging.getLogger(__name__)


class PurgeLoop:
    """Runs beside the routes.

    Args:
        start_seconds: when it runs first; tests do not wait.
    """

    def __init__(self, retention: Retention, start_seconds: float = START_SECONDS) -> None:
        self._retention = retention
        self._start_seconds = start_seconds

    async def run(self) -> None:
        """Purge until cancelled."""
        await asyncio.sleep(self._start_seconds)
        while True:
            deleted = await anyio.to_thread.run_sync(self._retention.purge)
            for kind, count in deleted.items():
                if count:
                    logger.info("purged kind=%s count=%d", kind, count)
            await asyncio.sleep(HOUR_SECONDS)
