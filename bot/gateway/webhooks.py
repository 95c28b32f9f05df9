"""Take calls in: read, verify, parse, store, and only then acknowledge."""

from __future__ import annotations

import logging
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot import metrics
from bot.errors import RequestRefused
from bot.gateway.limits import Allowance
from bot.gateway.storing import InboxWriter
from bot.messages import InboundMessage, WebhookRequest
from channels.base import Channel, InboundEvent

RETRY_SECONDS = 5
"""What we tell a caller that we could not serve now."""

logger = logging.getLogger(__name__)


class Webhook:
    """The endpoint of one channel's calls.

    Args:
        public_url: the operator's public address. Signatures are computed over it, so the caller's Host header is not used.
        allowance: how often each contact may write, where contacts call us themselves; None where a provider does.
    """

    def __init__(self, channel: Channel, writer: InboxWriter, public_url: str, allowance: Allowance | None = None) -> None:
        self._channel = channel
        self._writer = writer
        self._public_url = public_url.rstrip("/")
        self._allowance = allowance

    async def serve(self, request: Request) -> Response:
        """Answer one call."""
        began = time.perf_counter()
        try:
            answer = await self._take(await webhook_request(request, self._public_url))
            metrics.acknowledge_seconds.labels(self._channel.name).observe(time.perf_counter() - began)
            return answer
        except RequestRefused as refused:
            metrics.webhooks_refused.labels(self._channel.name, refused.code).inc()
            logger.warning("webhook_refused channel=%s status=%d code=%s", self._channel.name, refused.status, refused.code)
            return refusal(refused)
        except Exception as error:  # The one broad except: the provider keeps the message and calls again.
            metrics.webhooks_refused.labels(self._channel.name, "not_stored").inc()
            logger.error("webhook_failed channel=%s error=%s", self._channel.name, type(error).__name__)
            return JSONResponse({"error": "not_stored"}, 503, headers={"retry-after": str(RETRY_SECONDS)})

    async def _take(self, call: WebhookRequest) -> Response:
        self._channel.verify_request(call)
        events = self._channel.parse_inbound(call)
        await self._check_allowance(events)
        await self._writer.store(events)
        answer = self._channel.acknowledge(call, events)
        return Response(answer.body, answer.status, media_type=answer.content_type)

    async def _check_allowance(self, events: list[InboundEvent]) -> None:
        if self._allowance is None:
            return
        for event in events:
            if isinstance(event, InboundMessage) and not await self._allowance.take(event.address):
                raise RequestRefused(429, "too_many_messages")


async def webhook_request(request: Request, public_url: str) -> WebhookRequest:
    """Return a call as channels read it."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    target = path + (b"?" + query if query else b"")
    return WebhookRequest(
        path=request.url.path,
        url=public_url + target.decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]},
        body=await request.body(),
    )


def refusal(refused: RequestRefused) -> Response:
    """Return what a refused caller gets: the code alone."""
    headers = {"retry-after": str(RETRY_SECONDS)} if refused.status == 429 else None
    return JSONResponse({"error": refused.code}, refused.status, headers=headers)
