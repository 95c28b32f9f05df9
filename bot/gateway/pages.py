"""Serve a channel's static pages: packed, cached while unchanged, with the cookie that gives a browser its address."""

from __future__ import annotations

import gzip
import hashlib

from starlette.requests import Request
from starlette.responses import Response

from bot.messages import WebhookResponse
from channels.base import PullChannel

_FOREVER = "public, max-age=31536000, immutable"
_ASK_FIRST = "private, no-cache"


class Page:
    """The endpoint of one page or one of its parts."""

    def __init__(self, channel: PullChannel, content: WebhookResponse) -> None:
        self._channel = channel
        self._content = content
        self._packed = gzip.compress(content.body, 9, mtime=0)
        self._tag = f'"{hashlib.sha256(content.body).hexdigest()[:16]}"'
        self._is_page = content.content_type.startswith("text/html")

    async def serve(self, request: Request) -> Response:
        """Answer one call; a page gives an address to a browser that has none."""
        headers = self._headers(request)
        if self._is_page and not self._channel.address_of(dict(request.headers)):
            headers["set-cookie"] = self._channel.new_address()[1]
        elif request.headers.get("if-none-match") == self._tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(self._packed, headers=headers, media_type=self._content.content_type)
        return Response(self._content.body, headers=headers, media_type=self._content.content_type)

    def _headers(self, request: Request) -> dict[str, str]:
        # A part is asked for under an address that names its version, so it never has to be asked for again.
        is_versioned = not self._is_page and "v" in request.query_params
        return {"etag": self._tag, "cache-control": _FOREVER if is_versioned else _ASK_FIRST, "vary": "accept-encoding"}
