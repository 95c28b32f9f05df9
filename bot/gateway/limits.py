"""What the gateway lets in and how it answers browsers: body size and time, how often a contact may write, headers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aiolimiter import AsyncLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 1024 * 1024
"""The largest body we read. The providers' calls stay below 64 KiB; files never come in a call."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive, shorter than the 15 s that Twilio waits for an answer,
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides ."""

MOST_BODY_BYTES = 64 * 1024 * 1024
"""How much of bodies that are still coming we hold at once, over all connections; beyond it calls are asked to come again."""
BUSY_SECONDS = 5

CONTACT_MESSAGES = 120
CONTACT_SECONDS = 60.0
"""A contact of a page may send this many messages in this time, so that no script fills the database. What a person reads who
writes too much is decided behind the door, where urgent messages are known: `bot.conversations.flood`."""
MOST_CONTACTS = 10_000
"""How many contacts we remember for that; the one that has been silent longest is dropped."""

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURITY_HEADERS = {
    "content-security-policy": _CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_HTTPS_ONLY = "max-age=31536000"


class BodyLimit:
    """ASGI middleware that reads a call's whole body first, and refuses one that is too large or too slow."""

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = BODY_BYTES,
        seconds: float = BODY_SECONDS,
        max_together: int = MOST_BODY_BYTES,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._max_together = max_together
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            await _refuse(scope, receive, send, 413, "body_too_large")
            return
        try:
            body = await asyncio.wait_for(self._read(receive), self._seconds)
        except asyncio.TimeoutError:
            await _refuse(scope, receive, send, 408, "body_too_slow")
        except _TooLarge:
            await _refuse(scope, receive, send, 413, "body_too_large")
        except _TooMuchTogether:
            await _refuse(scope, receive, send, 503, "busy")
        except _CallerGone:
            return
        else:
            await self._app(scope, _Replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _CallerGone
                chunk = message.get("body", b"")
                size += len(chunk)
                self._held += len(chunk)
                if size > self._max_bytes:
                    raise _TooLarge
                if self._held > self._max_together:
                    raise _TooMuchTogether
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
        finally:
            self._held -= size


class _TooLarge(Exception):
    pass


class _TooMuchTogether(Exception):
    pass


class _CallerGone(Exception):
    pass


class _Replay:
    """Gives the application the body that was read, then what the connection says."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, code: str) -> None:
    # The rest of the body is still on its way, so the connection can not be used again.
    headers = {"connection": "close", **({"retry-after": str(BUSY_SECONDS)} if status == 503 else {})}
    response = JSONResponse({"error": code}, status, headers=headers)
    await response(scope, receive, send)


class SecurityHeaders:
    """ASGI middleware that adds the security headers which a response does not set itself.

    Args:
        is_https: browsers reach us over https, and shall keep to it.
    """

    def __init__(self, app: ASGIApp, is_https: bool) -> None:
        self._app = app
        self._headers = dict(_SECURITY_HEADERS)
        if is_https:
            self._headers["strict-transport-security"] = _HTTPS_ONLY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class Allowance:
    """How often each contact of a page may write: one bucket for each contact."""

    def __init__(self, messages: float = CONTACT_MESSAGES, seconds: float = CONTACT_SECONDS, most: int = MOST_CONTACTS) -> None:
        self._messages = messages
        self._seconds = seconds
        self._most = most
        self._buckets: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def take(self, address: str) -> bool:
        """Count one message; return whether it is still allowed."""
        bucket = self._buckets.pop(address, None) or AsyncLimiter(self._messages, self._seconds)
        self._buckets[address] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        if not bucket.has_capacity():
            return False
        await bucket.acquire()
        return True
