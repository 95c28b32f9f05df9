"""What "borrar mis datos" deletes, asks and confirms, on a real database; only the engine is a fake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.conversations import consent
from bot.conversations.erasure import Receipts, code_hash
from bot.conversations.feed import Feed
from bot.conversations.outbox import MAX_ATTEMPTS
from bot.conversations.privacy import CONFIRM_MINUTES
from bot.conversations.retention import Retention, RetentionLimits
from bot.conversations.turns import LEASE_SECONDS
from bot.errors import SendFailed, SendFailure
from bot.i18n import LOCALES
from bot.messages import InboundKind
from bot.storage.models import Base, Contact, ErasureReceipt, Inbound, Outbound, UnansweredQuestion
from tests.support.builders import make_inbound
from tests.support.desk import TEXTS, Desk, count_rows, desk, drain, note_question, only_contact

__all__ = ["desk"]

ERASES = {"es": "borrar mis datos", "en": "delete my data", "fr": "effacer mes données", "pt": "apagar meus dados"}
WHATSAPP = {"channel": "whatsapp"}


def _raw(folder: Path) -> bytes:
    """Return the bytes of the database's files, its log too."""
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))


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
    drain(desk.system)
    with desk.system.database.transaction() as session:
        consent.give(session, session.scalars(select(Contact)).one().id, "alerts", "1", desk.system.clock())
    await desk.gets("otra pregunta que nadie contestó", **WHATSAPP)
    _, yes = await _ask(desk, **WHATSAPP)
    old_id = only_contact(desk.system).id

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    kept = only_contact(desk.system)
    assert (kept.id != old_id, kept.stopped_reason) == (True, "erased")
    assert (count_rows(desk.system, Inbound), count_rows(desk.system, Outbound)) == (0, 1)
    (text,) = drain(desk.system)
    code = _read_code(text)
    left = {mapper.class_: count_rows(desk.system, mapper.class_) for mapper in Base.registry.mappers}
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
    drain(desk.system)

    desk.system.inbox.store([make_inbound(yes, locale_hint=locale, **WHATSAPP)])
    assert await desk.worker.run_once()
    (text,) = drain(desk.system)
    assert text == TEXTS.text(locale, "privacy.erased", code=_read_code(text))
    assert count_rows(desk.system, Contact) == 0


async def test_a_yes_without_a_question_erases_nothing(desk: Desk) -> None:
    """The word alone is for the engine."""
    await desk.gets("sí")
    assert [text for text, _ in desk.engine.asked] == ["sí"]
    assert count_rows(desk.system, ErasureReceipt) == 0


async def test_a_no_keeps_everything_and_voids_the_yes(desk: Desk) -> None:
    """After "no" the other button is dead."""
    no, yes = await _ask(desk)
    (reply,) = await desk.gets(**_tap(no))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "privacy.kept")
    (reply,) = await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert (count_rows(desk.system, Contact), count_rows(desk.system, ErasureReceipt)) == (1, 0)


async def test_the_buttons_expire(desk: Desk) -> None:
    """A tap the next day does nothing, nor does a typed yes."""
    _, yes = await _ask(desk)
    desk.system.clock.turn(minutes=CONFIRM_MINUTES, seconds=1)
    (reply,) = await desk.gets(**_tap(yes))  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    await desk.gets("sí")
    assert desk.engine.asked == [("sí", None)]
    assert count_rows(desk.system, Contact) == 1


async def test_a_tap_in_time_counts_when_the_worker_was_late(desk: Desk) -> None:
    """It is the tap that must be in time, not our work on it."""

    _, yes = await _ask(desk)
    desk.system.inbox.store([make_inbound(**_tap(yes))])
    desk.system.clock.turn(hours=1)
    assert await desk.worker.run_once()
    assert count_rows(desk.system, ErasureReceipt) == 1


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
    assert count_rows(desk.system, ErasureReceipt) == 1


async def test_a_button_of_somebody_else_does_nothing(desk: Desk) -> None:
    """A token counts only in the conversation in which it was offered."""
    _, yes = await _ask(desk, address="victim")
    (reply,) = await desk.gets(**_tap(yes), address="attacker")  # type: ignore[arg-type]
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert (count_rows(desk.system, Contact), count_rows(desk.system, ErasureReceipt)) == (2, 0)


async def test_what_a_contact_types_is_never_a_payload(desk: Desk) -> None:
    """The payload itself, typed, is a text like any other."""
    await _ask(desk)
    await desk.gets("/erase_confirmed")
    assert count_rows(desk.system, ErasureReceipt) == 0


async def test_a_message_that_waits_is_kept_for_the_new_contact(desk: Desk) -> None:
    """What was written after "yes" was not part of what was confirmed: it is answered, as a stranger's."""

    _, yes = await _ask(desk, **WHATSAPP)
    old_id = only_contact(desk.system).id
    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP), make_inbound("ayuda con mi visa", **WHATSAPP)])
    assert await desk.worker.run_once()
    assert await desk.worker.run_once()
    texts = drain(desk.system)
    assert (len(texts), texts[-1]) == (2, "la respuesta")
    _read_code(texts[0])
    contact = only_contact(desk.system)
    assert (contact.id != old_id, contact.stopped_reason) == (True, "")
    assert count_rows(desk.system, Inbound) == 1


async def test_who_writes_before_the_confirmation_is_out_gets_it_too(desk: Desk) -> None:
    """The emptied row becomes the new contact's: nothing is lost, nothing comes back."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    desk.system.inbox.store([make_inbound("hola otra vez", **WHATSAPP)])
    assert await desk.worker.run_once()
    texts = drain(desk.system)
    _read_code(texts[0])
    assert texts[1:] == ["la respuesta"]
    assert (only_contact(desk.system).stopped_reason, count_rows(desk.system, Inbound)) == ("", 1)


async def test_a_worker_killed_before_its_commit_erases_nothing(desk: Desk) -> None:
    """Everything is there, and the next worker does it."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert desk.system.turns("killed").claim() is not None
    assert (count_rows(desk.system, ErasureReceipt), count_rows(desk.system, Inbound)) == (0, 2)
    desk.system.clock.turn(seconds=LEASE_SECONDS + 1)
    assert await desk.worker.run_once()
    _read_code(drain(desk.system)[0])
    assert count_rows(desk.system, Contact) == 0


async def test_a_gateway_killed_while_sending_sends_the_confirmation_again(desk: Desk) -> None:
    """Between the provider's yes and our note of it a death costs a second copy, never the confirmation."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    (lost,) = desk.system.outbox.take_due({"whatsapp"}, 1)
    assert count_rows(desk.system, Contact) == 1
    desk.system.clock.turn(seconds=120)
    assert drain(desk.system) == [lost.message.text]
    assert count_rows(desk.system, Contact) == 0


async def test_a_confirmation_that_cannot_be_delivered_leaves_nothing(desk: Desk) -> None:
    """Somebody who has blocked us is erased all the same."""
    _, yes = await _ask(desk, **WHATSAPP)

    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    for _ in range(MAX_ATTEMPTS):
        for sending in desk.system.outbox.take_due({"whatsapp"}, 1):
            desk.system.outbox.fail(sending.outbound_id, SendFailed(SendFailure.TIMED_OUT, "x"))
        desk.system.clock.turn(hours=1)
    assert (count_rows(desk.system, Contact), count_rows(desk.system, Outbound)) == (0, 0)


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
    assert len(drain(desk.system)) == 1


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
    contact = only_contact(desk.system)
    note_question(desk.system, contact)
    assert Feed(desk.system.database, desk.system.vault, desk.system.clock).forget("webchat", "contact-a")
    assert (count_rows(desk.system, UnansweredQuestion), count_rows(desk.system, Contact)) == (0, 0)


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_nothing_of_an_erased_person_is_left_in_the_file(desk: Desk, tmp_path: Path) -> None:
    """Not in the tables, not in the free pages, not in the log of the database."""

    secret = "vivo con mi prima Genoveva cerca del parque"
    await desk.gets(secret, **WHATSAPP)
    drain(desk.system)
    _, yes = await _ask(desk, **WHATSAPP)
    raw = _raw(tmp_path)
    assert secret.encode() in raw
    desk.system.inbox.store([make_inbound(**_tap(yes), **WHATSAPP)])
    assert await desk.worker.run_once()
    code = _read_code(drain(desk.system)[0])
    desk.system.clock.turn(days=8)
    Retention(desk.system.database, RetentionLimits(), desk.system.clock).purge()
    raw = _raw(tmp_path)
    assert secret.encode() not in raw
    assert b"Genoveva" not in raw
    assert code.encode() not in raw
