"""Ten thousand broken calls of each provider, on the real gateway with a real database.

They are signed after they were spoiled, so that they reach the parsers. The seed is fixed.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.conversations.turns import TurnResult
from bot.messages import WebhookRequest
from tests.security.door import (
    MUTATIONS,
    TOGETHER,
    TWILIO,
    Door,
    door,
    page_message,
    telegram_call,
    webchat_call,
)
from tests.support.builders import System
from tests.support.fake_twilio import MESSAGE_PATH, STATUS_PATH
from tests.support.telegram_updates import Updates

__all__ = ["door"]


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
