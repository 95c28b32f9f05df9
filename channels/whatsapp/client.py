"""The network side of WhatsApp: Twilio's Messages and Content APIs, and what their errors mean to us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientError
from twilio.base.client_base import ClientBase
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response

from bot.errors import SendFailed, SendFailure
from channels.whatsapp.failures import failure_of
from channels.whatsapp.settings import WhatsAppSettings

_CONTENT_PAGE = 100
_MOST_PAGES = 100


class _QuietHttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """Twilio's client, made to keep its time-out, to send JSON, and to log nothing.

    twilio 9.13 hands `timeout=None` to aiohttp whatever it was built with, encodes JSON bodies as forms, and logs the
    address of every call.
    """

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        if headers and headers.get("Content-Type") == "application/json":
            data = json.dumps(data)
        return await super().request(method, url, params, data, headers, auth, timeout or self.timeout, allow_redirects)

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Log nothing."""

    def log_response(self, status_code: int, response: Any) -> None:
        """Log nothing."""


class TwilioClient:
    """One account at Twilio. `open` before the first call, in the loop that makes the calls."""

    def __init__(self, settings: WhatsAppSettings) -> None:
        self._settings = settings
        self._client: ClientBase | None = None

    async def open(self) -> None:
        """Open the connections' pool; it connects with the first call."""
        self._client = ClientBase(
            username=self._settings.account_sid,
            password=self._settings.auth_token.get_secret_value(),
            http_client=_QuietHttpClient(timeout=self._settings.timeout_seconds),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.http_client.close()
            self._client = None

    async def create_message(self, fields: dict[str, str]) -> str:
        """Send one message and return its id.

        Raises:
            SendFailed: from the closed list.
        """
        url = f"{self._settings.api_url}/2010-04-01/Accounts/{self._settings.account_sid}/Messages.json"
        answer = await self._call("POST", url, fields, has_template="ContentSid" in fields)
        error = answer.get("error_code")
        if isinstance(error, int):
            raise SendFailed(failure_of(400, error, has_template="ContentSid" in fields), str(error))
        return _text(answer, "sid")

    async def list_contents(self) -> dict[str, str]:
        """Return the ids of all templates in the account by their names.

        Raises:
            SendFailed: from the closed list.
        """
        found: dict[str, str] = {}
        url = f"{self._settings.content_url}/v1/Content?PageSize={_CONTENT_PAGE}"
        for _ in range(_MOST_PAGES):
            page = await self._call("GET", url)
            for content in page.get("contents", []):
                found.setdefault(_text(content, "friendly_name"), _text(content, "sid"))
            following = (page.get("meta") or {}).get("next_page_url")
            # The account's password goes along, so no page may lead elsewhere.
            if not following or not following.startswith(f"{self._settings.content_url}/"):
                break
            url = following
        return found

    async def create_content(self, payload: dict[str, Any]) -> str:
        """Create a template and return its id.

        Raises:
            SendFailed: from the closed list.
        """
        return _text(await self._call("POST", f"{self._settings.content_url}/v1/Content", payload, is_json=True), "sid")

    async def _call(
        self,
        method: str,
        url: str,
        data: dict[str, Any] | None = None,
        *,
        is_json: bool = False,
        has_template: bool = False,
    ) -> dict[str, Any]:
        if self._client is None:
            raise RuntimeError("the client is not open")
        headers = {"Content-Type": "application/json"} if is_json else None
        try:
            response = await self._client.request_async(method, url, data=data, headers=headers)
        except (asyncio.TimeoutError, TimeoutError):
            raise SendFailed(SendFailure.TIMED_OUT) from None
        except (ClientError, OSError) as error:
            raise SendFailed(SendFailure.PROVIDER_DOWN, type(error).__name__) from None
        return _read(response, has_template=has_template)


def _read(response: Response, *, has_template: bool) -> dict[str, Any]:
    try:
        answer = json.loads(response.text)
    except ValueError:
        answer = None
    status = int(response.status_code)
    if 200 <= status < 300 and isinstance(answer, dict):
        return answer
    code = answer.get("code") if isinstance(answer, dict) else None
    number = code if isinstance(code, int) else 0
    failure = SendFailure.PROVIDER_DOWN if status < 300 else failure_of(status, number, has_template=has_template)
    raise SendFailed(failure, str(number or status), _retry_after(response.headers))


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds that the answer asks us to wait; a date, which Twilio does not send, counts as nothing."""
    value = (headers or {}).get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None


def _text(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise SendFailed(SendFailure.PROVIDER_DOWN, f"{name}_missing")
    return value
