"""The stand-in: what people get while no worker takes messages, on both databases."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import select

from bot.conversations import stand_in as module
from bot.conversations.commands import payload
from bot.conversations.stand_in import TELL_AGAIN, WAIT_SECONDS, StandIn
from bot.conversations.turns import TurnResult, Turns
from bot.conversations.urgent import UrgentPhrases
from bot.errors import SettingsError
from bot.i18n import Catalogues
from bot.messages import InboundKind, OutboundMessage, QuickReply
from bot.storage.models import Inbound, Outbound
from bot.wiring import Paths, build_replies
from channels.webchat.limits import LIMITS
from tests.support.builders import System, make_inbound

ROOT = Path(__file__).resolve().parents[2]
REPLIES = build_replies(Paths(ROOT))
TEXTS = Catalogues(ROOT / "locales")
PHRASES = lru_cache(UrgentPhrases)


@pytest.fixture
def stand_in(system: System, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Return the stand-in on the real content, phrases and sentences; reading the phrases takes seconds, so it is done once."""
    monkeypatch.setattr(module, "UrgentPhrases", PHRASES)
    return StandIn(system.turns("gateway"), REPLIES, TEXTS, {"webchat": LIMITS}, ROOT / "intents", system.clock)


def _wait(system: System, seconds: float = WAIT_SECONDS + 1) -> None:
    system.clock.turn(seconds=seconds)


def _replies(system: System) -> list[OutboundMessage]:
    with system.database.transaction() as session:
        bodies = session.scalars(select(Outbound.body).order_by(Outbound.id)).all()
    return [OutboundMessage.from_json(body) for body in bodies]


def test_an_urgent_message_gets_its_card_and_is_still_answered_later(system: System, stand_in: StandIn) -> None:
    """The card comes once, with the numbers of the country that is named; the worker finds the message as new."""
    system.inbox.store([make_inbound("me tienen secuestrado en Tapachula ayuda")])
    assert stand_in.answer_overdue() == 0
    _wait(system)
    assert stand_in.answer_overdue() == 1
    assert stand_in.answer_overdue() == 0
    (reply,) = _replies(system)
    assert "México" in reply.text
    assert "911" in reply.text
    turn = system.turns().claim()
    assert turn is not None
    assert (turn.text, turn.attempts) == ("me tienen secuestrado en Tapachula ayuda", 1)


def test_a_question_is_kept_and_the_menu_offered_once(system: System, stand_in: StandIn) -> None:
    """Whoever writes three times is told once, in their language; after a while they are told again."""
    for text in ("how do i get a visa", "hello??", "anyone"):
        system.inbox.store([make_inbound(text, locale_hint="en")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    assert stand_in.answer_overdue() == 0
    (reply,) = _replies(system)
    assert reply.text == TEXTS.text("en", "reply.message_kept")
    assert [choice.payload for choice in reply.quick_replies][0] == payload("menu", family="emergency")
    _wait(system, TELL_AGAIN.total_seconds())
    system.inbox.store([make_inbound("still there?")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    with system.database.transaction() as session:
        assert set(session.scalars(select(Inbound.state))) == {"waiting"}


def test_an_urgent_message_behind_a_question_is_seen(system: System, stand_in: StandIn) -> None:
    """The second message of a conversation counts as much as the first."""
    system.inbox.store([make_inbound("hola"), make_inbound("auxilio me quieren matar")])
    _wait(system)
    assert stand_in.answer_overdue() == 2
    assert _replies(system)[1].text == REPLIES.answer("emergency_danger", "", "es").text


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        (payload("menu", family="returns"), REPLIES.menu("es", "returns").text),
        (payload("passport"), REPLIES.answer("passport", "", "es").text),
        (
            payload("more_detail", topic="passport", section="cost"),
            REPLIES.section("passport", "cost", "", "es").text,
        ),
        (payload("talk_to_person"), REPLIES.people("es").text),
    ],
)
def test_a_tap_is_answered_at_once_and_for_good(system: System, stand_in: StandIn, meaning: str, expected: str) -> None:
    """What needs no understanding needs no worker; it is not answered twice."""
    system.inbox.store([make_inbound("hola")])
    system.answer(OutboundMessage("elija", (QuickReply("Esto", meaning, "tok"),)))
    system.inbox.store([make_inbound("Esto", kind=InboundKind.QUICK_REPLY, quick_reply="tok")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    assert stand_in.answer_overdue() == 0
    assert _replies(system)[-1].text == expected
    turn = system.turns().claim()
    assert turn is not None
    assert turn.is_stood_in
    system.turns().commit(turn, TurnResult([], turn.text, "es", "default"))
    with system.database.transaction() as session:
        assert {(row.state, row.text) for row in session.scalars(select(Inbound))} == {("done", "hola"), ("done", "Esto")}


def test_a_typed_number_counts_as_a_tap(system: System, stand_in: StandIn) -> None:
    """On a channel without buttons the menu that was offered can be used with numbers."""
    system.inbox.store([make_inbound("hola")])
    _wait(system)
    stand_in.answer_overdue()
    system.inbox.store([make_inbound("1")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    assert _replies(system)[-1].text == REPLIES.menu("es", "emergency").text


def test_a_message_that_a_worker_holds_is_left_to_it(system: System, stand_in: StandIn) -> None:
    """A slow worker is no absent worker."""
    system.inbox.store([make_inbound("me quieren matar")])
    _wait(system)
    turn = system.turns().claim()
    assert turn is not None
    assert stand_in.answer_overdue() == 0
    assert not system.turns("gateway").stand_in(turn, OutboundMessage("tarde"), ends=False)
    assert _replies(system) == []


def test_a_number_means_what_was_offered_when_it_was_typed(system: System, stand_in: StandIn) -> None:
    """The menu that the stand-in sent meanwhile does not change what a waiting "1" asked for."""
    system.inbox.store([make_inbound("hola")])
    system.answer(OutboundMessage("idioma", (QuickReply("English", payload("change_language", locale="en"), "tok"),)))
    system.clock.turn(seconds=1)
    system.inbox.store([make_inbound("1")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    turn = system.turns().claim()
    assert turn is not None
    assert [choice.payload for choice in turn.choices] == [payload("change_language", locale="en")]


def test_a_message_that_cannot_be_read_does_not_hide_the_others(system: System, stand_in: StandIn) -> None:
    """One broken row before a cry for help: the card still comes, and a worker gets to the others."""
    system.inbox.store([make_inbound("rota", address="one")])
    with system.database.transaction() as session:
        session.scalars(select(Inbound)).one().body_encrypted = b"no key opens this"
    system.clock.turn(seconds=1)
    system.inbox.store([make_inbound("auxilio me quieren matar", address="two")])
    _wait(system)
    assert stand_in.answer_overdue() == 1
    turns = system.turns()
    with pytest.raises(SettingsError):
        turns.claim()
    turn = turns.claim()
    assert turn is not None
    assert turn.text == "auxilio me quieren matar"


def test_what_was_looked_at_is_not_read_again(system: System, stand_in: StandIn) -> None:
    """A long queue costs one look at each message, not one at every look."""
    system.inbox.store([make_inbound(f"pregunta {number}") for number in range(120)])
    _wait(system)
    with mock.patch.object(Turns, "read", autospec=True, side_effect=Turns.read) as read:
        for _ in range(5):
            stand_in.answer_overdue()
    assert read.call_count <= 125
    assert len(_replies(system)) == 1


def test_a_message_in_a_group_gets_nothing(system: System, stand_in: StandIn) -> None:
    """Nobody is answered in front of others."""
    system.inbox.store([make_inbound("hola", kind=InboundKind.GROUP)])
    _wait(system)
    assert stand_in.answer_overdue() == 0
