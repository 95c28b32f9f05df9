"""Store what webhooks bring, many calls in one commit.

A commit waits for the disk, and SQLite takes one at a time: a burst of calls that each waited for its own would be answered
too late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import anyio.to_thread

from bot.conversations.inbox import Inbox
from bot.messages import ContactLeft, DeliveryStatus, InboundMessage

MOST_TOGETHER = 32
"""Calls in one commit."""
MOST_WAITING = 2000
"""Calls that may wait; the next are refused, and the provider tries again later."""

Event = InboundMessage | DeliveryStatus | ContactLeft

logger = logging.getLogger(__name__)


class StoreBusy(Exception):
    """Too many calls wait to be stored."""


@dataclass
class _Waiting:
    events: Sequence[Event]
    done: asyncio.Future[None]


class InboxWriter:
    """Stores events for callers that wait until they are safe."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()

    async def store(self, events: Sequence[Event]) -> None:
        """Return when the events are committed; an error of the database passes through.

        Raises:
            StoreBusy: too many calls wait already.
        """
        if not events:
            return
        if len(self._waiting) >= MOST_WAITING:
            raise StoreBusy
        waiting = _Waiting(events, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done

    async def run(self) -> None:
        """Store what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                await self._store_batch(batch)

    async def _store_batch(self, batch: list[_Waiting]) -> None:
        try:
            await anyio.to_thread.run_sync(self._inbox.store, [event for one in batch for event in one.events])
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0], error)
                return
            # One broken call must not take the others down with it.
            logger.warning("store_batch_failed calls=%d error=%s", len(batch), type(error).__name__)
            for one in batch:
                await self._store_batch([one])
        else:
            for one in batch:
                _settle(one, None)


def _settle(waiting: _Waiting, error: Exception | None) -> None:
    if waiting.done.done():  # The caller was cancelled meanwhile.
        return
    if error is None:
        waiting.done.set_result(None)
    else:
        waiting.done.set_exception(error)
