"""How often a contact of a page may write."""

from __future__ import annotations

from collections import OrderedDict

from aiolimiter import AsyncLimiter

CONTACT_MESSAGES = 120
CONTACT_SECONDS = 60.0
"""A contact of a page may send this many messages in this time, so that no script fills the database. What a person reads who
writes too much is decided behind the door, where urgent messages are known: `bot.conversations.flood`."""
MOST_CONTACTS = 10_000
"""How many contacts we remember for that; the one that has been silent longest is dropped."""


class Allowance:
    """How often each contact of a page may write: one bucket for each contact."""

    def __init__(self, messages: float = CONTACT_MESSAGES, seconds: float = CONTACT_SECONDS, most: int = MOST_CONTACTS) -> None:
        self._messages = messages
        self._seconds = seconds
        self._most = most
        self._buckets: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def take(self, address: str) -> bool:
        """Count one message; return whether it is still allowed."""
        bucket = self._buckets.pop(address, None) or AsyncLimiter(self._messages, self._seconds)
        self._buckets[address] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        if not bucket.has_capacity():
            return False
        await bucket.acquire()
        return True
