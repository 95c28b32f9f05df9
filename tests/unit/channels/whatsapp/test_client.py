"""What Twilio's errors mean to us, and what the client does when the network fails."""

from __future__ import annotations

import logging

import pytest

from bot.errors import SendFailed, SendFailure
from channels.whatsapp.client import TwilioClient
from channels.whatsapp.failures import failure_of
from tests.contract.whatsapp.cases import make_provider, make_settings
from tests.support.fake_twilio import ADDRESS, SENDER, FakeTwilio
from tests.support.server import serve
from tests.support.twilio_answers import Answer, hang


@pytest.mark.parametrize(
    ("status", "code", "has_template", "expected"),
    [
        pytest.param(429, 0, False, SendFailure.RATE_LIMITED, id="slow_down_without_code"),
        pytest.param(400, 21611, False, SendFailure.RATE_LIMITED, id="queue_full"),
        pytest.param(400, 63018, True, SendFailure.RATE_LIMITED, id="sender_limit_with_template"),
        pytest.param(500, 20500, False, SendFailure.PROVIDER_DOWN, id="inner_error"),
        pytest.param(502, 0, True, SendFailure.PROVIDER_DOWN, id="gateway_error_with_template"),
        pytest.param(401, 20003, True, SendFailure.NOT_AUTHORISED, id="password"),
        pytest.param(404, 20404, True, SendFailure.NOT_AUTHORISED, id="account"),
        pytest.param(400, 63007, True, SendFailure.NOT_AUTHORISED, id="sender"),
        pytest.param(400, 21610, False, SendFailure.OPTED_OUT, id="opted_out"),
        pytest.param(400, 63014, True, SendFailure.BLOCKED_BY_CONTACT, id="blocked"),
        pytest.param(400, 63024, False, SendFailure.ADDRESS_UNREACHABLE, id="unreachable"),
        pytest.param(400, 63016, False, SendFailure.WINDOW_CLOSED, id="window"),
        pytest.param(400, 63016, True, SendFailure.TEMPLATE_REFUSED, id="window_with_template"),
        pytest.param(400, 21656, True, SendFailure.TEMPLATE_REFUSED, id="variables"),
        pytest.param(400, 99999, True, SendFailure.TEMPLATE_REFUSED, id="unknown_with_template"),
        pytest.param(400, 99999, False, SendFailure.MESSAGE_REFUSED, id="unknown"),
        pytest.param(302, 0, False, SendFailure.PROVIDER_DOWN, id="redirect"),
    ],
)
def test_failure_of_names_the_failure_from_code_and_status(
    status: int, code: int, has_template: bool, expected: SendFailure
) -> None:
    """Every error lands in the closed list."""
    assert failure_of(status, code, has_template=has_template) is expected


async def _create(twilio: FakeTwilio, url: str, **settings: object) -> str:
    client = TwilioClient(make_settings(url, **settings))
    await client.open()
    try:
        return await client.create_message({"To": ADDRESS, "From": SENDER, "Body": "x"})
    finally:
        await client.close()


async def test_create_message_times_out_when_twilio_never_answers() -> None:
    """The setting's time-out counts, which Twilio's own client ignores."""
    twilio = make_provider()
    twilio.script([hang()])
    with serve(twilio.app) as url, pytest.raises(SendFailed) as caught:
        await _create(twilio, url, timeout_seconds=0.2)
    assert caught.value.failure is SendFailure.TIMED_OUT


async def test_create_message_reports_provider_down_when_nobody_listens() -> None:
    """A refused connection is the provider's fault, not the message's."""
    with pytest.raises(SendFailed) as caught:
        await _create(make_provider(), "http://127.0.0.1:9")
    assert caught.value.failure is SendFailure.PROVIDER_DOWN


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sid": null}', b"<html>"], ids=["empty", "list", "no_sid", "page"])
async def test_create_message_reports_provider_down_when_the_answer_is_unreadable(body: bytes) -> None:
    """An answer without an id cannot be followed up."""
    twilio = make_provider()
    twilio.script([Answer("answer", 201, body)])
    with serve(twilio.app) as url, pytest.raises(SendFailed) as caught:
        await _create(twilio, url)
    assert caught.value.failure is SendFailure.PROVIDER_DOWN


async def test_create_message_names_the_failure_when_an_accepted_message_carries_an_error() -> None:
    """Twilio may take a message and fail it in the same answer."""
    twilio = make_provider()
    twilio.script([Answer("answer", 201, b'{"sid": "SM1", "status": "failed", "error_code": 63003}')])
    with serve(twilio.app) as url, pytest.raises(SendFailed) as caught:
        await _create(twilio, url)
    assert (caught.value.failure, caught.value.provider_code) == (SendFailure.ADDRESS_UNREACHABLE, "63003")


async def test_create_message_fails_as_unauthorised_when_the_token_is_wrong() -> None:
    """The fake checks the password as Twilio does."""
    twilio = make_provider()
    with serve(twilio.app) as url, pytest.raises(SendFailed) as caught:
        await _create(twilio, url, auth_token="another-token")
    assert caught.value.failure is SendFailure.NOT_AUTHORISED
    assert twilio.calls == []


async def test_create_message_logs_nothing_of_twilios_own(caplog: pytest.LogCaptureFixture) -> None:
    """Twilio's client would log every call's address with the account in it."""
    caplog.set_level(logging.DEBUG)
    twilio = make_provider()
    with serve(twilio.app) as url:
        await _create(twilio, url)
    assert [record.name for record in caplog.records if record.name.startswith("twilio")] == []
