"""The hand-off to people of staff, in each state and with each interruption, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.conversations.handoff import BACK
from bot.conversations.staff_cases import CaseRefused
from bot.messages import InboundKind, Location, OutboundMessage
from bot.storage.models import StaffCase, StaffCaseEntry
from tests.support.builders import System
from tests.support.handoff import HOURS, PEOPLE, WISH, HandoffWorld, no_audit

SECRET = "mi hermano Aurelio cobra en la esquina azul"
URGENT = "auxilio me quieren matar"


@pytest.fixture
def world(system: System, tmp_path: Path) -> HandoffWorld:
    """Monday, nine in the morning: staff are there."""
    return HandoffWorld(system, tmp_path / "people.yml")


def _titles(reply: OutboundMessage) -> list[str]:
    return [choice.title for choice in reply.quick_replies]


async def test_hours_and_wait_come_first_and_one_question_is_asked(world: HandoffWorld) -> None:
    """Until when, how long, one question that may be skipped; then a code and how to come back."""
    (ask,) = await world.says(WISH)
    assert "hasta las 17:00" in ask.text
    assert ask.text.index("17:00") < ask.text.index("Suelen tardar una hora.") < ask.text.index("en una frase")
    assert "cifrado 30 días" in ask.text
    assert "Prefiero no decir" in _titles(ask)
    assert world.staff.list_open() == []
    (opened,) = await world.says("mi trámite de retorno")
    (line,) = world.staff.list_open()
    assert line.code in opened.text
    assert "«menú»" in opened.text
    assert world.thread(line.code) == [("contact", "mi trámite de retorno")]


@pytest.mark.parametrize("way", ["tap", "number"])
async def test_the_question_may_be_skipped(world: HandoffWorld, way: str) -> None:
    """A tap, or its number typed, opens the case without a word."""
    (ask,) = await world.says(WISH)
    await (world.taps(ask, "Prefiero no decir") if way == "tap" else world.says("1"))
    (line,) = world.staff.list_open()
    assert (world.thread(line.code), line.waiting_since is not None) == ([], True)


async def test_outside_the_hours_it_says_when_and_takes_the_message_all_the_same(world: HandoffWorld) -> None:
    """Tuesday evening: back on Monday; the offices and lines stand there too, and a case can be opened."""
    world.system.clock.turn(days=1, hours=10)
    (ask,) = await world.says(WISH)
    assert "lunes a las 8:00" in ask.text
    assert "911" in ask.text
    await world.says("mi trámite")
    assert len(world.staff.list_open()) == 1


async def test_before_the_hours_it_says_today(world: HandoffWorld) -> None:
    """Monday at six."""
    world.system.clock.turn(hours=-3)
    (ask,) = await world.says(WISH)
    assert "hoy desde las 8:00" in ask.text


@pytest.mark.parametrize("people", ["help_points: [ecu-911]\n", "staff: [", PEOPLE.replace("08:00-17:00", "mornings")])
async def test_without_staffed_hours_the_offices_are_named_as_before(world: HandoffWorld, people: str) -> None:
    """No block, a broken file, hours that nobody can read: nobody is promised a person."""
    world.people.write_text(people, encoding="utf-8")
    (reply,) = await world.says(WISH)
    assert "911" in reply.text
    assert "Prefiero no decir" not in _titles(reply)


async def test_when_the_service_is_off_the_offices_are_named(system: System, tmp_path: Path) -> None:
    """The setting decides, not the file."""
    world = HandoffWorld(system, tmp_path / "people.yml", has_desk=False)
    (reply,) = await world.says(WISH)
    assert "Prefiero no decir" not in _titles(reply)


async def test_who_reads_it_is_said_when_asked(world: HandoffWorld) -> None:
    """The words on privacy would be untrue without the people of staff."""
    (about,) = await world.says("quién lee esto")
    assert "No denuncio a nadie" in about.text
    assert "solo lo lee el equipo" in about.text


async def test_going_elsewhere_after_the_question_opens_nothing(world: HandoffWorld) -> None:
    """The menu, typed or tapped, is the menu."""
    (ask,) = await world.says(WISH)
    await world.taps(ask, "Menú")
    await world.says(WISH)
    await world.says("menú")
    assert world.staff.list_open() == []


async def test_while_a_case_is_open_the_bot_is_silent_and_says_so_once(world: HandoffWorld) -> None:
    """The first message is acknowledged, later ones only kept; the engine sees none of them."""
    code = await world.opens()
    asked = len(world.engine.asked)
    (kept,) = await world.says("primera")
    assert "Guardé su mensaje" in kept.text
    assert await world.says("segunda") == []
    assert await world.says("1") == []
    assert await world.says("no, gracias") == []
    assert world.thread(code)[1:] == [("contact", word) for word in ("primera", "segunda", "1", "no, gracias")]
    assert len(world.engine.asked) == asked


async def test_a_reply_of_staff_goes_out_in_order_and_its_delivery_shows(world: HandoffWorld) -> None:
    """By the outbox, after what was queued before; the bot stays silent for the answer."""
    code = await world.opens()
    world.writes("hola?")
    assert await world.worker.run_once()
    assert world.staff.reply(code, "s1", "Buenas.\nLe ayudo.", no_audit)
    kept, reply = world.goes_out()
    assert "Guardé" in kept.text
    assert reply.text.endswith("Buenas.\nLe ayudo.")
    assert "una persona del equipo" in reply.text
    found = world.staff.read(code)
    assert found is not None
    assert (found.entries[-1].delivery, found.line.assigned_to, found.line.waiting_since) == ("sent", "s1", None)
    assert await world.says("gracias") == []
    assert world.staff.count_waiting() == 1
    assert world.staff.reply(code, "s1", "De nada", no_audit)
    assert [reply.text for reply in world.goes_out()] == ["De nada"]


async def test_a_second_click_sends_nothing(world: HandoffWorld) -> None:
    """The same words of the same person within a minute are one reply."""
    code = await world.opens()
    assert world.staff.reply(code, "s1", "Hola", no_audit)
    assert not world.staff.reply(code, "s1", "Hola", no_audit)
    assert len(world.goes_out()) == 1
    world.system.clock.turn(minutes=2)
    assert world.staff.reply(code, "s1", "Hola", no_audit)


async def test_an_emergency_gets_its_card_at_once_and_goes_on_top(world: HandoffWorld) -> None:
    """Also while a person has the conversation; the words stand in the thread."""
    await world.opens(address="first")
    code = await world.opens(address="second")
    (card,) = await world.says(URGENT, address="second")
    assert "911" in card.text
    lines = world.staff.list_open()
    assert [(line.code, line.is_urgent) for line in lines][0] == (code, True)
    assert world.thread(code)[-1] == ("contact", URGENT)
    (kept,) = await world.says("sigo aquí", address="second")
    assert "Guardé" in kept.text


async def test_an_emergency_in_answer_to_the_question_opens_an_urgent_case(world: HandoffWorld) -> None:
    """The card first, then the case: who asked for a person is not left alone with a card."""
    await world.says(WISH)
    card, opened = await world.says(URGENT)
    (line,) = world.staff.list_open()
    assert "911" in card.text
    assert line.code in opened.text
    assert line.is_urgent


async def test_an_emergency_is_marked_even_when_the_engine_breaks(world: HandoffWorld) -> None:
    """The card of the worker, and the case on top."""
    code = await world.opens()
    (card,) = await world.says(f"{URGENT} rompe el motor")
    assert "911" in card.text
    found = world.staff.read(code)
    assert found is not None
    assert found.line.is_urgent


@pytest.mark.parametrize("words", ["menú", "MENU", "volver al bot", "Volver al bot."])
async def test_words_lead_back_to_the_bot(world: HandoffWorld, words: str) -> None:
    """The case closes, the bot answers the next message, and what is written no longer reaches staff."""
    code = await world.opens()
    (ended,) = await world.says(words)
    assert "le contesto otra vez yo" in ended.text
    assert [reply.text for reply in await world.says("una pregunta")] == ["respuesta del bot"]
    found = world.staff.read(code)
    assert found is not None
    assert (found.line.state, found.line.closed_by) == ("closed", "contact")


async def test_an_urgent_case_stays_on_the_list_when_its_contact_goes_back(world: HandoffWorld) -> None:
    """Nobody's emergency vanishes because they touched the menu."""
    code = await world.opens()
    await world.says(URGENT)
    await world.says("menú")
    assert [(line.code, line.bot_answers) for line in world.staff.list_open()] == [(code, True)]
    assert [reply.text for reply in await world.says("una pregunta")] == ["respuesta del bot"]


async def test_the_way_back_can_be_tapped_and_a_late_tap_is_no_question(world: HandoffWorld) -> None:
    """The button works while the case is open; after it was closed it shows the menu."""
    await world.says(WISH)
    (opened,) = await world.says("mi trámite")
    assert [choice.payload for choice in opened.quick_replies] == [BACK]
    await world.taps(opened, "Volver al bot")
    assert world.staff.list_open() == []
    (late,) = await world.taps(opened, "Volver al bot")
    assert "Con qué le ayudo" in late.text


async def test_an_old_button_is_not_answered_while_staff_have_the_conversation(world: HandoffWorld) -> None:
    """It says who has the conversation, and how to leave."""
    (ask,) = await world.says(WISH)
    await world.says("mi trámite")
    (reminder,) = await world.taps(ask, "Prefiero no decir")
    assert "persona del equipo" in reminder.text
    assert _titles(reminder) == ["Volver al bot"]


async def test_stop_closes_the_case_and_nothing_more_can_be_sent(world: HandoffWorld) -> None:
    """Not even by staff who have the page open."""
    code = await world.opens()
    (stopped,) = await world.says("BAJA")
    assert "no le escribiré más" in stopped.text
    with pytest.raises(CaseRefused, match="closed"):
        world.staff.reply(code, "s1", "hola", no_audit)


async def test_my_data_is_answered_and_counts_what_was_written_with_staff(world: HandoffWorld) -> None:
    """Messages, replies and notes; the case goes on."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Hola", no_audit)
    world.staff.note(code, "s1", "parece tranquilo", no_audit)
    world.goes_out()
    (data,) = await world.says("mis datos")
    assert "con personas del equipo: 3" in data.text
    assert await world.says("sigo") == []
    assert len(world.staff.list_open()) == 1


async def test_erasing_takes_the_case_with_it(world: HandoffWorld) -> None:
    """Asked and confirmed in an open case; nothing of it is left, and its code leads nowhere."""
    code = await world.opens(SECRET)
    world.staff.reply(code, "s1", "respuesta guardada", no_audit)
    world.goes_out()
    (ask,) = await world.says("borrar mis datos")
    await world.taps(ask, "Sí, borrar todo")
    with world.system.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StaffCase)) == 0
        assert session.scalar(select(func.count()).select_from(StaffCaseEntry)) == 0
    assert world.staff.read(code) is None
    with pytest.raises(CaseRefused, match="gone"):
        world.staff.reply(code, "s1", "hola", no_audit)


async def test_after_a_quick_exit_nothing_reaches_the_telephone(world: HandoffWorld) -> None:
    """Staff see it and cannot write; the bot answers whoever writes; asking for a person again goes on with the case."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Hola", no_audit)
    (neutral,) = await world.says("salir ya")
    assert "clima" in neutral.text
    assert world.goes_out() == []
    with pytest.raises(CaseRefused, match="left"):
        world.staff.reply(code, "s1", "está ahí?", no_audit)
    assert [reply.text for reply in await world.says("quién es")] == ["respuesta del bot"]
    (again,) = await world.says(WISH)
    assert code in again.text
    assert world.staff.reply(code, "s1", "Aquí estoy", no_audit)
    assert [reply.text for reply in world.goes_out()] == ["Aquí estoy"]


@pytest.mark.parametrize(
    ("changes", "event", "words"),
    [
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "audio"}, "audio", "audios", id="voice"),
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "image"}, "image", "", id="picture"),
        pytest.param(
            {"kind": InboundKind.LOCATION, "location": Location(-0.1, -78.4)}, "location", "No guardo su ubicación", id="pin"
        ),
        pytest.param({"kind": InboundKind.UNSUPPORTED}, "unsupported", "", id="unknown"),
    ],
)
async def test_what_staff_cannot_see_is_said_and_noted(
    world: HandoffWorld, changes: dict[str, object], event: str, words: str
) -> None:
    """Nothing of it is kept but that it came."""
    code = await world.opens()
    (said,) = await world.says("", **changes)
    assert words in said.text
    assert world.thread(code)[-1] == ("event", event)


async def test_words_under_a_picture_are_kept_too(world: HandoffWorld) -> None:
    """The picture is not seen, its caption is read."""
    code = await world.opens()
    await world.says("mi papel", kind=InboundKind.MEDIA, media_kind="image")
    assert world.thread(code)[-2:] == [("contact", "mi papel"), ("event", "image")]


async def test_the_bot_comes_back_when_staff_are_silent_and_the_case_stays(world: HandoffWorld) -> None:
    """After so many hours it says so once; staff still see the case, and their reply silences the bot again."""
    code = await world.opens()
    world.system.clock.turn(hours=HOURS - 1)
    assert world.returns.bring_back() == 0
    world.system.clock.turn(hours=1)
    assert world.returns.bring_back() == 1
    (told,) = world.goes_out()
    assert code in told.text
    assert world.returns.bring_back() == 0
    assert [reply.text for reply in await world.says("una pregunta")] == ["respuesta del bot"]
    assert [line.code for line in world.staff.list_open()] == [code]
    assert world.staff.reply(code, "s1", "Perdón por la espera", no_audit)
    world.goes_out()
    assert await world.says("ya era hora") == []


async def test_the_bot_comes_back_with_the_next_message_where_nobody_waited(world: HandoffWorld) -> None:
    """Staff had the last word long ago: nobody is woken at night, the next question is simply answered."""
    code = await world.opens()
    world.staff.reply(code, "s1", "Listo", no_audit)
    world.goes_out()
    world.system.clock.turn(hours=HOURS)
    assert world.returns.bring_back() == 0
    back, answer = await world.says("otra pregunta")
    assert code in back.text
    assert answer.text == "respuesta del bot"
    assert [reply.text for reply in await world.says("y otra")] == ["respuesta del bot"]


async def test_two_contacts_on_two_channels_have_their_own_cases(world: HandoffWorld) -> None:
    """What one writes never stands in the thread of the other."""
    one = await world.opens("por whatsapp", "x", "whatsapp")
    two = await world.opens("por telegram", "x", "telegram")
    await world.says("más whatsapp", "x", "whatsapp")
    await world.says("más telegram", "x", "telegram")
    assert [text for _, text in world.thread(one)] == ["por whatsapp", "más whatsapp"]
    assert [text for _, text in world.thread(two)] == ["por telegram", "más telegram"]
    world.staff.close(one, "s1", 10**6, no_audit)
    world.goes_out()
    assert await world.says("sigo", "x", "telegram") == []
