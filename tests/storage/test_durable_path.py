"""The inbox, the turns and the outbox, on both databases: nothing lost, nothing twice, order kept."""

from __future__ import annotations

import threading
import time
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.conversations.failures import Failures
from bot.conversations.outbox import MAX_ATTEMPTS
from bot.conversations.turns import LEASE_SECONDS, Turn, TurnResult, Turns
from bot.errors import LeaseLost, SendFailed, SendFailure, SettingsError
from bot.messages import ContactLeft, DeliveryState, DeliveryStatus, OutboundMessage, QuickReply
from bot.storage.models import Contact, Conversation, Inbound, Outbound
from bot.storage.revision import HEAD, is_current
from bot.storage.upgrade import downgrade_database, newest_revision, upgrade_database
from bot.storage.vault import Vault
from tests.support.builders import System, make_inbound

ALL = {"webchat", "whatsapp"}


def _outbound(system: System) -> list[Outbound]:
    with system.database.transaction() as session:
        return list(session.scalars(select(Outbound).order_by(Outbound.id)))


def test_migrations_go_up_and_down_and_up_again(empty_database) -> None:
    """Every migration can be applied, taken back, and applied again."""
    assert not is_current(empty_database)
    upgrade_database(empty_database)
    assert is_current(empty_database)
    assert newest_revision() == HEAD
    assert downgrade_database(empty_database, "base")[1] == ""
    assert upgrade_database(empty_database)[1] == HEAD


def test_store_drops_a_repeat_when_the_provider_delivers_twice(system: System) -> None:
    """A second delivery of one provider id is counted and not stored."""
    message = make_inbound(provider_id="same")
    assert system.inbox.store([message]).stored == 1
    assert system.inbox.store([message, make_inbound(provider_id="same")]).repeated == 2
    with system.database.transaction() as session:
        assert len(session.scalars(select(Inbound)).all()) == 1


def test_store_keeps_the_text_encrypted_until_it_is_answered(system: System) -> None:
    """The body is unreadable in the table, and gone once the message is done."""
    system.inbox.store([make_inbound("estoy en Tapachula", address="secret-address")])
    with system.database.transaction() as session:
        row, contact = session.scalars(select(Inbound)).one(), session.scalars(select(Contact)).one()
        assert row.body_encrypted is not None
        assert b"Tapachula" not in row.body_encrypted
        assert b"secret-address" not in contact.address_encrypted
        assert "secret-address" not in contact.address_hash
    system.answer(OutboundMessage("una respuesta"))
    with system.database.transaction() as session:
        assert session.scalars(select(Inbound)).one().body_encrypted is None


def test_claim_gives_messages_of_one_conversation_in_order(system: System) -> None:
    """Two messages of one contact are answered in the order in which they came, whoever works."""
    system.inbox.store([make_inbound("primero"), make_inbound("segundo")])
    assert system.answer(OutboundMessage("1"), owner="worker-1").text == "primero"
    assert system.answer(OutboundMessage("2"), owner="worker-2").text == "segundo"
    assert system.turns().claim() is None


def test_claim_passes_over_a_conversation_that_another_worker_holds(system: System) -> None:
    """A held conversation is not given out again, another one is."""
    system.inbox.store([make_inbound(address="a"), make_inbound(address="b")])
    first, second = system.turns("worker-1").claim(), system.turns("worker-2").claim()
    assert first is not None
    assert second is not None
    assert first.conversation_id != second.conversation_id
    assert system.turns("worker-3").claim() is None


def test_commit_is_refused_when_the_lease_has_passed_to_another_worker(system: System) -> None:
    """A worker that slept beyond its lease changes nothing, and the message is answered once."""
    system.inbox.store([make_inbound()])
    slow = system.turns("slow")
    turn = slow.claim()
    assert turn is not None
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    system.answer(OutboundMessage("by the quick one"), owner="quick")
    with pytest.raises(LeaseLost):
        slow.commit(turn, TurnResult([OutboundMessage("late")], "", "es", "default"))
    assert [OutboundMessage.from_json(row.body).text for row in _outbound(system)] == ["by the quick one"]


def test_a_killed_worker_leaves_the_message_for_the_next_one(system: System) -> None:
    """A claim without a commit is claimed again after the lease, with its attempts counted."""
    system.inbox.store([make_inbound("sigo aquí")])
    assert system.turns("killed").claim() is not None
    assert system.turns("next").claim() is None
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    turn = system.turns("next").claim()
    assert turn is not None
    assert (turn.text, turn.attempts) == ("sigo aquí", 2)


def test_claim_does_not_count_a_message_that_the_key_does_not_open(system: System) -> None:
    """A worker with a wrong key stops; the message is not held, and the next worker takes it as untried."""
    system.inbox.store([make_inbound("sigo aquí")])
    other = Vault([Fernet.generate_key().decode()], "hash")
    mistaken = Turns(system.database, other, system.outbox, "mistaken", system.clock)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(SettingsError, match="RUTA_ENCRYPTION_KEYS"):
            mistaken.claim()
    turn = system.turns().claim()
    assert turn is not None
    assert (turn.text, turn.attempts) == ("sigo aquí", 1)


def test_claim_clears_a_mark_that_was_left_without_a_message(system: System) -> None:
    """A conversation marked as waiting with nothing to answer is passed over once and then not looked at again."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("1"))
    with system.database.transaction() as session:
        session.scalars(select(Conversation)).one().waiting_since = system.clock()
    assert system.turns().claim() is None
    with system.database.transaction() as session:
        conversation = session.scalars(select(Conversation)).one()
        assert (conversation.waiting_since, conversation.lease_until) == (None, None)


def test_commit_stores_state_replies_and_done_together(system: System) -> None:
    """After a commit the next turn sees the engine's state and the offered choices."""
    system.inbox.store([make_inbound()])
    offered = OutboundMessage("elija", (QuickReply("Uno", "/menu"), QuickReply("Dos", "/greet")))
    system.answer(offered, state=b"state")
    system.inbox.store([make_inbound("2")])
    turn = system.turns().claim()
    assert turn is not None
    assert turn.engine_state == b"state"
    assert [(choice.position, choice.payload) for choice in turn.choices] == [(1, "/menu"), (2, "/greet")]


def test_a_button_means_its_payload_only_in_its_own_conversation_and_time(system: System) -> None:
    """A token of another contact or an old one has no meaning."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("elija", (QuickReply("Menú", "/menu"),)))
    token = OutboundMessage.from_json(_outbound(system)[0].body).quick_replies[0].token
    for address, days, expected in (("contact-a", 0, "/menu"), ("contact-b", 0, ""), ("contact-a", 8, "")):
        system.clock.turn(days=days)
        system.inbox.store([make_inbound("", address=address, quick_reply=token)])
        turn = system.turns().claim()
        assert turn is not None
        assert turn.payload == expected
        system.turns().commit(turn, TurnResult([], "", "es", "default"))


def test_take_due_keeps_the_order_of_one_contact(system: System) -> None:
    """The second reply waits until the first is sent."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"), OutboundMessage("dos"))
    first = system.outbox.take_due(ALL, 10)
    assert [sending.message.text for sending in first] == ["uno"]
    assert system.outbox.take_due(ALL, 10) == []
    system.outbox.part_sent(first[0].outbound_id, "provider-1")
    system.outbox.finish(first[0].outbound_id)
    assert [sending.message.text for sending in system.outbox.take_due(ALL, 10)] == ["dos"]


def test_fail_retries_what_may_pass_and_gives_up_with_a_visible_reason(system: System) -> None:
    """A provider that is down is tried again until the attempts are used up."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (sending,) = system.outbox.take_due(ALL, 10)
        again = system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.PROVIDER_DOWN, "503"))
        assert again is (attempt < MAX_ATTEMPTS)
        system.clock.turn(minutes=15)
    (failure,) = Failures(system.database, system.clock).list()
    assert (failure.what, failure.channel, failure.attempts, failure.code) == (
        "reply",
        "webchat",
        MAX_ATTEMPTS,
        "provider_down:503",
    )


def test_what_was_given_up_is_listed_and_can_be_tried_again(system: System) -> None:
    """A dead letter keeps its text, and a retry answers it and sends what had failed, in order."""
    system.inbox.store([make_inbound("una pregunta")])
    turns = system.turns()
    turn = turns.claim()
    assert turn is not None
    failed = TurnResult([OutboundMessage("no pude")], "una pregunta", "es", "default", error_code="engine_failed")
    turns.commit(turn, failed, is_dead=True)
    (sending,) = system.outbox.take_due(ALL, 10)
    assert not system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.MESSAGE_REFUSED, "400"))
    failures = Failures(system.database, system.clock)
    assert [(one.what, one.code) for one in failures.list()] == [
        ("message", "engine_failed"),
        ("reply", "message_refused:400"),
    ]
    assert turns.claim() is None
    assert failures.retry() == 2
    assert failures.list() == []
    again = turns.claim()
    assert again is not None
    assert (again.text, again.attempts) == ("una pregunta", 1)
    assert [taken.outbound_id for taken in system.outbox.take_due(ALL, 10)] == [sending.outbound_id]


def test_a_message_that_comes_in_during_a_commit_is_not_overlooked(system: System) -> None:
    """The inbox has written but not committed when the worker ends its turn: the conversation still waits afterwards."""
    system.inbox.store([make_inbound("uno")])
    turns = system.turns()
    turn = turns.claim()
    assert turn is not None
    ending = threading.Thread(target=turns.commit, args=(turn, TurnResult([], "uno", turn.locale, turn.locale_source)))
    with system.database.transaction() as session:
        system.inbox._store_message(session, make_inbound("dos"))
        ending.start()
        time.sleep(0.3)  # Long enough for the worker to reach the lock that we hold.
        assert ending.is_alive()
    ending.join(10)
    following = turns.claim()
    assert following is not None
    assert following.text == "dos"


def test_a_reply_that_was_reported_lost_goes_out_again(system: System) -> None:
    """A retry of what had been sent begins at the first part; it is not only marked as sent."""
    _sent_reply(system, OutboundMessage("uno"))
    system.inbox.store([DeliveryStatus("webchat", "p0", DeliveryState.FAILED, "63003")])
    assert Failures(system.database, system.clock).retry() == 1
    (sending,) = system.outbox.take_due(ALL, 10)
    assert sending.parts_sent == 0
    system.outbox.part_sent(sending.outbound_id, "p9", is_last=True)
    assert [row.state for row in _outbound(system)] == ["sent"]


def test_claim_returns_nothing_when_the_contact_is_forgotten_meanwhile(system: System) -> None:
    """Who deletes their data between the claim and the reading is gone, and the worker goes on."""
    system.inbox.store([make_inbound("bórreme")])
    turns = system.turns()

    def forget_then_read(session: Session, inbound_id: int) -> Turn:
        with system.database.transaction() as writing:
            writing.execute(delete(Inbound).where(Inbound.id == inbound_id))
        return Turns._turn(turns, session, inbound_id)

    with mock.patch.object(turns, "_turn", forget_then_read):
        assert turns.claim() is None
    system.inbox.store([make_inbound("otra vez", provider_id="next")])
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    again = turns.claim()
    assert again is not None
    assert again.text == "otra vez"


def _sent_reply(system: System, *messages: OutboundMessage) -> None:
    system.inbox.store([make_inbound()])
    system.answer(*messages)
    for position, _ in enumerate(messages):
        (sending,) = system.outbox.take_due(ALL, 10)
        system.outbox.part_sent(sending.outbound_id, f"p{position}", is_last=True)


def test_buttons_that_are_refused_late_go_out_once_more_as_text(system: System) -> None:
    """A report that the template was refused queues the reply without it, once; what came before no longer counts."""
    _sent_reply(system, OutboundMessage("elija", (QuickReply("Menú", "/menu"),)))
    refused = DeliveryStatus("webchat", "p0", DeliveryState.FAILED, "63021", may_go_plain=True)
    system.inbox.store([refused])
    (sending,) = system.outbox.take_due(ALL, 10)
    assert (sending.is_fallback, sending.parts_sent) == (True, 0)
    system.inbox.store([refused])
    assert [row.state for row in _outbound(system)] == ["sending"]
    system.outbox.part_sent(sending.outbound_id, "p9", is_last=True)
    system.inbox.store([DeliveryStatus("webchat", "p9", DeliveryState.FAILED, "63021", may_go_plain=True)])
    assert [(row.state, row.failure_code) for row in _outbound(system)] == [("failed", "63021")]


@pytest.mark.parametrize(
    ("message", "may_go_plain"),
    [
        pytest.param(OutboundMessage("elija", (QuickReply("Menú", "/menu"),)), False, id="the text would fail too"),
        pytest.param(OutboundMessage("sin botones"), True, id="it had no buttons"),
    ],
)
def test_a_reply_that_text_does_not_help_is_given_up(system: System, message: OutboundMessage, may_go_plain: bool) -> None:
    """Only buttons are worth a second try."""
    _sent_reply(system, message)
    system.inbox.store([DeliveryStatus("webchat", "p0", DeliveryState.FAILED, "63003", may_go_plain=may_go_plain)])
    assert [row.state for row in _outbound(system)] == ["failed"]


def test_fail_waits_as_long_as_the_provider_asks(system: System) -> None:
    """A retry-after is honoured to the second."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    (sending,) = system.outbox.take_due(ALL, 10)
    system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.RATE_LIMITED, "429", retry_after=30))
    system.clock.turn(seconds=29.9)
    assert system.outbox.take_due(ALL, 10) == []
    system.clock.turn(seconds=1.2)
    assert len(system.outbox.take_due(ALL, 10)) == 1


def test_a_reply_in_flight_of_a_killed_gateway_is_sent_again(system: System) -> None:
    """What was marked as being sent comes back when its lease is over, with the parts that were sent."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    (sending,) = system.outbox.take_due(ALL, 10)
    system.outbox.part_sent(sending.outbound_id, "provider-1")
    system.clock.turn(seconds=91)
    (again,) = system.outbox.take_due(ALL, 10)
    assert (again.outbound_id, again.parts_sent) == (sending.outbound_id, 1)


def test_an_opted_out_contact_is_stopped_until_they_write_again(system: System) -> None:
    """An opt-out error marks the contact; a new message lifts it."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"), OutboundMessage("dos"))
    (sending,) = system.outbox.take_due(ALL, 10)
    system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.OPTED_OUT, "21610"))
    (following,) = system.outbox.take_due(ALL, 10)
    assert following.stopped_reason == "opted_out"
    system.inbox.store([make_inbound()])
    with system.database.transaction() as session:
        assert session.scalars(select(Contact)).one().stopped_reason == ""


def test_delivery_reports_only_move_forward(system: System) -> None:
    """A late "sent" does not hide that the message was read; a failure carries its code."""
    system.inbox.store([make_inbound()])
    system.answer(OutboundMessage("uno"))
    (sending,) = system.outbox.take_due(ALL, 10)
    system.outbox.part_sent(sending.outbound_id, "p1")
    system.outbox.finish(sending.outbound_id)
    for state in (DeliveryState.READ, DeliveryState.SENT, DeliveryState.DELIVERED):
        system.inbox.store([DeliveryStatus("webchat", "p1", state)])
    assert [row.state for row in _outbound(system)] == ["read"]
    system.inbox.store([DeliveryStatus("webchat", "unknown", DeliveryState.FAILED, "63024")])
    assert [row.state for row in _outbound(system)] == ["read"]


def test_a_contact_who_left_is_marked(system: System) -> None:
    """A channel's word that the contact blocked us stops what waits."""
    system.inbox.store([make_inbound(address="x")])
    system.inbox.store([ContactLeft("webchat", "x", system.clock())])
    with system.database.transaction() as session:
        assert session.scalars(select(Contact)).one().stopped_reason == "blocked_by_contact"


def test_store_writes_messages_and_cursor_in_one_transaction(system: System) -> None:
    """The cursor of a polled channel moves only with its messages."""
    system.inbox.store([make_inbound()], cursor=("telegram", "42"))
    assert system.inbox.cursor("telegram") == "42"
    with pytest.raises(AttributeError):
        system.inbox.store([make_inbound(), object()], cursor=("telegram", "43"))  # type: ignore[list-item]
    assert system.inbox.cursor("telegram") == "42"
    with system.database.transaction() as session:
        assert len(session.scalars(select(Inbound)).all()) == 1
        assert len(session.scalars(select(Conversation)).all()) == 1
