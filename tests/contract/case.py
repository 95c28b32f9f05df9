"""What each channel brings to the contract suite: a kit with its cases, as data.

`tests/contract/<channel>/cases.py` exports `KIT`. The suite in `test_channel_contract.py` runs all kits and adds what every
channel must pass: no call leaves the host, no fake answer left over, no secret, address or text in any log record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.errors import SendFailure
from bot.messages import OutboundMessage, WebhookRequest
from channels.base import Channel, InboundEvent


@dataclass(frozen=True)
class InboundCase:
    """One call from the provider and what it must become.

    Args:
        request: the call, correctly signed unless the case is about the signature.
        expected: the events, in order; compared whole.
        refused: the status with which it must be refused instead, or 0.
    """

    id: str
    request: WebhookRequest
    expected: Sequence[InboundEvent] = ()
    refused: int = 0


@dataclass(frozen=True)
class SendCase:
    """One reply to send, what the provider answers, and the exact calls it must see.

    Args:
        replies: scripted answers of the fake provider, one for each call; empty means that it accepts all.
        calls: the calls the fake must have recorded, in its own notation.
        failure: the failure that `send` must raise, if any.
        retry_after: the seconds that the failure must carry.
    """

    id: str
    message: OutboundMessage
    calls: Sequence[dict[str, Any]]
    replies: Sequence[Any] = ()
    failure: SendFailure | None = None
    retry_after: float | None = None


class FakeProvider(Protocol):
    """A provider's API on a loopback port."""

    app: Callable[..., Any]

    def script(self, replies: Sequence[Any]) -> None:
        """Set the answers to the next calls, in order."""

    @property
    def calls(self) -> Sequence[dict[str, Any]]:
        """The calls seen, in order, in a notation that cases can state."""

    @property
    def unused(self) -> int:
        """How many scripted answers were not asked for."""


@dataclass(frozen=True)
class ChannelKit:
    """All that the suite needs of a channel.

    Args:
        name: the channel's name.
        make_channel: builds the channel against the fake's address.
        make_provider: builds a fresh fake.
        address: an invented address of a contact.
        inbound: must hold the ids in `REQUIRED_INBOUND`.
        sends: must hold the ids in `REQUIRED_SENDS`.
    """

    name: str
    make_channel: Callable[[str], Channel]
    make_provider: Callable[[], FakeProvider]
    address: str
    inbound: Sequence[InboundCase] = field(repr=False)
    sends: Sequence[SendCase] = field(repr=False)


REQUIRED_INBOUND = (
    "text",
    "start",
    "quick_reply",
    "media",
    "location",
    "edited",
    "empty",
    "malformed",
    "unknown_kind",
    "signature_missing",
    "signature_wrong",
    "status_update",
    "too_long",
    "invalid_utf8",
)
"""Ids each kit must bring; a channel that has no such thing brings the case with what happens instead."""

REQUIRED_SENDS = (
    "text",
    "marks",
    "long_text",
    "buttons",
    "list",
    "too_many_quick_replies",
    "slow_down",
    "provider_down",
    "times_out",
    "blocked",
)
