"""Verification on the public address, acknowledgement, and who the message says it is from."""

from __future__ import annotations

import dataclasses

import pytest
from twilio.request_validator import RequestValidator

from bot.errors import RequestRefused
from bot.messages import OutboundMessage, WebhookRequest
from channels.whatsapp import TemplateSet, WhatsAppChannel
from tests.contract.whatsapp.cases import make_provider, make_settings
from tests.support.fake_twilio import ADDRESS, AUTH_TOKEN, MESSAGE_PATH, PUBLIC_URL, SENDER, STATUS_PATH, FakeTwilio
from tests.support.server import serve

NOWHERE = "http://127.0.0.1:9"
SERVICE = "MG" + "1" * 32


def _channel() -> WhatsAppChannel:
    return WhatsAppChannel(make_settings(NOWHERE), PUBLIC_URL, TemplateSet())


def test_verify_takes_the_example_that_twilio_publishes() -> None:
    """The signature that https://www.twilio.com/docs/usage/security prints, which no code of ours made, is right."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": "GvWf1cFY/Q7PnoempGyD5oXAezc=",
    }
    settings = make_settings(NOWHERE, auth_token="12345")
    channel = WhatsAppChannel(settings, "https://mycompany.com", TemplateSet())
    with pytest.raises(RequestRefused) as caught:
        channel.verify_request(WebhookRequest(MESSAGE_PATH, url, headers, body))
    # The example belongs to no account of ours: it comes this far only because the signature is right.
    assert caught.value.code == "account_unknown"


@pytest.mark.parametrize("port", ["", ":443", ":8443"], ids=["no_port", "default_port", "other_port"])
def test_verify_takes_a_call_whether_or_not_the_port_was_signed(port: str) -> None:
    """Twilio is not consistent about the port in the address it signs."""
    twilio = FakeTwilio(public_url=f"https://bot.example.org{port}")
    request = twilio.webhook(twilio.message("Hola"))
    assert _channel().verify_request(request) is None
    with pytest.raises(RequestRefused):
        _channel().verify_request(dataclasses.replace(request, body=request.body + b"&Body=Adios"))


def test_verify_refuses_when_the_gateway_has_another_public_address() -> None:
    """A call signed for another host is not for us."""
    twilio = FakeTwilio()
    request = dataclasses.replace(twilio.webhook(twilio.message("Hola")), url=f"https://other.example.org{MESSAGE_PATH}")
    with pytest.raises(RequestRefused) as caught:
        _channel().verify_request(request)
    assert (caught.value.status, caught.value.code) == (403, "signature_wrong")


def test_verify_counts_empty_fields_and_both_of_a_repeated_field() -> None:
    """A field cannot be added or dropped because it is empty, and a second value counts."""
    twilio = FakeTwilio()
    body = f"AccountSid={twilio.account_sid}&Empty=&Twice=a&Twice=b"
    _channel().verify_request(twilio.webhook(body))
    signature = RequestValidator(AUTH_TOKEN).compute_signature(
        PUBLIC_URL + MESSAGE_PATH, {"AccountSid": twilio.account_sid, "Twice": "b"}
    )
    with pytest.raises(RequestRefused):
        _channel().verify_request(twilio.webhook(body, headers={"x-twilio-signature": signature}))


def test_acknowledge_says_nothing_to_the_contact() -> None:
    """An empty TwiML response: any other text would be sent as a message."""
    twilio = FakeTwilio()
    answer = _channel().acknowledge(twilio.webhook(twilio.message("Hola")), [])
    assert answer.content_type == "text/xml"
    assert answer.body.endswith(b"<Response/>")
    report = _channel().acknowledge(twilio.webhook(twilio.status("SM1", "sent"), STATUS_PATH), [])
    assert report.body == b""


@pytest.mark.parametrize(
    ("changes", "public_url", "expected"),
    [
        pytest.param({}, PUBLIC_URL + "/", {"From": SENDER, "StatusCallback": PUBLIC_URL + STATUS_PATH}, id="sender"),
        pytest.param(
            {"sender": "", "messaging_service_sid": SERVICE},
            "",
            {"MessagingServiceSid": SERVICE},
            id="service_no_reports",
        ),
    ],
)
async def test_send_names_the_sender_and_where_reports_go(
    changes: dict[str, str], public_url: str, expected: dict[str, str]
) -> None:
    """One sender or a messaging service; reports only where Twilio can reach us."""
    twilio = make_provider()
    with serve(twilio.app) as url:
        channel = WhatsAppChannel(make_settings(url, **changes), public_url, TemplateSet())
        await channel.start()
        (request,) = channel.render_outbound(OutboundMessage("Hola"))
        await channel.send(ADDRESS, request)
        await channel.close()
    assert twilio.calls == [{"To": ADDRESS, "Body": "Hola", **expected}]
