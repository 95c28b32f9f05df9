"""Fetch messages of channels that can not be called from outside, and store them with how far was read."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import anyio.to_thread

from bot.conversations.inbox import Inbox
from channels.base import Channel, Polled

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

logger = logging.getLogger(__name__)


async def poll_channel(channel: Channel, inbox: Inbox) -> None:
    """Fetch and store until cancelled; return at once when the channel does not poll.

    The channel is asked for more only after what it brought is stored, because asking confirms it to the provider.
    """
    while True:
        cursor = await anyio.to_thread.run_sync(inbox.cursor, channel.name)
        polled_messages = channel.poll(cursor)
        if polled_messages is None:
            return
        async for polled in polled_messages:
            await _store(channel.name, inbox, polled)
        await asyncio.sleep(FIRST_PAUSE_SECONDS)


async def _store(name: str, inbox: Inbox, polled: Polled) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await anyio.to_thread.run_sync(partial(inbox.store, polled.events, cursor=(name, polled.cursor)))
            return
        except Exception as error:  # Going on would confirm what is not stored, so it waits for the database instead.
            logger.error("polled_not_stored channel=%s error=%s", name, type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
