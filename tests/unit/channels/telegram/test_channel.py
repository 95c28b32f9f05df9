"""Verification, answers to taps, the second try without marks, and polling."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from bot.errors import RequestRefused, SendFailed, SendFailure
from bot.messages import InboundKind, InboundMessage, OutboundMessage, QuickReply, WebhookRequest, WebhookResponse
from channels.base import Polled, SendRequest
from channels.telegram import TelegramChannel, TelegramSettings
from tests.support import fake_telegram as fake
from tests.support.fake_telegram import FakeTelegram, Updates
from tests.support.server import serve

ADDRESS = "5550001"


class Sleeps:
    """Records the pauses instead of making them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note the seconds and let others run."""
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def sleeps() -> Sleeps:
    """The pauses of the channel."""
    return Sleeps()


@pytest_asyncio.fixture
async def poller(api_url: str, sleeps: Sleeps) -> AsyncIterator[TelegramChannel]:
    """A started channel that polls."""
    settings = TelegramSettings(bot_token=fake.TOKEN, api_url=api_url, timeout_seconds=2, poll_seconds=1)
    channel = TelegramChannel(settings, sleep=sleeps)
    await channel.start()
    yield channel
    await channel.close()


def webhook_channel(**values: Any) -> TelegramChannel:
    """Build a channel that takes webhook calls."""
    return TelegramChannel(TelegramSettings(bot_token=fake.TOKEN, mode="webhook", webhook_secret=fake.SECRET, **values))


def call(update: Any, secret: str | None = fake.SECRET, content_type: str = "application/json") -> WebhookRequest:
    """Build a call from Telegram."""
    headers = {"content-type": content_type}
    if secret is not None:
        headers["x-telegram-bot-api-secret-token"] = secret
    path = "/webhooks/telegram"
    return WebhookRequest(path, f"https://bot.example{path}", headers, json.dumps(update).encode())


async def polled(channel: TelegramChannel, cursor: str = "") -> Polled:
    """Return what the first poll from the cursor brings."""
    stream = channel.poll(cursor)
    assert stream is not None
    return await asyncio.wait_for(stream.__anext__(), 5)


@pytest.mark.parametrize(
    ("secret", "refusal"),
    [
        (None, (401, "secret_missing")),
        ("", (401, "secret_missing")),
        ("x" * 20, (403, "secret_wrong")),
        ("ñ", (403, "secret_wrong")),
    ],
    ids=["missing", "empty", "wrong", "not_ascii"],
)
def test_verify_request_when_secret_is_not_ours(secret: str | None, refusal: tuple[int, str]) -> None:
    """A call without our secret is refused before its body is looked at."""
    with pytest.raises(RequestRefused) as refused:
        webhook_channel().verify_request(call({}, secret))
    assert (refused.value.status, refused.value.code) == refusal


def test_verify_request_when_polling() -> None:
    """A channel that polls has no route and takes no call, whatever secret it brings."""
    channel = TelegramChannel(TelegramSettings(bot_token=fake.TOKEN))
    assert channel.webhook_paths == ()
    with pytest.raises(RequestRefused):
        channel.verify_request(call({}, ""))


def test_verify_request_when_secret_is_ours() -> None:
    """Telegram's own call passes."""
    channel = webhook_channel()
    channel.verify_request(call(Updates().text("hola")))
    assert channel.webhook_paths == ("/webhooks/telegram",)
    assert set(channel.secrets()) == {fake.TOKEN, fake.SECRET}
    assert channel.poll("") is None


def test_parse_inbound_when_not_json() -> None:
    """Another content type is refused with 415."""
    with pytest.raises(RequestRefused) as refused:
        webhook_channel().parse_inbound(call(Updates().text("hola"), content_type="text/plain"))
    assert refused.value.status == 415


def test_acknowledge_when_tapped() -> None:
    """A tap is answered in the response itself, also when it is a repeat."""
    channel, request = webhook_channel(), call(Updates().tap("t1", query_id="42"))
    for events in (channel.parse_inbound(request), []):
        response = channel.acknowledge(request, events)
        assert json.loads(response.body) == {"method": "answerCallbackQuery", "callback_query_id": "42"}
        assert (response.status, response.content_type) == (200, "application/json")


def test_acknowledge_when_typed() -> None:
    """A text is acknowledged with an empty body."""
    assert webhook_channel().acknowledge(call(Updates().text("hola")), []).body == b""


async def gateway(scope: Any, receive: Any, send: Any) -> None:
    """Take webhook calls as the gateway does, without storing anything."""
    if scope["type"] != "http":
        return
    incoming, channel = Request(scope, receive), webhook_channel()
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    request = WebhookRequest(incoming.url.path, str(incoming.url), headers, await incoming.body())
    try:
        channel.verify_request(request)
        answer = channel.acknowledge(request, channel.parse_inbound(request))
    except RequestRefused as refused:
        answer = WebhookResponse(refused.code.encode(), status=refused.status)
    await Response(answer.body, answer.status, media_type=answer.content_type)(scope, receive, send)


async def test_acknowledge_when_telegram_calls(telegram: FakeTelegram) -> None:
    """Over a real connection a tap is answered each time it is delivered, and a forged call is refused."""
    tap = Updates().tap("t1", query_id="42")
    with serve(Starlette(routes=[Mount("/", gateway)])) as url:
        statuses = [(await telegram.deliver(url, update)).status_code for update in (tap, tap, Updates().text("hola"))]
        forged = await telegram.deliver(url, tap, secret="not-the-secret-at-all")
    assert (statuses, forged.status_code) == ([200, 200, 200], 403)
    assert telegram.calls == [{"method": "answerCallbackQuery", "callback_query_id": "42", "via": "webhook"}] * 2


async def test_send_when_marks_are_refused(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """A text whose marks Telegram cannot read goes out again without them, with its buttons."""
    telegram.script([fake.refuse(400, "Bad Request: can't parse entities: Unsupported start tag")])
    message = OutboundMessage("**Hola**", (QuickReply("Sí", "p", "t1"),))
    assert await poller.send(ADDRESS, poller.render_outbound(message)[0]) == "1001"
    first, second = telegram.sent(5550001)
    assert (first["text"], first["parse_mode"]) == ("<b>Hola</b>", "HTML")
    assert second["text"] == "Hola"
    assert "parse_mode" not in second
    assert second["reply_markup"] == first["reply_markup"]


async def test_send_when_marks_are_really_broken(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """The fake reads marks as strictly as Telegram, so a mark that does not close is seen."""
    body = {"text": "<b>Hola", "plain_text": "Hola", "parse_mode": "HTML"}
    assert await poller.send(ADDRESS, SendRequest(body)) == "1001"
    assert [sent["text"] for sent in telegram.sent(5550001)] == ["<b>Hola", "Hola"]


async def test_fallback_when_buttons_are_refused(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """Refused buttons are reported so that the choices can follow as numbered text."""
    telegram.script([fake.refuse(400, "Bad Request: BUTTON_DATA_INVALID")])
    message = OutboundMessage("¿Qué?", (QuickReply("Sí", "p", "t1"),))
    with pytest.raises(SendFailed) as failed:
        await poller.send(ADDRESS, poller.render_outbound(message)[0])
    assert failed.value.failure == SendFailure.TEMPLATE_REFUSED
    await poller.send(ADDRESS, poller.fallback(message)[0])
    assert telegram.sent(5550001)[-1]["text"] == "¿Qué?\n1. Sí"


async def test_poll_when_messages_wait(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """Waiting updates come in order with the cursor behind the last one; what means nothing moves the cursor too."""
    updates = Updates()
    telegram.queue(updates.text("uno"), updates.text("dos"), updates.reaction())
    batch = await polled(poller)
    assert [event.text for event in batch.events if isinstance(event, InboundMessage)] == ["uno", "dos"]
    assert batch.cursor == "900004"
    assert telegram.polls == [
        {"timeout": 1, "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"]}
    ]


async def test_poll_when_caller_has_not_stored_yet(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """Updates are confirmed only when the caller comes back for more, and not before."""
    updates = Updates()
    telegram.queue(updates.text("uno"))
    stream = poller.poll("")
    assert stream is not None
    await stream.__anext__()
    await asyncio.sleep(0.1)
    assert telegram.waiting == [900001]
    assert len(telegram.polls) == 1
    telegram.queue(updates.text("dos"))
    batch = await stream.__anext__()
    assert [event.text for event in batch.events if isinstance(event, InboundMessage)] == ["dos"]
    assert telegram.waiting == [900002]
    assert telegram.polls[1]["offset"] == 900002


async def test_poll_when_process_was_killed(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """What was not stored comes again from the old cursor, and what was stored does not."""
    updates = Updates()
    telegram.queue(updates.text("uno"))
    first = await polled(poller)
    assert (await polled(poller)).events == first.events
    telegram.queue(updates.text("dos"))
    again = await polled(poller, first.cursor)
    assert [event.text for event in again.events if isinstance(event, InboundMessage)] == ["dos"]


async def test_poll_when_tapped(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """A tap is answered by a call of its own; that Telegram no longer wants the answer loses nothing."""
    updates = Updates()
    telegram.queue(updates.tap("t1", query_id="41"), updates.tap("t2", query_id="42"))
    telegram.script([fake.accept(), fake.refuse(400, "Bad Request: query is too old")])
    batch = await polled(poller)
    assert sorted(call["callback_query_id"] for call in telegram.calls) == ["41", "42"]
    assert [event.quick_reply for event in batch.events if isinstance(event, InboundMessage)] == ["t1", "t2"]


async def test_poll_when_one_update_is_odd(
    poller: TelegramChannel, telegram: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    """An update that cannot be read is skipped with a code, and the others arrive."""
    updates = Updates()
    odd = updates.text("un secreto")
    odd["message"]["chat"] = 5
    telegram.queue(odd, updates.text("dos"))
    batch = await polled(poller)
    assert [event.kind for event in batch.events if isinstance(event, InboundMessage)] == [InboundKind.TEXT]
    assert "telegram_update_skipped code=update_malformed" in caplog.text
    assert "secreto" not in caplog.text


async def test_poll_when_numbers_start_anew(poller: TelegramChannel, telegram: FakeTelegram) -> None:
    """After a week of silence the numbers may be lower than the cursor; the cursor follows them."""
    telegram.queue(Updates(next_id=1200).text("hola"), is_renumbered=True)
    assert (await polled(poller, "900500")).cursor == "1201"


async def test_poll_when_telegram_is_in_trouble(
    poller: TelegramChannel, telegram: FakeTelegram, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    """Polling waits longer after each failure, as long as Telegram asks if it asks, and goes on."""
    caplog.set_level(logging.DEBUG)
    telegram.script_polls([fake.server_error(), fake.reset(), fake.refuse(401, "Unauthorized"), fake.slow_down(9)])
    telegram.queue(Updates().text("un secreto"))
    assert len((await polled(poller)).events) == 1
    assert sleeps.seconds == [1.0, 2.0, 4.0, 9.0]
    assert not any(secret in caplog.text for secret in (fake.TOKEN, "secreto", ADDRESS))


async def test_poll_when_trouble_lasts(poller: TelegramChannel, telegram: FakeTelegram, sleeps: Sleeps) -> None:
    """The pause never exceeds half a minute and starts small again after a success."""
    updates = Updates()
    telegram.script_polls([fake.server_error()] * 7 + [fake.accept(), fake.server_error()])
    telegram.queue(updates.text("uno"))
    stream = poller.poll("")
    assert stream is not None
    await stream.__anext__()
    telegram.queue(updates.text("dos"))
    await stream.__anext__()
    assert sleeps.seconds == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 1.0]


async def test_poll_when_a_webhook_is_set(
    poller: TelegramChannel, telegram: FakeTelegram, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    """A webhook that is still set is named in the log by its code."""
    telegram.webhook = {"url": "https://bot.example/webhooks/telegram"}
    stream = poller.poll("")
    assert stream is not None
    waiting = asyncio.ensure_future(stream.__anext__())
    while not sleeps.seconds:
        await asyncio.sleep(0.01)
    telegram.webhook = {}
    telegram.queue(Updates().text("hola"))
    await asyncio.wait_for(waiting, 5)
    assert "telegram_poll_failed code=provider_down (409_webhook_is_set)" in caplog.text
