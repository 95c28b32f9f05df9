"""Look every minute where people of staff were silent for too long, so that the bot answers again."""

from __future__ import annotations

import asyncio
import logging

import anyio.to_thread

from bot.conversations.case_returns import CaseReturns

LOOK_SECONDS = 60.0

logger = logging.getLogger(__name__)


class ReturnLoop:
    """Runs beside the routes."""

    def __init__(self, returns: CaseReturns) -> None:
        self._returns = returns

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            count = await anyio.to_thread.run_sync(self._returns.bring_back)
            if count:
                logger.warning("cases_left_waiting count=%d", count)
            await asyncio.sleep(LOOK_SECONDS)
