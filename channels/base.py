"""The contract of a channel.

A channel is one folder with `channel.py` (the class), `parse.py` and `render.py` (pure functions), `client.py` (the network),
`settings.py`, `limits.py` and a README. It is proved by `tests/contract/`. It decides nothing and stores nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.messages import (
    ChannelLimits,
    ContactLeft,
    DeliveryStatus,
    InboundMessage,
    OutboundMessage,
    WebhookRequest,
    WebhookResponse,
)

InboundEvent = InboundMessage | DeliveryStatus | ContactLeft
"""What a channel can learn from its provider."""


@dataclass(frozen=True)
class SendRequest:
    """One call to the provider, rendered and complete but for the address.

    Attributes:
        body: the fields of the call; plain JSON values only.
    """

    body: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Polled:
    """What one poll brought: the cursor to ask with next time, to be stored with the messages, and the events."""

    cursor: str
    events: Sequence[InboundEvent]


class Channel(ABC):
    """A way to reach people.

    Verification, parsing and rendering are pure and synchronous; `send`, `acknowledge` and `poll` use the network.
    """

    name: str
    limits: ChannelLimits
    webhook_paths: tuple[str, ...] = ()
    """Routes the gateway opens for POST calls, for example `("/webhooks/whatsapp", "/webhooks/whatsapp/status")`."""

    @abstractmethod
    def verify_request(self, request: WebhookRequest) -> None:
        """Check that the call is the provider's own, in constant time, before anything in it is used.

        Raises:
            RequestRefused: with 401 or 403 and a code.
        """

    @abstractmethod
    def parse_inbound(self, request: WebhookRequest) -> list[InboundEvent]:
        """Turn a verified call into messages and delivery reports; unknown kinds become `UNSUPPORTED`, never an error.

        Raises:
            RequestRefused: with 400, 413 or 415: the body is not what the provider sends.
        """

    def acknowledge(self, request: WebhookRequest, events: Sequence[InboundEvent]) -> WebhookResponse:
        """Say what the provider gets back once the events are stored."""
        return WebhookResponse()

    @abstractmethod
    def render_outbound(self, message: OutboundMessage) -> list[SendRequest]:
        """Turn one reply into the requests that deliver it, in order; a pure function of the message and the limits."""

    @abstractmethod
    async def send(self, address: str, request: SendRequest) -> str:
        """Deliver one request and return the provider's id of it.

        Raises:
            SendFailed: from the closed list.
        """

    def fallback(self, message: OutboundMessage) -> list[SendRequest]:
        """Render once more without buttons or templates, after the provider refused them (`TEMPLATE_REFUSED`)."""
        return self.render_outbound(message)

    def poll(self, cursor: str) -> AsyncIterator[Polled] | None:
        """Fetch messages ourselves, from `cursor` (empty at first); None when the channel only has webhooks."""
        return None

    async def start(self) -> None:
        """Open the client; called once, before the first `send` or `poll`."""

    async def close(self) -> None:
        """Close the client."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Return the values that must never appear in a log line."""


class PullChannel(Channel):
    """A channel whose contacts fetch their replies from us, as a page in a browser does.

    The gateway serves `pages`, takes messages on `webhook_paths`, and keeps replies in the outbox until they are fetched.
    """

    @abstractmethod
    def pages(self) -> dict[str, WebhookResponse]:
        """Return the static pages by path."""

    @abstractmethod
    def address_of(self, headers: dict[str, str]) -> str:
        """Return the address that a request's cookie proves, or the empty string."""

    @abstractmethod
    def new_address(self) -> tuple[str, str]:
        """Make an address and the `Set-Cookie` value that proves it."""
