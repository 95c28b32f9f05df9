"""What is kept in clear, what staff see of it, and the answer about privacy; only the engine is a fake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.conversations.turns import LEASE_SECONDS, Trace, TurnResult
from bot.conversations.unanswered import Question
from bot.errors import LeaseLost
from bot.i18n import LOCALES
from bot.messages import InboundKind, OutboundMessage
from bot.storage.models import Inbound, QuickReplyToken, UnansweredQuestion
from tests.support.builders import System, make_inbound
from tests.support.desk import TEXTS, Desk, count_rows, desk

__all__ = ["desk"]

ERASES = {"es": "borrar mis datos", "en": "delete my data", "fr": "effacer mes données", "pt": "apagar meus dados"}
SHOWS = {"es": "mis datos", "en": "my data", "fr": "mes données", "pt": "meus dados"}
WHATSAPP = {"channel": "whatsapp"}


def _raw(folder: Path) -> bytes:
    """Return the bytes of the database's files, its log too."""
    return b"".join(path.read_bytes() for path in folder.glob("ruta.db*"))


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
    assert count_rows(desk.system, UnansweredQuestion) == len(PERSONAL)
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
    assert count_rows(desk.system, UnansweredQuestion) == 0


def test_a_question_goes_with_its_turn_only(system: System) -> None:
    """A turn whose lease was lost stores no question."""

    system.inbox.store([make_inbound("q")])
    turn = system.turns("slow").claim()
    assert turn is not None
    system.clock.turn(seconds=LEASE_SECONDS + 1)
    result = TurnResult([], "q", "es", "default", question=Question("q", "choices", ()))
    with pytest.raises(LeaseLost):
        system.turns("slow").commit(replace(turn), result)
    assert count_rows(system, UnansweredQuestion) == 0


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
    assert count_rows(desk.system, QuickReplyToken) == 3
