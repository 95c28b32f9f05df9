"""The fake is only worth something if it signs, delivers and reports as Twilio does."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.errors import RequestRefused
from bot.messages import DeliveryState, DeliveryStatus, InboundMessage, OutboundMessage, WebhookRequest
from channels.base import InboundEvent
from channels.whatsapp import TemplateSet, WhatsAppChannel
from tests.contract.whatsapp.cases import make_provider, make_settings
from tests.support.fake_twilio import ADDRESS, PUBLIC_URL
from tests.support.server import serve


class _Door:
    """The least of a gateway: it verifies, parses and keeps the events."""

    def __init__(self, channel: WhatsAppChannel) -> None:
        self.channel = channel
        self.events: list[InboundEvent] = []
        self.app = Starlette(routes=[Route(path, self._take, methods=["POST"]) for path in channel.webhook_paths])

    async def _take(self, request: Request) -> Response:
        path = request.url.path
        call = WebhookRequest(path, PUBLIC_URL + path, dict(request.headers), await request.body())
        try:
            self.channel.verify_request(call)
        except RequestRefused as refused:
            return Response(status_code=refused.status)
        self.events += self.channel.parse_inbound(call)
        return Response()


async def test_deliver_brings_signed_messages_in_the_given_order_when_one_is_a_repeat() -> None:
    """Duplicates and out-of-order deliveries go over real HTTP with real signatures."""
    twilio = make_provider()
    door = _Door(WhatsAppChannel(make_settings("http://127.0.0.1:9"), PUBLIC_URL, TemplateSet()))
    first, second = twilio.message("uno"), twilio.message("dos")
    with serve(door.app) as gateway_url:
        answers = await twilio.deliver(gateway_url, second, first, second)
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [event.text for event in door.events if isinstance(event, InboundMessage)] == ["dos", "uno", "dos"]


async def test_report_brings_delivery_states_when_a_message_was_accepted() -> None:
    """Reports go to the address that the message named, with the error code only on a failure."""
    twilio = make_provider()
    with serve(twilio.app) as url:
        channel = WhatsAppChannel(make_settings(url), PUBLIC_URL, TemplateSet())
        await channel.start()
        (request,) = channel.render_outbound(OutboundMessage("Hola"))
        sid = await channel.send(ADDRESS, request)
        await channel.close()
    door = _Door(channel)
    with serve(door.app) as gateway_url:
        await twilio.report(gateway_url, sid, "sent", "delivered", "failed", error_code="63014")
    assert door.events == [
        DeliveryStatus("whatsapp", sid, DeliveryState.SENT),
        DeliveryStatus("whatsapp", sid, DeliveryState.DELIVERED),
        DeliveryStatus("whatsapp", sid, DeliveryState.FAILED, "63014", opts_out=True),
    ]
    assert [message["shown"] for message in twilio.sent()] == [{"body": "Hola"}]
