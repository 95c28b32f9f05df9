"""The queues' figures, on both databases."""

from __future__ import annotations

from bot.conversations.queues import STUCK_SECONDS, QueueFigures, Queues
from bot.conversations.turns import LEASE_SECONDS, TurnResult
from bot.errors import SendFailed, SendFailure
from bot.messages import OutboundMessage
from tests.support.builders import System, make_inbound

EMPTY = QueueFigures(0, 0.0, 0, 0.0, 0, 0, 0)


def _queues(system: System) -> Queues:
    return Queues(system.database, ["whatsapp"], system.clock)


def test_nothing_waits_in_an_empty_database(system: System) -> None:
    """All figures are zero."""
    assert _queues(system).read() == EMPTY


def test_what_waits_is_counted_with_the_age_of_the_oldest(system: System) -> None:
    """Messages until they are answered, replies until they are sent; those that a page fetches are not ours to send."""
    queues = _queues(system)
    system.inbox.store([make_inbound(channel="whatsapp"), make_inbound(channel="whatsapp")])
    system.clock.turn(seconds=30)
    system.inbox.store([make_inbound(channel="webchat", address="other")])
    assert queues.read() == QueueFigures(3, 30.0, 0, 0.0, 0, 0, 0)
    for _ in range(3):
        system.answer(OutboundMessage("una respuesta"))
    system.clock.turn(seconds=5)
    assert queues.read() == QueueFigures(0, 0.0, 2, 5.0, 0, 0, 0)


def test_what_was_given_up_is_counted_until_it_is_dealt_with(system: System) -> None:
    """A dead letter and a failed reply each count once."""
    system.inbox.store([make_inbound(channel="whatsapp")])
    turn = system.turns().claim()
    assert turn is not None
    failed = TurnResult([OutboundMessage("lo siento")], "", "es", "default", error_code="engine_failed")
    system.turns().commit(turn, failed, is_dead=True)
    (sending,) = system.outbox.take_due({"whatsapp"}, 1)
    system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.MESSAGE_REFUSED))
    assert _queues(system).read() == QueueFigures(0, 0.0, 0, 0.0, 1, 1, 0)


def test_a_conversation_is_stuck_when_its_worker_died_or_it_waits_too_long(system: System) -> None:
    """A lease that ran out counts at once, a long wait after its time, a turn that is being run does not."""
    system.inbox.store([make_inbound(channel="whatsapp")])
    assert system.turns().claim() is not None
    assert _queues(system).read().stuck == 0
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    assert _queues(system).read().stuck == 1
    system.inbox.store([make_inbound(channel="whatsapp", address="other")])
    assert _queues(system).read().stuck == 1
    system.clock.turn(seconds=STUCK_SECONDS + 1)
    assert _queues(system).read().stuck == 2
