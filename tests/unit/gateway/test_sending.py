"""The sending loop: order, retries, fallback, pauses, and what is never sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from anyio import CapacityLimiter
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from bot.conversations.outbox import MAX_ATTEMPTS, SENDING_LEASE_SECONDS
from bot.errors import SendFailed, SendFailure
from bot.gateway.sending import RENEW_SECONDS, SendingLoop
from bot.messages import ChannelLimits, ContactLeft, OutboundMessage, QuickReply
from bot.storage.models import Contact, Conversation, Delivery, Outbound
from channels.base import SendRequest
from tests.support.gateway import Parts
from tests.support.waiting import becomes
from tests.unit.gateway.fakes import FakeChannel, FakeClock, message


@pytest.fixture
async def loop(clocked: Parts, channel: FakeChannel) -> AsyncIterator[SendingLoop]:
    """A loop that is not yet running, ended after the test."""
    made = SendingLoop({channel.name: channel}, clocked.outbox, CapacityLimiter(1), clocked.clock)
    yield made
    made.stop()


def reply(parts: Parts, address: str, *texts: str, quick_replies: tuple[QuickReply, ...] = ()) -> list[int]:
    """Put replies to a contact into the outbox."""
    parts.inbox.store([message(address, f"{address}-{time.monotonic_ns()}", "hola")])
    with parts.database.transaction() as session:
        key = parts.vault.address_hash("fake", address)
        query = select(Conversation.id).join(Contact, Contact.id == Conversation.contact_id).where(Contact.address_hash == key)
        conversation_id = session.scalars(query).one()
        return [
            parts.outbox.enqueue(session, conversation_id, "fake", OutboundMessage(text, quick_replies), None) for text in texts
        ]


def row(parts: Parts, outbound_id: int) -> Outbound:
    """Return a reply as it is stored."""
    with parts.database.transaction() as session:
        return session.get_one(Outbound, outbound_id)


async def run_until(loop: SendingLoop, is_so: Callable[[], bool]) -> None:
    """Run the loop until something is so, then stop it."""
    task = asyncio.create_task(loop.run())
    loop.wake()
    try:
        assert await becomes(is_so)
    finally:
        loop.stop()
        await task


async def test_reply_is_sent_once_when_it_is_due(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """All parts of a reply arrive, each with the provider's id kept, and the reply counts as sent."""
    (outbound_id,) = reply(clocked, "ana", "uno|dos")
    await run_until(loop, lambda: row(clocked, outbound_id).state == "sent")
    assert channel.sent == [("ana", "uno"), ("ana", "dos")]
    with clocked.database.transaction() as session:
        assert session.scalars(select(Delivery.provider_id).order_by(Delivery.id)).all() == ["fake-1", "fake-2"]
    assert row(clocked, outbound_id).sent_at == clocked.clock()


async def test_order_is_kept_when_a_contact_has_many_replies(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """Each contact gets their replies in order, also while others are sent to at the same time."""
    channel.send_seconds = 0.005
    for address in ("ana", "eva", "sol"):
        reply(clocked, address, *(f"{n}" for n in range(6)))
    await run_until(loop, lambda: len(channel.sent) == 18)
    for address in ("ana", "eva", "sol"):
        assert [text for to, text in channel.sent if to == address] == [f"{n}" for n in range(6)]
    assert [to for to, _ in channel.sent[:6]] != ["ana"] * 6


async def test_contacts_are_served_together_when_a_provider_is_slow(
    clocked: Parts, channel: FakeChannel, loop: SendingLoop
) -> None:
    """A slow call to one contact does not hold up the others."""
    channel.send_seconds = 0.3
    for n in range(10):
        reply(clocked, f"c{n}", "x")
    started = time.monotonic()
    await run_until(loop, lambda: len(channel.sent) == 10)
    assert time.monotonic() - started < 1.5


async def test_only_the_rest_is_sent_when_a_part_has_failed(
    clocked: Parts, clock: FakeClock, channel: FakeChannel, loop: SendingLoop
) -> None:
    """After a time-out between two parts the first is not repeated, and the later reply waits its turn."""
    first, second = reply(clocked, "ana", "uno|dos", "tres")
    sent: list[str] = []

    def fail_second_call() -> None:
        sent.append("call")
        if len(sent) == 2:
            channel.failures.append(SendFailed(SendFailure.TIMED_OUT))

    channel.before_send = fail_second_call
    task = asyncio.create_task(loop.run())
    assert await becomes(lambda: row(clocked, first).failure_code == "timed_out")
    assert (row(clocked, first).state, row(clocked, second).state) == ("queued", "queued")
    clock.advance(seconds=60)
    loop.wake()
    assert await becomes(lambda: row(clocked, second).state == "sent")
    loop.stop()
    await task
    assert [text for _, text in channel.sent] == ["uno", "dos", "tres"]


async def test_fallback_is_used_once_when_a_template_is_refused(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """Refused buttons lead to the plain form at once, and a second refusal is visible and final."""
    (outbound_id,) = reply(clocked, "ana", "elija")
    channel.failures = [SendFailed(SendFailure.TEMPLATE_REFUSED, "63016")]
    await run_until(loop, lambda: row(clocked, outbound_id).state == "sent")
    assert channel.sent == [("ana", "plain elija")]


async def test_reply_is_given_up_when_the_fallback_is_refused_too(
    clocked: Parts, channel: FakeChannel, loop: SendingLoop
) -> None:
    """There is no third form to try."""
    (outbound_id,) = reply(clocked, "ana", "elija")
    channel.failures = [SendFailed(SendFailure.TEMPLATE_REFUSED, "63016")] * 2
    await run_until(loop, lambda: row(clocked, outbound_id).state == "failed")
    assert row(clocked, outbound_id).failure_code == "template_refused:63016"


async def test_channel_pauses_when_the_provider_says_slow_down(
    clocked: Parts, clock: FakeClock, channel: FakeChannel, loop: SendingLoop
) -> None:
    """After a 429 nothing goes out on that channel until the provider's time is over."""
    (first,) = reply(clocked, "ana", "uno")
    channel.failures = [SendFailed(SendFailure.RATE_LIMITED, "429", retry_after=0.6)]
    task = asyncio.create_task(loop.run())
    assert await becomes(lambda: row(clocked, first).failure_code == "rate_limited:429")
    paused_at = time.monotonic()
    reply(clocked, "eva", "dos")
    clock.advance(seconds=5)
    loop.wake()
    assert await becomes(lambda: len(channel.sent) == 2)
    loop.stop()
    await task
    assert time.monotonic() - paused_at >= 0.55


async def test_fault_is_visible_and_retried_when_a_channel_breaks(
    clocked: Parts, channel: FakeChannel, loop: SendingLoop
) -> None:
    """An exception that a channel should not raise loses nothing."""
    (outbound_id,) = reply(clocked, "ana", "uno")
    channel.failures = [KeyError("bug")]
    await run_until(loop, lambda: row(clocked, outbound_id).failure_code == "provider_down:KeyError")
    assert row(clocked, outbound_id).state == "queued"


async def test_reply_is_given_up_when_it_was_tried_often(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """After the last try the reply is failed with its reason, and what waits behind it goes out."""
    first, second = reply(clocked, "ana", "uno", "dos")
    with clocked.database.transaction() as session:
        session.execute(update(Outbound).where(Outbound.id == first).values(attempts=MAX_ATTEMPTS - 1))
    channel.failures = [SendFailed(SendFailure.PROVIDER_DOWN, "503")]
    await run_until(loop, lambda: row(clocked, second).state == "sent")
    assert (row(clocked, first).state, row(clocked, first).failure_code) == ("failed", "provider_down:503")


async def test_nothing_is_sent_when_the_contact_has_left(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """A contact who blocked us gets no call, and staff see why."""
    (outbound_id,) = reply(clocked, "ana", "uno")
    clocked.inbox.store([ContactLeft("fake", "ana", clocked.clock())])
    await run_until(loop, lambda: row(clocked, outbound_id).state == "failed")
    assert channel.sent == []
    assert row(clocked, outbound_id).failure_code == "blocked_by_contact:not_sent"


async def test_rest_is_not_sent_when_the_contact_has_opted_out(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """An opt-out error on one reply stops those that wait, until the contact writes again."""
    first, second = reply(clocked, "ana", "uno", "dos")
    channel.failures = [SendFailed(SendFailure.OPTED_OUT, "21610")]
    await run_until(loop, lambda: row(clocked, second).state == "failed")
    assert [row(clocked, n).failure_code for n in (first, second)] == ["opted_out:21610", "opted_out:not_sent"]
    assert channel.sent == []


@pytest.mark.parametrize(("hours", "state"), [(23.9, "sent"), (24.1, "failed")])
async def test_reply_is_held_back_when_the_service_window_has_closed(
    clocked: Parts, clock: FakeClock, hours: float, state: str
) -> None:
    """Within the window the reply goes out; after it there is no call and a visible reason."""
    limits = ChannelLimits(text=1, text_with_choices=1, buttons=1, button_title=1, service_window_hours=24)
    channel = FakeChannel(limits=limits)
    loop = SendingLoop({"fake": channel}, clocked.outbox, CapacityLimiter(1), clock)
    (outbound_id,) = reply(clocked, "ana", "uno")
    clock.advance(hours=hours)
    await run_until(loop, lambda: row(clocked, outbound_id).state == state)
    assert row(clocked, outbound_id).failure_code == ("window_closed:not_sent" if state == "failed" else "")


async def test_pace_is_kept_when_there_is_much_to_send(clocked: Parts) -> None:
    """A channel's messages per second are never exceeded by more than a fifth of a second's worth."""
    limits = ChannelLimits(text=1, text_with_choices=1, buttons=1, button_title=1, messages_per_second=20)
    channel = FakeChannel(limits=limits)
    loop = SendingLoop({"fake": channel}, clocked.outbox, CapacityLimiter(1), clocked.clock)
    for n in range(14):
        reply(clocked, f"c{n}", "x")
    started = time.monotonic()
    await run_until(loop, lambda: len(channel.sent) == 14)
    assert time.monotonic() - started >= (14 - 4) / 20 * 0.9


async def test_reply_on_its_way_arrives_when_the_loop_stops(clocked: Parts, channel: FakeChannel, loop: SendingLoop) -> None:
    """Stopping waits for what is being sent, and takes nothing new."""
    channel.send_seconds = 0.2
    first, second = reply(clocked, "ana", "uno", "dos")
    task = asyncio.create_task(loop.run())
    assert await becomes(lambda: row(clocked, first).state == "sending")
    loop.stop()
    await task
    assert (row(clocked, first).state, row(clocked, second).state) == ("sent", "queued")


async def test_other_gateway_takes_over_when_one_was_killed(
    clocked: Parts, clock: FakeClock, channel: FakeChannel, loop: SendingLoop
) -> None:
    """A reply that a killed gateway left half sent is finished by the next one, without repeating what arrived."""
    (outbound_id,) = reply(clocked, "ana", "uno|dos")
    clocked.outbox.take_due({"fake"}, 1)
    clocked.outbox.part_sent(outbound_id, "before")
    clock.advance(seconds=91)
    await run_until(loop, lambda: row(clocked, outbound_id).state == "sent")
    assert channel.sent == [("ana", "dos")]


def lose_database(parts: Parts, monkeypatch: pytest.MonkeyPatch, times: int, *, after: bool = False) -> None:
    """Let the next records of sent parts fail, before or after they are committed."""
    monkeypatch.setattr("bot.gateway.sending.RECORD_SECONDS", 0.01)
    record, failures = parts.outbox.part_sent, iter(range(times))

    def record_or_fail(outbound_id: int, provider_id: str, **ends: bool) -> None:
        fails = next(failures, None) is not None
        if after or not fails:
            record(outbound_id, provider_id, **ends)
        if fails:
            raise OperationalError("UPDATE", {}, OSError("No space left on device"))

    monkeypatch.setattr(parts.outbox, "part_sent", record_or_fail)


@pytest.mark.parametrize("after", [False, True], ids=["it was not written", "only the answer was lost"])
async def test_nothing_is_sent_twice_when_the_database_is_away(
    clocked: Parts, channel: FakeChannel, loop: SendingLoop, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """What the provider took is written down when the database is back, each part once."""
    (outbound_id,) = reply(clocked, "ana", "uno|dos")
    lose_database(clocked, monkeypatch, 1 if after else 5, after=after)
    await run_until(loop, lambda: row(clocked, outbound_id).state == "sent")
    assert channel.sent == [("ana", "uno"), ("ana", "dos")]
    assert (row(clocked, outbound_id).parts_sent, row(clocked, outbound_id).attempts) == (2, 1)


async def test_nothing_is_sent_twice_when_the_database_is_away_beyond_the_lease(
    clocked: Parts, clock: FakeClock, channel: FakeChannel, loop: SendingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop does not take what it still has in hand."""
    (outbound_id,) = reply(clocked, "ana", "uno")
    lose_database(clocked, monkeypatch, 40)
    channel.before_send = lambda: clock.advance(seconds=SENDING_LEASE_SECONDS + 1)
    await run_until(loop, lambda: row(clocked, outbound_id).state == "sent")
    assert channel.sent == [("ana", "uno")]


async def test_loop_counts_as_dead_when_it_was_stopped(loop: SendingLoop) -> None:
    """Readiness sees a loop that has ended."""
    assert loop.is_alive
    loop.stop()
    assert not loop.is_alive


async def test_reply_stays_ours_when_the_provider_is_slow(
    clocked: Parts, clock: FakeClock, channel: FakeChannel, loop: SendingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another gateway does not take it, however long the provider needs; a killed one's replies are free after the lease."""
    monkeypatch.setattr("bot.gateway.sending.RENEW_SECONDS", 0.0)
    send, answer = channel.send, asyncio.Event()

    async def send_slowly(address: str, request: SendRequest) -> str:
        await answer.wait()
        return await send(address, request)

    monkeypatch.setattr(channel, "send", send_slowly)
    (outbound_id,) = reply(clocked, "ana", "uno")
    task = asyncio.create_task(loop.run())
    assert await becomes(lambda: row(clocked, outbound_id).state == "sending")
    clock.advance(seconds=SENDING_LEASE_SECONDS - 1)
    loop.wake()
    renewed = clock() + timedelta(seconds=SENDING_LEASE_SECONDS)
    assert await becomes(lambda: row(clocked, outbound_id).due_at == renewed)
    clock.advance(seconds=SENDING_LEASE_SECONDS - 1)
    assert clocked.outbox.take_due({"fake"}, 10) == []
    answer.set()
    assert await becomes(lambda: row(clocked, outbound_id).state == "sent")
    loop.stop()
    await task
    assert channel.sent == [("ana", "uno")]


def test_times_fit_when_a_reply_is_slow() -> None:
    """A renewal may fail twice before another gateway may take the reply."""
    assert 3 * RENEW_SECONDS < SENDING_LEASE_SECONDS
