"""What `ruta telegram setup` leaves behind at Telegram."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.errors import SendFailed, SendFailure, SettingsError
from channels.telegram import TelegramSettings, set_up
from tests.support import fake_telegram as fake
from tests.support.fake_telegram import FakeTelegram
from tests.support.server import serve

COMMANDS = {"es": [("menu", "Ver el menú"), ("/ayuda", "Pedir ayuda")], "pt_BR": [("menu", "Ver o menu")]}


@pytest.fixture
def telegram() -> FakeTelegram:
    """A fresh Bot API."""
    return FakeTelegram()


@pytest.fixture
def api_url(telegram: FakeTelegram) -> Iterator[str]:
    """The address at which it listens."""
    with serve(telegram.app) as url:
        yield url


async def test_set_up_when_webhook(telegram: FakeTelegram, api_url: str) -> None:
    """The webhook is registered with its secret, waiting messages are kept, and a second run changes nothing."""
    settings = TelegramSettings(bot_token=fake.TOKEN, api_url=api_url, mode="webhook", webhook_secret=fake.SECRET)
    lines: list[str] = []
    await set_up(settings, "https://bot.example/", COMMANDS, lines.append)
    first = (dict(telegram.webhook), dict(telegram.commands))
    await set_up(settings, "https://bot.example/", COMMANDS, lines.append)
    assert (telegram.webhook, telegram.commands) == first
    assert telegram.webhook == {
        "url": "https://bot.example/webhooks/telegram",
        "secret_token": fake.SECRET,
        "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
        "max_connections": 40,
        "drop_pending_updates": False,
    }
    assert "@RutaSeguraBot" in lines[0]
    assert not any(fake.SECRET in line or fake.TOKEN in line for line in lines)


async def test_set_up_when_commands_are_handed_in(telegram: FakeTelegram, api_url: str) -> None:
    """Each language has its commands in private chats, and the first serves all other languages."""
    await set_up(TelegramSettings(bot_token=fake.TOKEN, api_url=api_url), "", COMMANDS, lambda line: None)
    spanish = [
        {"command": "menu", "description": "Ver el menú"},
        {"command": "ayuda", "description": "Pedir ayuda"},
    ]
    assert telegram.commands == {
        ("all_private_chats", ""): spanish,
        ("all_private_chats", "es"): spanish,
        ("all_private_chats", "pt"): [{"command": "menu", "description": "Ver o menu"}],
    }


async def test_set_up_when_polling(telegram: FakeTelegram, api_url: str) -> None:
    """A webhook that is still set is removed, without dropping what waits."""
    telegram.webhook = {"url": "https://old.example/"}
    await set_up(TelegramSettings(bot_token=fake.TOKEN, api_url=api_url), "", {}, lambda line: None)
    assert telegram.webhook == {}
    assert telegram.calls[-1] == {"method": "deleteWebhook", "drop_pending_updates": False}


async def test_set_up_when_address_is_not_https(telegram: FakeTelegram, api_url: str) -> None:
    """A webhook needs an address that Telegram can call; nothing is changed before that is clear."""
    settings = TelegramSettings(bot_token=fake.TOKEN, api_url=api_url, mode="webhook", webhook_secret=fake.SECRET)
    with pytest.raises(SettingsError):
        await set_up(settings, "http://bot.example", COMMANDS, lambda line: None)
    assert telegram.calls == []


async def test_set_up_when_token_is_wrong(telegram: FakeTelegram, api_url: str) -> None:
    """A wrong token is said as such."""
    with pytest.raises(SendFailed) as failed:
        await set_up(TelegramSettings(bot_token="1:wrong", api_url=api_url), "", COMMANDS, lambda line: None)
    assert failed.value.failure == SendFailure.NOT_AUTHORISED
