"""Which failure of the closed list each trouble becomes, over a real connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.errors import SendFailed, SendFailure
from channels.telegram.client import TelegramClient
from channels.telegram.settings import TelegramSettings
from tests.support import fake_telegram as fake
from tests.support.fake_telegram import Answer, FakeTelegram

ADDRESS = "5550001"


@pytest_asyncio.fixture
async def client(api_url: str) -> AsyncIterator[TelegramClient]:
    """An open client with little patience."""
    client = TelegramClient(TelegramSettings(bot_token=fake.TOKEN, api_url=api_url, timeout_seconds=0.5))
    await client.open()
    yield client
    await client.close()


TROUBLES: dict[str, tuple[Answer, SendFailed]] = {
    "slow_down": (fake.slow_down(7), SendFailed(SendFailure.RATE_LIMITED, "429", 7.0)),
    "slow_down_without_time": (
        fake.refuse(429, "Too Many Requests: retry later"),
        SendFailed(SendFailure.RATE_LIMITED, "429"),
    ),
    "slow_down_in_html": (Answer("answer", 429, b"<html>"), SendFailed(SendFailure.RATE_LIMITED, "429")),
    "bad_gateway": (fake.server_error(502), SendFailed(SendFailure.PROVIDER_DOWN, "unavailable")),
    "server_error": (
        fake.refuse(500, "Internal Server Error: restart"),
        SendFailed(SendFailure.PROVIDER_DOWN, "unavailable"),
    ),
    "nonsense": (Answer("answer", 200, b"<html>"), SendFailed(SendFailure.PROVIDER_DOWN, "unavailable")),
    "list": (Answer("answer", 200, b"[]"), SendFailed(SendFailure.PROVIDER_DOWN, "unavailable")),
    "hang": (fake.hang(), SendFailed(SendFailure.TIMED_OUT, "timeout")),
    "reset": (fake.reset(), SendFailed(SendFailure.PROVIDER_DOWN, "unavailable")),
    "blocked": (fake.blocked(), SendFailed(SendFailure.BLOCKED_BY_CONTACT, "403_blocked")),
    "deactivated": (
        fake.refuse(403, "Forbidden: user is deactivated"),
        SendFailed(SendFailure.BLOCKED_BY_CONTACT, "403_blocked"),
    ),
    "kicked": (
        fake.refuse(403, "Forbidden: bot was kicked from the group chat"),
        SendFailed(SendFailure.ADDRESS_UNREACHABLE, "403"),
    ),
    "chat_not_found": (
        fake.refuse(400, "Bad Request: chat not found"),
        SendFailed(SendFailure.ADDRESS_UNREACHABLE, "400_chat_not_found"),
    ),
    "migrated": (
        fake.refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -1005}),
        SendFailed(SendFailure.ADDRESS_UNREACHABLE, "400_chat_migrated"),
    ),
    "too_long": (
        fake.refuse(400, "Bad Request: message is too long"),
        SendFailed(SendFailure.MESSAGE_REFUSED, "400_too_long"),
    ),
    "buttons": (
        fake.refuse(400, "Bad Request: BUTTON_DATA_INVALID"),
        SendFailed(SendFailure.TEMPLATE_REFUSED, "400_button"),
    ),
    "other": (fake.refuse(400, "Bad Request: SOMETHING_NEW"), SendFailed(SendFailure.MESSAGE_REFUSED, "400")),
    "unauthorised": (fake.refuse(401, "Unauthorized"), SendFailed(SendFailure.NOT_AUTHORISED, "401")),
}


@pytest.mark.parametrize(("answer", "failure"), TROUBLES.values(), ids=TROUBLES)
async def test_send_message_when_in_trouble(
    answer: Answer,
    failure: SendFailed,
    client: TelegramClient,
    telegram: FakeTelegram,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every trouble becomes one failure of the closed list, and neither it nor the log quotes anything."""
    caplog.set_level(logging.DEBUG)
    telegram.script([answer])
    with pytest.raises(SendFailed) as raised:
        await client.send_message(ADDRESS, {"text": "un texto secreto"})
    assert raised.value == failure
    assert telegram.unused == 0
    assert raised.value.__suppress_context__
    assert not any(secret in caplog.text for secret in (fake.TOKEN, "secreto", ADDRESS))


async def test_send_message_when_telegram_is_away(client: TelegramClient) -> None:
    """A refused connection counts as the provider being down."""
    away = TelegramClient(TelegramSettings(bot_token=fake.TOKEN, api_url="http://127.0.0.1:1", timeout_seconds=0.5))
    await away.open()
    with pytest.raises(SendFailed) as raised:
        await away.send_message(ADDRESS, {"text": "hola"})
    await away.close()
    assert raised.value.failure == SendFailure.PROVIDER_DOWN


async def test_send_message_when_accepted(
    client: TelegramClient, telegram: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    """The id of the message comes back, and nothing of it is in the log at any level."""
    caplog.set_level(logging.DEBUG)
    assert await client.send_message(ADDRESS, {"text": "un texto secreto"}) == "1001"
    assert telegram.calls == [{"method": "sendMessage", "chat_id": 5550001, "text": "un texto secreto"}]
    assert not any(secret in caplog.text for secret in (fake.TOKEN, "secreto", ADDRESS))


async def test_send_message_when_opened_again(client: TelegramClient) -> None:
    """A client that was closed can be opened again, and says so when it is used closed."""
    await client.close()
    with pytest.raises(RuntimeError):
        await client.send_message(ADDRESS, {"text": "hola"})
    await client.open()
    assert await client.send_message(ADDRESS, {"text": "hola"}) == "1001"
