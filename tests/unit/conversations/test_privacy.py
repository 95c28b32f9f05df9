"""What people ask about their own data, with the real words and sentences, on a real database; only the engine is a fake."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.conversations import consent
from bot.conversations.erasure import Receipts, code_hash
from bot.conversations.feed import Feed
from bot.conversations.outbox import MAX_ATTEMPTS
from bot.conversations.privacy import CONFIRM_MINUTES
from bot.conversations.retention import Retention, RetentionLimits
from bot.conversations.turns import LEASE_SECONDS, Trace, TurnResult
from bot.conversations.unanswered import Question
from bot.errors import LeaseLost, SendFailed, SendFailure
from bot.gateway.sending import _check_may_send
from bot.i18n import LOCALES
from bot.messages import DeliveryState, DeliveryStatus, InboundKind, OutboundMessage, QuickReply
from bot.storage.models import Base, Contact, ErasureReceipt, Inbound, Outbound, QuickReplyToken, UnansweredQuestion
from tests.support.builders import System, make_inbound
from tests.unit.test_worker import LIMITS, TEXTS, Desk, desk

__all__ = ["desk"]

STOPS = {"es": "BAJA", "en": "unsubscribe", "fr": "arrêt", "pt": "parar"}
ERASES = {"es": "borrar mis datos", "en": "delete my data", "fr": "effacer mes données", "pt": "apagar meus dados"}
SHOWS = {"es": "mis datos", "en": "my data", "fr": "mes données", "pt": "meus dados"}
WHATSAPP = {"channel": "whatsapp"}


def _count(system: System, table: type[Base]) -> int:
    with system.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _contact(system: System) -> Contact:
    with system.database.reading() as session:
        return session.scalars(select(Contact)).one()


def _send(system: System) -> list[str]:
    """Do what the sending loop does with all that is due, and return the texts that reached the provider."""
    texts = []
    for sending in system.outbox.take_due({"whatsapp"}, 10):
        try:
            _check_may_send(sending, LIMITS, system.clock())
        except SendFailed as failed:
            system.outbox.fail(sending.outbound_id, failed)
            continue
        texts.append(sending.message.text)
        provider_id = f"p{sending.outbound_id}-{len(texts)}-{system.clock()}"
        system.outbox.part_sent(sending.outbound_id, provider_id, is_last=True, ends_contact=sending.ends_contact)
    return texts


def _raw(folder: Path) -> bytes:
    """Return the bytes of the database's files, its log too."""
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))


def _drain(system: System) -> list[str]:
    return [text for _ in range(6) for text in _send(system)]


# --- stop ---


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_stop_word_stops_everything_and_is_confirmed_once(desk: Desk, locale: str) -> None:
    """One sentence in the contact's language, then nothing: what waited before is dropped, what comes later is held back."""
    await desk.gets("una pregunta", address=locale, locale_hint=locale, **WHATSAPP)
    replies = await desk.gets(STOPS[locale], address=locale, locale_hint=locale, **WHATSAPP)
    assert "911" in TEXTS.text(locale, "privacy.stopped")
    assert _drain(desk.system) == [TEXTS.text(locale, "privacy.stopped")]
    assert len(replies) <= 1
    contact = _contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("opted_out", desk.system.clock())
    with desk.system.database.transaction() as session:
        conversation = session.scalars(select(Inbound)).first().conversation_id
        desk.system.outbox.enqueue(session, conversation, "whatsapp", OutboundMessage("un aviso"), None)
    assert _drain(desk.system) == []


async def test_a_stop_word_is_heard_in_the_middle_of_a_choice(desk: Desk) -> None:
    """Whatever was offered, the word counts, and the engine is not asked."""
    desk.engine.replies = (OutboundMessage("elija", (QuickReply("Uno", "/one"), QuickReply("Dos", "/two"))),)
    await desk.gets("menú")
    await desk.gets("STOP por favor")
    assert [text for text, _ in desk.engine.asked] == ["menú"]
    assert _contact(desk.system).opted_out_at is not None


async def test_an_emergency_after_a_stop_is_answered(desk: Desk) -> None:
    """Writing again means wanting an answer; the stop stays noted, for all that nobody asked for."""
    await desk.gets("ALTO", **WHATSAPP)
    _drain(desk.system)
    desk.engine.replies = (OutboundMessage("llame al 911"),)
    await desk.gets("me quieren matar", **WHATSAPP)
    assert _drain(desk.system) == ["llame al 911"]
    assert _contact(desk.system).opted_out_at is not None


async def test_an_emergency_that_came_before_the_stop_was_read_is_answered(desk: Desk) -> None:
    """A person who writes "stop" and at once a cry for help gets both replies, whenever the worker comes to it."""

    desk.engine.replies = (OutboundMessage("llame al 911"),)
    desk.system.inbox.store([make_inbound("stop", **WHATSAPP), make_inbound("me quieren matar", **WHATSAPP)])
    assert await desk.worker.run_once()
    assert await desk.worker.run_once()
    assert _drain(desk.system) == [TEXTS.text("es", "privacy.stopped"), "llame al 911"]


async def test_start_takes_a_stop_back(desk: Desk) -> None:
    """After ALTA the contact is as before; without a stop the word is a question like any other."""
    await desk.gets("alta")
    assert [text for text, _ in desk.engine.asked] == ["alta"]
    await desk.gets("baja")
    (reply,) = await desk.gets("ALTA")
    assert reply.text == TEXTS.text("es", "privacy.resumed")
    contact = _contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("", None)


async def test_a_stop_ends_all_permissions(desk: Desk) -> None:
    """What somebody once allowed does not outlive their stop."""
    await desk.gets("hola")
    contact = _contact(desk.system)
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
    contact = _contact(desk.system)
    assert (contact.stopped_reason, contact.opted_out_at) == ("opted_out", desk.system.clock())


async def test_a_first_word_is_answered_in_its_own_language(desk: Desk) -> None:
    """Nothing is known of somebody whose first word is French."""
    (reply,) = await desk.gets("effacer mes données")
    assert reply.text == TEXTS.text("fr", "privacy.erase_question", minutes=CONFIRM_MINUTES)
    assert _contact(desk.system).locale == "fr"


async def test_a_stop_guessed_by_the_engine_is_only_offered(desk: Desk) -> None:
    """From free words nobody is stopped; a tap does it."""

    async def guessed(turn: object, text: str, command: object) -> TurnResult:
        return TurnResult([OutboundMessage("x")], text, "es", "default", trace=Trace("flow", "unsubscribe_alerts"))

    desk.engine.answer_turn = guessed  # type: ignore[method-assign]
    (offer,) = await desk.gets("será que ya no me pueden mandar cosas", **WHATSAPP)
    assert offer.text == TEXTS.text("es", "privacy.stop_question")
    assert _contact(desk.system).opted_out_at is None
    await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=offer.quick_replies[0].token, **WHATSAPP)
    assert _contact(desk.system).opted_out_at is not None


# --- my data ---


@pytest.mark.parametrize("locale", LOCALES)
async def test_my_data_tells_what_the_database_holds(desk: Desk, locale: str) -> None:
    """Real counts and real dates, in words of the contact's language."""
    await desk.gets("mi cédula es 1710034065", locale_hint=locale)
    contact = _contact(desk.system)
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
    contact = _contact(desk.system)
    with desk.system.database.transaction() as session:
        session.add(
            UnansweredQuestion(
                contact_id=contact.id, person_hash="h", masked_text="q", locale="es", decision="choices", guesses="[]",
                asked_at=desk.system.clock(), state="open",
            )
        )  # fmt: skip
    (reply,) = await desk.gets("qué saben de mí")
    day = "23 de noviembre de 2026"
    assert TEXTS.text("es", "privacy.data_opted_out", date=day) in reply.text
    assert TEXTS.text("es", "privacy.data_questions", count=1, until="22 de mayo de 2027") in reply.text


# --- erase ---


async def _ask(desk: Desk, **fields: object) -> tuple[str, str]:
    """Ask for the erasure and return the tokens of no and yes."""
    (question,) = await desk.gets("borrar mis datos", **fields)
    assert question.text == TEXTS.text("es", "privacy.erase_question", minutes=CONFIRM_MINUTES)
    no, yes = question.quick_replies
    assert (no.title, yes.title) == (TEXTS.text("es", "choices.erase_no"), TEXTS.text("es", "choices.erase_yes"))
    return no.token, yes.token


def _tap(token: str) -> dict[str, object]:
    return {"text": "", "kind": InboundKind.QUICK_REPLY, "quick_reply": token}


def _read_code(text: str) -> str:
    found = re.search(r"\*\*([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})\*\*", text)
    assert found
    return found[1]


async def test_erasing_deletes_everything_and_still_tells_so(desk: Desk) -> None:
    """All rows of the contact go, the confirmation goes out, and then even the address is gone; the receipt names nobody."""
    await desk.gets("estoy en Tapachula", **WHATSAPP)
    _drain(desk.system)
    with desk.system.database.transaction() as session:
        consent.give(session, session.scalars(select(Contact)).one().id, "alerts", "1", desk.system.clock())
    await desk.gets("otra pregunta que nadie contestó", **WHATSAPP)
    _, yes = await _ask(desk, **WHATSAPP)
    old_id = _contact(desk.system).id

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    kept = _contact(desk.system)
    assert (kept.id != old_id, kept.stopped_reason) == (True, "erased")
    assert (_count(desk.system, Inbound), _count(desk.system, Outbound)) == (0, 1)
    (text,) = _drain(desk.system)
    code = _read_code(text)
    left = {mapper.class_: _count(desk.system, mapper.class_) for mapper in Base.registry.mappers}
    assert {table: count for table, count in left.items() if count} == {ErasureReceipt: 1}
    receipts = Receipts(desk.system.database, desk.system.vault)
    assert receipts.erased_at(code.lower().replace("-", " ")) == desk.system.clock()
    assert receipts.erased_at("AAAA-BBBB-CCCC") is None
    with desk.system.database.reading() as session:
        assert session.scalars(select(ErasureReceipt)).one().code_hash == code_hash(desk.system.vault, code)


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_typed_yes_erases_right_after_the_question(desk: Desk, locale: str) -> None:
    """ "sí" and its kin are an answer while the question stands."""
    yes = {"es": "Sí", "en": "YES", "fr": "oui", "pt": "sim"}[locale]
    await desk.gets(ERASES[locale], locale_hint=locale, **WHATSAPP)
    _drain(desk.system)

    desk.system.inbox.store([make_inbound(yes, locale_hint=locale, **WHATSAPP)])
    assert await desk.worker.run_once()
    (text,) = _drain(desk.system)
    assert text == TEXTS.text(locale, "privacy.erased", code=_read_code(text))
    assert _count(desk.system, Contact) == 0


async def test_a_yes_without_a_question_erases_nothing(desk: Desk) -> None:
    """The word alone is for the engine."""
    await desk.gets("sí")
    assert [text for text, _ in desk.engine.asked] == ["sí"]
    assert _count(desk.system, ErasureReceipt) == 0


async def test_a_no_keeps_everything_and_voids_the_yes(desk: Desk) -> None:
    """After "no" the other button is dead."""
    no, yes = await _ask(desk)
    (reply,) = await desk.gets(**_tap(no))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "privacy.kept")
    (reply,) = await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert (_count(desk.system, Contact), _count(desk.system, ErasureReceipt)) == (1, 0)


async def test_the_buttons_expire(desk: Desk) -> None:
    """A tap the next day does nothing, nor does a typed yes."""
    _, yes = await _ask(desk)
    desk.system.clock.turn(minutes=CONFIRM_MINUTES, seconds=1)
    (reply,) = await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    await desk.gets("sí")
    assert desk.engine.asked == [("sí", None)]
    assert _count(desk.system, Contact) == 1


async def test_a_tap_in_time_counts_when_the_worker_was_late(desk: Desk) -> None:
    """It is the tap that must be in time, not our work on it."""

    _, yes = await _ask(desk)
    desk.system.inbox.store([make_inbound(**_tap(yes))])
    desk.system.clock.turn(hours=1)
    assert await desk.worker.run_once()
    assert _count(desk.system, ErasureReceipt) == 1


async def test_a_new_question_voids_the_older_one(desk: Desk) -> None:
    """Only the newest buttons count."""
    _, first = await _ask(desk)
    await _ask(desk)
    (reply,) = await desk.gets(**_tap(first))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")


async def test_a_used_button_does_nothing_again(desk: Desk) -> None:
    """A second tap comes from a stranger to us, and erases nobody."""
    _, yes = await _ask(desk)
    await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    (reply,) = (await desk.gets(**_tap(yes)))[-1:]  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert _count(desk.system, ErasureReceipt) == 1


async def test_a_button_of_somebody_else_does_nothing(desk: Desk) -> None:
    """A token counts only in the conversation in which it was offered."""
    _, yes = await _ask(desk, address="victim")
    (reply,) = await desk.gets(**_tap(yes), address="attacker")  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert (_count(desk.system, Contact), _count(desk.system, ErasureReceipt)) == (2, 0)


async def test_what_a_contact_types_is_never_a_payload(desk: Desk) -> None:
    """The payload itself, typed, is a text like any other."""
    await _ask(desk)
    await desk.gets("/erase_confirmed")
    assert _count(desk.system, ErasureReceipt) == 0


async def test_a_message_that_waits_is_kept_for_the_new_contact(desk: Desk) -> None:
    """What was written after "yes" was not part of what was confirmed: it is answered, as a stranger's."""

    _, yes = await _ask(desk, **WHATSAPP)
    old_id = _contact(desk.system).id
    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP), make_inbound("ayuda con mi visa", **WHATSAPP)])
    assert await desk.worker.run_once()
    assert await desk.worker.run_once()
    texts = _drain(desk.system)
    assert (len(texts), texts[-1]) == (2, "la respuesta")
    _read_code(texts[0])
    contact = _contact(desk.system)
    assert (contact.id != old_id, contact.stopped_reason) == (True, "")
    assert _count(desk.system, Inbound) == 1


async def test_who_writes_before_the_confirmation_is_out_gets_it_too(desk: Desk) -> None:
    """The emptied row becomes the new contact's: nothing is lost, nothing comes back."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    desk.system.inbox.store([make_inbound("hola otra vez", **WHATSAPP)])
    assert await desk.worker.run_once()
    texts = _drain(desk.system)
    _read_code(texts[0])
    assert texts[1:] == ["la respuesta"]
    assert (_contact(desk.system).stopped_reason, _count(desk.system, Inbound)) == ("", 1)


async def test_a_worker_killed_before_its_commit_erases_nothing(desk: Desk) -> None:
    """Everything is there, and the next worker does it."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert desk.system.turns("killed").claim() is not None
    assert (_count(desk.system, ErasureReceipt), _count(desk.system, Inbound)) == (0, 2)
    desk.system.clock.turn(seconds=LEASE_SECONDS + 1)
    assert await desk.worker.run_once()
    _read_code(_drain(desk.system)[0])
    assert _count(desk.system, Contact) == 0


async def test_a_gateway_killed_while_sending_sends_the_confirmation_again(desk: Desk) -> None:
    """Between the provider's yes and our note of it a death costs a second copy, never the confirmation."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    (lost,) = desk.system.outbox.take_due({"whatsapp"}, 1)
    assert _count(desk.system, Contact) == 1
    desk.system.clock.turn(seconds=120)
    assert _drain(desk.system) == [lost.message.text]
    assert _count(desk.system, Contact) == 0


async def test_a_confirmation_that_cannot_be_delivered_leaves_nothing(desk: Desk) -> None:
    """Somebody who has blocked us is erased all the same."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    for _ in range(MAX_ATTEMPTS):
        for sending in desk.system.outbox.take_due({"whatsapp"}, 1):
            desk.system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.TIMED_OUT, "x"))
        desk.system.clock.turn(hours=1)
    assert (_count(desk.system, Contact), _count(desk.system, Outbound)) == (0, 0)


async def test_a_reply_on_its_way_during_an_erasure_does_no_harm(desk: Desk) -> None:
    """The gateway holds a reply whose row is deleted meanwhile: it stops after the part at hand, without a fault."""
    await desk.gets("hola", **WHATSAPP)
    (sending,) = desk.system.outbox.take_due({"whatsapp"}, 1)
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    assert desk.system.outbox.part_sent(sending.outbound_id, "late") is False
    assert desk.system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.TIMED_OUT, "x")) is False
    desk.system.outbox.use_fallback(sending.outbound_id)
    assert len(_drain(desk.system)) == 1


async def test_a_browser_fetches_the_confirmation_after_its_last_reply(desk: Desk) -> None:
    """On the web page the confirmation has a higher id than all before, so a page that is open sees it."""
    await desk.gets("hola")
    _, yes = await _ask(desk)
    feed = Feed(desk.system.database, desk.system.vault, desk.system.clock)
    last = feed.history("webchat", "contact-a").last_id
    await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    (reply,) = feed.replies_after("webchat", "contact-a", last)
    assert _read_code(reply.message.text)


async def test_the_page_that_forgets_erases_questions_too(desk: Desk) -> None:
    """Both ways to erase leave nothing of the person."""
    await desk.gets("hola")
    contact = _contact(desk.system)
    with desk.system.database.transaction() as session:
        session.add(
            UnansweredQuestion(
                contact_id=contact.id, person_hash="h", masked_text="q", locale="es", decision="choices", guesses="[]",
                asked_at=desk.system.clock(), state="open",
            )
        )  # fmt: skip
    assert Feed(desk.system.database, desk.system.vault, desk.system.clock).forget("webchat", "contact-a")
    assert (_count(desk.system, UnansweredQuestion), _count(desk.system, Contact)) == (0, 0)


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_nothing_of_an_erased_person_is_left_in_the_file(desk: Desk, tmp_path: Path) -> None:
    """Not in the tables, not in the free pages, not in the log of the database."""

    secret = "vivo con mi prima Genoveva cerca del parque"
    await desk.gets(secret, **WHATSAPP)
    _drain(desk.system)
    _, yes = await _ask(desk, **WHATSAPP)
    raw = _raw(tmp_path)
    assert secret.encode() in raw
    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    code = _read_code(_drain(desk.system)[0])
    desk.system.clock.turn(days=8)
    Retention(desk.system.database, RetentionLimits(), desk.system.clock).purge()
    raw = _raw(tmp_path)
    assert secret.encode() not in raw
    assert b"Genoveva" not in raw
    assert code.encode() not in raw


# --- what is stored in clear ---

PERSONAL = {
    "cedula": "1710034065",
    "phone": "0991234567",
    "mail": "ana.perez@example.org",
    "card": "4111 1111 1111 1111",
    "token": "https://banco.example/entrar?token=s3cr3tt0k3n",
    "place": "-0.180653, -78.467834",
}


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_everything_in_clear_is_masked(desk: Desk, tmp_path: Path) -> None:
    """Proved on the database file itself: no personal number stands in it, also not in questions for staff or the engine's state."""

    async def answer(turn: object, text: str, command: object) -> TurnResult:
        trace = Trace("choices", choices=("work_visa",), ranking=(("work_visa", 0.4), ("study_visa", 0.3)))
        return TurnResult([OutboundMessage("elija")], text, "es", "default", text.encode(), trace=trace)

    desk.engine.answer_turn = answer  # type: ignore[method-assign]
    for value in PERSONAL.values():
        await desk.gets(f"una pregunta con {value} en medio", **WHATSAPP)
    assert _count(desk.system, UnansweredQuestion) == len(PERSONAL)
    raw = _raw(tmp_path)
    assert b"una pregunta con" in raw
    for value in ("1710034065", "0991234567", "ana.perez", "4111 1111", "s3cr3tt0k3n", "-0.180653", "78.4678"):
        assert value.encode() not in raw, value


# --- what staff see ---


@pytest.mark.parametrize(
    ("trace", "decision"),
    [
        pytest.param(Trace("choices", choices=("work_visa",), ranking=(("work_visa", 0.4),)), "choices", id="choices"),
        pytest.param(Trace("menu", is_miss=True, ranking=(("work_visa", 0.1),)), "not_understood", id="not understood"),
        pytest.param(Trace("menu"), "", id="the menu was asked for"),
        pytest.param(Trace("person", "talk_to_person"), "", id="a person was asked for"),
        pytest.param(Trace("answer", "work_visa"), "", id="answered"),
        pytest.param(Trace("urgent", "missing_person"), "", id="urgent"),
        pytest.param(Trace("choices", choices=("work_visa", "missing_person")), "", id="an urgent choice"),
        pytest.param(Trace("menu", is_miss=True, ranking=(("missing_person", 0.2),)), "", id="perhaps urgent"),
    ],
)
async def test_what_got_no_certain_answer_is_kept_for_staff(desk: Desk, trace: Trace, decision: str) -> None:
    """Choices and misses are kept, masked; what was understood or may be an emergency is not."""

    async def answer(turn: object, text: str, command: object) -> TurnResult:
        return TurnResult([OutboundMessage("x")], text, "es", "default", trace=trace)

    desk.engine.answer_turn = answer  # type: ignore[method-assign]
    await desk.gets("algo raro 1710034065", address="a")
    await desk.gets("algo más", address="a")
    with desk.system.database.reading() as session:
        message = session.scalars(select(Inbound).order_by(Inbound.id)).first()
        rows = session.scalars(select(UnansweredQuestion).order_by(UnansweredQuestion.id)).all()
    assert message is not None
    assert (message.decision, message.topic) == (trace.decision, trace.topic)
    assert [row.masked_text for row in rows] == (["algo raro [cédula]", "algo más"] if decision else [])
    assert {row.decision for row in rows} == ({decision} if decision else set())
    assert len({row.person_hash for row in rows}) == (1 if decision else 0)
    assert {row.state for row in rows} <= {"open"}


async def test_a_tap_is_no_question(desk: Desk) -> None:
    """A button that outlived its topic is not understood, but nobody asked anything in words."""

    async def answer(turn: object, text: str, command: object) -> TurnResult:
        return TurnResult([OutboundMessage("x")], text, "es", "default", trace=Trace("menu", is_miss=True))

    desk.engine.answer_turn = answer  # type: ignore[method-assign]
    await desk.gets("Ayuda", kind=InboundKind.QUICK_REPLY, quick_reply="command:menu")
    assert _count(desk.system, UnansweredQuestion) == 0


def test_a_question_goes_with_its_turn_only(system: System) -> None:
    """A turn whose lease was lost stores no question."""

    system.inbox.store([make_inbound("q")])
    turn = system.turns("slow").claim()
    assert turn is not None
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    result = TurnResult([], "q", "es", "default", question=Question("q", "choices", ()))
    with pytest.raises(LeaseLost):
        system.turns("slow").commit(replace(turn), result)
    assert _count(system, UnansweredQuestion) == 0


# --- about privacy ---


@pytest.mark.parametrize("channel", ["whatsapp", "telegram", "webchat"])
@pytest.mark.parametrize("locale", LOCALES)
async def test_the_answer_about_privacy_names_who_sees_what(desk: Desk, channel: str, locale: str) -> None:
    """Each channel's companies, our limits as they are set, and how to see, delete and stop."""

    async def answer(turn: object, text: str, command: object) -> TurnResult:
        return TurnResult([OutboundMessage("x")], text, locale, "chosen", trace=Trace("answer", "privacy_question"))

    desk.engine.answer_turn = answer  # type: ignore[method-assign]
    (reply,) = await desk.gets("quién lee esto", channel=channel)
    assert TEXTS.text(locale, f"privacy.seen_by_{channel}") in reply.text
    assert all(f" {days} " in reply.text for days in (30, 90, 180, 365))
    assert all(words in reply.text for words in (SHOWS[locale], ERASES[locale], "STOP"))
    assert "{" not in reply.text
    assert _count(desk.system, QuickReplyToken) == 3
