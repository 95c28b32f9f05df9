"""Load on the gateway: signed WhatsApp calls at a rate or in a burst, and a fake Twilio that notes when it was called."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.messages import WebhookRequest
from channels.whatsapp.templates import template_specs
from tests.support.fake_twilio import FakeTwilio

CALL_SECONDS = 30.0
"""After this long a call counts as failed; Twilio itself gives up after 15 s."""


class NotedCalls(list[dict[str, Any]]):
    """The calls that reached Twilio, with the moment of each contact's first one."""

    def __init__(self) -> None:
        super().__init__()
        self.first_at: dict[str, float] = {}

    def append(self, call: dict[str, Any], /) -> None:
        """Keep a call."""
        self.first_at.setdefault(call.get("To", ""), time.perf_counter())
        super().append(call)


def make_twilio() -> FakeTwilio:
    """Build a fake with all templates in its account, whose `calls` note their moments."""
    twilio = FakeTwilio(calls=NotedCalls())
    for spec in template_specs():
        twilio.add_content(spec.to_payload())
    return twilio


@dataclass(frozen=True)
class Letter:
    """A signed call, made beforehand, with the contact's address."""

    address: str
    call: WebhookRequest


@dataclass
class Posted:
    """What the calls got.

    Attributes:
        seconds: from sending a call to its answer, for those that were acknowledged.
        sent_at: when each address's last call was sent.
        refused: calls that were not answered with 200.
    """

    seconds: list[float] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)
    refused: int = 0


class Letters:
    """Writes signed messages of contacts that are all different.

    Args:
        texts: what they write, again from the beginning when all were used.
    """

    def __init__(self, twilio: FakeTwilio, texts: Sequence[str]) -> None:
        self._twilio = twilio
        self._texts = texts
        self._contacts = 0
        self._written = 0

    def write(self, contacts: int, each: int = 1) -> list[Letter]:
        """Return messages of new contacts: first one of each, then the second ones, and so on."""
        first = self._contacts
        self._contacts += contacts
        addresses = [f"whatsapp:+5939{number:08d}" for number in range(first, self._contacts)]
        return [self._letter(address) for _ in range(each) for address in addresses]

    def _letter(self, address: str) -> Letter:
        text = self._texts[self._written % len(self._texts)]
        self._written += 1
        return Letter(address, self._twilio.webhook(self._twilio.message(text, address=address)))


async def post_at_rate(url: str, letters: Sequence[Letter], rate: float, seed: int, on_sent: Callable[[], None]) -> Posted:
    """Send calls at random moments, `rate` a second on average, whether or not earlier ones were answered."""
    gaps, posted = random.Random(seed), Posted()
    async with session_of(connections=100) as session:
        tasks, due = [], time.perf_counter()
        for letter in letters:
            due += gaps.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(post_letter(session, url, letter, posted)))
            on_sent()
        await asyncio.gather(*tasks)
    return posted


async def post_burst(url: str, letters: Sequence[Letter], connections: int) -> Posted:
    """Send all calls at once; each connection takes the next one as soon as it is free."""
    waiting, posted = list(reversed(letters)), Posted()

    async def send_on_one(session: aiohttp.ClientSession) -> None:
        while waiting:
            await post_letter(session, url, waiting.pop(), posted)

    async with session_of(connections) as session:
        await asyncio.gather(*(send_on_one(session) for _ in range(connections)))
    return posted


def session_of(connections: int) -> aiohttp.ClientSession:
    """Return a client with so many connections."""
    # Not httpx: its own cost for each call would be most of what is measured here.
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections), timeout=timeout, trust_env=False)


async def post_letter(session: aiohttp.ClientSession, url: str, letter: Letter, posted: Posted) -> None:
    """Send one call and note what it got."""
    started = time.perf_counter()
    posted.sent_at[letter.address] = started
    try:
        async with session.post(url + letter.call.path, data=letter.call.body, headers=letter.call.headers) as response:
            await response.read()
            is_taken = response.status == 200
    except (aiohttp.ClientError, asyncio.TimeoutError):
        is_taken = False
    if is_taken:
        posted.seconds.append(time.perf_counter() - started)
    else:
        posted.refused += 1
