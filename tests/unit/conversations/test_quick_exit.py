"""The quick exit: whole messages only, in any state, and nothing of the conversation goes on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from bot.conversations.commands import payload
from bot.conversations.flood import FLOOD_MESSAGES
from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.privacy_words import PrivacyWords
from bot.conversations.quick_exit import QuickExit
from bot.conversations.replies import WATCHED_TOPICS
from bot.conversations.retention import RetentionLimits
from bot.conversations.stand_in import WAIT_SECONDS, StandIn
from bot.conversations.urgent import UrgentPhrases
from bot.conversations.whole_phrases import WholePhrases, faults
from bot.i18n import LOCALES, Catalogues
from bot.messages import InboundKind, OutboundMessage
from bot.storage.models import Conversation, Inbound, QuickReplyToken
from bot.wiring import Paths, build_replies
from bot.worker import Worker
from tests.support.builders import System, make_inbound
from tests.support.engine import ROOT, shared_worker

FILE = ROOT / "intents" / "vocabulary" / "exit.yml"
TEXTS = Catalogues(ROOT / "locales")
EXIT = QuickExit(FILE, TEXTS)
SAID = {"es": "SALIR YA", "en": "exit now!", "fr": "sortir vite", "pt": "sair ja"}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_words_that_the_answers_name_are_understood(locale: str) -> None:
    """In each language, capitals, accents and a slip aside; the sensitive answers name them."""
    assert EXIT.find(SAID[locale]) == locale
    named = TEXTS.text(locale, "exit.advice")
    assert any(phrase in named.casefold().replace("á", "a") for phrase in EXIT.phrases())
    replies = build_replies(Paths(ROOT))
    assert all(named in replies.answer(topic, "", locale).text for topic in WATCHED_TOPICS)


@pytest.mark.parametrize("text", ["", "chao", "salir", "quiero salir ya del país", "no puedo salir", "exit", "leave", "🚪"])
def test_other_words_do_not_close(text: str) -> None:
    """A farewell and a sentence with the words in it go their usual way."""
    assert EXIT.find(text) == ""


@pytest.mark.parametrize("name", ["exit", "handoff"])
def test_no_word_is_an_emergency_or_asks_for_data(name: str) -> None:
    """The real files have no fault, and one that would cost a card is found."""
    urgent, privacy = UrgentPhrases(ROOT / "intents" / "urgent"), PrivacyWords(FILE.with_name("privacy.yml"))
    assert faults(WholePhrases(FILE.with_name(f"{name}.yml"), name), urgent, privacy) == []


def test_a_cry_for_help_as_exit_word_is_a_fault(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Somebody who writes it must get the card."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "common-words.txt").write_text("ya\n", encoding="utf-8")
    rows = "\n".join(f"  {locale}: [{'me quiero matar' if locale == 'es' else 'stop'}]" for locale in LOCALES)
    (folder / "exit.yml").write_text(f"exit:\n{rows}\n", encoding="utf-8")
    urgent, privacy = UrgentPhrases(ROOT / "intents" / "urgent"), PrivacyWords(FILE.with_name("privacy.yml"))
    found = faults(WholePhrases(folder / "exit.yml", "exit"), urgent, privacy)
    assert any("urgent phrase" in fault for fault in found)
    assert any("privacy.yml" in fault for fault in found)


@pytest.fixture
def worker(system: System) -> Iterator[Worker]:
    """Return the real worker on this system's database."""
    shared = shared_worker().parts
    reader = MyDataReader(system.database, RetentionLimits())
    desk = PrivacyDesk.open(ROOT / "intents", reader, system.vault, shared.texts, shared.replies)
    yield Worker(replace(shared, turns=system.turns(), privacy=desk))


async def _says(system: System, worker: Worker, text: str, **changes: object) -> None:
    system.clock.turn(seconds=1)
    system.inbox.store([make_inbound(text, **changes)])
    assert await worker.run_once()


def _sent(system: System) -> list[OutboundMessage]:
    taken = []
    while system.outbox.has_due({"webchat"}):
        for sending in system.outbox.take_due({"webchat"}, 10):
            taken.append(sending.message)
            system.outbox.finish(sending.outbound_id)
    return taken


@pytest.mark.engine
@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
class TestInAnyState:
    """With the real engine on a real database."""

    async def test_what_was_said_is_forgotten(self, system: System, worker: Worker) -> None:
        """Memory and choices are gone, the waiting card is not sent, and the reply shows nothing of it."""
        await _says(system, worker, "mi marido me pega")
        await _says(system, worker, "salir ya")
        sent = _sent(system)
        assert [message.text for message in sent] == [TEXTS.text("es", "exit.neutral")]
        assert sent[0].quick_replies == ()
        with system.database.reading() as session:
            assert session.scalars(select(Conversation)).one().engine_state is None
            assert session.scalar(select(func.count()).select_from(QuickReplyToken)) == 0
            assert session.scalars(select(Inbound).order_by(Inbound.id.desc())).first().text == ""
        await _says(system, worker, "1")
        assert "pareja" not in "".join(message.text for message in _sent(system))

    async def test_an_emergency_goes_first(self, system: System, worker: Worker) -> None:
        """Both in one message: the card."""
        await _says(system, worker, "me quiero matar salir ya")
        assert any(choice.payload == payload("talk_to_person") for choice in _sent(system)[0].quick_replies)

    async def test_in_a_flood(self, system: System, worker: Worker) -> None:
        """Also among too many messages."""
        for _ in range(FLOOD_MESSAGES + 2):
            system.inbox.store([make_inbound("", kind=InboundKind.UNSUPPORTED)])
            assert await worker.run_once()
        _sent(system)
        await _says(system, worker, "exit now")
        assert [message.text for message in _sent(system)] == [TEXTS.text("en", "exit.neutral")]

    async def test_while_no_worker_runs(self, system: System, worker: Worker) -> None:
        """The gateway says it, and the worker forgets afterwards without another word."""
        await _says(system, worker, "cómo saco el pasaporte")
        _sent(system)
        system.inbox.store([make_inbound("salir ya")])
        system.clock.turn(seconds=WAIT_SECONDS + 1)
        parts = shared_worker().parts
        stand_in = StandIn(system.turns("gateway"), parts.replies, parts.texts, {}, ROOT / "intents", system.clock)
        assert stand_in.answer_overdue() == 1
        assert [message.text for message in _sent(system)] == [TEXTS.text("es", "exit.neutral")]
        assert await worker.run_once()
        assert _sent(system) == []
        with system.database.reading() as session:
            assert session.scalars(select(Conversation)).one().engine_state is None
