"""The values that cross every boundary: inbound and outbound messages, quick replies, delivery status, limits.

Frozen and without input or output: a channel parses into them and renders from them, the worker and the gateway pass them on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

# What a typed command means in every language: a channel maps its own spellings (`/idioma`, `/language`) to these, and
# they travel in `InboundMessage.quick_reply`. The colon keeps them apart from the tokens that the outbox makes.
COMMANDS = frozenset({"command:menu", "command:language", "command:help", "command:privacy"})


class InboundKind(str, Enum):
    """What a contact sent, after parsing."""

    TEXT = "text"
    START = "start"
    QUICK_REPLY = "quick_reply"
    LOCATION = "location"
    MEDIA = "media"
    EDITED = "edited"
    GROUP = "group"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Location:
    """A position that a contact shared, in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class InboundMessage:
    """One thing a contact sent.

    Attributes:
        channel: the channel's name, for example `whatsapp`.
        address: where the channel reaches the contact; opaque, a number today, perhaps an id tomorrow.
        provider_id: the provider's id of this message; a second one with the same id is a repeat.
        kind: what it is. `TEXT` also stands for a caption; `START` opens a conversation without a question.
        text: what was typed, at most `ChannelLimits.inbound_text` characters; empty when nothing was.
        quick_reply: the token of the tapped quick reply, or one of `COMMANDS`, for `QUICK_REPLY`.
        location: the position, for `LOCATION`.
        media_kind: `image`, `audio`, `video`, `document`, `sticker` or `contact`, for `MEDIA`.
        locale_hint: a language tag that the provider told, used only when nothing better is known.
        sent_at: the provider's time, aware UTC, when it tells one.
        is_shortened: the text was longer than the limit and was cut.
    """

    channel: str
    address: str
    provider_id: str
    kind: InboundKind
    text: str = ""
    quick_reply: str = ""
    location: Location | None = None
    media_kind: str = ""
    locale_hint: str = ""
    sent_at: datetime | None = None
    is_shortened: bool = False


@dataclass(frozen=True)
class QuickReply:
    """An offered answer, shown as button, list row or number.

    Attributes:
        title: what the contact reads; cut to the channel's limit when shown.
        payload: what the choice means to the engine, for example `topic:risk_darien`; it never leaves our database.
        token: the short server-side token that a channel sends in place of the payload; set when stored.
        description: a second line, for channels that show one.
    """

    title: str
    payload: str
    token: str = ""
    description: str = ""


@dataclass(frozen=True)
class OutboundMessage:
    """What we send, before rendering.

    Attributes:
        text: Markdown of the small fixed subset that `bot.markup` parses.
        quick_replies: offered answers, in order; any number.
        list_title: the word on the button that opens a list of choices, in the reader's language.
        asks_location: show the channel's own way to share a position, where it has one.
        location_title: the words on the button that shares a position, in the reader's language; without them
            a channel whose button needs words shows none.
        choices_minutes: how long its quick replies can be chosen; 0 means the usual days.
        is_last_word: it confirms a stop or an erasure, so it still goes to a contact who is stopped.
    """

    text: str
    quick_replies: tuple[QuickReply, ...] = ()
    list_title: str = ""
    asks_location: bool = False
    location_title: str = ""
    choices_minutes: int = 0
    is_last_word: bool = False

    def to_json(self) -> str:
        """Return the message as JSON text, for the outbox."""
        # Empty fields are left out, so that a release that does not know a new one still reads the rest.
        kept = {name: value for name, value in asdict(self).items() if value or name in ("text", "quick_replies")}
        return json.dumps(kept, ensure_ascii=False)

    @classmethod
    def from_json(cls, raw: str) -> OutboundMessage:
        """Read what `to_json` wrote."""
        data: dict[str, Any] = json.loads(raw)
        replies = tuple(QuickReply(**reply) for reply in data.pop("quick_replies"))
        return cls(quick_replies=replies, **data)


@dataclass(frozen=True)
class Bubble:
    """A part of a reply as a channel shows it, for the editor's preview.

    Attributes:
        html: the text, escaped, with the marks that the channel shows.
        buttons: the titles of the buttons under it.
        opener: the word that opens the list; empty: there is no list.
        rows: title and second line of each row of the list.
        length: characters as the channel counts them.
        limit: the most characters that it takes here.
    """

    html: str
    buttons: tuple[str, ...] = ()
    opener: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    length: int = 0
    limit: int = 0


class DeliveryState(str, Enum):
    """How far a message has come at the provider, in rising order."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True)
class DeliveryStatus:
    """A provider's report on a message that we sent.

    Attributes:
        provider_id: the id that the provider gave when it took the message.
        state: how far it has come.
        provider_code: the provider's error code, for `FAILED`.
        opts_out: the report says that the contact does not want messages from us.
        may_go_plain: what was refused may be the buttons, so the reply deserves one try without them.
    """

    channel: str
    provider_id: str
    state: DeliveryState
    provider_code: str = ""
    opts_out: bool = False
    may_go_plain: bool = False


@dataclass(frozen=True)
class ContactLeft:
    """A contact blocked us, as the provider reports it before we try to send; writing again undoes it.

    Attributes:
        at: the provider's time, aware UTC.
    """

    channel: str
    address: str
    at: datetime


@dataclass(frozen=True)
class ChannelLimits:
    """What a channel can show and take, in characters unless said otherwise. Zero means: not offered there.

    Attributes:
        text: longest text message.
        text_with_choices: longest text that carries buttons or a list.
        buttons: most buttons under one message.
        button_title: longest button title.
        list_rows: most rows of a list; when there are more choices they are paged.
        list_title: longest row title.
        list_description: longest row description.
        token_bytes: longest button token, in bytes.
        inbound_text: longest text we read; the rest is cut and the contact is told.
        service_window_hours: hours after the contact's last message in which we may answer freely; 0 means always.
        messages_per_second: how fast we send over the whole channel.
    """

    text: int
    text_with_choices: int
    buttons: int
    button_title: int
    list_rows: int = 0
    list_title: int = 0
    list_description: int = 0
    token_bytes: int = 64
    inbound_text: int = 4096
    service_window_hours: int = 0
    messages_per_second: float = 20.0


@dataclass(frozen=True)
class WebhookRequest:
    """One call from a provider, with nothing interpreted yet.

    Attributes:
        path: the path of the route that was called, for example `/webhooks/whatsapp`.
        url: the full address as the provider called it: the operator's public address and the raw path and query.
        headers: lower-case names.
        body: the raw bytes.
    """

    path: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class WebhookResponse:
    """What the provider gets back at once."""

    body: bytes = b""
    content_type: str = "text/plain"
    status: int = 200
