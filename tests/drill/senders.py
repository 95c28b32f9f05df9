"""People who write, and providers that deliver: signed calls, repeated, tried again as the providers do.

A conversation's next message leaves when the one before it was acknowledged or given up, so that the order in which they
arrived is known. Messages of different conversations overtake each other.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from bot.messages import WebhookRequest
from tests.drill.plan import PROBE_SECONDS, Letter
from tests.support.fake_telegram import SECRET, FakeTelegram, Updates
from tests.support.fake_twilio import FakeTwilio

TWILIO_TRIES = 6
"""One call and five repeats: the most that Twilio can be told to make, with `#rc=5&rp=all` behind the address; see
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides ."""
TWILIO_SECONDS = 15.0
"""All its tries together, same page."""
CALL_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 0.3, 2.0
"""Seconds between tries. Telegram goes on until it is answered, https://core.telegram.org/bots/api#setwebhook ; its pauses,
which it does not publish, are longer."""


@dataclass(frozen=True)
class Contact:
    """Who writes, and how the messages look as calls."""

    channel: str
    address: str
    letters: list[Letter]
    calls: list[WebhookRequest]
    provider_ids: list[str]


@dataclass
class Post:
    """What became of the calls.

    Attributes:
        acknowledged: when each message was first answered with 2xx, by channel and provider id.
        given_up: messages that the provider stopped delivering; the person sees one grey tick.
        moments: when any call was answered with 2xx, in order.
        refused: calls answered otherwise, by status; 0 is no answer.
    """

    acknowledged: dict[tuple[str, str], float] = field(default_factory=dict)
    given_up: set[tuple[str, str]] = field(default_factory=set)
    moments: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    delivered: int = 0

    def first_after(self, moment: float) -> float | None:
        """Return when the first call that began to be served after a moment was acknowledged."""
        return next((one for one in self.moments if one >= moment), None)


def make_contacts(conversations: Sequence[list[Letter]], twilio: FakeTwilio, first: int = 0) -> list[Contact]:
    """Write the calls of all conversations, every second one on WhatsApp.

    Args:
        first: the number of the first one; its address is made from it.
    """
    make = (_on_whatsapp, _on_telegram)
    return [make[number % 2](first + number, letters, twilio) for number, letters in enumerate(conversations)]


def _on_whatsapp(number: int, letters: list[Letter], twilio: FakeTwilio) -> Contact:
    address = f"whatsapp:+5939{number:08d}"
    sids = [f"SM{letter.serial:032x}" for letter in letters]
    calls = [
        twilio.webhook(twilio.message(letter.text, address=address, sid=sid)) for letter, sid in zip(letters, sids, strict=True)
    ]
    return Contact("whatsapp", address, letters, calls, sids)


def _on_telegram(number: int, letters: list[Letter], _: FakeTwilio) -> Contact:
    calls, ids = [], []
    for letter in letters:
        update = Updates(chat_id=5_000_000 + number, next_id=900_001 + letter.serial).text(letter.text)
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET}
        path = FakeTelegram.webhook_path
        calls.append(WebhookRequest(path, path, headers, json.dumps(update).encode()))
        ids.append(str(update["update_id"]))
    return Contact("telegram", str(5_000_000 + number), letters, calls, ids)


async def write_all(url: str, contacts: Sequence[Contact], post: Post, on_settled: Callable[[], None]) -> None:
    """Let all conversations write, until each message was acknowledged or given up and each repeat delivered."""
    began = time.monotonic()
    async with _session() as session:
        mail = _Mail(session, url, post)
        await asyncio.gather(*(_write(mail, contact, began, on_settled) for contact in contacts))


async def write_until(url: str, probes: Sequence[Contact], post: Post, is_over: asyncio.Event) -> None:
    """Let one contact after the other write one message, until it is over."""
    writing = []
    async with _session() as session:
        mail = _Mail(session, url, post)
        for contact in probes:
            if is_over.is_set():
                break
            writing.append(asyncio.create_task(_write(mail, contact, time.monotonic(), lambda: None)))
            await asyncio.sleep(PROBE_SECONDS)
        await asyncio.gather(*writing)


def _session() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200, force_close=True), timeout=timeout, trust_env=False)


async def _write(mail: _Mail, contact: Contact, began: float, on_settled: Callable[[], None]) -> None:
    repeats = []
    for letter, call, provider_id in zip(contact.letters, contact.calls, contact.provider_ids, strict=True):
        await asyncio.sleep(max(0.0, began + letter.at - time.monotonic()))
        key = (contact.channel, provider_id)
        at_once = [mail.post(key, call) for delay in letter.copies if not delay]
        await asyncio.gather(mail.deliver(key, call), *at_once)
        on_settled()
        if key in mail.sent.acknowledged:
            repeats += [asyncio.create_task(mail.post_later(key, call, delay)) for delay in letter.copies if delay]
    await asyncio.gather(*repeats)


class _Mail:
    """Delivers calls as the providers do."""

    def __init__(self, session: aiohttp.ClientSession, url: str, post: Post) -> None:
        self._session = session
        self._url = url
        self.sent = post

    async def deliver(self, key: tuple[str, str], call: WebhookRequest) -> None:
        """Try until the call is acknowledged, as often as the provider does."""
        began, tries, pause = time.monotonic(), 0, FIRST_PAUSE
        while not await self.post(key, call):
            tries += 1
            if key[0] == "whatsapp" and (tries >= TWILIO_TRIES or time.monotonic() - began > TWILIO_SECONDS):
                if key not in self.sent.acknowledged:
                    self.sent.given_up.add(key)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def post_later(self, key: tuple[str, str], call: WebhookRequest, delay: float) -> None:
        """Deliver a repeat."""
        await asyncio.sleep(delay)
        await self.post(key, call)

    async def post(self, key: tuple[str, str], call: WebhookRequest) -> bool:
        """Call once; return whether it was acknowledged."""
        self.sent.delivered += 1
        try:
            async with self._session.post(self._url + call.path, data=call.body, headers=call.headers) as response:
                await response.read()
                status = response.status
        except (aiohttp.ClientError, asyncio.TimeoutError):
            status = 0
        if 200 <= status < 300:
            now = time.monotonic()
            self.sent.moments.append(now)
            self.sent.acknowledged.setdefault(key, now)
            self.sent.given_up.discard(key)
            return True
        self.sent.refused[status] = self.sent.refused.get(status, 0) + 1
        return False
