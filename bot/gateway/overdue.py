"""Look for messages that no worker takes, and let the stand-in answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio.to_thread

from bot.conversations.stand_in import WAIT_SECONDS, StandIn
from bot.conversations.turns import Turns

LOOK_SECONDS = 2.0
"""How often we look; a message is stood in for at most this much later than it might."""


class OverdueLoop:
    """Runs beside the routes. The stand-in is built only when a message is overdue: it holds the content and the phrases.

    Args:
        build: makes the stand-in; it takes a second or two.
    """

    def __init__(self, turns: Turns, build: Callable[[], StandIn]) -> None:
        self._turns = turns
        self._build = build
        self._stand_in: StandIn | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await anyio.to_thread.run_sync(self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> int:
        """Answer what is overdue now, and return how many replies were queued."""
        if self._stand_in is None:
            if not self._turns.overdue(WAIT_SECONDS, 1):
                return 0  # So it is nearly always.
            self._stand_in = self._build()
        return self._stand_in.answer_overdue()
