"""What is past its time goes, on both databases, in small batches; what is not past it stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.conversations import retention
from bot.conversations.failures import Failures
from bot.conversations.feed import Feed
from bot.conversations.outbox import EMPTY_BODY
from bot.conversations.retention import Retention, RetentionLimits
from bot.conversations.turns import Trace, TurnResult
from bot.conversations.unanswered import Question
from bot.errors import SendFailed, SendFailure
from bot.messages import OutboundMessage, QuickReply
from bot.storage.models import (
    Base,
    Contact,
    Conversation,
    Delivery,
    ErasureReceipt,
    Inbound,
    Outbound,
    QuickReplyToken,
    UnansweredQuestion,
)
from tests.support.builders import System, make_inbound

LIMITS = RetentionLimits()
OFFER = OutboundMessage("elija", (QuickReply("Uno", "/one"),))


def _retention(system: System) -> Retention:
    return Retention(system.database, LIMITS, system.clock, pause=lambda seconds: None)


def _count(system: System, table: type[Base]) -> int:
    with system.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _converse(system: System, address: str = "a", text: str = "una pregunta") -> None:
    """Run one message to a sent reply, with an unanswered question and engine state."""
    system.inbox.store([make_inbound(text, address=address, channel="whatsapp")])
    turn = system.turns().claim()
    assert turn is not None
    question = Question(text, "choices", (("visa", 0.4),))
    result = TurnResult([OFFER], text, "es", "default", b"state", trace=Trace("choices"), question=question)
    system.turns().commit(turn, result)
    for sending in system.outbox.take_due({"whatsapp"}, 10):
        system.outbox.part_sent(sending.outbound_id, f"p{sending.outbound_id}", is_last=True)


def test_nothing_goes_before_its_time(system: System) -> None:
    """A day before the shortest limit only the buttons are gone."""
    _converse(system)
    system.clock.turn(days=LIMITS.text_days - 1)
    deleted = _retention(system).purge()
    assert {kind: count for kind, count in deleted.items() if count} == {"expired_buttons": 1}
    with system.database.reading() as session:
        assert session.scalars(select(Inbound)).one().text == "una pregunta"
        assert OutboundMessage.from_json(session.scalars(select(Outbound)).one().body).text == "elija"


def test_each_kind_goes_in_its_turn(system: System) -> None:
    """First the texts and the engine's memory, then the records, the questions, the contact; and nothing is left at the end."""
    _converse(system)
    system.clock.turn(days=LIMITS.text_days + 1)
    deleted = _retention(system).purge()
    assert (deleted["messages_text"], deleted["replies_text"], deleted["conversation_memory"]) == (1, 1, 1)
    with system.database.reading() as session:
        message, reply = session.scalars(select(Inbound)).one(), session.scalars(select(Outbound)).one()
        assert (message.text, message.decision, message.state) == ("", "choices", "done")
        assert (reply.body, reply.state) == (EMPTY_BODY, "sent")
        assert session.scalars(select(Conversation)).one().engine_state is None
    system.clock.turn(days=LIMITS.record_days - LIMITS.text_days)
    assert _retention(system).purge()["message_records"] == 1
    assert (_count(system, Inbound), _count(system, Outbound), _count(system, Delivery)) == (0, 0, 0)
    assert (_count(system, UnansweredQuestion), _count(system, Contact)) == (1, 1)
    system.clock.turn(days=LIMITS.question_days - LIMITS.record_days)
    assert _retention(system).purge()["unanswered_questions"] == 1
    system.clock.turn(days=LIMITS.contact_days - LIMITS.question_days)
    assert _retention(system).purge()["contacts"] == 1
    assert [_count(system, mapper.class_) for mapper in Base.registry.mappers] == [0] * len(list(Base.registry.mappers))


def test_a_contact_who_writes_again_stays(system: System) -> None:
    """The year begins anew with each message; what they wrote before goes all the same."""
    _converse(system)
    system.clock.turn(days=LIMITS.contact_days - 1)
    _converse(system, text="otra pregunta")
    system.clock.turn(days=2)
    _retention(system).purge()
    assert _count(system, Contact) == 1
    with system.database.reading() as session:
        assert session.scalars(select(Inbound)).one().text == "otra pregunta"


def test_a_question_outlives_its_contact_without_leading_to_them(system: System) -> None:
    """When a contact goes by retention, the question stays for its own time, without the person."""
    _converse(system)
    with system.database.transaction() as session:
        session.delete(session.scalars(select(Contact)).one())
    with system.database.reading() as session:
        question = session.scalars(select(UnansweredQuestion)).one()
        assert (question.contact_id, len(question.person_hash)) == (None, 64)


def test_what_waits_for_an_answer_is_never_emptied(system: System) -> None:
    """A message that no worker has answered keeps its text, and a button tapped in time keeps its meaning."""
    system.inbox.store([make_inbound("hola")])
    system.answer(OFFER)
    with system.database.reading() as session:
        token = session.scalars(select(QuickReplyToken)).one().token
    system.inbox.store([make_inbound("", quick_reply=token)])
    system.clock.turn(days=LIMITS.record_days + 1)
    deleted = _retention(system).purge()
    assert (deleted["expired_buttons"], deleted["message_records"]) == (0, 1)
    turn = system.turns().claim()
    assert turn is not None
    assert turn.quick_reply == token


def test_what_was_given_up_is_no_longer_offered_for_another_try(system: System) -> None:
    """A dead message and a failed reply lose their text in time, and then nobody can send them empty."""
    system.inbox.store([make_inbound("perdido", address="a", channel="whatsapp")])
    turn = system.turns().claim()
    assert turn is not None
    system.turns().commit(turn, TurnResult([OutboundMessage("no llegó")], "perdido", "es", "default"), is_dead=True)
    (sending,) = system.outbox.take_due({"whatsapp"}, 1)
    system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.TIMED_OUT, "x"), may_retry=False)
    failures = Failures(system.database, system.clock)
    assert len(failures.list()) == 2
    system.clock.turn(days=LIMITS.text_days + 1)
    _retention(system).purge()
    assert failures.list() == []
    assert failures.retry() == 0


def test_a_reply_that_could_not_go_for_a_month_is_not_sent_any_more(system: System) -> None:
    """Its advice may be wrong by then."""
    system.inbox.store([make_inbound("hola", channel="whatsapp")])
    system.answer(OFFER)
    system.clock.turn(days=LIMITS.text_days + 1)
    _retention(system).purge()
    assert system.outbox.take_due({"whatsapp"}, 1) == []


def test_a_history_does_not_show_emptied_messages(system: System) -> None:
    """Who opens the page after a month sees what is left, not empty bubbles."""
    system.inbox.store([make_inbound("hola", address="a")])
    system.answer(OFFER)
    system.clock.turn(days=LIMITS.text_days + 1)
    _retention(system).purge()
    assert Feed(system.database, system.vault, system.clock).history("webchat", "a").entries == []


def test_receipts_go_after_their_own_time(system: System) -> None:
    """A receipt stays as long as its setting says."""
    with system.database.transaction() as session:
        session.add(ErasureReceipt(code_hash="h", at=system.clock()))
    system.clock.turn(days=LIMITS.receipt_days)
    assert _retention(system).purge()["erasure_receipts"] == 0
    system.clock.turn(seconds=1)
    assert _retention(system).purge()["erasure_receipts"] == 1


def test_batches_are_small(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction deletes few rows, and between two of them others get the lock."""
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(8):
        _converse(system, address=f"c{number}")
    system.clock.turn(days=LIMITS.contact_days + 1)
    pauses: list[float] = []
    deleted = Retention(system.database, LIMITS, system.clock, pauses.append).purge()
    assert (deleted["contacts"], deleted["messages_text"], _count(system, Contact)) == (8, 8, 0)
    assert len(pauses) >= 6


def test_counting_changes_nothing(system: System) -> None:
    """A dry run tells what the next purge of that moment deletes, and deletes nothing."""
    _converse(system)
    system.clock.turn(days=LIMITS.text_days + 1)
    before = _retention(system).purge(only_count=True)
    assert before["messages_text"] == 1
    assert _retention(system).purge(only_count=True) == before
    assert _retention(system).purge() == before
    assert set(_retention(system).purge(only_count=True).values()) == {0}


def test_the_report_tells_what_is_overdue(system: System) -> None:
    """Within the hour of the purge nothing is overdue, later it is, and after a purge it is not."""
    _converse(system)
    begun = system.clock()
    system.clock.turn(days=LIMITS.text_days, minutes=30)
    reports = {one.kind: one for one in _retention(system).report()}
    assert (reports["messages_text"].kept, reports["messages_text"].due, reports["messages_text"].overdue) == (1, 1, 0)
    assert reports["messages_text"].oldest == begun
    system.clock.turn(hours=2)
    reports = {one.kind: one for one in _retention(system).report()}
    assert (reports["messages_text"].overdue, reports["contacts"].overdue) == (1, 0)
    assert reports["contacts"].oldest == begun
    _retention(system).purge()
    assert all(one.overdue == one.due == 0 for one in _retention(system).report())


def test_every_table_with_rows_about_people_has_a_limit(system: System) -> None:
    """A table that is added later must be given a limit here, or hang on one that has it; staff are no contacts."""
    covered = {"contact", "inbound_message", "outbound_message", "quick_reply_token", "unanswered_question", "erasure_receipt"}
    covered |= {"answer_feedback", "complaint", "staff_case", "story"}
    staff = {mapper.local_table.name for mapper in Base.registry.mappers if mapper.class_.__module__.endswith("staff_models")}
    tables = {name: table for name, table in Base.metadata.tables.items() if name not in covered | staff}
    assert tables and staff
    for name, table in tables.items():
        parents = {key.column.table.name for key in table.foreign_keys if key.ondelete == "CASCADE"}
        assert name == "channel_cursor" or parents & covered, f"{name} has no retention limit"


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
def test_a_writer_is_not_held_up_by_a_purge(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two batches a message is stored at once."""
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(6):
        _converse(system, address=f"c{number}")
    system.clock.turn(days=LIMITS.contact_days + 1)
    stored: list[int] = []
    Retention(
        system.database, LIMITS, system.clock, lambda seconds: stored.append(system.inbox.store([make_inbound()]).stored)
    ).purge()
    assert stored
    assert set(stored) == {1}
    assert _count(system, Contact) == 1


def test_the_gap_between_limits_is_kept(system: System) -> None:
    """A reply that is just not past its limit stays, one second later it goes."""
    _converse(system)
    system.clock.now += timedelta(days=LIMITS.text_days)
    assert _retention(system).purge()["replies_text"] == 0
    system.clock.turn(seconds=1)
    assert _retention(system).purge()["replies_text"] == 1
