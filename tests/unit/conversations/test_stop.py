"""STOP and its kin, "mis datos": the real words and sentences on a real database; only the engine is a fake."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.conversations import consent
from bot.conversations.privacy import CONFIRM_MINUTES
from bot.conversations.turns import Trace, TurnResult
from bot.i18n import LOCALES
from bot.messages import DeliveryState, DeliveryStatus, InboundKind, OutboundMessage, QuickReply
from bot.storage.models import Inbound
from tests.support.builders import make_inbound
from tests.support.desk import TEXTS, Desk, desk, drain, note_question, only_contact

__all__ = ["desk"]

STOPS = {"es": "BAJA", "en": "unsubscribe", "fr": "arrêt", "pt": "parar"}
SHOWS = {"es": "mis datos", "en": "my data", "fr": "mes données", "pt": "meus dados"}
WHATSAPP = {"channel": "whatsapp"}


# --- stop ---


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_stop_word_stops_everything_and_is_confirmed_once(desk: Desk, locale: str) -> None:
    """One sentence in the contact's language, then nothing: what waited before is dropped, what comes later is held back."""
    await desk.gets("una pregunta", address=locale, locale_hint=locale, **WHATSAPP)
    replies = await desk.gets(STOPS[locale], address=locale, locale_hint=locale, **WHATSAPP)
    assert "911" in TEXTS.text(locale, "privacy.stopped")
    assert drain(desk.system) == [TEXTS.text(locale, "privacy.stopped")]
    assert len(replies) <= 1
    contact = only_contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("opted_out", desk.system.clock())
    with desk.system.database.transaction() as session:
        conversation = session.scalars(select(Inbound)).first().conversation_id
        desk.system.outbox.enqueue(session, conversation, "whatsapp", OutboundMessage("un aviso"), None)
    assert drain(desk.system) == []


async def test_a_stop_word_is_heard_in_the_middle_of_a_choice(desk: Desk) -> None:
    """Whatever was offered, the word counts, and the engine is not asked."""
    desk.engine.replies = (OutboundMessage("elija", (QuickReply("Uno", "/one"), QuickReply("Dos", "/two"))),)
    await desk.gets("menú")
    await desk.gets("STOP por favor")
    assert [text for text, _ in desk.engine.asked] == ["menú"]
    assert only_contact(desk.system).opted_out_at is not None


async def test_an_emergency_after_a_stop_is_answered(desk: Desk) -> None:
    """Writing again means wanting an answer; the stop stays noted, for all that nobody asked for."""
    await desk.gets("ALTO", **WHATSAPP)
    drain(desk.system)
    desk.engine.replies = (OutboundMessage("llame al 911"),)
    await desk.gets("me quieren matar", **WHATSAPP)
    assert drain(desk.system) == ["llame al 911"]
    assert only_contact(desk.system).opted_out_at is not None


async def test_an_emergency_that_came_before_the_stop_was_read_is_answered(desk: Desk) -> None:
    """A person who writes "stop" and at once a cry for help gets both replies, whenever the worker comes to it."""

    desk.engine.replies = (OutboundMessage("llame al 911"),)
    desk.system.inbox.store([make_inbound("stop", **WHATSAPP), make_inbound("me quieren matar", **WHATSAPP)])
    assert await desk.worker.run_once()
    assert await desk.worker.run_once()
    assert drain(desk.system) == [TEXTS.text("es", "privacy.stopped"), "llame al 911"]


async def test_start_takes_a_stop_back(desk: Desk) -> None:
    """After ALTA the contact is as before; without a stop the word is a question like any other."""
    await desk.gets("alta")
    assert [text for text, _ in desk.engine.asked] == ["alta"]
    await desk.gets("baja")
    (reply,) = await desk.gets("ALTA")
    assert reply.text == TEXTS.text("es", "privacy.resumed")
    contact = only_contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("", None)


async def test_a_stop_ends_all_permissions(desk: Desk) -> None:
    """What somebody once allowed does not outlive their stop."""
    await desk.gets("hola")
    contact = only_contact(desk.system)
    with desk.system.database.transaction() as session:
        consent.give(session, contact.id, "alerts", "1", desk.system.clock())
    await desk.gets("baja")
    with desk.system.database.reading() as session:
        assert not consent.is_given(session, contact.id, "alerts", "1")


async def test_a_provider_that_reports_an_opt_out_counts_as_a_stop(desk: Desk) -> None:
    """Stop words that the provider itself reads and our own lead to the same state."""
    await desk.gets("hola", **WHATSAPP)
    (sending,) = desk.system.outbox.take_due({"whatsapp"}, 1)
    desk.system.outbox.part_sent(sending.outbound_id, "p1", is_last=True)
    report = DeliveryStatus("whatsapp", "p1", DeliveryState.FAILED, "63033", opts_out=True)
    desk.system.inbox.store([report])
    contact = only_contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("opted_out", desk.system.clock())


async def test_a_first_word_is_answered_in_its_own_language(desk: Desk) -> None:
    """Nothing is known of somebody whose first word is French."""
    (reply,) = await desk.gets("effacer mes données")
    assert reply.text == TEXTS.text("fr", "privacy.erase_question", minutes=CONFIRM_MINUTES)
    assert only_contact(desk.system).locale == "fr"


async def test_a_stop_guessed_by_the_engine_is_only_offered(desk: Desk) -> None:
    """From free words nobody is stopped; a tap does it."""

    async def guessed(turn: object, text: str, command: object) -> TurnResult:
        return TurnResult([OutboundMessage("x")], text, "es", "default", trace=Trace("flow", "unsubscribe_alerts"))

    desk.engine.answer_turn = guessed  # type: ignore[method-assign]
    (offer,) = await desk.gets("será que ya no me pueden mandar cosas", **WHATSAPP)
    assert offer.text == TEXTS.text("es", "privacy.stop_question")
    assert only_contact(desk.system).opted_out_at is None
    await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=offer.quick_replies[0].token, **WHATSAPP)
    assert only_contact(desk.system).opted_out_at is not None


# --- my data ---


@pytest.mark.parametrize("locale", LOCALES)
async def test_my_data_tells_what_the_database_holds(desk: Desk, locale: str) -> None:
    """Real counts and real dates, in words of the contact's language."""
    await desk.gets("mi cédula es 1710034065", locale_hint=locale)
    contact = only_contact(desk.system)
    with desk.system.database.transaction() as session:
        consent.give(session, contact.id, "alerts", "1", desk.system.clock())
    desk.system.clock.turn(days=3)
    (reply,) = await desk.gets(SHOWS[locale])
    days = {
        "es": ["23 de noviembre de 2026", "26 de diciembre de 2026", "26 de noviembre de 2027"],
        "en": ["November 23, 2026", "December 26, 2026", "November 26, 2027"],
        "fr": ["23 novembre 2026", "26 décembre 2026", "26 novembre 2027"],
        "pt": ["23 de novembro de 2026", "26 de dezembro de 2026", "26 de novembro de 2027"],
    }[locale]
    for day in days:
        assert day in reply.text
    assert "1710034065" not in reply.text
    assert "alerts" in reply.text
    assert re.search(r": 2\b", reply.text)  # Two messages: the first and this one.
    assert [choice.payload for choice in reply.quick_replies] == ["/delete_my_data", "/menu"]
    assert "{" not in reply.text


async def test_my_data_names_a_stop_and_the_questions(desk: Desk) -> None:
    """Somebody who asked us to stop reads when; questions that staff may read are counted."""
    await desk.gets("baja")
    contact = only_contact(desk.system)
    note_question(desk.system, contact)
    (reply,) = await desk.gets("qué saben de mí")
    day = "23 de noviembre de 2026"
    assert TEXTS.text("es", "privacy.data_opted_out", date=day) in reply.text
    assert TEXTS.text("es", "privacy.data_questions", count=1, until="22 de mayo de 2027") in reply.text
