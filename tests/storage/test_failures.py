"""What was given up or is stuck: listed by name, tried again or closed, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.conversations.failures import Failures, FailureUnknown
from bot.conversations.queues import STUCK_SECONDS
from bot.conversations.turns import LEASE_SECONDS, Turn, TurnResult
from bot.errors import LeaseLost, SendFailed, SendFailure
from bot.messages import OutboundMessage
from bot.storage.models import Conversation, Inbound, Outbound
from tests.support.builders import System, make_inbound


def _failures(system: System) -> Failures:
    return Failures(system.database, system.clock)


def _names(system: System) -> list[str]:
    return [failure.name for failure in _failures(system).list()]


def _claimed(system: System) -> Turn:
    turn = system.turns().claim()
    assert turn is not None
    return turn


def _result(*replies: OutboundMessage, code: str = "") -> TurnResult:
    return TurnResult(replies, "", "es", "default", error_code=code)


def _dead_letter(system: System, address: str) -> str:
    """Give a message of a contact up, with a sentence that then does not arrive, and return the message's name."""
    system.inbox.store([make_inbound("un secreto", address=address, channel="whatsapp")])
    turn = _claimed(system)
    system.turns().commit(turn, _result(OutboundMessage("lo siento"), code="engine_failed"), is_dead=True)
    (sending,) = system.outbox.take_due({"whatsapp"}, 1)
    system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.MESSAGE_REFUSED))
    return f"message-{turn.inbound_id}"


def _inbound(system: System, name: str) -> Inbound:
    with system.database.transaction() as session:
        return session.get_one(Inbound, int(name.split("-")[1]))


def test_only_what_is_named_is_tried_again(system: System) -> None:
    """The others stay in the list."""
    first, second = _dead_letter(system, "a"), _dead_letter(system, "b")
    assert len(_names(system)) == 4
    assert _failures(system).retry([second]) == 1
    assert second not in _names(system)
    assert first in _names(system)
    assert _claimed(system).inbound_id == int(second.split("-")[1])
    assert system.turns("other").claim() is None


def test_closing_keeps_the_record_and_empties_what_was_written(system: System) -> None:
    """The message is marked with the time; its code and tries stay; a closed reply is not sent any more."""
    message = _dead_letter(system, "a")
    (reply,) = set(_names(system)) - {message}
    system.clock.turn(hours=1)
    assert _failures(system).close([message, reply]) == 2
    assert _names(system) == []
    row = _inbound(system, message)
    assert (row.state, row.closed_at, row.body_encrypted) == ("closed", system.clock.now, None)
    assert (row.error_code, row.attempts) == ("engine_failed", 1)
    with system.database.transaction() as session:
        sent = session.scalars(select(Outbound)).one()
        assert (sent.state, sent.closed_at) == ("closed", system.clock.now)
    assert system.outbox.take_due({"whatsapp"}, 5) == []
    assert _failures(system).retry() == 0


@pytest.mark.parametrize("names", [["message-999"], ["message-x"], ["hola"], []], ids=["gone", "no number", "no name", "none"])
def test_closing_what_is_not_listed_changes_nothing(system: System, names: list[str]) -> None:
    """One wrong name stops the whole command, so that nothing is closed by a slip."""
    message = _dead_letter(system, "a")
    with pytest.raises(FailureUnknown):
        _failures(system).close([*names, message] if names else [])
    assert _inbound(system, message).state == "dead"


def test_a_conversation_whose_worker_died_is_listed_and_given_free(system: System) -> None:
    """Retry releases the lease: the next worker takes the message at once, the first one can store nothing more."""
    system.inbox.store([make_inbound("primero"), make_inbound("segundo")])
    lost = _claimed(system)
    assert _names(system) == []
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    (stuck,) = _failures(system).list()
    assert (stuck.name, stuck.code, stuck.attempts) == (f"stuck-{lost.inbound_id}", "worker_gone", 1)
    assert _failures(system).retry([stuck.name]) == 1
    assert system.turns("other").claim() is not None
    with pytest.raises(LeaseLost):
        system.turns().commit(lost, _result())


def test_a_conversation_that_nobody_takes_is_listed(system: System) -> None:
    """After its time, with the code that says that no worker came."""
    system.inbox.store([make_inbound()])
    system.clock.turn(seconds=STUCK_SECONDS + 1)
    assert [failure.code for failure in _failures(system).list()] == ["no_worker"]


def test_closing_a_stuck_message_lets_the_next_one_be_answered(system: System) -> None:
    """A message that no worker survives is ended, and those behind it go on; at the end nothing waits."""
    system.inbox.store([make_inbound("primero"), make_inbound("segundo")])
    lost = _claimed(system)
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    _failures(system).close([f"stuck-{lost.inbound_id}"])
    assert _inbound(system, f"stuck-{lost.inbound_id}").body_encrypted is None
    with pytest.raises(LeaseLost):
        system.turns().commit(lost, _result())
    following = _claimed(system)
    assert following.text == "segundo"
    system.turns().commit(following, _result())
    with system.database.transaction() as session:
        assert session.scalars(select(Conversation)).one().waiting_since is None
