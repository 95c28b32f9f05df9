"""Many calls in one commit, and one broken call among them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.conversations.inbox import Inbox
from bot.gateway import storing
from bot.gateway.storing import InboxWriter, StoreBusy
from bot.messages import InboundMessage
from tests.support.gateway import Parts
from tests.unit.gateway.fakes import message


class CountingInbox:
    """Stores for real, counts the commits, and chokes on one text."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.commits = 0
        self.texts: list[str] = []

    def store(self, events: Sequence[InboundMessage]) -> None:
        """Store, or fail before anything is stored."""
        if any(event.text == "poison" for event in events):
            raise ValueError("poison")
        self._inbox.store(events)
        self.commits += 1
        self.texts += [event.text for event in events]


@pytest.fixture
def inbox(parts: Parts) -> CountingInbox:
    """An inbox that counts."""
    return CountingInbox(parts.inbox)


@pytest.fixture
async def writer(inbox: CountingInbox) -> AsyncIterator[InboxWriter]:
    """A writer at work."""
    made = InboxWriter(inbox)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()


async def test_calls_share_a_commit_when_they_come_together(writer: InboxWriter, inbox: CountingInbox) -> None:
    """A burst takes far fewer commits than calls, in the order in which it came."""
    await asyncio.gather(*(writer.store([message("ana", str(n), str(n))]) for n in range(100)))
    assert inbox.texts == [str(n) for n in range(100)]
    assert inbox.commits <= 5


async def test_others_are_stored_when_one_call_is_broken(writer: InboxWriter, inbox: CountingInbox) -> None:
    """Only the broken call fails."""
    texts = ["a", "poison", "b"]
    results = await asyncio.gather(*(writer.store([message("ana", text, text)]) for text in texts), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert inbox.texts == ["a", "b"]


async def test_call_is_refused_when_too_many_wait(writer: InboxWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood does not fill the memory."""
    monkeypatch.setattr(storing, "MOST_WAITING", 2)
    calls = [asyncio.create_task(writer.store([message("ana", str(n), "x")])) for n in range(4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), StoreBusy, StoreBusy]


async def test_nothing_waits_when_a_call_brought_nothing(writer: InboxWriter, inbox: CountingInbox) -> None:
    """A call without events needs no commit."""
    await writer.store([])
    assert inbox.commits == 0
