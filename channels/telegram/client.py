"""The network: a thin wrapper of python-telegram-bot's client; its errors become those of the closed list."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from bot.errors import SendFailed, SendFailure
from channels.telegram.parse import ALLOWED_UPDATES
from channels.telegram.settings import TelegramSettings

_CONNECT_SECONDS = 5.0
_CONNECTIONS = 32
"""Calls at once. At 25 messages a second and a usual answer within half a second, a dozen are open."""

# What Telegram says, begun as here, and what it means; https://core.telegram.org/bots/api#making-requests leaves the
# descriptions open, so these are the ones collected in https://github.com/TelegramBotAPI/errors , and the rest counts
# as refused. Compared in lower case.
_REFUSALS: tuple[tuple[str, SendFailure, str], ...] = (
    ("chat not found", SendFailure.ADDRESS_UNREACHABLE, "400_chat_not_found"),
    ("user not found", SendFailure.ADDRESS_UNREACHABLE, "400_user_not_found"),
    ("peer_id_invalid", SendFailure.ADDRESS_UNREACHABLE, "400_peer_id_invalid"),
    ("have no rights to send", SendFailure.ADDRESS_UNREACHABLE, "400_no_rights"),
    ("button_", SendFailure.TEMPLATE_REFUSED, "400_button"),
    ("reply_markup", SendFailure.TEMPLATE_REFUSED, "400_reply_markup"),
    ("keyboard", SendFailure.TEMPLATE_REFUSED, "400_keyboard"),
    ("can't parse entities", SendFailure.MESSAGE_REFUSED, "400_entities"),
    ("message is too long", SendFailure.MESSAGE_REFUSED, "400_too_long"),
    ("message text is empty", SendFailure.MESSAGE_REFUSED, "400_empty"),
)
_BLOCKED = ("bot was blocked by the user", "user is deactivated")


class _SlowDown(TelegramError):
    """Telegram asks us to wait. The library's own error warns, each time, that its number will become a time span."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__("Too Many Requests")
        self.seconds = seconds


class _Request(HTTPXRequest):
    """The library's request class without its habit to log an answer that it cannot read."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise _SlowDown(_retry_after(payload))
        return status, payload

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        try:
            data = json.loads(payload.decode("utf-8", "replace"))
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise TelegramError("Invalid server response")
        return data


class _Bot(Bot):
    """The library's client, with updates as they came, so that one odd update cannot spoil the batch it is in."""

    async def fetch_updates(self, offset: int | None, seconds: int, patience: float) -> list[dict[str, Any]]:
        fields = {"offset": offset, "timeout": seconds, "allowed_updates": list(ALLOWED_UPDATES)}
        result = await self._post("getUpdates", fields, read_timeout=seconds + patience)
        return [update for update in result if isinstance(update, dict)] if isinstance(result, list) else []


class _NoChatter(logging.Filter):
    """Drop what libraries say of calls that went well: it holds the token, addresses and texts."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_CHATTER = _NoChatter()
_CHATTY_LOGGERS = ("httpx", "telegram.Bot")


def quieten_libraries() -> None:
    """Keep token, addresses and texts out of the log, at whatever level an operator sets."""
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).addFilter(_NO_CHATTER)


class TelegramClient:
    """Calls to the Bot API; every method raises `SendFailed` from the closed list and nothing else of the library's."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._requests: tuple[HTTPXRequest, ...] = ()
        self._open_bot: _Bot | None = None

    async def open(self) -> None:
        """Make the connection pools; nothing is called, so the gateway starts while Telegram is away."""
        quieten_libraries()
        sending, polling = self._request(_CONNECTIONS), self._request(1)
        self._requests = (sending, polling)
        self._open_bot = _Bot(
            self._settings.bot_token.get_secret_value(),
            base_url=f"{self._settings.api_url}/bot",
            request=sending,
            get_updates_request=polling,
        )

    async def close(self) -> None:
        """Close the connections."""
        self._open_bot = None
        requests, self._requests = self._requests, ()
        for request in requests:
            await request.shutdown()

    async def send_message(self, address: str, fields: dict[str, Any]) -> str:
        """Send one text and return its id."""
        try:
            message = await self.bot.send_message(
                chat_id=address, text=fields["text"], api_kwargs={k: v for k, v in fields.items() if k != "text"}
            )
        except TelegramError as error:
            raise send_failure(error) from None
        return str(message.message_id)

    async def answer_callback(self, query_id: str) -> None:
        """Tell Telegram that a tapped button was noticed, so that the application stops showing it as busy."""
        try:
            await self.bot.answer_callback_query(query_id)
        except TelegramError as error:
            raise send_failure(error) from None

    async def fetch_updates(self, offset: int | None) -> list[dict[str, Any]]:
        """Wait for updates from `offset` on, which also tells Telegram that all before it are safe with us."""
        try:
            return await self.bot.fetch_updates(offset, self._settings.poll_seconds, self._settings.timeout_seconds)
        except TelegramError as error:
            raise send_failure(error) from None

    @property
    def bot(self) -> _Bot:
        """The library's client, for the set-up; the caller translates its errors with `send_failure`."""
        if self._open_bot is None:
            raise RuntimeError("the Telegram client is not open: call start() first")
        return self._open_bot

    def _request(self, connections: int) -> HTTPXRequest:
        seconds = self._settings.timeout_seconds
        return _Request(
            connection_pool_size=connections,
            read_timeout=seconds,
            write_timeout=seconds,
            connect_timeout=min(seconds, _CONNECT_SECONDS),
            pool_timeout=seconds,
        )


def send_failure(error: TelegramError) -> SendFailed:
    """Translate an error of the library into the closed list.

    Raise the result `from None`: the library's errors quote answers and addresses, which must not reach a log.
    """
    if isinstance(error, _SlowDown):
        return SendFailed(SendFailure.RATE_LIMITED, "429", error.seconds)
    if isinstance(error, TimedOut):
        return SendFailed(SendFailure.TIMED_OUT, "timeout")
    if isinstance(error, InvalidToken):
        return SendFailed(SendFailure.NOT_AUTHORISED, "401")
    if isinstance(error, Conflict):
        by_webhook = "webhook" in error.message.lower()
        return SendFailed(SendFailure.PROVIDER_DOWN, "409_webhook_is_set" if by_webhook else "409_other_poller")
    if isinstance(error, ChatMigrated):
        return SendFailed(SendFailure.ADDRESS_UNREACHABLE, "400_chat_migrated")
    if isinstance(error, Forbidden):
        return _forbidden(error)
    if isinstance(error, BadRequest):
        return _refused(error)
    return SendFailed(SendFailure.PROVIDER_DOWN, "unavailable")


def _forbidden(error: Forbidden) -> SendFailed:
    if any(phrase in error.message.lower() for phrase in _BLOCKED):
        return SendFailed(SendFailure.BLOCKED_BY_CONTACT, "403_blocked")
    return SendFailed(SendFailure.ADDRESS_UNREACHABLE, "403")


def _refused(error: BadRequest) -> SendFailed:
    said = error.message.lower()
    for phrase, failure, code in _REFUSALS:
        if phrase in said:
            return SendFailed(failure, code)
    return SendFailed(SendFailure.MESSAGE_REFUSED, "400")


def _retry_after(payload: bytes) -> float | None:
    """Read the waiting time, https://core.telegram.org/bots/api#responseparameters ; None when there is none."""
    try:
        seconds = json.loads(payload)["parameters"]["retry_after"]
        return float(seconds)
    except (ValueError, TypeError, LookupError):
        return None
