"""Hand replies to contacts who fetch them: server-sent events, polling, the history, and forgetting.

The stream is as https://html.spec.whatwg.org/multipage/server-sent-events.html has it; an event's id is the reply's id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from bot.conversations.feed import Feed, FeedReply, History
from channels.base import PullChannel

HEARTBEAT_SECONDS = 15.0
"""How often a silent stream says that it is alive; proxies close one that is silent for a minute."""
RECONNECT_MILLISECONDS = 2000
MOST_STREAMS = 500
MOST_STREAMS_OF_ONE = 4
_HIGHEST_ID = 2**63 - 1

T = TypeVar("T")
_Listener = asyncio.Queue[Sequence[FeedReply] | None]

logger = logging.getLogger(__name__)


class TooManyStreams(Exception):
    """No further stream is opened; the caller polls instead."""


class FeedHub:
    """Shares one look at the database among all open streams.

    Args:
        database_turns: bounds how many of our threads use the database at once.
    """

    def __init__(self, feed: Feed, channels: Mapping[str, PullChannel], database_turns: CapacityLimiter) -> None:
        self.feed = feed
        self._channels = channels
        self._database_turns = database_turns
        self._listeners: dict[str, dict[str, set[_Listener]]] = {name: {} for name in channels}
        self._wake = asyncio.Event()
        self._is_closed = False

    def wake(self) -> None:
        """Look for new replies at once."""
        self._wake.set()

    async def run(self) -> None:
        """Bring new replies to the streams that wait for them, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for name, listeners in self._listeners.items():
                if listeners:
                    await self._distribute(name, listeners)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._is_closed = True
        for listeners in self._listeners.values():
            for queues in listeners.values():
                for queue in queues:
                    queue.put_nowait(None)

    async def stream(self, channel: PullChannel, address: str, after: int) -> AsyncIterator[str]:
        """Yield the events of one browser, from the reply after `after` on."""
        with self._listening(channel.name, address) as queue:
            yield f"retry: {RECONNECT_MILLISECONDS}\nevent: ready\ndata: {{}}\n\n"
            replies = await self.in_thread(partial(self.feed.replies_after, channel.name, address, after))
            while True:
                for reply in replies:
                    if reply.outbound_id > after:
                        after = reply.outbound_id
                        yield f"id: {after}\nevent: reply\ndata: {_to_json(reply_event(channel, reply))}\n\n"
                try:
                    found = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except asyncio.TimeoutError:
                    yield ": still here\n\n"
                    # What the shared look may have missed, for example while the database did not answer.
                    found = await self.in_thread(partial(self.feed.replies_after, channel.name, address, after))
                if found is None:
                    return
                replies = list(found)

    def check_room(self, channel: PullChannel, address: str) -> None:
        """Refuse a stream beyond what we can hold.

        Raises:
            TooManyStreams: there are too many, of all contacts or of this one.
        """
        of_all = sum(len(queues) for listeners in self._listeners.values() for queues in listeners.values())
        of_one = len(self._listeners[channel.name].get(address, ()))
        if self._is_closed or of_all >= MOST_STREAMS or of_one >= MOST_STREAMS_OF_ONE:
            raise TooManyStreams

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run database work in a thread."""
        return await anyio.to_thread.run_sync(work, limiter=self._database_turns)

    async def _distribute(self, name: str, listeners: Mapping[str, set[_Listener]]) -> None:
        found = await self.in_thread(partial(self.feed.fresh, name, list(listeners)))
        for address, replies in found.items():
            for queue in listeners.get(address, ()):
                queue.put_nowait(replies)

    @contextlib.contextmanager
    def _listening(self, name: str, address: str) -> Iterator[_Listener]:
        queue: _Listener = asyncio.Queue()
        queues = self._listeners[name].setdefault(address, set())
        queues.add(queue)
        try:
            yield queue
        finally:
            queues.discard(queue)
            if not queues:
                self._listeners[name].pop(address, None)


def reply_event(channel: PullChannel, reply: FeedReply) -> dict[str, Any]:
    """Return a reply as the page reads it; one that can not be shown is empty, so that those after it still come."""
    try:
        parts = [request.body for request in channel.render_outbound(reply.message)]
    except Exception as error:
        logger.error("reply_not_rendered channel=%s outbound=%d error=%s", channel.name, reply.outbound_id, type(error).__name__)
        parts = []
    return {"id": reply.outbound_id, "parts": parts}


def history_body(channel: PullChannel, history: History) -> dict[str, Any]:
    """Return a conversation as the page reads it."""
    entries = [
        {"reply": reply_event(channel, entry)}
        if isinstance(entry, FeedReply)
        else {"sent": {"kind": entry.kind.value, "text": entry.text}}
        for entry in history.entries
    ]
    return {"entries": entries, "last_id": history.last_id, "is_waiting": history.is_waiting}


def read_id(raw: str | None) -> int:
    """Return the id of the last reply that a browser has; 0 for anything that is none."""
    return min(int(raw), _HIGHEST_ID) if raw and raw.isascii() and raw.isdecimal() and len(raw) < 20 else 0


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
