"""Forged, replayed and broken calls on every channel, on the real gateway with a real database.

Fuzzed calls are signed after they were spoiled, so that they reach the parsers. Every seed is fixed.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, select
from starlette.types import ASGIApp

from bot.conversations.feed import Feed
from bot.conversations.turns import TurnResult
from bot.gateway.app import build_app
from bot.gateway.limits import Allowance
from bot.messages import WebhookRequest
from bot.storage.models import Contact, Inbound
from channels.telegram import TelegramChannel, TelegramSettings
from channels.whatsapp import TemplateSet, WhatsAppChannel
from tests.contract.whatsapp.cases import make_settings
from tests.support.builders import System
from tests.support.fake_telegram import SECRET, TOKEN
from tests.support.fake_twilio import MESSAGE_PATH, PUBLIC_URL, STATUS_PATH, FakeTwilio
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

_OTHER = FakeTwilio(auth_token="another-account-auth-token-000001")
_OTHER_ACCOUNT = FakeTwilio(account_sid="AC" + "1e" * 16)
_ELSEWHERE = FakeTwilio(public_url="https://evil.example")
FORGED = {
    "whatsapp_unsigned": (TWILIO.webhook(TWILIO.message("x"), headers={"x-twilio-signature": ""}), 401),
    "whatsapp_other_token": (_OTHER.webhook(_OTHER.message("x")), 403),
    "whatsapp_other_account": (_OTHER_ACCOUNT.webhook(_OTHER_ACCOUNT.message("x")), 403),
    "whatsapp_signed_for_another_address": (_ELSEWHERE.webhook(_ELSEWHERE.message("x")), 403),
    "whatsapp_signature_of_another_message": (
        TWILIO.webhook(TWILIO.message("x"), headers=dict(TWILIO.webhook(TWILIO.message("y")).headers)),
        403,
    ),
    "whatsapp_signature_not_ascii": (TWILIO.webhook(TWILIO.message("x"), headers={"x-twilio-signature": "ñ" * 28}), 403),
    "whatsapp_body_hash_in_query": (
        TWILIO.webhook(TWILIO.message("x"), "/webhooks/whatsapp?bodySHA256=00", headers={"x-twilio-signature": "AA=="}),
        403,
    ),
    "telegram_without_secret": (telegram_call(Updates().text("x"), ""), 401),
    "telegram_secret_of_another_bot": (telegram_call(Updates().text("x"), "the-webhook-secret-of-another-bot"), 403),
    "telegram_secret_with_more_behind": (telegram_call(Updates().text("x"), SECRET + "x"), 403),
    "telegram_bot_token_as_secret": (telegram_call(Updates().text("x"), TOKEN), 403),
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged_call_is_refused_and_nothing_is_stored(door: Door, name: str) -> None:
    """Neither a message nor a contact is left behind."""
    call, status = FORGED[name]
    assert (await door.post(call)).status_code == status
    assert door.stored() == 0
    with door.system.database.reading() as session:
        assert session.scalar(select(func.count(Contact.id))) == 0


async def test_foreign_site_cannot_write_as_a_visitor(door: Door) -> None:
    """Without our origin, without the cookie, or with a made-up one nothing is stored."""
    call = genuine()["webchat"]
    assert (await door.post(call, **{"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await door.post(call, **{"sec-fetch-site": "", "origin": "https://evil.example"})).status_code == 403
    assert (await door.post(call, **{"sec-fetch-site": "", "origin": "null"})).status_code == 403
    for cookie in ("", "__Host-ruta_webchat=short", "__Host-ruta_webchat=" + "%" * 43, "ruta_webchat=" + "A" * 43):
        door.client.headers["cookie"] = cookie or "x=y"
        assert (await door.post(call)).status_code == 401
    assert door.stored() == 0


@pytest.mark.parametrize("name", genuine())
async def test_foreign_host_headers_change_nothing(door: Door, name: str) -> None:
    """The signature is checked over the public address, whatever Host and X-Forwarded-* say; a path trick does not pass."""
    tricks = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "x-forwarded-for": "127.0.0.1",
        "forwarded": "host=evil.example;proto=http",
        "x-original-url": STATUS_PATH,
        "x-http-method-override": "GET",
    }
    answer = await door.post(genuine()[name], **tricks)
    assert answer.status_code == 200
    assert "evil.example" not in str(answer.headers)
    assert door.stored() == 1


async def test_signed_for_a_forged_host_is_refused(door: Door) -> None:
    """An attacker who controls Host cannot make us check a signature over an address of theirs."""
    call = _ELSEWHERE.webhook(_ELSEWHERE.message("x"))
    assert (await door.post(call, host="evil.example", **{"x-forwarded-host": "evil.example"})).status_code == 403
    assert door.stored() == 0


async def test_call_does_not_pass_at_another_path(door: Door) -> None:
    """A message's signature does not open the path of the reports, nor a query or another spelling of the path."""
    call = genuine()["whatsapp"]
    for path in (STATUS_PATH, f"{MESSAGE_PATH}?x=1", "/webhooks/whats%61pp", f"{MESSAGE_PATH}/"):
        answer = await door.client.post(path, content=call.body, headers=call.headers)
        assert answer.status_code in (403, 404)
    assert door.stored() == 0


# Replayed.


@pytest.mark.parametrize("hours", [0, 1, 23, 25, 24 * 60])
@pytest.mark.parametrize("name", genuine())
async def test_replayed_call_is_stored_once(door: Door, name: str, hours: float) -> None:
    """A captured call that is sent again, soon or weeks later, is acknowledged and dropped."""
    call = genuine()[name]
    assert (await door.post(call)).status_code == 200
    door.system.clock.turn(hours=hours)
    assert (await door.post(call)).status_code == 200
    assert door.stored() == 1


async def test_replay_that_is_cut_anew_is_stored_once(door: Door) -> None:
    """Twilio signs names and values without anything between them; a captured call must not become new by another cut."""
    form = TWILIO.message("hola")
    call = TWILIO.webhook(form)
    assert (await door.post(call)).status_code == 200
    names = sorted(form)
    for first, second in zip(names, names[1:], strict=False):
        merged = {name: value for name, value in form.items() if name not in (first, second)}
        for cut in (
            {first: form[first] + second + form[second]},
            {first + form[first] + second: form[second]},
            {first + form[first]: ""},
        ):
            rest = {} if second in str(cut) else {second: form[second]}
            body = urlencode({**merged, **cut, **rest}).encode()
            answer = await door.client.post(call.path, content=body, headers=call.headers)
            assert answer.status_code in (200, 400, 403), (first, cut)
    assert door.stored() == 1


async def test_another_contact_cannot_use_up_an_id(door: Door) -> None:
    """On the page ids come from the browser; one visitor's id does not swallow another's message."""
    call = genuine()["webchat"]
    assert (await door.post(call)).status_code == 200
    door.client.headers["cookie"] = "__Host-ruta_webchat=" + "B" * 43
    assert (await door.post(call)).status_code == 200
    assert door.stored() == 2


# Broken.

_DEEP = b"[" * 100_000
BOMBS: dict[str, bytes] = {
    "empty": b"",
    "nested_lists": _DEEP,
    "nested_objects": b'{"a":' * 50_000,
    "closed_nesting": b"[" * 900 + b"]" * 900,
    "not_utf8": b'{"update_id": 1, "message": "\xff\xfe"}',
    "utf16": '{"update_id": 1}'.encode("utf-16"),
    "huge_number": b'{"update_id": ' + b"9" * 100_000 + b"}",
    "long_number": b'{"update_id": '
    + b"9" * 4000
    + b', "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "x"}}',
    "number_beyond_64_bits": json.dumps({**Updates().text("x"), "update_id": 2**70}).encode(),
    "exponent": b'{"update_id": 1e999999, "id": 1e999999}',
    "not_a_number": b'{"update_id": NaN, "id": NaN, "kind": "location", "location": {"latitude": NaN, "longitude": Infinity}}',
    "keys_without_end": b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
    "same_key_often": b'{"update_id": 1,' + b",".join(b'"message": {}' for _ in range(1000)) + b"}",
    "null": b"null",
    "text": b'"x"',
    "nul": b"\x00" * 100,
    "form_bomb": b"&".join(b"a=1" for _ in range(100_000)),
    "form_without_values": b"&" * 1000,
    "bad_escapes": b"Body=%zz%u0041&From=%00",
}
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-7",
    "",
)


@pytest.mark.parametrize("name", BOMBS)
async def test_bomb_is_refused_on_every_channel(door: Door, name: str) -> None:
    """Signed or not, of whatever type: a 4xx, never a 5xx, and nothing stored."""
    body = BOMBS[name]
    for content_type in TYPES:
        signed = TWILIO.sign(PUBLIC_URL + MESSAGE_PATH, body.decode("utf-8", "replace")) if len(body) < 10_000 else "AA=="
        calls = [
            WebhookRequest(MESSAGE_PATH, "", {"content-type": content_type, "x-twilio-signature": signed}, body),
            telegram_call(body, content_type=content_type),
            webchat_call(body, content_type),
        ]
        for call in calls:
            answer = await door.post(call)
            assert 400 <= answer.status_code < 500, (call.path, content_type, answer.status_code)
    assert door.stored() == 0


async def test_repeated_fields_cannot_swap_the_sender(door: Door) -> None:
    """A second From or AccountSid that Twilio did not sign is refused; one that it signed is read as it stands."""
    form = list(TWILIO.message("hola").items())
    signed = TWILIO.webhook(form)
    for extra in (("From", "whatsapp:+593990000002"), ("AccountSid", "AC" + "1e" * 16), ("Body", "otra cosa")):
        body = urlencode([*form, extra]).encode()
        assert (await door.client.post(signed.path, content=body, headers=signed.headers)).status_code == 403
    assert door.stored() == 0
    twice = TWILIO.webhook([*form, ("Body", "otra cosa")])
    assert (await door.post(twice)).status_code == 200
    assert door.stored() == 1


# Fuzzed.

NASTY = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "\u200b" * 50, "😀" * 500, "á" * 5000, "%00", "{{7*7}}", "{name}", "%(x)s",
    "<b>", "*_~`", "/restart", "EXTERNAL: x", "null", "NaN", "-1", "9" * 400, "1e309", "whatsapp:", "whatsapp:+1", "AC" + "0f" * 16, "\r\nX: y",
    "../../etc/passwd", "' OR 1=1 --", "true", "[]", "{}",
)  # fmt: skip
_VALUES: list[Any] = [
    *NASTY,
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    -(2**70),
    10**30,
    1.5,
    1e308,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    {"id": 1},
    ["x"] * 50,
]


def spoil(rng: random.Random, value: Any, depth: int = 0) -> Any:
    """Return a JSON value with one to three things changed, taken away, repeated or replaced somewhere inside."""
    if depth > 6 or not isinstance(value, (dict, list)) or not value or rng.random() < 0.08:
        return rng.choice(_VALUES)
    if isinstance(value, list):
        index = rng.randrange(len(value))
        return [*value[:index], spoil(rng, value[index], depth + 1), *value[index + (rng.random() < 0.8) :]]
    name = rng.choice(list(value))
    if rng.random() < 0.15:
        return {key: inner for key, inner in value.items() if key != name}
    if rng.random() < 0.1:
        return {**value, rng.choice(NASTY): rng.choice(_VALUES)}
    return {**value, name: spoil(rng, value[name], depth + 1)}


def spoil_bytes(rng: random.Random, body: bytes) -> bytes:
    """Return the bytes with one flipped, cut or repeated, now and then."""
    if rng.random() > 0.15 or not body:
        return body
    at = rng.randrange(len(body))
    return rng.choice([body[:at], body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :], body[:at] + body[at // 2 :]])


def _updates() -> list[dict[str, Any]]:
    made = Updates()
    kinds = [
        made.text("hola"),
        made.text("/start x"),
        made.tap("tok"),
        made.location(),
        made.photo("pie"),
        made.voice(),
        made.document("pie"),
    ]
    return [
        *kinds,
        made.sticker(),
        made.contact(),
        made.dice(),
        made.edited("otra"),
        made.moved(),
        made.group(),
        made.blocked(),
        made.pinned(),
    ]


def _forms() -> list[tuple[str, dict[str, str]]]:
    messages = [
        TWILIO.message("hola"),
        TWILIO.tapped("tok", "Menú"),
        TWILIO.chosen("tok", "Menú"),
        TWILIO.media("image/jpeg", "pie"),
        TWILIO.location(-0.1, -78.4),
        TWILIO.message(
            "x", MessageType="interactive", InteractiveData='{"type":"list_reply","list_reply":{"id":"t","title":"x"}}'
        ),
    ]
    return [*((MESSAGE_PATH, form) for form in messages), (STATUS_PATH, TWILIO.status("SM" + "ab" * 16, "failed", "63016"))]


def spoiled_form(rng: random.Random) -> WebhookRequest:
    """Return a Twilio form with something wrong in it, correctly signed."""
    path, form = rng.choice(_FORMS)
    pairs: list[tuple[str, str]] = list(form.items())
    for _ in range(rng.randint(1, 4)):
        index = rng.randrange(len(pairs))
        value = rng.choice(NASTY)
        pairs[index : index + rng.randint(0, 1)] = [(rng.choice([pairs[index][0], value]), value)]
    # The account stays, or the call would end at the door. It goes last, where the last one counts.
    pairs.append(("AccountSid", TWILIO.account_sid))
    body = spoil_bytes(rng, urlencode(pairs, errors="surrogatepass").encode())
    return TWILIO.webhook(body.decode("utf-8", "surrogateescape"), path)


def spoiled_update(rng: random.Random) -> WebhookRequest:
    """Return an update with something wrong in it, with the right secret."""
    update = {**rng.choice(_UPDATES), "update_id": rng.randrange(10**9)}
    for _ in range(rng.randint(1, 3)):
        update = spoil(rng, update)
    return telegram_call(spoil_bytes(rng, json.dumps(update).encode()))


def spoiled_page_message(rng: random.Random) -> WebhookRequest:
    """Return a call of our page with something wrong in it."""
    kind = rng.choice(["text", "start", "quick_reply", "location"])
    data: Any = page_message(
        id=str(uuid.UUID(int=rng.getrandbits(128))), kind=kind, quick_reply="tok", location={"latitude": 0, "longitude": 0}
    )
    for _ in range(rng.randint(1, 3)):
        data = spoil(rng, data)
    return webchat_call(spoil_bytes(rng, json.dumps(data).encode()))


_UPDATES, _FORMS = _updates(), _forms()
SPOILERS = {"whatsapp": spoiled_form, "telegram": spoiled_update, "webchat": spoiled_page_message}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILERS)
async def test_spoiled_calls_are_stored_or_refused(door: Door, name: str) -> None:
    """Ten thousand calls of each provider: 200 or 4xx, never a 5xx, and what was acknowledged can be read by a worker."""
    # PostgreSQL is the stricter one (lengths, NUL, surrogates), so it gets them all.
    calls = MUTATIONS if door.system.database.engine.dialect.name == "postgresql" else MUTATIONS // 10
    rng, statuses = random.Random(20261126), Counter[int]()
    for _ in range(calls // TOGETHER):
        batch = [SPOILERS[name](rng) for _ in range(TOGETHER)]
        answers = await asyncio.gather(*(door.status_of(call) for call in batch))
        broken = [(call.body, status) for call, status in zip(batch, answers, strict=True) if not 200 <= status < 500]
        assert broken == []
        statuses.update(answers)
    assert statuses[200] > calls // 20, statuses
    assert statuses[400] > calls // 20, statuses
    assert 401 not in statuses, statuses
    _read_some(door.system, 300)


def _read_some(system: System, most: int) -> None:
    """Claim messages as a worker does; an unreadable one raises."""
    for _ in range(most):
        turn = system.turns().claim()
        if turn is None:
            return
        system.turns().commit(turn, TurnResult([], turn.text, turn.locale, turn.locale_source))
