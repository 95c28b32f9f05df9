"""What staff do with a case: answer, close, take back; and what is kept of it, for how long. On both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from bot.conversations.feed import Feed, FeedReply
from bot.conversations.masking import mask
from bot.conversations.my_data import MyDataReader
from bot.conversations.retention import Retention, RetentionLimits
from bot.conversations.staff_cases import CaseRefused
from bot.messages import OutboundMessage
from bot.storage.models import Contact, Inbound, Outbound, StaffCase, StaffCaseEntry
from tests.support.builders import System, make_inbound
from tests.support.handoff import HOURS, HandoffWorld, no_audit

SECRET = "mi hermano Aurelio cobra en la esquina azul"
URGENT = "auxilio me quieren matar"


@pytest.fixture
def world(system: System, tmp_path: Path) -> HandoffWorld:
    """Monday, nine in the morning: staff are there."""
    return HandoffWorld(system, tmp_path / "people.yml")


def _titles(reply: OutboundMessage) -> list[str]:
    return [choice.title for choice in reply.quick_replies]


async def test_closing_says_that_the_bot_is_back(world: HandoffWorld) -> None:
    """One sentence, and the next message is the bot's."""
    code = await world.opens()
    found = world.staff.read(code)
    assert found is not None
    world.staff.close(code, "s1", found.last_id, no_audit)
    (told,) = world.goes_out()
    assert "cerró la conversación" in told.text
    assert [reply.text for reply in await world.says("una pregunta")] == ["respuesta del bot"]
    assert [line.code for line in world.staff.list_closed()] == [code]


async def test_a_case_is_not_closed_over_a_message_that_nobody_has_read(world: HandoffWorld) -> None:
    """The page was older than the message."""
    code = await world.opens()
    found = world.staff.read(code)
    assert found is not None
    await world.says("espere, falta algo")
    with pytest.raises(CaseRefused, match="new_message"):
        world.staff.close(code, "s1", found.last_id, no_audit)
    assert len(world.staff.list_open()) == 1


async def test_a_message_that_meets_the_closing_is_answered_by_the_bot(
    world: HandoffWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided as one for staff, who close before it is stored: nothing is stored, and it is decided anew. It is not lost."""
    code = await world.opens()
    world.writes("justo ahora")
    decide = world.worker.decide

    async def close_meanwhile(turn):  # type: ignore[no-untyped-def]
        result = await decide(turn)
        monkeypatch.setattr(world.worker, "decide", decide)
        world.staff.close(code, "s1", 10**6, no_audit)
        return result

    monkeypatch.setattr(world.worker, "decide", close_meanwhile)
    assert await world.worker.run_once()
    assert world.thread(code)[-1] == ("event", "closed")
    assert await world.worker.run_once()
    assert [reply.text for reply in world.goes_out()][-1] == "respuesta del bot"
    with world.system.database.reading() as session:
        row = session.scalars(select(Inbound).where(Inbound.text == "justo ahora")).one()
        assert (row.state, row.attempts) == ("done", 1)


async def test_a_reply_silences_the_bot_that_was_back(world: HandoffWorld) -> None:
    """Whatever the bot had taken over, the person has the conversation again."""
    code = await world.opens()
    world.system.clock.turn(hours=HOURS)
    world.returns.bring_back()
    world.goes_out()
    world.staff.reply(code, "s1", "Ya estoy", no_audit)
    world.goes_out()
    assert await world.says("qué bueno") == []
    assert world.thread(code)[-1] == ("contact", "qué bueno")


async def test_closing_can_be_taken_back(world: HandoffWorld) -> None:
    """Before the sentence is out it is never sent; afterwards the contact is told that somebody is there again."""
    code = await world.opens()
    world.staff.close(code, "s1", 10**6, no_audit)
    world.staff.reopen(code, "s1", no_audit)
    assert world.goes_out() == []
    world.staff.close(code, "s1", 10**6, no_audit)
    world.goes_out()
    world.staff.reopen(code, "s1", no_audit)
    (told,) = world.goes_out()
    assert "sigue con usted" in told.text
    (kept,) = await world.says("sigo")
    assert "Guardé" in kept.text
    with pytest.raises(CaseRefused):
        world.staff.reopen(code, "s1", no_audit)


async def test_a_case_that_its_contact_ended_is_not_reopened(world: HandoffWorld) -> None:
    """They went back to the bot; only they ask for a person again."""
    code = await world.opens()
    await world.says("menú")
    with pytest.raises(CaseRefused):
        world.staff.reopen(code, "s1", no_audit)
    assert await world.opens() != code


async def test_the_service_window_is_respected(world: HandoffWorld) -> None:
    """A day after the last message a reply is refused before it is stored; on a channel without a window it goes."""
    one, two = await world.opens(), await world.opens(address="t", channel="telegram")
    world.system.clock.turn(hours=24)
    found = world.staff.read(one)
    assert found is not None
    assert found.refusal == "window"
    with pytest.raises(CaseRefused, match="window"):
        world.staff.reply(one, "s1", "tarde", no_audit)
    assert world.staff.reply(two, "s1", "a tiempo", no_audit)
    world.staff.close(one, "s1", 10**6, no_audit)
    assert [reply.text.splitlines()[-1] for reply in world.goes_out()] == ["a tiempo"]


async def test_a_flood_reaches_the_thread_without_an_answer(world: HandoffWorld) -> None:
    """Too many lines at once are still read by the person."""
    code = await world.opens()
    for number in range(40):
        world.system.inbox.store([make_inbound(f"línea {number}", channel="whatsapp", address="a")])
        assert await world.worker.run_once()
    assert len(world.goes_out()) <= 2
    assert [text for kind, text in world.thread(code) if kind == "contact"][1:] == [f"línea {number}" for number in range(40)]


@pytest.mark.parametrize(("words", "refusal"), [("salir ya", "left"), ("BAJA", "closed")])
async def test_leaving_and_stopping_are_heard_in_a_flood(world: HandoffWorld, words: str, refusal: str) -> None:
    """Whoever writes too fast is not written to by staff either."""
    code = await world.opens()
    for number in range(35):
        world.system.inbox.store([make_inbound(f"línea {number}", channel="whatsapp", address="a")])
        assert await world.worker.run_once()
    world.system.inbox.store([make_inbound(words, channel="whatsapp", address="a")])
    assert await world.worker.run_once()
    with pytest.raises(CaseRefused, match=refusal):
        world.staff.reply(code, "s1", "hola", no_audit)


async def test_a_repeated_emergency_in_a_flood_reaches_the_thread(world: HandoffWorld) -> None:
    """Its card stands right above and is not sent again; staff read each line."""
    code = await world.opens()
    for _ in range(34):
        world.system.inbox.store([make_inbound(URGENT, channel="whatsapp", address="a")])
        assert await world.worker.run_once()
    assert [text for _, text in world.thread(code)][1:] == [URGENT] * 34


async def test_a_reply_that_was_still_to_be_sent_is_taken_back_by_a_quick_exit(world: HandoffWorld) -> None:
    """The thread keeps it, without a record of its sending."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Hola", no_audit)
    world.writes("salir ya")
    assert await world.worker.run_once()
    assert ["clima" in reply.text for reply in world.goes_out()] == [True]
    found = world.staff.read(code)
    assert found is not None
    assert [entry.delivery for entry in found.entries if entry.text == "Hola"] == [""]


async def test_a_page_fetches_a_reply_of_staff(world: HandoffWorld) -> None:
    """The web chat shows it as it comes, and in its history."""
    code = await world.opens(address="w", channel="webchat")
    world.staff.reply(code, "s1", "Hola desde el equipo", no_audit)
    feed = Feed(world.system.database, world.system.vault, world.system.clock)
    fetched = feed.fresh("webchat", ["w"])["w"]
    assert fetched[-1].message.text.endswith("Hola desde el equipo")
    shown = [entry for entry in feed.history("webchat", "w").entries if isinstance(entry, FeedReply)]
    assert shown[-1].message.text.endswith("Hola desde el equipo")


async def test_whoever_waited_before_a_closing_waits_again_when_it_is_taken_back(world: HandoffWorld) -> None:
    """They keep their place in the list."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Hola", no_audit)
    world.goes_out()
    await world.says("sigo esperando")
    before = world.staff.list_open()[0].waiting_since
    world.staff.close(code, "s1", 10**6, no_audit)
    world.staff.reopen(code, "s1", no_audit)
    assert world.staff.list_open()[0].waiting_since == before


async def test_the_longest_wait_stands_first(world: HandoffWorld) -> None:
    """Then those whom staff have answered."""
    codes = [await world.opens(address=name) for name in ("a", "b", "c")]
    world.staff.reply(codes[0], "s1", "hola", no_audit)
    assert [line.code for line in world.staff.list_open()] == [codes[1], codes[2], codes[0]]


async def test_what_people_and_staff_write_is_only_stored_encrypted(world: HandoffWorld) -> None:
    """Neither the thread nor the log of messages nor the outbox holds a word of it in clear."""
    code = await world.opens(SECRET)
    world.staff.reply(code, "s1", "La respuesta secreta azulada", no_audit)
    world.staff.note(code, "s1", "La nota secreta azulada", no_audit)
    with world.system.database.reading() as session:
        rows = [
            *session.scalars(select(Inbound)),
            *session.scalars(select(Outbound)),
            *session.scalars(select(StaffCase)),
            *session.scalars(select(StaffCaseEntry)),
        ]
        values = [repr(getattr(row, column.name)) for row in rows for column in row.__table__.columns]
    assert len(values) > 50
    assert not [value for value in values if "Aurelio" in value or "azulada" in value]
    assert mask(SECRET) == SECRET  # Masking alone would have kept it.


async def test_texts_go_in_time_and_the_case_with_them(world: HandoffWorld) -> None:
    """Past the limit of texts nothing of a case is left, open or closed, and the report counts it."""
    await world.opens(SECRET)
    limits = RetentionLimits()
    retention = Retention(world.system.database, limits, world.system.clock, pause=lambda seconds: None)
    assert {one.kind: one.kept for one in retention.report()}["cases"] == 1
    world.system.clock.turn(days=limits.text_days - 1)
    retention.purge()
    assert len(world.staff.list_open()) == 1
    world.system.clock.turn(days=2)
    deleted = retention.purge()
    assert (deleted["case_texts"], deleted["cases"], world.staff.list_open()) == (1, 1, [])
    with world.system.database.reading() as session:
        contact = session.scalars(select(Contact)).one()
    assert MyDataReader(world.system.database, limits).read(contact.id) is not None


async def test_an_encrypted_reply_is_emptied_in_time(world: HandoffWorld) -> None:
    """The outbox keeps neither form of it."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Hola", no_audit)
    world.goes_out()
    world.system.clock.turn(days=RetentionLimits().text_days + 1)
    Retention(world.system.database, RetentionLimits(), world.system.clock, pause=lambda seconds: None).purge()
    with world.system.database.reading() as session:
        assert {row.body_encrypted for row in session.scalars(select(Outbound))} == {None}


async def test_another_worker_decides_alike(world: HandoffWorld) -> None:
    """Nothing is remembered outside the database."""
    code = await world.opens()
    world.worker = world.make_worker("worker-2")
    await world.says("sigo aquí")
    assert world.thread(code)[-1] == ("contact", "sigo aquí")
