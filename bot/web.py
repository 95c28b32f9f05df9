"""What every program of ours that browsers and providers call shares: the body's limits, the security headers, the server."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 1024 * 1024
"""The largest body we read. The providers' calls stay below 64 KiB; files never come in a call."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive, shorter than the 15 s that Twilio waits for an answer,
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides ."""
MOST_BODY_BYTES = 64 * 1024 * 1024
"""How much of bodies that are still coming we hold at once, over all connections; beyond it calls are asked to come again."""
BUSY_SECONDS = 5

Refuse = Callable[[Request, int, str], Awaitable[Response]]
"""Makes the answer to a call whose body is refused, from its status and code; the call's body can not be read."""

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
)
_SECURITY_HEADERS = {
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
    """ASGI middleware that reads a call's whole body first, and refuses one that is too large or too slow.

    Args:
        refuse: makes the answer to a refused call; by default a line of JSON with the code.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = BODY_BYTES,
        seconds: float = BODY_SECONDS,
        max_together: int = MOST_BODY_BYTES,
        refuse: Refuse | None = None,
    ) -> None:
        self._app = app
        self._refusal = refuse or _refuse_as_json
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
            await self._refuse(scope, receive, send, 413, "body_too_large")
            return
        try:
            body = await asyncio.wait_for(self._read(receive), self._seconds)
        except asyncio.TimeoutError:
            await self._refuse(scope, receive, send, 408, "body_too_slow")
        except _TooLarge:
            await self._refuse(scope, receive, send, 413, "body_too_large")
        except _TooMuchTogether:
            await self._refuse(scope, receive, send, 503, "busy")
        except _CallerGone:
            return
        else:
            await self._app(scope, _Replay(body, receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, code: str) -> None:
        response = await self._refusal(Request(scope), status, code)
        response.headers["connection"] = "close"  # The rest of the body is still on its way: it can not be used again.
        if status == 503:
            response.headers["retry-after"] = str(BUSY_SECONDS)
        await response(scope, receive, send)

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


async def _refuse_as_json(request: Request, status: int, code: str) -> Response:
    return JSONResponse({"error": code}, status)


class SecurityHeaders:
    """ASGI middleware that adds the security headers which a response does not set itself.

    Args:
        is_https: browsers reach us over https, and shall keep to it.
        has_forms: pages send forms to us by themselves, without a script.
    """

    def __init__(self, app: ASGIApp, is_https: bool, *, has_forms: bool = False) -> None:
        self._app = app
        policy = _CONTENT_POLICY.format(forms="'self'" if has_forms else "'none'")
        self._headers = {"content-security-policy": policy, **_SECURITY_HEADERS}
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


class ReadyServer(uvicorn.Server):
    """A server that says when it takes calls.

    Args:
        on_ready: called once, when it does.
        settings: what `uvicorn.Config` is given beside our own choices.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, on_ready: Callable[[], None], **settings: Any) -> None:
        # Our own log set-up applies; an access line for each call would show when each person writes.
        own = {"lifespan": "on", "http": "httptools", "ws": "none", "log_config": None, "access_log": False}
        super().__init__(uvicorn.Config(app, host=host, port=port, server_header=False, **{**own, **settings}))
        self._on_ready = on_ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; a second Ctrl-C does not wait. A stop that was asked for is no failure: the exit code is 0."""
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start what runs beside the calls, listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()
