"""What the web chat brings to the contract suite.

Nobody is sent to: a browser fetches. `_HandedOver` stands for the gateway's feed, which hands the rendered requests to the page,
so that the suite can look at them; the feed itself is tested in `tests/unit/gateway/test_feed.py`. What a provider can do to us
(slow down, fail, time out, block) a browser can not: those cases show that the reply is simply handed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from bot.messages import InboundKind, InboundMessage, Location, OutboundMessage, QuickReply, WebhookRequest
from channels.base import Channel, SendRequest
from channels.webchat import WebChatChannel, WebChatSettings
from channels.webchat.limits import BUTTONS
from channels.webchat.pages import BASE_PATH
from tests.contract.case import ChannelKit, InboundCase, SendCase
from tests.support.gateway import webchat_texts

PUBLIC_URL = "https://ruta.example"
PATH = f"{BASE_PATH}messages"
TOKEN = "a-token-of-a-browser-in-a-cookie-0123456789"
ADDRESS = hashlib.sha256(TOKEN.encode()).hexdigest()
ID = "0b0e3c9a-4f0e-4d0c-9b53-0d6d5f7c2a11"
PROVIDER_ID = f"{hashlib.sha256(ADDRESS.encode()).hexdigest()[:24]}:{ID}"


class FakeBrowser:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.unused = 0
        self.app: Callable[..., Any] = Router([Route("/", self._take, methods=["POST"])])

    def script(self, replies: Sequence[Any]) -> None:
        """Take no answers: a browser gives none."""
        self.unused = len(replies)

    async def _take(self, request: Request) -> Response:
        self.calls.append(await request.json())
        return JSONResponse({"id": f"shown-{len(self.calls)}"})


class _HandedOver(WebChatChannel):
    """The web chat with the feed's part: what is rendered reaches a browser."""

    def __init__(self, url: str) -> None:
        super().__init__(WebChatSettings(cookie_days=30), PUBLIC_URL, webchat_texts())
        self._url = url

    async def send(self, address: str, request: SendRequest) -> str:
        async with httpx.AsyncClient() as client:
            answer = await client.post(self._url, json=request.body)
        return str(answer.json()["id"])


def make_channel(url: str) -> Channel:
    """Build the channel as the gateway has it."""
    return _HandedOver(url)


def _request(body: bytes, **headers: str) -> WebhookRequest:
    ours = {"cookie": f"__Host-ruta_webchat={TOKEN}", "content-type": "application/json", "sec-fetch-site": "same-origin"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(PATH, PUBLIC_URL + PATH, {**ours, **given}, body)


def _call(kind: str, **fields: Any) -> WebhookRequest:
    return _request(json.dumps({"id": ID, "kind": kind, "locale": "es", **fields}).encode())


def _inbound(kind: InboundKind, **fields: Any) -> InboundMessage:
    return InboundMessage(channel="webchat", address=ADDRESS, provider_id=PROVIDER_ID, kind=kind, locale_hint="es", **fields)


_HELLO_BODY = json.dumps({"id": ID, "kind": "text", "text": "hola", "locale": "es"}).encode()
_SHORTENED = _inbound(InboundKind.TEXT, text="x" * 4096, is_shortened=True)

INBOUND = (
    InboundCase("text", _call("text", text="hola"), [_inbound(InboundKind.TEXT, text="hola")]),
    InboundCase("unknown_field", _call("text", text="hola", later=[1]), [_inbound(InboundKind.TEXT, text="hola")]),
    InboundCase("slash", _call("text", text="/menu"), [_inbound(InboundKind.TEXT, text="/menu")]),
    InboundCase("start", _call("start"), [_inbound(InboundKind.START)]),
    InboundCase(
        "quick_reply",
        _call("quick_reply", quick_reply="t1", text="Pasaporte"),
        [_inbound(InboundKind.QUICK_REPLY, quick_reply="t1", text="Pasaporte")],
    ),
    InboundCase(
        "command",
        _call("quick_reply", quick_reply="command:menu"),
        [_inbound(InboundKind.QUICK_REPLY, quick_reply="command:menu")],
    ),
    InboundCase("quick_reply_forged", _call("quick_reply", quick_reply="/restart"), refused=400),
    InboundCase(
        "location",
        _call("location", location={"latitude": -0.2, "longitude": -78.5}),
        [_inbound(InboundKind.LOCATION, location=Location(-0.2, -78.5))],
    ),
    InboundCase("location_broken", _call("location", location={"latitude": 1000, "longitude": 0}), refused=400),
    InboundCase("media", _call("media"), [_inbound(InboundKind.UNSUPPORTED)]),
    InboundCase("edited", _call("edited", text="otra vez"), [_inbound(InboundKind.UNSUPPORTED, text="otra vez")]),
    InboundCase("empty", _call("text", text=""), [_inbound(InboundKind.TEXT)]),
    InboundCase("unknown_kind", _call("hologram"), [_inbound(InboundKind.UNSUPPORTED)]),
    InboundCase("status_update", _call("status"), [_inbound(InboundKind.UNSUPPORTED)]),
    InboundCase("malformed", _request(b'{"id": "x", "kind": '), refused=400),
    InboundCase("id_missing", _request(b'{"kind": "text", "text": "hola"}'), refused=400),
    InboundCase("invalid_utf8", _request(b'{"id": "\xff"}'), refused=400),
    InboundCase("too_long", _call("text", text="x" * 20_000), [_SHORTENED]),
    InboundCase("signature_missing", _request(_HELLO_BODY, cookie=""), refused=401),
    InboundCase("signature_wrong", _request(_HELLO_BODY, cookie="__Host-ruta_webchat=guess"), refused=401),
    InboundCase("other_site", _request(_HELLO_BODY, sec_fetch_site="cross-site"), refused=403),
    InboundCase("other_site_old_browser", _request(_HELLO_BODY, sec_fetch_site="", origin="https://evil.example"), refused=403),
    InboundCase("form", _request(_HELLO_BODY, content_type="text/plain"), refused=415),
)


def _choices(number: int) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(f"Tema número {n}", f"/topic_{n}", f"t{n}") for n in range(1, number + 1))


def _buttons(number: int) -> list[dict[str, str]]:
    return [{"token": f"t{n}", "title": f"Tema número {n}", "description": ""} for n in range(1, number + 1)]


_PARAGRAPH = "Esta frase se repite para llenar. " * 100
_LINES = f'<ol start="{BUTTONS + 1}"><li>Tema número {BUTTONS + 1}</li></ol>'
_HELLO = {"html": "<p>Hola a todos</p>"}

SENDS = (
    SendCase("text", OutboundMessage("Hola a todos"), [_HELLO]),
    SendCase(
        "marks",
        OutboundMessage("**Cuidado** <b> con [esto](https://example.org/?a=1&b=2)"),
        [
            {
                "html": "<p><strong>Cuidado</strong> &lt;b&gt; con "
                '<a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow" target="_blank">esto</a></p>'
            }
        ],
    ),
    SendCase(
        "long_text",
        OutboundMessage(f"{_PARAGRAPH}\n\n{_PARAGRAPH}"),
        [{"html": f"<p>{_PARAGRAPH.strip()}</p>"}, {"html": f"<p>{_PARAGRAPH.strip()}</p>"}],
    ),
    SendCase("buttons", OutboundMessage("Elija", _choices(2)), [{"html": "<p>Elija</p>", "quick_replies": _buttons(2)}]),
    SendCase("list", OutboundMessage("Elija", _choices(8)), [{"html": "<p>Elija</p>", "quick_replies": _buttons(8)}]),
    SendCase(
        "too_many_quick_replies",
        OutboundMessage("Elija", _choices(BUTTONS + 1)),
        [{"html": f"<p>Elija</p>{_LINES}", "quick_replies": _buttons(BUTTONS)}],
    ),
    SendCase(
        "location",
        OutboundMessage("¿Dónde está?", asks_location=True, location_title="Aquí estoy"),
        [{"html": "<p>¿Dónde está?</p>", "location_title": "Aquí estoy"}],
    ),
    SendCase("slow_down", OutboundMessage("Hola a todos"), [_HELLO]),
    SendCase("provider_down", OutboundMessage("Hola a todos"), [_HELLO]),
    SendCase("times_out", OutboundMessage("Hola a todos"), [_HELLO]),
    SendCase("blocked", OutboundMessage("Hola a todos"), [_HELLO]),
)

KIT = ChannelKit(
    name="webchat",
    make_channel=make_channel,
    make_provider=FakeBrowser,
    address=ADDRESS,
    inbound=INBOUND,
    sends=SENDS,
)
