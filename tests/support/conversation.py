"""A conversation that reads like a script: `await says("hola")`, `await hears("Ruta Segura")`, `await taps("Menú")`.

One tester for each channel; it speaks the provider's wire format to the real gateway and reads what reached the provider.
"""

from __future__ import annotations

import asyncio
import html
import re
import time
import uuid
from abc import ABC, abstractmethod
from typing import Any

import httpx

from tests.support.fake_telegram import FakeTelegram
from tests.support.fake_twilio import FakeTwilio
from tests.support.telegram_updates import Updates

PATIENCE_SECONDS = 40.0
"""Longer than a message waits before the gateway answers in the worker's place."""


class Conversation(ABC):
    """A contact's side of a conversation."""

    def __init__(self) -> None:
        self._heard = 0

    @abstractmethod
    async def says(self, text: str) -> None:
        """Send a text."""

    @abstractmethod
    async def taps(self, title: str) -> None:
        """Tap the newest offered choice with this title."""

    @abstractmethod
    def received(self) -> list[str]:
        """Return all texts that reached the contact, in order."""

    @abstractmethod
    def choices(self) -> list[str]:
        """Return the titles of the newest offered choices."""

    async def hears(self, *words: str) -> str:
        """Wait for new messages until all words were heard in them, and return what was heard."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            fresh = "\n".join(self.received()[self._heard :])
            if all(word.casefold() in fresh.casefold() for word in words) and fresh:
                self._heard = len(self.received())
                return fresh
            await asyncio.sleep(0.05)
        raise AssertionError(f"expected {words}, heard {self.received()[self._heard :]}")

    async def is_offered(self, title: str) -> bool:
        """Wait until a choice is offered; a long reply brings its choices with its last part."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if title in self.choices():
                return True
            await asyncio.sleep(0.05)
        return False


class WhatsAppConversation(Conversation):
    """Speaks as Twilio."""

    def __init__(self, fake: FakeTwilio, gateway_url: str, address: str) -> None:
        super().__init__()
        self._fake, self._url, self._address = fake, gateway_url, address

    async def says(self, text: str) -> None:
        """Deliver a signed message, as Twilio does."""
        await self.delivers(self._fake.message(text, address=self._address))

    async def delivers(self, *forms: dict[str, str]) -> None:
        """Deliver signed forms; each must be acknowledged."""
        for response in await self._fake.deliver(self._url, *forms):
            assert response.status_code == 200

    async def taps(self, title: str) -> None:
        """Tap a button or list row."""
        tokens = {shown: token for token, shown in self._offered()}
        choose = self._fake.chosen if self._is_list() else self._fake.tapped
        await self.delivers(choose(tokens[title], title, From=self._address))

    def received(self) -> list[str]:
        """Return what Twilio showed, buttons aside."""
        return [_shown_text(message["shown"]) for message in self._fake.sent(self._address)]

    def choices(self) -> list[str]:
        """Return the newest offered titles."""
        return [title for _, title in self._offered()]

    def _is_list(self) -> bool:
        """Tell whether the newest choices are the rows of a list, which come back in another form."""
        shown = [message["shown"] for message in self._fake.sent(self._address) if _choices_of(message["shown"])]
        return bool(shown and shown[-1].get("items"))

    def _offered(self) -> list[tuple[str, str]]:
        for message in reversed(self._fake.sent(self._address)):
            found = _choices_of(message["shown"])
            if found:
                return found
        return []


class TelegramConversation(Conversation):
    """Speaks as Telegram."""

    def __init__(self, fake: FakeTelegram, gateway_url: str, chat_id: int) -> None:
        super().__init__()
        self._fake, self._url, self._chat_id = fake, gateway_url, chat_id
        self._updates = Updates(chat_id=chat_id, next_id=chat_id * 1000)

    async def says(self, text: str) -> None:
        """Deliver an update with the secret, as Telegram does."""
        await self.delivers(self._updates.text(text))

    async def delivers(self, update: dict[str, Any]) -> None:
        """Deliver an update; it must be acknowledged."""
        response: httpx.Response = await self._fake.deliver(self._url, update)
        assert response.status_code == 200

    async def taps(self, title: str) -> None:
        """Tap a button."""
        tokens = {shown: token for token, shown in self._offered()}
        await self.delivers(self._updates.tap(tokens[title]))

    def received(self) -> list[str]:
        """Return the texts without their HTML marks."""
        return [re.sub(r"<[^>]+>", "", call["text"]) for call in self._fake.sent(self._chat_id)]

    def choices(self) -> list[str]:
        """Return the newest offered titles."""
        return [title for _, title in self._offered()]

    def _offered(self) -> list[tuple[str, str]]:
        for call in reversed(self._fake.sent(self._chat_id)):
            rows = (call.get("reply_markup") or {}).get("inline_keyboard", [])
            if rows:
                return [(button["callback_data"], button["text"]) for row in rows for button in row]
        return []


class WebChatConversation(Conversation):
    """Speaks as the page does, with a cookie of its own."""

    def __init__(self, gateway_url: str) -> None:
        super().__init__()
        self._http = httpx.Client(base_url=f"{gateway_url}/webchat/", trust_env=False, timeout=10)
        cookie = self._http.get("").headers["set-cookie"].split(";")[0]  # By hand: it is for https, and this is loopback.
        self._http.headers.update({"cookie": cookie, "sec-fetch-site": "same-origin"})
        self._replies: dict[int, list[dict[str, Any]]] = {}

    async def says(self, text: str) -> None:
        """Send a text."""
        self._post({"kind": "text", "text": text})

    async def taps(self, title: str) -> None:
        """Tap a button."""
        tokens = {shown: token for token, shown in self._offered()}
        self._post({"kind": "quick_reply", "quick_reply": tokens[title], "text": title})

    def received(self) -> list[str]:
        """Return the bubbles without their HTML marks."""
        self._poll()
        return [_without_marks(part["html"]) for parts in self._replies.values() for part in parts]

    def choices(self) -> list[str]:
        """Return the newest offered titles."""
        return [title for _, title in self._offered()]

    def _offered(self) -> list[tuple[str, str]]:
        self._poll()
        offers = [part["quick_replies"] for parts in self._replies.values() for part in parts if part.get("quick_replies")]
        return [(row["token"], row["title"]) for row in offers[-1]] if offers else []

    def _post(self, body: dict[str, str]) -> None:
        assert self._http.post("messages", json={"id": str(uuid.uuid4()), "locale": "es", **body}).status_code == 200

    def _poll(self) -> None:
        answer = self._http.get("poll", params={"after": max(self._replies, default=0)})
        assert answer.status_code == 200
        self._replies |= {reply["id"]: reply["parts"] for reply in answer.json()["replies"]}


def _without_marks(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(p|li)>", "\n", markup)))


def _shown_text(shown: dict[str, Any]) -> str:
    return str(shown.get("body", ""))


def _choices_of(shown: dict[str, Any]) -> list[tuple[str, str]]:
    rows = shown.get("actions") or shown.get("items") or []
    return [(row["id"], row.get("title") or row["item"]) for row in rows]
