"""What an operator sets to reach people on Telegram; the environment is read when the class is called."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseSettings, Field, SecretStr, root_validator, validator

_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
# Telegram takes 1 to 256 of these characters, https://core.telegram.org/bots/api#setwebhook ; the lower bound is ours,
# because the secret is all that tells Telegram's calls from anyone else's.
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


class TelegramSettings(BaseSettings):
    """The settings of the Telegram channel, read from `RUTA_TELEGRAM_...`."""

    bot_token: SecretStr = Field(
        ..., description="The token that @BotFather gave for the bot, for example 123456789:AAE... . Secret."
    )
    mode: Literal["polling", "webhook"] = Field(
        default="polling",
        description="How messages arrive: `polling` asks Telegram for them and needs no public address; "
        "`webhook` lets Telegram call /webhooks/telegram. Run `ruta telegram setup` after a change.",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Required in webhook mode: 16 to 256 letters, digits, _ or -, for example from "
        "`openssl rand -hex 32`. Telegram sends it with each call, which proves that the call is Telegram's. Secret.",
    )
    api_url: str = Field(
        default="https://api.telegram.org",
        description="The address of the Bot API; change it only for a Bot API server of your own.",
    )
    timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds to wait for Telegram to take a message before the send counts as timed out.",
    )
    poll_seconds: int = Field(
        default=25, ge=0, le=50, description="Seconds that one question for new messages stays open in polling mode."
    )
    max_connections: int = Field(
        default=40,
        ge=1,
        le=100,
        description="How many webhook calls Telegram may make at once, 1 to 100; used by `ruta telegram setup`.",
    )

    class Config:
        env_prefix = "RUTA_TELEGRAM_"

    @validator("bot_token")
    def _token_has_its_form(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("write the token as @BotFather gave it: digits, a colon, then letters and digits")
        return value

    @validator("api_url")
    def _address_is_http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("write an address that begins with https://")
        return value.rstrip("/")

    @root_validator(skip_on_failure=True)
    def _webhook_has_a_secret(cls, values: dict[str, Any]) -> dict[str, Any]:
        secret: SecretStr = values["webhook_secret"]
        if values["mode"] == "webhook" and not _SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("webhook mode needs RUTA_TELEGRAM_WEBHOOK_SECRET: 16 to 256 letters, digits, _ or -")
        return values
