"""What Telegram brings to the contract suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from bot.errors import SendFailure
from bot.messages import ContactLeft, InboundKind, InboundMessage, Location, OutboundMessage, QuickReply, WebhookRequest
from channels.base import Channel
from channels.telegram import TelegramChannel, TelegramSettings
from tests.contract.case import ChannelKit, InboundCase, SendCase
from tests.support import fake_telegram as fake
from tests.support.fake_telegram import FakeTelegram, Updates

ADDRESS = "5550001"
PATH = "/webhooks/telegram"
SENT_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
EDITED_AT = datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc)


def make_channel(api_url: str) -> Channel:
    """Build the channel as an operator with a public address has it."""
    return TelegramChannel(
        TelegramSettings(bot_token=fake.TOKEN, mode="webhook", webhook_secret=fake.SECRET, api_url=api_url, timeout_seconds=0.5)
    )


def _request(body: bytes, secret: str | None = fake.SECRET, content_type: str = "application/json") -> WebhookRequest:
    headers = {"content-type": content_type, "user-agent": ""}
    if secret is not None:
        headers["x-telegram-bot-api-secret-token"] = secret
    return WebhookRequest(PATH, f"https://bot.example{PATH}", headers, body)


def _call(update: dict[str, Any], secret: str | None = fake.SECRET) -> WebhookRequest:
    return _request(json.dumps(update).encode(), secret)


def _inbound(kind: InboundKind, **fields: Any) -> InboundMessage:
    basis: dict[str, Any] = {"locale_hint": "es", "sent_at": SENT_AT, **fields}
    return InboundMessage(channel="telegram", address=ADDRESS, provider_id="900001", kind=kind, **basis)


INBOUND = (
    InboundCase("text", _call(Updates().text("hola")), [_inbound(InboundKind.TEXT, text="hola")]),
    InboundCase("start", _call(Updates().text("/start")), [_inbound(InboundKind.START)]),
    InboundCase(
        "quick_reply",
        _call(Updates().tap("t1")),
        [_inbound(InboundKind.QUICK_REPLY, quick_reply="t1", sent_at=None)],
    ),
    InboundCase("command", _call(Updates().text("/idioma")), [_inbound(InboundKind.QUICK_REPLY, quick_reply="command:language")]),
    InboundCase("command_unknown", _call(Updates().text("/borrar")), [_inbound(InboundKind.TEXT, text="/borrar")]),
    InboundCase(
        "media",
        _call(Updates().photo("mire esto")),
        [_inbound(InboundKind.MEDIA, text="mire esto", media_kind="image")],
    ),
    InboundCase("voice", _call(Updates().voice()), [_inbound(InboundKind.MEDIA, media_kind="audio")]),
    InboundCase("video", _call(Updates().video()), [_inbound(InboundKind.MEDIA, media_kind="video")]),
    InboundCase("document", _call(Updates().document()), [_inbound(InboundKind.MEDIA, media_kind="document")]),
    InboundCase("sticker", _call(Updates().sticker()), [_inbound(InboundKind.MEDIA, media_kind="sticker")]),
    InboundCase("contact", _call(Updates().contact()), [_inbound(InboundKind.MEDIA, media_kind="contact")]),
    InboundCase("location", _call(Updates().location()), [_inbound(InboundKind.LOCATION, location=Location(-2.9, -79.0))]),
    InboundCase(
        "edited",
        _call(Updates().edited("hola de nuevo")),
        [_inbound(InboundKind.EDITED, text="hola de nuevo", sent_at=EDITED_AT)],
    ),
    InboundCase("empty", _request(b""), refused=400),
    InboundCase("malformed", _request(b'{"update_id": 900001, "message": {"text":'), refused=400),
    InboundCase("content_type_wrong", _request(b"{}", content_type="application/x-www-form-urlencoded"), refused=415),
    InboundCase("unknown_kind", _call(Updates().future()), [_inbound(InboundKind.UNSUPPORTED)]),
    InboundCase("unreadable_kind", _call(Updates().dice()), [_inbound(InboundKind.UNSUPPORTED)]),
    InboundCase("notice", _call(Updates().pinned())),
    InboundCase("channel_post", _call(Updates().channel_post())),
    InboundCase("reaction", _call(Updates().reaction())),
    InboundCase(
        "group",
        _call(Updates().group("algo que se dijo en el grupo")),
        [InboundMessage("telegram", "-1005550003", "900001", InboundKind.GROUP)],
    ),
    InboundCase("signature_missing", _call(Updates().text("hola"), None), refused=401),
    InboundCase("signature_wrong", _call(Updates().text("hola"), "another-secret-of-the-tests"), refused=403),
    # Telegram reports neither delivery nor reading; that a contact blocks the bot is all it tells.
    InboundCase("status_update", _call(Updates().blocked()), [ContactLeft("telegram", ADDRESS, SENT_AT)]),
    InboundCase("unblocked", _call(Updates().unblocked())),
    InboundCase(
        "too_long",
        _call(Updates().text("a" * 20_000)),
        [_inbound(InboundKind.TEXT, text="a" * 4096, is_shortened=True)],
    ),
    InboundCase("invalid_utf8", _request(b'{"update_id": 900001, "message": {"text": "\xff\xfe"}}'), refused=400),
)


def _sent(text: str, markup: dict[str, Any] | None = None) -> dict[str, Any]:
    call: dict[str, Any] = {
        "method": "sendMessage",
        "chat_id": int(ADDRESS),
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    return {**call, "reply_markup": markup} if markup else call


def _choices(*titles: str) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(title, f"topic:invented_{n}", f"t{n}") for n, title in enumerate(titles, start=1))


def _keyboard(*rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": title, "callback_data": token} for title, token in row] for row in rows]}


_NO_KEYBOARD = {"remove_keyboard": True}
_HELLO = _sent("Hola", _NO_KEYBOARD)
_LOCATION_KEYBOARD = {
    "keyboard": [[{"text": "Enviar mi ubicación", "request_location": True}]],
    "resize_keyboard": True,
    "one_time_keyboard": True,
}
_PARAGRAPHS = ("palabra " * 400).strip(), ("silaba " * 400).strip()

SENDS = (
    SendCase("text", OutboundMessage("Hola"), [_HELLO]),
    SendCase(
        "marks",
        OutboundMessage("**Ojo**: 1 < 2 & *no pague*, vea [la guía](https://example.org/a?b=1&c=2)"),
        [
            _sent(
                '<b>Ojo</b>: 1 &lt; 2 &amp; <i>no pague</i>, vea <a href="https://example.org/a?b=1&amp;c=2">la guía</a>',
                _NO_KEYBOARD,
            )
        ],
    ),
    SendCase(
        "marks_refused",
        OutboundMessage("**Hola**"),
        [
            _sent("<b>Hola</b>", _NO_KEYBOARD),
            {name: value for name, value in _HELLO.items() if name != "parse_mode"},
        ],
        replies=[fake.refuse(400, "Bad Request: can't parse entities: Unsupported start tag"), fake.accept()],
    ),
    SendCase(
        "long_text",
        OutboundMessage("\n\n".join(_PARAGRAPHS), _choices("Sí")),
        [_sent(_PARAGRAPHS[0]), _sent(_PARAGRAPHS[1], _keyboard([("Sí", "t1")]))],
    ),
    SendCase(
        "buttons",
        OutboundMessage("¿Seguimos?", _choices("Sí", "No", "Quiero hablar con una persona")),
        [_sent("¿Seguimos?", _keyboard([("Sí", "t1"), ("No", "t2")], [("Quiero hablar con una persona", "t3")]))],
    ),
    SendCase(
        "list",
        OutboundMessage("¿Sobre qué?", _choices(*(f"Un tema bastante largo {n}" for n in range(1, 8))), "Ver temas"),
        [_sent("¿Sobre qué?", _keyboard(*([(f"Un tema bastante largo {n}", f"t{n}")] for n in range(1, 8))))],
    ),
    SendCase(
        "too_many_quick_replies",
        OutboundMessage("¿Cuál?", _choices(*(f"Un tema bastante largo {n}" for n in range(1, 102)))),
        [
            _sent(
                "¿Cuál?\n101. Un tema bastante largo 101",
                _keyboard(*([(f"Un tema bastante largo {n}", f"t{n}")] for n in range(1, 101))),
            )
        ],
    ),
    SendCase(
        "location_request",
        OutboundMessage("¿Dónde está?", asks_location=True, location_title="Enviar mi ubicación"),
        [_sent("¿Dónde está?", _LOCATION_KEYBOARD)],
    ),
    SendCase(
        "location_request_with_choices",
        OutboundMessage("¿Dónde está?", _choices("Quito"), asks_location=True, location_title="Enviar mi ubicación"),
        [
            _sent("¿Dónde está?", _keyboard([("Quito", "t1")])),
            _sent("Enviar mi ubicación", _LOCATION_KEYBOARD),
        ],
    ),
    SendCase(
        "slow_down",
        OutboundMessage("Hola"),
        [_HELLO],
        replies=[fake.slow_down(7)],
        failure=SendFailure.RATE_LIMITED,
        retry_after=7.0,
    ),
    SendCase(
        "provider_down",
        OutboundMessage("Hola"),
        [_HELLO],
        replies=[fake.server_error()],
        failure=SendFailure.PROVIDER_DOWN,
    ),
    SendCase("connection_lost", OutboundMessage("Hola"), [_HELLO], replies=[fake.reset()], failure=SendFailure.PROVIDER_DOWN),
    SendCase("times_out", OutboundMessage("Hola"), [_HELLO], replies=[fake.hang()], failure=SendFailure.TIMED_OUT),
    SendCase(
        "blocked",
        OutboundMessage("Hola"),
        [_HELLO],
        replies=[fake.blocked()],
        failure=SendFailure.BLOCKED_BY_CONTACT,
    ),
    SendCase(
        "address_unknown",
        OutboundMessage("Hola"),
        [_HELLO],
        replies=[fake.refuse(400, "Bad Request: chat not found")],
        failure=SendFailure.ADDRESS_UNREACHABLE,
    ),
    SendCase(
        "buttons_refused",
        OutboundMessage("¿Seguimos?", _choices("Sí")),
        [_sent("¿Seguimos?", _keyboard([("Sí", "t1")]))],
        replies=[fake.refuse(400, "Bad Request: BUTTON_DATA_INVALID")],
        failure=SendFailure.TEMPLATE_REFUSED,
    ),
    SendCase(
        "token_wrong",
        OutboundMessage("Hola"),
        [_HELLO],
        replies=[fake.refuse(401, "Unauthorized")],
        failure=SendFailure.NOT_AUTHORISED,
    ),
)

KIT = ChannelKit(
    name="telegram",
    make_channel=make_channel,
    make_provider=FakeTelegram,
    address=ADDRESS,
    inbound=INBOUND,
    sends=SENDS,
)
