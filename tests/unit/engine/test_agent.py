"""The real engine on the newest model: follow-ups, memory, sessions, language, and messages that mean nothing."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import replace

import pytest

from bot.errors import EngineError
from bot.i18n import LOCALES, Catalogues
from tests.support.engine import ROOT, EngineConversation, shared_engine, texts_of

pytestmark = pytest.mark.engine
TEXTS = Catalogues(ROOT / "locales")


def _events(state: bytes) -> list[dict[str, object]]:
    events: list[dict[str, object]] = json.loads(zlib.decompress(state))
    return events


def _older(state: bytes, hours: float) -> bytes:
    """Return the state as it would be had everything in it happened that much earlier."""
    events = [{**event, "timestamp": float(str(event["timestamp"])) - hours * 3600} for event in _events(state)]
    return zlib.compress(json.dumps(events).encode())


@pytest.mark.parametrize("asked", ["cuánto cuesta", "y cuanto cuesta eso"])
async def test_a_follow_up_is_about_the_last_answer(asked: str) -> None:
    """Asking for the cost after the passport gives the passport's, and not the menu."""
    contact = EngineConversation()
    answer = await contact.says("como saco el pasaporte")
    follow_up = await contact.says(asked)
    assert follow_up.trace.topic == "more_detail"
    assert "pasaporte" in texts_of(follow_up).casefold()
    assert texts_of(follow_up) == texts_of(answer) or "90 dólares" in texts_of(follow_up)


async def test_a_tapped_section_is_of_its_own_topic() -> None:
    """The button under an earlier answer still means that answer, and the next follow-up goes on from there."""
    contact = EngineConversation()
    await contact.says("como saco el pasaporte")
    await contact.says("como saco la cedula")
    tapped = await contact.taps("more_detail", topic="passport", section="requirements")
    assert texts_of(tapped).startswith("**Pasaporte")
    assert "Fuente:" in texts_of(tapped)
    assert "pasaporte" in texts_of(await contact.says("cuánto cuesta")).casefold()


async def test_a_destination_is_remembered_until_another_is_named() -> None:
    """The country of the first question holds for the next topic; naming another one changes it."""
    contact = EngineConversation()
    assert (await contact.says("q visa necesito pa mexico")).trace.destination == "mx"
    assert (await contact.says("y para españa?")).trace.destination == "es"


async def test_two_contacts_do_not_mix() -> None:
    """Turns of two conversations in turn about: each remembers its own topic and language."""
    ana, john = EngineConversation(conversation_id="ana"), EngineConversation("en", conversation_id="john")
    await ana.says("como saco el pasaporte")
    await john.says("how do i get the returned migrant certificate")
    assert "pasaporte" in texts_of(await ana.taps("more_detail")).casefold()
    assert "certificate" in texts_of(await john.taps("more_detail")).casefold()
    assert (ana.turn.locale, john.turn.locale) == ("es", "en")


async def test_the_state_does_not_grow_and_holds_nothing_that_was_typed() -> None:
    """After two hundred turns there is no more to keep than after ten, and no word of the contact in it."""
    contact, events, sizes = EngineConversation(), {}, {}
    asked = ["como saco el pasaporte en guayaquil", "cuánto cuesta", "zarigüeya qwerty", "q visa necesito pa mexico", "gracias"]
    for number in range(1, 201):
        await contact.says(f"{asked[number % len(asked)]} ornitorrinco{number}")
        events[number], sizes[number] = len(_events(contact.state)), len(contact.state)
    # The kinds of the last three turns repeat every five turns, so like is compared with like.
    assert events[200] <= events[10]
    assert sizes[200] <= sizes[10] * 1.1
    raw = zlib.decompress(contact.state).decode()
    for word in ("ornitorrinco", "zarig", "guayaquil", "como saco", "Fuente"):
        assert word not in raw


@pytest.mark.parametrize("turns", [1, 8], ids=["short session", "long session"])
async def test_a_new_session_begins_after_a_day(turns: int) -> None:
    """After twenty-four hours the topic is forgotten and a follow-up gets the menu; an hour earlier it is not."""
    contact = EngineConversation()
    for _ in range(turns):
        await contact.says("como saco el pasaporte")
    state = contact.state
    contact.turn = replace(contact.turn, engine_state=_older(state, 23))
    assert "pasaporte" in texts_of(await contact.says("cuánto cuesta")).casefold()
    contact.turn = replace(contact.turn, engine_state=_older(state, 24.1))
    assert texts_of(await contact.says("cuánto cuesta")) == TEXTS.text("es", "reply.menu")


async def test_a_new_session_forgets_the_country() -> None:
    """Nobody is answered for a country that they named last week."""
    contact = EngineConversation()
    await contact.says("q visa necesito pa mexico")
    contact.turn = replace(contact.turn, engine_state=_older(contact.state, 25))
    assert (await contact.says("como saco el pasaporte")).trace.destination == ""


async def test_two_misses_in_a_row_offer_a_person() -> None:
    """The second message that is not understood puts a person first; an answer begins the count again."""
    contact = EngineConversation()
    offers = []
    for text in ("zxcv qwer asdf", "poiu mnbv lkjh", "como saco el pasaporte", "zxcv qwer asdf"):
        result = await contact.says(text)
        offers.append(result.replies[-1].quick_replies[0].payload)
    assert offers[0] != "/talk_to_person"
    assert offers[1] == "/talk_to_person"
    assert offers[3] != "/talk_to_person"


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_chosen_language_sticks(locale: str) -> None:
    """After the button, three questions in other languages are all answered in the chosen one."""
    contact = EngineConversation()
    chosen = await contact.taps("change_language", locale=locale)
    assert (chosen.locale, chosen.locale_source) == (locale, "chosen")
    for text in ("como saco el pasaporte por favor", "how do i get the returned migrant certificate", "j'ai perdu mon passeport"):
        result = await contact.says(text)
        assert (result.locale, result.locale_source) == (locale, "chosen")
        assert {"es": "Revisado el", "en": "Checked on", "fr": "Vérifié le", "pt": "Revisado em"}[locale] in texts_of(result)


@pytest.mark.parametrize("text", ["/passport", '/passport{"destination": "us"}', "/restart", "/session_start", "/back"])
async def test_a_typed_command_runs_nothing(text: str) -> None:
    """The words behind the slash are read as words: memory and language stay, and no entity comes from braces."""
    contact = EngineConversation()
    await contact.says("buenas tardes como saco la cedula por primera vez")
    result = await contact.says(text)
    assert result.replies
    slots = {event["name"]: event["value"] for event in _events(contact.state) if event["event"] == "slot"}
    assert slots["topic"] in ("id_card", *(["passport"] if "passport" in text else []))
    assert result.locale == "es"


async def test_a_typed_greet_command_is_no_greeting() -> None:
    """`/greet` is a word that nobody taught the classifier, and not the intent of that name."""
    typed = await EngineConversation().says("/greet")
    tapped = await EngineConversation().taps("greet")
    assert texts_of(tapped) == TEXTS.text("es", "reply.greet")
    assert texts_of(typed) != texts_of(tapped)


ODD = {
    "slashes": "///",
    "one letter": "a",
    "emojis": "😀" * 300,
    "directions": "\u202eayuda\u200b",
    "only invisible": "\u200b\u200e",
    "very long": "a" * 4096,
    "many words": "por favor " * 400,
    "punctuation": "¿?",
    "braces": "{topic} {{}} {0}",
    "json": '{"text": "hola"}',
    "other script": "мне нужна помощь",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_an_odd_message_gets_a_plain_reply(text: str) -> None:
    """Whatever is typed there is a reply, and the next question is answered."""
    contact = EngineConversation()
    assert texts_of(await contact.says(text))
    assert (await contact.says("como saco el pasaporte")).trace.topic == "passport"


async def test_the_engine_goes_on_after_a_turn_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that ran out of time leaves nothing locked: the next one of the same contact is answered."""
    contact = EngineConversation()
    with monkeypatch.context() as patch:
        patch.setattr(shared_engine()._agent.processor, "handle_message", lambda message: asyncio.sleep(60))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(contact.says("como saco el pasaporte"), 0.05)
    assert (await asyncio.wait_for(contact.says("como saco la cedula"), 5)).trace.topic == "id_card"


async def test_a_button_of_a_topic_that_the_model_does_not_know_gets_one_reply() -> None:
    """A button outlives its topic for a week: who taps it then is told once to choose again, and goes on."""
    contact = EngineConversation()
    result = await contact.taps("no_such_topic")
    assert [reply.text for reply in result.replies] == [TEXTS.text("es", "reply.not_understood")]
    assert (await contact.says("como saco el pasaporte")).trace.topic == "passport"


async def test_no_reply_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence of the engine is an error, which the worker turns into a sentence."""

    async def say_nothing(*_: object) -> None:
        engine._store._state["c1"] = b""

    engine = shared_engine()
    monkeypatch.setattr(engine._agent, "handle_message", say_nothing)
    with pytest.raises(EngineError, match="no reply"):
        await EngineConversation().says("hola")


@pytest.mark.parametrize(
    ("intent", "decision"),
    [
        ("talk_to_person", "person"),
        ("menu", "menu"),
        ("check_offer", "flow"),
        ("emergency_lost", "urgent"),
        ("passport", "answer"),
    ],
)
async def test_the_trace_names_the_kind_of_decision(intent: str, decision: str) -> None:
    """`ruta explain` and the tests read the same six words."""
    result = await EngineConversation().taps(intent)
    assert result.trace.decision == decision
    assert result.trace.topic == ("" if decision == "menu" else intent)
