"""The Telegram channel: verification, polling and sending.

What an update means is in `parse`, what a reply looks like in `render`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from bot.errors import RequestRefused, SendFailed
from bot.messages import OutboundMessage, WebhookRequest, WebhookResponse
from channels.base import Channel, InboundEvent, Polled, SendRequest
from channels.telegram.client import TelegramClient
from channels.telegram.limits import LIMITS
from channels.telegram.parse import CHANNEL, callback_query_id, parse_update, read_update
from channels.telegram.render import render_message, render_without_buttons
from channels.telegram.settings import TelegramSettings

WEBHOOK_PATH = "/webhooks/telegram"
SECRET_HEADER = "x-telegram-bot-api-secret-token"

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

logger = logging.getLogger(__name__)


class TelegramChannel(Channel):
    """Reach people in private chats on Telegram, by webhook or by polling.

    Args:
        sleep: waits between failed polls; passed in so that tests need not wait.
    """

    name = CHANNEL
    limits = LIMITS

    def __init__(self, settings: TelegramSettings, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._settings = settings
        self._client = TelegramClient(settings)
        self._sleep = sleep
        self.webhook_paths = (WEBHOOK_PATH,) if settings.mode == "webhook" else ()

    def verify_request(self, request: WebhookRequest) -> None:
        """Compare the secret header, which `ruta telegram setup` has told Telegram."""
        secret = self._settings.webhook_secret.get_secret_value()
        given = request.headers.get(SECRET_HEADER, "")
        if not secret:
            raise RequestRefused(403, "webhook_off")
        if not given:
            raise RequestRefused(401, "secret_missing")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
            raise RequestRefused(403, "secret_wrong")

    def parse_inbound(self, request: WebhookRequest) -> list[InboundEvent]:
        """Read one update; see `parse` for what each kind becomes."""
        content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != "application/json":
            raise RequestRefused(415, "content_type_unexpected")
        return parse_update(read_update(request.body))

    def acknowledge(self, request: WebhookRequest, events: Sequence[InboundEvent]) -> WebhookResponse:
        """Answer a tapped button in the response itself, which saves a call.

        See https://core.telegram.org/bots/api#making-requests-when-getting-updates .
        """
        query_id = callback_query_id(read_update(request.body))
        if not query_id:
            return WebhookResponse()
        answer = {"method": "answerCallbackQuery", "callback_query_id": query_id}
        return WebhookResponse(json.dumps(answer).encode(), content_type="application/json")

    def render_outbound(self, message: OutboundMessage) -> list[SendRequest]:
        """Render HTML marks and inline buttons; see `render`."""
        return render_message(message)

    def fallback(self, message: OutboundMessage) -> list[SendRequest]:
        """Render the choices as numbered lines."""
        return render_without_buttons(message)

    async def send(self, address: str, request: SendRequest) -> str:
        """Send one message, a second time without marks should Telegram not read them."""
        fields = dict(request.body)
        plain = fields.pop("plain_text")
        try:
            return await self._client.send_message(address, fields)
        except SendFailed as failed:
            if failed.provider_code != "400_entities":
                raise
        logger.warning("telegram_marks_refused")
        fields["text"] = plain
        del fields["parse_mode"]
        return await self._client.send_message(address, fields)

    def poll(self, cursor: str) -> AsyncIterator[Polled] | None:
        """Ask for updates for as long as the caller goes on; the cursor is the next update's number."""
        return self._poll(cursor) if self._settings.mode == "polling" else None

    async def start(self) -> None:
        """Open the connections; Telegram is not called yet."""
        await self._client.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def secrets(self) -> Sequence[str]:
        """Return the token and the webhook secret."""
        values = (self._settings.bot_token.get_secret_value(), self._settings.webhook_secret.get_secret_value())
        return tuple(value for value in values if value)

    async def _poll(self, cursor: str) -> AsyncIterator[Polled]:
        """Ask with the new offset only when the caller comes back: asking is what deletes the updates at Telegram."""
        offset = int(cursor) if cursor.isdecimal() else None
        pause = _FIRST_PAUSE
        while True:
            try:
                updates = await self._client.fetch_updates(offset)
            except SendFailed as failed:
                logger.warning("telegram_poll_failed code=%s", failed)
                await self._sleep(failed.retry_after or pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if not updates:
                continue
            # The last id even if it is lower than the offset: after a week of silence Telegram starts at a random
            # number, https://core.telegram.org/bots/api#update .
            offset = int(updates[-1]["update_id"]) + 1
            await self._answer_taps(updates)
            yield Polled(str(offset), [event for update in updates for event in _events(update)])

    async def _answer_taps(self, updates: Sequence[dict[str, Any]]) -> None:
        query_ids = [query_id for query_id in map(callback_query_id, updates) if query_id]
        for result in await asyncio.gather(*map(self._client.answer_callback, query_ids), return_exceptions=True):
            if isinstance(result, SendFailed):
                # A tap that waited too long can no longer be answered; the message itself is not lost.
                logger.info("telegram_tap_not_answered code=%s", result)
            elif isinstance(result, BaseException):
                raise result


def _events(update: dict[str, Any]) -> list[InboundEvent]:
    try:
        return parse_update(update)
    except RequestRefused as refused:
        logger.warning("telegram_update_skipped code=%s", refused.code)
        return []
