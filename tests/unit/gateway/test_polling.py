"""Fetching from channels that can not be called."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.gateway import polling
from bot.gateway.polling import poll_channel
from channels.base import Polled
from tests.support.gateway import Parts
from tests.support.waiting import becomes
from tests.unit.gateway.fakes import FakeChannel, message


class FailingInbox:
    """Stores for real after it has failed some times."""

    def __init__(self, parts: Parts, failures: int) -> None:
        self._inbox = parts.inbox
        self.failures = failures
        self.cursor = parts.inbox.cursor

    def store(self, events: Any, cursor: tuple[str, str]) -> None:
        """Fail, or store."""
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        self._inbox.store(events, cursor)


async def test_cursor_is_stored_with_the_messages_when_a_channel_is_polled(parts: Parts, channel: FakeChannel) -> None:
    """What was fetched is stored with how far was read, and a restart goes on from there."""
    channel.polled = [Polled("5", [message("ana", "5", "hola")]), Polled("6", [message("ana", "6", "y")])]
    for _ in range(2):
        task = asyncio.create_task(poll_channel(channel, parts.inbox))
        await asyncio.sleep(0.3)
        task.cancel()
    assert parts.inbox.cursor("fake") == "6"
    assert parts.worker.run_once() and parts.worker.run_once() and not parts.worker.run_once()


async def test_nothing_more_is_asked_when_storing_fails(
    parts: Parts, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that could not be stored is stored before the channel is asked again."""
    monkeypatch.setattr(polling, "FIRST_PAUSE_SECONDS", 0.01)
    channel.polled = [Polled("1", [message("ana", "1", "a")]), Polled("2", [message("ana", "2", "b")])]
    inbox = FailingInbox(parts, failures=3)
    task = asyncio.create_task(poll_channel(channel, inbox))  # type: ignore[arg-type]
    await asyncio.sleep(0.5)
    task.cancel()
    assert inbox.failures == 0
    turn = parts.turns.claim()
    assert turn is not None
    assert turn.text == "a"
    assert parts.inbox.cursor("fake") == "2"


async def test_polling_ends_when_a_channel_only_takes_calls(parts: Parts, channel: FakeChannel) -> None:
    """A channel with webhooks needs no polling."""
    task = asyncio.create_task(poll_channel(channel, parts.inbox))
    assert await becomes(task.done)
    assert task.exception() is None
    assert parts.inbox.cursor("fake") == ""
