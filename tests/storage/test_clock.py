"""A clock that jumps: nothing is lost, nothing is held for longer than a lease, late commits are refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.conversations.outbox import LONGEST_WAIT_SECONDS, MAX_ATTEMPTS
from bot.conversations.turns import TurnResult
from bot.errors import LeaseLost, SendFailed, SendFailure
from bot.messages import OutboundMessage
from bot.storage.models import Inbound, Outbound
from bot.storage.session import Database
from bot.wiring import utc_now
from tests.support.builders import Clock, System, make_inbound

ALL = {"webchat"}
JUMPS = [
    pytest.param({"hours": -1}, id="back an hour"),
    pytest.param({"days": -1}, id="back a day"),
    pytest.param({"days": 1}, id="on a day"),
]


def _texts(system: System) -> list[str]:
    with system.database.transaction() as session:
        return [OutboundMessage.from_json(row.body).text for row in session.scalars(select(Outbound).order_by(Outbound.id))]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_message_is_answered_once_when_the_clock_jumps_in_its_turn(system: System, jump: dict[str, float]) -> None:
    """Whoever is late is refused, whoever is in time commits; one reply in either case, and nothing is left."""
    system.inbox.store([make_inbound()])
    slow, quick = system.turns("slow"), system.turns("quick")
    turn = slow.claim()
    assert turn is not None
    system.clock.turn(**jump)
    taken = quick.claim()
    assert taken is not None, "a lease from another time must not hold the conversation"
    quick.commit(taken, TurnResult([OutboundMessage("once")], "", "es", "default"))
    with pytest.raises(LeaseLost):
        slow.commit(turn, TurnResult([OutboundMessage("twice")], "", "es", "default"))
    assert _texts(system) == ["once"]
    assert quick.claim() is None


def test_a_turn_commits_when_the_clock_goes_back_and_nobody_has_taken_it(system: System) -> None:
    """A worker that is alone keeps its turn."""
    system.inbox.store([make_inbound()])
    turn = system.turns().claim()
    assert turn is not None
    system.clock.turn(hours=-1)
    system.turns().commit(turn, TurnResult([OutboundMessage("once")], "", "es", "default"))
    assert _texts(system) == ["once"]


def test_a_lease_holds_when_another_workers_clock_is_a_little_behind(system: System) -> None:
    """Two machines, or one that looked at the clock and then had to wait: the lease ends "later than any could"."""
    system.inbox.store([make_inbound()])
    assert system.turns("ahead").claim() is not None
    system.clock.turn(seconds=-20)
    assert system.turns("behind").claim() is None


@pytest.mark.parametrize("jump", JUMPS)
def test_order_is_kept_when_the_clock_jumps_between_two_messages(system: System, jump: dict[str, float]) -> None:
    """Order is that of arrival, not of the times that were written down; so are the replies at the provider."""
    system.inbox.store([make_inbound("uno")])
    system.clock.turn(**jump)
    system.inbox.store([make_inbound("dos")])
    answered = [system.answer(OutboundMessage(word), owner=word).text for word in ("uno", "dos")]
    assert answered == ["uno", "dos"]
    sent = []
    while taken := system.outbox.take_due(ALL, 10):
        sent += [sending.message.text for sending in taken]
        for sending in taken:
            system.outbox.part_sent(sending.outbound_id, f"p{sending.outbound_id}", is_last=True)
    assert sent == ["uno", "dos"]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_fresh_reply_goes_out_when_the_clock_jumps(system: System, jump: dict[str, float]) -> None:
    """It is due at once, whatever the time is now."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    system.clock.turn(**jump)
    assert system.outbox.has_due(ALL)
    assert len(system.outbox.take_due(ALL, 10)) == 1


@pytest.mark.parametrize("jump", JUMPS)
def test_a_retry_survives_when_the_clock_jumps(system: System, jump: dict[str, float]) -> None:
    """It is tried again within the longest wait, and with its usual pauses from then on."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    (sending,) = system.outbox.take_due(ALL, 10)
    assert system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.PROVIDER_DOWN, "503"))
    system.clock.turn(**jump)
    (again,) = system.outbox.take_due(ALL, 10)
    assert again.attempts == 2
    assert system.outbox.fail(again.outbound_id, SendFailed(SendFailure.PROVIDER_DOWN, "503"))
    assert system.outbox.take_due(ALL, 10) == []
    system.clock.turn(seconds=5)
    assert len(system.outbox.take_due(ALL, 10)) == 1


@pytest.mark.parametrize("jump", JUMPS)
def test_a_reply_of_a_killed_gateway_goes_out_when_the_clock_jumps(system: System, jump: dict[str, float]) -> None:
    """Being sent is a lease too."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    assert len(system.outbox.take_due(ALL, 10)) == 1
    system.clock.turn(**jump)
    assert len(system.outbox.take_due(ALL, 10)) == 1


def test_no_provider_can_put_a_reply_off_for_ever(system: System) -> None:
    """A wait of a week, by a fault or on purpose, is shortened to the longest one."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    for _ in range(MAX_ATTEMPTS - 1):
        (sending,) = system.outbox.take_due(ALL, 10)
        assert system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.RATE_LIMITED, "429", retry_after=604_800))
        assert system.outbox.take_due(ALL, 10) == []
        system.clock.turn(seconds=LONGEST_WAIT_SECONDS + 1)


def test_a_reply_that_is_planned_for_later_is_not_sent_before(system: System) -> None:
    """Far ahead and never tried: somebody wants it so, the clock was not put back."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("mañana"))
    with system.database.transaction() as session:
        session.scalars(select(Outbound)).one().due_at = system.clock() + timedelta(days=1)
    assert not system.outbox.has_due(ALL)
    assert system.outbox.take_due(ALL, 10) == []


@pytest.fixture(params=["America/New_York", "Europe/Madrid", "America/Guayaquil"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """Let this machine live in a zone; two of them put the clock back in autumn, Ecuador never does."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


def test_the_present_is_in_universal_time_wherever_the_machine_stands(zone: ZoneInfo) -> None:
    """Summer time cannot move it."""
    assert utc_now().utcoffset() == timedelta(0)
    assert abs(utc_now().timestamp() - time.time()) < 5


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    "night", [datetime(2026, 11, 1, 5, 59, 30, tzinfo=timezone.utc), datetime(2026, 10, 25, 0, 59, 30, tzinfo=timezone.utc)]
)
def test_a_lease_is_as_long_as_ever_in_the_hour_that_comes_twice(system: System, night: datetime) -> None:
    """Claimed before the clock on the wall goes back, free again a minute after; the times come back as they were stored."""
    system.clock.now = night
    system.inbox.store([make_inbound()])
    assert system.turns("killed").claim() is not None
    system.clock.turn(seconds=59)
    assert system.turns("next").claim() is None
    system.clock.turn(seconds=2)
    assert system.turns("next").claim() is not None
    with system.database.transaction() as session:
        assert session.scalars(select(Inbound)).one().received_at == night


def test_the_same_instant_is_stored_whatever_zone_it_is_told_in(empty_database: Database) -> None:
    """A time in the second of two equal hours does not become the first."""
    from bot.storage.upgrade import upgrade_database

    upgrade_database(empty_database)
    second = datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York"))
    system = System(empty_database, Clock(second))
    system.inbox.store([make_inbound()])
    with system.database.transaction() as session:
        assert session.scalars(select(Inbound)).one().received_at == datetime(2026, 11, 1, 6, 30, tzinfo=timezone.utc)
