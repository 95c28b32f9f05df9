"""The web chat channel: who may call and what a call means. The gateway serves the page and hands out the replies."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.errors import RequestRefused, SendFailed, SendFailure
from bot.messages import OutboundMessage, WebhookRequest, WebhookResponse
from channels.base import InboundEvent, PullChannel, SendRequest
from channels.webchat.identity import Identity
from channels.webchat.limits import LIMITS
from channels.webchat.pages import BASE_PATH, Texts, build_pages
from channels.webchat.parse import CHANNEL, parse_message, read_body
from channels.webchat.render import render_message, render_without_buttons
from channels.webchat.settings import WebChatSettings

MESSAGE_PATH = f"{BASE_PATH}messages"


class WebChatChannel(PullChannel):
    """Reach people through a page in their browser.

    Args:
        public_url: the address under which browsers reach the gateway; with https the cookie is sent over https alone.
        texts: locale → key → sentence, with all `webchat.*` keys.
        identity: passed in by tests alone.
    """

    name = CHANNEL
    limits = LIMITS
    webhook_paths = (MESSAGE_PATH,)

    def __init__(self, settings: WebChatSettings, public_url: str, texts: Texts, identity: Identity | None = None) -> None:
        is_secure = public_url.startswith("https://")
        self._identity = identity or Identity(is_secure=is_secure, days=settings.cookie_days)
        self._pages = build_pages(texts)

    def verify_request(self, request: WebhookRequest) -> None:
        """Check that our own page is calling, in a browser that has an address.

        Raises:
            RequestRefused: with 401, 403 or 415.
        """
        if not _is_same_origin(request):
            raise RequestRefused(403, "origin_foreign")
        # A form of another site can not send this type without asking first, which is never granted.
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise RequestRefused(415, "content_type_unexpected")
        if not self.address_of(request.headers):
            raise RequestRefused(401, "cookie_missing")

    def parse_inbound(self, request: WebhookRequest) -> list[InboundEvent]:
        return [parse_message(read_body(request.body), self.address_of(request.headers))]

    def render_outbound(self, message: OutboundMessage) -> list[SendRequest]:
        return render_message(message)

    def fallback(self, message: OutboundMessage) -> list[SendRequest]:
        return render_without_buttons(message)

    async def send(self, address: str, request: SendRequest) -> str:
        """Refuse: a browser fetches its replies.

        Raises:
            SendFailed: always.
        """
        raise SendFailed(SendFailure.ADDRESS_UNREACHABLE, "pull_channel")

    def secrets(self) -> Sequence[str]:
        return ()

    def pages(self) -> dict[str, WebhookResponse]:
        return self._pages

    def address_of(self, headers: dict[str, str]) -> str:
        return self._identity.read(headers)

    def new_address(self) -> tuple[str, str]:
        return self._identity.make()


def _is_same_origin(request: WebhookRequest) -> bool:
    """Tell whether our own page calls, by the browser's own word first.

    Browsers leave it out on plain http and when they are old; all of them name the origin of a POST:
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site .
    """
    site = request.headers.get("sec-fetch-site", "")
    if site:
        return site == "same-origin"
    public = urlsplit(request.url)
    return request.headers.get("origin", "") == f"{public.scheme}://{public.netloc}"
