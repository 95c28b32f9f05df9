"""The gateway's application with the three channels over a database, and genuine calls of each; used by the tests of attacks."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from starlette.types import ASGIApp

from bot.conversations.feed import Feed
from bot.gateway.app import build_app
from bot.gateway.limits import Allowance
from bot.messages import WebhookRequest
from bot.storage.models import Inbound
from channels.telegram import TelegramChannel, TelegramSettings
from channels.whatsapp import TemplateSet, WhatsAppChannel
from tests.contract.whatsapp.cases import make_settings
from tests.support.builders import System
from tests.support.fake_telegram import SECRET, TOKEN
from tests.support.fake_twilio import PUBLIC_URL, FakeTwilio
from tests.support.gateway import make_webchat
from tests.support.telegram_updates import Updates

TWILIO = FakeTwilio()
TELEGRAM_PATH = "/webhooks/telegram"
WEBCHAT_PATH = "/webchat/messages"
NOWHERE = "http://127.0.0.1:9"
MUTATIONS = 10_000
"""Spoiled calls for each provider."""
TOGETHER = 100
"""How many of them come at once."""


@dataclass
class Door:
    """The gateway's application over a database, without a network."""

    system: System
    client: httpx.AsyncClient
    app: ASGIApp

    async def post(self, call: WebhookRequest, **headers: str) -> httpx.Response:
        """Send a call; headers replace its own, and an empty one removes it."""
        merged = {name: value.encode("latin-1") for name, value in {**call.headers, **headers}.items() if value}
        return await self.client.post(call.path, content=call.body, headers=merged)

    async def status_of(self, call: WebhookRequest) -> int:
        """Return what a call gets, without a client's own cost."""
        headers = {"cookie": self.client.headers["cookie"], **call.headers}
        path, _, query = call.path.partition("?")
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()],
        }
        seen: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": call.body}

        async def send(message: Any) -> None:
            seen.extend([message["status"]] if message["type"] == "http.response.start" else [])

        await self.app(scope, receive, send)
        return seen[0]

    def stored(self) -> int:
        """Return how many messages are stored."""
        with self.system.database.reading() as session:
            return session.scalar(select(func.count(Inbound.id))) or 0


@pytest.fixture
async def door(system: System, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the application's own tasks for as long as the test needs it."""
    telegram = TelegramSettings(bot_token=TOKEN, mode="webhook", webhook_secret=SECRET, api_url=NOWHERE)
    channels = [
        WhatsAppChannel(make_settings(NOWHERE), PUBLIC_URL, TemplateSet()),
        TelegramChannel(telegram),
        make_webchat(PUBLIC_URL),
    ]
    app = build_app(
        channels={channel.name: channel for channel in channels},
        inbox=system.inbox,
        outbox=system.outbox,
        feed=Feed(system.database, system.vault, system.clock),
        database=system.database,
        public_url=PUBLIC_URL,
        clock=system.clock,
    )
    transport = httpx.ASGITransport(app)
    monkeypatch.setattr(Allowance, "take", _always)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://internal:8080") as client,
    ):
        page = await client.get("/webchat/")
        # The cookie is for https alone, and the test speaks http to the application.
        client.headers["cookie"] = page.headers["set-cookie"].split(";")[0]
        yield Door(system, client, app)


async def _always(allowance: Allowance, address: str) -> bool:
    return True


def telegram_call(update: Any, secret: str = SECRET, content_type: str = "application/json") -> WebhookRequest:
    """Return an update as Telegram sends it."""
    body = update if isinstance(update, bytes) else json.dumps(update).encode()
    headers = {"content-type": content_type, "x-telegram-bot-api-secret-token": secret}
    return WebhookRequest(TELEGRAM_PATH, PUBLIC_URL + TELEGRAM_PATH, headers, body)


def webchat_call(data: Any, content_type: str = "application/json") -> WebhookRequest:
    """Return a message as our page sends it."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return WebhookRequest(
        WEBCHAT_PATH, PUBLIC_URL + WEBCHAT_PATH, {"content-type": content_type, "sec-fetch-site": "same-origin"}, body
    )


def page_message(**changes: Any) -> dict[str, Any]:
    """Return what the page sends."""
    return {
        "id": str(uuid.UUID(int=random.Random(1).getrandbits(128))),
        "kind": "text",
        "text": "hola",
        "locale": "es",
        **changes,
    }


def genuine() -> dict[str, WebhookRequest]:
    """Return one good call of each channel."""
    return {
        "whatsapp": TWILIO.webhook(TWILIO.message("hola")),
        "telegram": telegram_call(Updates().text("hola")),
        "webchat": webchat_call(page_message()),
    }


# Forged.
