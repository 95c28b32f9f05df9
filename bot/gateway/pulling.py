"""The routes of channels whose contacts fetch their replies; the same for each, under the channel's name."""

from __future__ import annotations

import logging
from functools import partial
from http.cookies import Morsel, SimpleCookie

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.errors import RequestRefused
from bot.gateway.feed import FeedHub, TooManyStreams, history_body, read_id, reply_event
from bot.gateway.pages import Page
from bot.gateway.webhooks import RETRY_SECONDS, refusal, webhook_request
from channels.base import PullChannel

logger = logging.getLogger(__name__)

# The first tells nginx not to hold the stream back:
# https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering .
_STREAM_HEADERS = {"x-accel-buffering": "no", "cache-control": "no-store"}


class PullRoutes:
    """Pages, events, polling, history and forgetting of one channel."""

    def __init__(self, channel: PullChannel, hub: FeedHub, public_url: str) -> None:
        self._channel = channel
        self._hub = hub
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[Route]:
        """Return the routes, pages first."""
        base = f"/{self._channel.name}"
        pages = [(path, Page(self._channel, content)) for path, content in self._channel.pages().items()]
        return [
            *(Route(path, page.serve, methods=["GET"]) for path, page in pages),
            Route(f"{base}/events", self.events, methods=["GET"]),
            Route(f"{base}/poll", self.poll, methods=["GET"]),
            Route(f"{base}/history", self.history, methods=["GET"]),
            Route(f"{base}/forget", self.forget, methods=["POST"]),
        ]

    async def events(self, request: Request) -> Response:
        """Open the stream of replies, from the one after `Last-Event-ID` or `after` on."""
        address = self._address(request)
        if not address:
            return _no_address()
        try:
            self._hub.check_room(self._channel, address)
        except TooManyStreams:
            return JSONResponse({"error": "too_many_streams"}, 503, headers={"retry-after": str(RETRY_SECONDS)})
        after = read_id(request.headers.get("last-event-id") or request.query_params.get("after"))
        stream = self._hub.stream(self._channel, address, after)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)

    async def poll(self, request: Request) -> Response:
        """Return the replies after `after`, for browsers and networks that hold streams back."""
        address = self._address(request)
        if not address:
            return _no_address()
        after = read_id(request.query_params.get("after"))
        replies = await self._hub.in_thread(partial(self._hub.feed.replies_after, self._channel.name, address, after))
        return JSONResponse({"replies": [reply_event(self._channel, reply) for reply in replies]})

    async def history(self, request: Request) -> Response:
        """Return the whole conversation, so that a page that is loaded again shows it."""
        address = self._address(request)
        if not address:
            return _no_address()
        history = await self._hub.in_thread(partial(self._hub.feed.history, self._channel.name, address))
        return JSONResponse(history_body(self._channel, history))

    async def forget(self, request: Request) -> Response:
        """Delete the contact with all rows, and the cookie with them."""
        call = await webhook_request(request, self._public_url)
        try:
            self._channel.verify_request(call)
        except RequestRefused as refused:
            name = self._channel.name
            logger.warning("forget_refused channel=%s status=%d code=%s", name, refused.status, refused.code)
            return refusal(refused)
        address = self._channel.address_of(call.headers)
        await self._hub.in_thread(partial(self._hub.feed.forget, self._channel.name, address))
        return Response(status_code=204, headers={"set-cookie": _ended(self._channel.new_address()[1])})

    def _address(self, request: Request) -> str:
        return self._channel.address_of(dict(request.headers))


def _no_address() -> Response:
    return JSONResponse({"error": "cookie_missing"}, 401)


def _ended(set_cookie: str) -> str:
    """Turn a `Set-Cookie` value into the one that deletes that cookie."""
    morsel: Morsel[str] = next(iter(SimpleCookie(set_cookie).values()))
    morsel.set(morsel.key, "", "")
    morsel["max-age"] = 0
    return morsel.OutputString()
