"""Feedback and complaints on a real database with the real engine: when it is asked, what is kept, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.content.loader import load_content
from bot.content.translations import content_hash
from bot.conversations.commands import payload
from bot.conversations.complaints import ComplaintDesk, Complaints
from bot.conversations.feedback import NEGATIVE, POSITIVE, FeedbackDesk, Rating
from bot.conversations.feedback_counts import LOW_LEAST, count_feedback
from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import Retention, RetentionLimits
from bot.messages import InboundKind, OutboundMessage
from bot.storage.models import AnswerFeedback, Base, Complaint, Contact, Inbound, UnansweredQuestion
from bot.worker import Worker
from tests.support.builders import System, make_inbound
from tests.support.engine import ROOT, shared_worker

pytestmark = [pytest.mark.engine, pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)]


@pytest.fixture
def worker(system: System) -> Iterator[Worker]:
    """Return the real worker on this system's database."""
    shared, clock = shared_worker().parts, system.clock
    reader = MyDataReader(system.database, RetentionLimits())
    desk = PrivacyDesk.open(ROOT / "intents", reader, system.vault, shared.texts, shared.replies)
    feedback = FeedbackDesk(shared.texts, shared.replies, clock)
    complaints = ComplaintDesk(system.vault, shared.texts, shared.replies)
    yield Worker(replace(shared, turns=system.turns(), privacy=desk, feedback=feedback, complaints=complaints))


async def _says(system: System, worker: Worker, text: str, **changes: object) -> OutboundMessage:
    system.clock.turn(seconds=2)
    system.inbox.store([make_inbound(text, **changes)])
    assert await worker.run_once()
    taken = []
    while system.outbox.has_due({"webchat"}):
        for sending in system.outbox.take_due({"webchat"}, 10):
            taken.append(sending.message)
            system.outbox.finish(sending.outbound_id)
    assert taken
    return taken[-1]


async def _taps(system: System, worker: Worker, message: OutboundMessage, title: str) -> OutboundMessage:
    token = next(one.token for one in message.quick_replies if one.title == title)
    return await _says(system, worker, title, kind=InboundKind.QUICK_REPLY, quick_reply=token)


def _rows(system: System, table: type[Base]) -> list[Base]:
    with system.database.reading() as session:
        return list(session.scalars(select(table)))


def _is_asked(message: OutboundMessage) -> bool:
    return any(one.payload.startswith(f"/{POSITIVE}") for one in message.quick_replies)


QUESTION = "cómo saco el certificado de migrante retornado"


async def test_it_is_asked_once_a_day_and_kept_with_the_text(system: System, worker: Worker) -> None:
    """Under the answer, not under the same one again; the row names the text and not the person."""
    answer = await _says(system, worker, QUESTION)
    assert _is_asked(answer)
    assert not _is_asked(await _says(system, worker, QUESTION))
    system.clock.turn(hours=25)
    answer = await _says(system, worker, QUESTION)
    assert _is_asked(answer)
    await _taps(system, worker, answer, "Me sirvió")
    (row,) = _rows(system, AnswerFeedback)
    assert (row.topic, row.verdict, row.reason, row.locale) == ("return_certificate", "helpful", "", "es")
    assert row.version == content_hash(ROOT / "content" / "returns" / "return_certificate" / "es.md")
    contact = _rows(system, Contact)[0]
    assert contact.id not in (row.person_hash, str(row.id))
    assert row.person_hash not in (contact.address_hash, contact.id)


async def test_why_not_replaces_what_was_said_before(system: System, worker: Worker) -> None:
    """Two taps, one row; the reason is kept."""
    why = await _taps(system, worker, await _says(system, worker, QUESTION), "No me sirvió")
    await _taps(system, worker, why, "Es información vieja")
    (row,) = _rows(system, AnswerFeedback)
    assert (row.verdict, row.reason) == ("not", "old")


async def test_words_count_as_a_tap(system: System, worker: Worker) -> None:
    """What is typed about the answer above is tied to it."""
    await _says(system, worker, QUESTION)
    reply = await _says(system, worker, "no me sirvió para nada esa respuesta")
    assert [row.verdict for row in _rows(system, AnswerFeedback)] == ["not"]
    assert any(one.payload.startswith(f"/{NEGATIVE}") for one in reply.quick_replies)


@pytest.mark.parametrize("text", ["mi marido me pega", "hola", "menú", "receta de pastel", "ayuda cerca de mí"])
async def test_nothing_is_asked_elsewhere(system: System, worker: Worker, text: str) -> None:
    """Not under an emergency, a greeting, the menu, a miss or a dialogue."""
    assert not _is_asked(await _says(system, worker, text))


async def test_counts_and_the_limit_of_time(system: System, worker: Worker) -> None:
    """Enough unhelpful votes on the present text are low; an old text is not; a year later nothing is left."""
    loaded = load_content(ROOT / "content")
    current = content_hash(ROOT / "content" / "risks" / "risk_smugglers" / "es.md")
    with system.database.transaction() as session:
        for number in range(LOW_LEAST):
            rating = Rating("risk_smugglers", "", "es", current, "not", "unclear")
            rating.store(session, system.vault, f"contact-{number}", system.clock())
            replace(rating, version="0123456789ab").store(session, system.vault, f"contact-{number}", system.clock())
    counts = {one.version: one for one in count_feedback(system.database, loaded)}
    assert counts[current].is_low
    assert counts[current].reasons == (("unclear", LOW_LEAST),)
    assert not counts["0123456789ab"].is_low
    system.clock.turn(days=366)
    assert count_feedback(system.database, loaded, system.clock()) == []
    purged = Retention(system.database, RetentionLimits(), system.clock, pause=lambda seconds: None).purge()
    assert purged["answer_feedback"] == 2 * LOW_LEAST


async def test_a_complaint_goes_to_its_own_table_only(system: System, worker: Worker, tmp_path: Path) -> None:
    """Encrypted, with a receipt; neither message stays in the log, and its limit is kept."""
    asked = await _says(system, worker, "quiero poner una queja de un policía que me pidió plata en la frontera")
    assert "Defensoría del Pueblo" in asked.text and "1800" in asked.text
    kept = await _says(system, worker, "el agente Zutano de Rumichaca me quitó cien dólares")
    code = kept.text.split("Código de recibo: ")[1][:14]
    complaints = Complaints(system.database, system.vault)
    number = complaints.number_of(code.lower())
    assert number is not None
    assert complaints.read(number) == "el agente Zutano de Rumichaca me quitó cien dólares"
    assert [row[0] for row in complaints.list()] == [number]
    assert [row.text for row in _rows(system, Inbound)] == ["", ""]
    assert _rows(system, UnansweredQuestion) == []
    assert b"Zutano" not in _raw(tmp_path)
    system.clock.turn(days=181)
    Retention(system.database, RetentionLimits(), system.clock, pause=lambda seconds: None).purge()
    assert complaints.list() == [] and complaints.read(number) is None and complaints.number_of(code) is None


async def test_a_complaint_can_be_left_out_and_an_emergency_goes_first(system: System, worker: Worker) -> None:
    """ "No" keeps nothing; a cry for help in place of the complaint gets its card."""
    asked = await _says(system, worker, "quiero denunciar a un funcionario por maltrato")
    await _taps(system, worker, asked, "No dejar queja")
    await _says(system, worker, "quiero denunciar a un funcionario por maltrato")
    card = await _says(system, worker, "me quiero matar")
    assert any(one.payload == payload("talk_to_person") for one in card.quick_replies)
    with system.database.reading() as session:
        assert session.scalar(select(func.count(Complaint.id))) == 0


def _raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))
