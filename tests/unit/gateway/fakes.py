"""A channel without a provider, and a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta, timezone

from bot.errors import RequestRefused
from bot.messages import ChannelLimits, InboundKind, InboundMessage, OutboundMessage, WebhookRequest, WebhookResponse
from channels.base import Channel, InboundEvent, Polled, SendRequest

PATH = "/webhooks/fake"


class FakeClock:
    """A clock for tests."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        """Move on."""
        self.now += timedelta(**parts)


class FakeChannel(Channel):
    """Takes `address:id:text` bodies, sends into a list, and fails as it is told."""

    webhook_paths = (PATH,)

    def __init__(self, name: str = "fake", limits: ChannelLimits | None = None) -> None:
        self.name = name
        self.limits = limits or ChannelLimits(
            text=100, text_with_choices=100, buttons=3, button_title=20, messages_per_second=1000
        )
        self.sent: list[tuple[str, str]] = []
        self.seen: list[WebhookRequest] = []
        self.failures: list[Exception] = []
        self.polled: list[Polled] = []
        self.before_send: Callable[[], None] = lambda: None
        self.send_seconds = 0.0
        self.is_started = self.is_closed = False

    def verify_request(self, request: WebhookRequest) -> None:
        self.seen.append(request)
        if request.headers.get("x-secret") != "right":
            raise RequestRefused(403, "secret_wrong")

    def parse_inbound(self, request: WebhookRequest) -> list[InboundEvent]:
        if request.body == b"bug":
            raise ZeroDivisionError
        lines = [line.split(":", 2) for line in request.body.decode().splitlines()]
        return [message(address, provider_id, text, self.name) for address, provider_id, text in lines]

    def acknowledge(self, request: WebhookRequest, events: Sequence[InboundEvent]) -> WebhookResponse:
        return WebhookResponse(b"<ok/>", "text/xml")

    def render_outbound(self, message: OutboundMessage) -> list[SendRequest]:
        return [SendRequest({"text": part}) for part in message.text.split("|")]

    def fallback(self, message: OutboundMessage) -> list[SendRequest]:
        return [SendRequest({"text": f"plain {message.text}"})]

    async def send(self, address: str, request: SendRequest) -> str:
        self.before_send()
        await asyncio.sleep(self.send_seconds)
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((address, request.body["text"]))
        return f"{self.name}-{len(self.sent)}"

    def poll(self, cursor: str) -> AsyncIterator[Polled] | None:
        return self._poll(cursor) if self.polled else None

    async def _poll(self, cursor: str) -> AsyncIterator[Polled]:
        for polled in self.polled:
            if int(polled.cursor) > int(cursor or 0):
                yield polled
        await asyncio.sleep(60)

    async def start(self) -> None:
        self.is_started = True

    async def close(self) -> None:
        self.is_closed = True

    def secrets(self) -> Sequence[str]:
        return ("right",)


def message(address: str, provider_id: str, text: str, channel: str = "fake") -> InboundMessage:
    """Build an inbound message."""
    return InboundMessage(channel, address, provider_id, InboundKind.TEXT, text=text)
