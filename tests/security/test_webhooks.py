"""Forged and replayed calls on every channel, on the real gateway with a real database."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from bot.messages import WebhookRequest
from bot.storage.models import Contact
from tests.security.door import (
    TWILIO,
    Door,
    door,
    genuine,
    telegram_call,
    webchat_call,
)
from tests.support.fake_telegram import SECRET, TOKEN
from tests.support.fake_twilio import MESSAGE_PATH, PUBLIC_URL, STATUS_PATH, FakeTwilio
from tests.support.telegram_updates import Updates

__all__ = ["door"]


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
