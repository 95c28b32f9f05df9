"""The WhatsApp channel: verification and sending. `parse` says what a call means, `render` what a reply looks like."""

from __future__ import annotations

from collections.abc import Sequence

from twilio.request_validator import RequestValidator

from bot.errors import RequestRefused
from bot.messages import OutboundMessage, WebhookRequest, WebhookResponse
from channels.base import Channel, InboundEvent, SendRequest
from channels.whatsapp.client import TwilioClient
from channels.whatsapp.limits import LIMITS
from channels.whatsapp.parse import CHANNEL, parse_message, parse_status, read_form
from channels.whatsapp.render import render_fallback, render_message
from channels.whatsapp.settings import WhatsAppSettings
from channels.whatsapp.templates import TemplateSet, load_templates

MESSAGE_PATH = "/webhooks/whatsapp"
STATUS_PATH = "/webhooks/whatsapp/status"
SIGNATURE_HEADER = "x-twilio-signature"

# Twilio shows any other body to the contact, https://www.twilio.com/docs/messaging/twiml .
_NO_REPLY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


class WhatsAppChannel(Channel):
    """Reach people on WhatsApp, in the service window.

    Args:
        public_url: where Twilio reaches the gateway, without a path; empty asks for no delivery reports.
        templates: the templates to use; without them the templates file is read when the channel starts.
    """

    name = CHANNEL
    limits = LIMITS
    webhook_paths = (MESSAGE_PATH, STATUS_PATH)

    def __init__(self, settings: WhatsAppSettings, public_url: str, templates: TemplateSet | None = None) -> None:
        self._settings = settings
        self._public_url = public_url.rstrip("/")
        self._is_file_read = templates is None
        self._templates = templates or TemplateSet()
        self._client = TwilioClient(settings)
        self._validator = RequestValidator(settings.auth_token.get_secret_value())

    def verify_request(self, request: WebhookRequest) -> None:
        """Check the signature over the public address and all fields, and that the account is ours.

        Raises:
            RequestRefused: with 401 or 403; with 400 or 415 when there is no form that could be signed.
        """
        signature = request.headers.get(SIGNATURE_HEADER, "")
        if not signature:
            raise RequestRefused(401, "signature_missing")
        form = read_form(request)
        if not self._validator.validate(request.url, form, signature):
            raise RequestRefused(403, "signature_wrong")
        if form.get("AccountSid") != self._settings.account_sid:
            raise RequestRefused(403, "account_unknown")

    def parse_inbound(self, request: WebhookRequest) -> list[InboundEvent]:
        form = read_form(request)
        if request.path == STATUS_PATH:
            return [*parse_status(form)]
        return [parse_message(form)]

    def acknowledge(self, request: WebhookRequest, events: Sequence[InboundEvent]) -> WebhookResponse:
        if request.path == STATUS_PATH:
            return WebhookResponse()
        return WebhookResponse(_NO_REPLY, content_type="text/xml")

    def render_outbound(self, message: OutboundMessage) -> list[SendRequest]:
        return render_message(message, self._templates)

    def fallback(self, message: OutboundMessage) -> list[SendRequest]:
        return render_fallback(message)

    async def send(self, address: str, request: SendRequest) -> str:
        return await self._client.create_message({**self._envelope(address), **request.body})

    async def start(self) -> None:
        if self._is_file_read:
            self._templates = load_templates(self._settings)
        await self._client.open()

    async def close(self) -> None:
        await self._client.close()

    def secrets(self) -> Sequence[str]:
        return (self._settings.auth_token.get_secret_value(),)

    def _envelope(self, address: str) -> dict[str, str]:
        fields = {
            "To": address,
            "From": self._settings.sender,
            "MessagingServiceSid": self._settings.messaging_service_sid,
            "StatusCallback": f"{self._public_url}{STATUS_PATH}" if self._public_url else "",
        }
        return {name: value for name, value in fields.items() if value}
