"""What an operator may write."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from channels.telegram.settings import TelegramSettings

TOKEN = "123456789:AAFakeTokenThatOpensNothingAtAll00000"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what this machine may have set."""
    for name in TelegramSettings.__fields__:
        monkeypatch.delenv(f"RUTA_TELEGRAM_{name.upper()}", raising=False)


def test_settings_when_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token alone is enough to poll."""
    monkeypatch.setenv("RUTA_TELEGRAM_BOT_TOKEN", TOKEN)
    settings = TelegramSettings()
    assert (settings.bot_token.get_secret_value(), settings.mode) == (TOKEN, "polling")
    assert TOKEN not in repr(settings)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "bot_token"),
        ({"bot_token": "my-bot"}, "bot_token"),
        ({"bot_token": TOKEN, "mode": "push"}, "mode"),
        ({"bot_token": TOKEN, "mode": "webhook"}, "RUTA_TELEGRAM_WEBHOOK_SECRET"),
        ({"bot_token": TOKEN, "mode": "webhook", "webhook_secret": "short"}, "RUTA_TELEGRAM_WEBHOOK_SECRET"),
        (
            {"bot_token": TOKEN, "mode": "webhook", "webhook_secret": "not allowed: spaces"},
            "RUTA_TELEGRAM_WEBHOOK_SECRET",
        ),
        ({"bot_token": TOKEN, "api_url": "api.telegram.org"}, "api_url"),
        ({"bot_token": TOKEN, "timeout_seconds": 0}, "timeout_seconds"),
    ],
    ids=["no_token", "token_form", "mode", "no_secret", "secret_short", "secret_form", "address", "no_time"],
)
def test_settings_when_wrong(values: dict[str, Any], named: str) -> None:
    """A missing or malformed setting is refused by name, without quoting a secret."""
    with pytest.raises(ValidationError) as refused:
        TelegramSettings(**values)
    assert named in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_settings_when_listed() -> None:
    """Every setting says what it means."""
    fields = TelegramSettings.__fields__
    assert fields
    assert [name for name, field in fields.items() if not field.field_info.description] == []
