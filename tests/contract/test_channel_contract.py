"""The one suite that every channel passes; what a channel must do is in its `cases.py`, what all must do is here."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from bot.errors import RequestRefused, SendFailed, SendFailure
from bot.messages import InboundMessage, WebhookResponse
from channels.base import Channel, InboundEvent, SendRequest
from tests.contract.case import REQUIRED_INBOUND, REQUIRED_SENDS, ChannelKit, InboundCase, SendCase
from tests.contract.telegram.cases import KIT as TELEGRAM
from tests.contract.webchat.cases import KIT as WEBCHAT
from tests.contract.whatsapp.cases import KIT as WHATSAPP
from tests.support.server import serve

KITS: tuple[ChannelKit, ...] = (WHATSAPP, TELEGRAM, WEBCHAT)

_NOWHERE = "http://127.0.0.1:9"
_SHORT = 6
"""Texts below this length also occur in log lines that have nothing to do with them."""

assert KITS
assert all(kit.inbound and kit.sends for kit in KITS)
_INBOUND = [pytest.param(kit, case, id=f"{kit.name}-{case.id}") for kit in KITS for case in kit.inbound]
_SENDS = [pytest.param(kit, case, id=f"{kit.name}-{case.id}") for kit in KITS for case in kit.sends]
_CHOICES = [
    pytest.param(kit, case, id=f"{kit.name}-{case.id}") for kit in KITS for case in kit.sends if case.message.quick_replies
]
_REFUSED = [
    pytest.param(kit, case, id=f"{kit.name}-{case.id}")
    for kit in KITS
    for case in kit.sends
    if case.failure is SendFailure.TEMPLATE_REFUSED
]
_TAKEN = [pytest.param(kit, case, id=f"{kit.name}-{case.id}") for kit in KITS for case in kit.inbound if not case.refused]
_KITS = [pytest.param(kit, id=kit.name) for kit in KITS]

assert _CHOICES
assert _REFUSED
assert _TAKEN


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Catch what every library logs, down to the finest level."""
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("kit", _KITS)
def test_kit_is_complete_when_a_channel_joins(kit: ChannelKit) -> None:
    """A channel brings every required case, and no id twice."""
    inbound = [case.id for case in kit.inbound]
    sends = [case.id for case in kit.sends]
    assert set(REQUIRED_INBOUND) <= set(inbound)
    assert set(REQUIRED_SENDS) <= set(sends)
    assert len(set(inbound)) == len(inbound)
    assert len(set(sends)) == len(sends)


@pytest.mark.parametrize("kit", _KITS)
def test_secrets_are_named_when_a_channel_has_been_built(kit: ChannelKit) -> None:
    """A channel says what must be redacted, and its own words never show it."""
    channel = kit.make_channel(_NOWHERE)
    secrets = channel.secrets()
    assert all(secrets)
    assert not any(secret in repr(channel) for secret in secrets)


@pytest.mark.parametrize(("kit", "case"), _INBOUND)
def test_call_is_read_or_refused_when_it_arrives(kit: ChannelKit, case: InboundCase, caplog: pytest.LogCaptureFixture) -> None:
    """A call becomes the stated events, or is refused with the stated status, and leaves no trace in the logs."""
    channel = kit.make_channel(_NOWHERE)
    assert case.request.path in channel.webhook_paths
    if case.refused:
        with pytest.raises(RequestRefused) as caught:
            _receive(channel, case)
        assert caught.value.status == case.refused
        assert 400 <= caught.value.status <= 499
    else:
        assert _receive(channel, case) == list(case.expected)
    _assert_logs_are_clean(kit, channel, caplog, _inbound_texts(case.expected))


@pytest.mark.parametrize(("kit", "case"), _TAKEN)
def test_repeat_is_recognised_when_the_same_call_comes_twice(kit: ChannelKit, case: InboundCase) -> None:
    """The same delivery gives the same events and ids, from a fresh channel too, and is acknowledged each time."""
    first, second = kit.make_channel(_NOWHERE), kit.make_channel(_NOWHERE)
    events = _receive(first, case)
    assert events == _receive(first, case) == _receive(second, case)
    assert all(event.provider_id for event in events if isinstance(event, InboundMessage))
    answer = first.acknowledge(case.request, events)
    assert isinstance(answer, WebhookResponse)
    assert answer.status == 200


@pytest.mark.parametrize(("kit", "case"), _SENDS)
async def test_calls_are_exact_when_a_reply_is_sent(kit: ChannelKit, case: SendCase, caplog: pytest.LogCaptureFixture) -> None:
    """A reply makes exactly the stated calls, ends in the stated failure if any, and leaves no trace in the logs."""
    provider = kit.make_provider()
    provider.script(case.replies)
    with serve(provider.app) as url:
        channel = kit.make_channel(url)
        requests = channel.render_outbound(case.message)
        assert requests == channel.render_outbound(case.message)
        failed = await _send_all(kit, channel, requests)
    assert list(provider.calls) == list(case.calls)
    assert provider.unused == 0
    assert (failed.failure if failed else None) == case.failure
    assert (failed.retry_after if failed else None) == case.retry_after
    _assert_logs_are_clean(kit, channel, caplog, _outbound_texts(case))


@pytest.mark.parametrize(("kit", "case"), _CHOICES)
async def test_every_choice_is_named_when_buttons_were_refused(kit: ChannelKit, case: SendCase) -> None:
    """The fallback is taken by the provider and shows all choices in full."""
    provider = kit.make_provider()
    with serve(provider.app) as url:
        channel = kit.make_channel(url)
        failed = await _send_all(kit, channel, channel.fallback(case.message))
    assert failed is None
    shown = str(list(provider.calls))
    missing = [reply.title for reply in case.message.quick_replies if reply.title not in shown and "*" not in reply.title]
    assert missing == []


@pytest.mark.parametrize(("kit", "case"), _REFUSED)
def test_fallback_begins_with_what_was_sent_when_buttons_were_refused(kit: ChannelKit, case: SendCase) -> None:
    """Sending can go on at the refused request: all before it are the same, so the contact reads nothing twice."""
    channel = kit.make_channel(_NOWHERE)
    taken = len(case.calls) - 1
    fallback = channel.fallback(case.message)
    assert fallback[:taken] == channel.render_outbound(case.message)[:taken]
    assert len(fallback) > taken


def _receive(channel: Channel, case: InboundCase) -> list[InboundEvent]:
    channel.verify_request(case.request)
    return list(channel.parse_inbound(case.request))


async def _send_all(kit: ChannelKit, channel: Channel, requests: Sequence[SendRequest]) -> SendFailed | None:
    await channel.start()
    try:
        ids = [await channel.send(kit.address, request) for request in requests]
    except SendFailed as failed:
        return failed
    finally:
        await channel.close()
    assert all(ids)
    assert len(set(ids)) == len(ids)
    return None


def _inbound_texts(events: Sequence[InboundEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, InboundMessage)]


def _outbound_texts(case: SendCase) -> list[str]:
    titles = [reply.title for reply in case.message.quick_replies]
    return [*titles, *(line.strip("*-~ ") for line in case.message.text.splitlines())]


def _assert_logs_are_clean(kit: ChannelKit, channel: Channel, caplog: pytest.LogCaptureFixture, texts: Sequence[str]) -> None:
    """Look at messages and at the values bound to the records, of every library."""
    lines = [f"{record.getMessage()} {record.exc_info} {record.__dict__}" for record in caplog.records]
    personal = [*channel.secrets(), kit.address, *(text for text in texts if len(text) >= _SHORT)]
    assert [word for word in personal if any(word in line for line in lines)] == []
