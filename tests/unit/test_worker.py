"""The worker, with a real database, real sentences and urgent phrases; only the engine is a fake."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from bot.conversations.commands import Command
from bot.conversations.my_data import MyDataReader
from bot.conversations.paging import MORE
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.replies import Replies
from bot.conversations.retention import RetentionLimits
from bot.conversations.turns import LEASE_SECONDS, Claim, Turn, TurnResult
from bot.conversations.urgent import UrgentPhrases
from bot.errors import EngineError
from bot.i18n import LOCALES, Catalogues
from bot.messages import ChannelLimits, InboundKind, Location, OutboundMessage, QuickReply
from bot.storage.models import Inbound, Outbound
from bot.wiring import Paths, build_replies
from bot.worker import MAX_ATTEMPTS, Worker, WorkerParts
from tests.support.builders import System, make_inbound

ROOT = Path(__file__).resolve().parents[2]
LIMITS = ChannelLimits(text=4096, text_with_choices=4096, buttons=4, button_title=20)
TEXTS = Catalogues(ROOT / "locales")

Asked = tuple[str, Command | None]


@dataclass
class FakeEngine:
    """Answers what it was told to, and notes what it was asked."""

    replies: tuple[OutboundMessage, ...] = (OutboundMessage("la respuesta"),)
    asked: list[Asked] = field(default_factory=list)
    trouble: Callable[[], object] | None = None

    async def answer_turn(self, turn: Turn, text: str, command: Command | None) -> TurnResult:
        """Note the question, then fail, hang or answer."""
        self.asked.append((text, command))
        if self.trouble:
            trouble = self.trouble()
            if asyncio.iscoroutine(trouble):
                await trouble
        return TurnResult(self.replies, text, turn.locale, turn.locale_source, b"state")


@lru_cache(maxsize=1)
def _replies() -> Replies:
    return build_replies(Paths(ROOT))


@lru_cache(maxsize=1)
def _urgent() -> UrgentPhrases:
    return UrgentPhrases(ROOT / "intents" / "urgent")


@dataclass
class Desk:
    """A worker at work: what is written to it, and what it replied."""

    system: System
    engine: FakeEngine
    worker: Worker

    async def gets(self, text: str = "hola", **changes: object) -> list[OutboundMessage]:
        """Store a message, run its turn, and return its replies."""
        self.system.inbox.store([make_inbound(text, **changes)])
        before = len(self.sent())
        assert await self.worker.run_once()
        return self.sent()[before:]

    def sent(self) -> list[OutboundMessage]:
        """Return all replies, in order."""
        with self.system.database.transaction() as session:
            return [OutboundMessage.from_json(row.body) for row in session.scalars(select(Outbound).order_by(Outbound.id))]

    def inbound(self) -> list[Inbound]:
        """Return all messages, in order."""
        with self.system.database.transaction() as session:
            return list(session.scalars(select(Inbound).order_by(Inbound.id)))


@pytest.fixture
def desk(system: System) -> Desk:
    """Return a worker over an empty database."""
    engine = FakeEngine()
    limits = {"webchat": LIMITS, "whatsapp": LIMITS, "telegram": LIMITS}
    parts = WorkerParts(
        turns=system.turns(),
        engine=engine,
        replies=_replies(),
        texts=TEXTS,
        urgent=_urgent(),
        privacy=PrivacyDesk.open(
            ROOT / "intents", MyDataReader(system.database, RetentionLimits()), system.vault, TEXTS, _replies()
        ),
        limits=limits,
        ordinals=ROOT / "intents" / "vocabulary" / "ordinals.yml",
        engine_seconds=0.2,
    )
    return Desk(system, engine, Worker(parts))


KINDS: list[tuple[InboundKind, dict[str, object], str]] = [
    (InboundKind.TEXT, {"text": "una pregunta"}, ""),
    (InboundKind.START, {"text": ""}, ""),
    (InboundKind.QUICK_REPLY, {"text": "", "quick_reply": "command:menu"}, ""),
    (InboundKind.LOCATION, {"text": "", "location": Location(-0.1, -78.4)}, "reply.location_received"),
    (InboundKind.MEDIA, {"text": "", "media_kind": "audio"}, "reply.voice_not_heard"),
    (InboundKind.EDITED, {"text": "una corrección"}, ""),
    (InboundKind.GROUP, {"text": ""}, "reply.group_private_only"),
    (InboundKind.UNSUPPORTED, {"text": ""}, "reply.unsupported"),
]


def test_the_table_of_kinds_is_whole(empty_database: object) -> None:
    """A new kind of message needs a line in the table of these tests."""
    assert {kind for kind, _, _ in KINDS} == set(InboundKind)


@pytest.mark.parametrize(("kind", "fields", "key"), KINDS, ids=[kind.value for kind, _, _ in KINDS])
async def test_every_kind_gets_a_reply_when_it_comes(desk: Desk, kind: InboundKind, fields: dict[str, object], key: str) -> None:
    """Whatever is sent is answered once, in the contact's language, by the engine or by a fixed sentence."""
    for locale in LOCALES:
        given: dict[str, object] = {"kind": kind, "locale_hint": locale, "address": locale, **fields}
        (reply,) = await desk.gets(**given)  # type: ignore[arg-type]
        assert reply.text == (TEXTS.text(locale, key) if key else "la respuesta")
    assert {row.state for row in desk.inbound()} == {"done"}
    assert len(desk.engine.asked) == (0 if key else len(LOCALES))


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "image"}, "reply.media_not_seen", id="picture"),
        pytest.param({"kind": InboundKind.MEDIA, "media_kind": "sticker"}, "reply.media_not_seen", id="sticker"),
        pytest.param({"kind": InboundKind.TEXT}, "reply.unsupported", id="empty text"),
        pytest.param({"kind": InboundKind.EDITED}, "reply.unsupported", id="emptied by an edit"),
        pytest.param({"kind": InboundKind.QUICK_REPLY, "quick_reply": "gone"}, "reply.choice_expired", id="expired button"),
    ],
)
async def test_what_says_nothing_gets_its_own_sentence(desk: Desk, fields: dict[str, object], key: str) -> None:
    """A picture, an emptied message, an old button: the person is told what to do, and the engine is left alone."""
    (reply,) = await desk.gets("  ", **fields) if fields["kind"] is InboundKind.TEXT else await desk.gets("", **fields)
    assert reply.text == TEXTS.text("es", key)
    assert [choice.payload for choice in reply.quick_replies] == ["/menu", "/talk_to_person"]
    assert desk.engine.asked == []


async def test_a_caption_is_read_when_it_comes_with_a_picture(desk: Desk) -> None:
    """What is written under a picture is a question like any other."""
    await desk.gets("cómo saco la cédula", kind=InboundKind.MEDIA, media_kind="image")
    assert desk.engine.asked == [("cómo saco la cédula", None)]


async def test_start_is_a_greeting_when_a_conversation_opens(desk: Desk) -> None:
    """Opening the chat asks the engine for its greeting, whatever text comes with it."""
    await desk.gets("", kind=InboundKind.START)
    assert desk.engine.asked == [("", Command("greet"))]


async def test_a_group_is_told_once_and_without_choices(desk: Desk) -> None:
    """The second message of a group gets silence, and nobody in it can tap a private choice."""
    (told,) = await desk.gets("hola a todos", kind=InboundKind.GROUP)
    assert told.quick_replies == ()
    assert await desk.gets("hola otra vez", kind=InboundKind.GROUP) == []
    assert [row.state for row in desk.inbound()] == ["done", "done"]


def _raises(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


TROUBLES = [
    pytest.param(_raises(EngineError("no reply")), "engine_failed", id="our own error"),
    pytest.param(_raises(ValueError("a secret of the contact")), "ValueError", id="an unforeseen error"),
    pytest.param(lambda: asyncio.sleep(60), "TimeoutError", id="a hanging engine"),
]


@pytest.mark.parametrize(("trouble", "code"), TROUBLES)
async def test_a_failing_engine_still_gives_a_sentence(
    desk: Desk, trouble: Callable[[], object], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The person gets a plain sentence with the emergency number in their language; the message waits for staff."""
    desk.engine.trouble = trouble
    for locale in LOCALES:
        (reply,) = await desk.gets("estoy en Tapachula, cédula 1710034065", locale_hint=locale, address=locale)
        assert reply.text == TEXTS.text(locale, "reply.engine_failed")
        assert "911" in reply.text
    for letter in desk.inbound():
        assert (letter.state, letter.error_code) == ("dead", code)
        assert letter.text == "estoy en Tapachula, cédula [cédula]"
        assert letter.body_encrypted is not None
        assert b"Tapachula" not in letter.body_encrypted
        assert "1710034065" in desk.system.vault.decrypt(letter.body_encrypted)
    assert caplog.text.count(f"code={code}") == len(LOCALES)
    assert "Tapachula" not in caplog.text
    assert "secret of the contact" not in caplog.text


@pytest.mark.parametrize(("trouble", "code"), TROUBLES)
async def test_the_conversation_goes_on_after_a_dead_letter(desk: Desk, trouble: Callable[[], object], code: str) -> None:
    """The next message of the same contact is answered, with the engine's last good state."""
    await desk.gets("primero")
    desk.engine.trouble = trouble
    await desk.gets("segundo")
    desk.engine.trouble = None
    assert [reply.text for reply in await desk.gets("tercero")] == ["la respuesta"]
    assert [row.state for row in desk.inbound()] == ["done", "dead", "done"]


async def test_a_message_that_kills_its_worker_becomes_a_dead_letter(desk: Desk) -> None:
    """After a few claims without an end the person gets the sentence, and the engine is not asked again."""
    desk.system.inbox.store([make_inbound("hola")])
    for _ in range(MAX_ATTEMPTS):
        assert desk.system.turns("killed").claim() is not None
        desk.system.clock.turn(seconds=LEASE_SECONDS + 1)
    assert await desk.worker.run_once()
    assert desk.engine.asked == []
    assert [row.error_code for row in desk.inbound()] == ["too_many_attempts"]
    assert "911" in desk.sent()[0].text


async def test_a_lost_lease_leaves_the_turn_to_its_new_owner(desk: Desk) -> None:
    """A worker that lost its conversation stores nothing, and does not stop."""
    desk.engine.trouble = lambda: desk.system.clock.turn(seconds=LEASE_SECONDS + 1)
    assert await desk.gets("hola") == []
    assert [row.state for row in desk.inbound()] == ["waiting"]
    desk.engine.trouble = None
    assert await desk.worker.run_once()
    assert [reply.text for reply in desk.sent()] == ["la respuesta"]


def _fail_commits(desk: Desk, monkeypatch: pytest.MonkeyPatch, times: int, *, after: bool = False) -> None:
    """Let commits fail as on a full disk, or let them go through and lose the answer."""
    monkeypatch.setattr("bot.worker.DATABASE_PAUSE_SECONDS", 0.01)
    turns = desk.worker._parts.turns
    commit, failures = turns.commit, iter(range(times))

    def commit_or_fail(turn: Turn, result: TurnResult, **how: bool) -> Claim | None:
        fails = next(failures, None) is not None
        claim = commit(turn, result, **how) if after or not fails else None
        if fails:
            raise OperationalError("INSERT", {}, OSError("No space left on device"))
        return claim

    monkeypatch.setattr(turns, "commit", commit_or_fail)


async def test_a_turn_is_committed_when_the_disk_has_space_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no fault of the message: it makes no dead letter, and the engine is not asked again."""
    _fail_commits(desk, monkeypatch, MAX_ATTEMPTS + 2)
    assert [reply.text for reply in await desk.gets("hola")] == ["la respuesta"]
    assert [(row.state, row.attempts) for row in desk.inbound()] == [("done", 1)]
    assert len(desk.engine.asked) == 1


async def test_a_turn_is_stored_once_when_the_answer_to_its_commit_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has committed and died before it could say so: the next try finds that the lease is gone."""
    _fail_commits(desk, monkeypatch, 1, after=True)
    assert [reply.text for reply in await desk.gets("hola")] == ["la respuesta"]
    assert [row.state for row in desk.inbound()] == ["done"]
    assert not await desk.worker.run_once()


async def test_a_try_is_not_counted_when_the_database_was_away_beyond_the_lease(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that happens, the message is answered in the end and becomes no dead letter."""
    for _ in range(MAX_ATTEMPTS + 2):
        with monkeypatch.context() as patch:
            _fail_commits(desk, patch, 1)
            desk.engine.trouble = lambda: desk.system.clock.turn(seconds=LEASE_SECONDS + 1)
            if not desk.inbound():
                desk.system.inbox.store([make_inbound("hola")])
            assert await desk.worker.run_once()
    desk.engine.trouble = None
    assert await desk.worker.run_once()
    assert [(row.state, row.error_code) for row in desk.inbound()] == [("done", "")]
    assert [reply.text for reply in desk.sent()] == ["la respuesta"]


async def test_a_worker_takes_up_again_what_it_claimed_in_vain(desk: Desk) -> None:
    """The database died between the claim and its answer: the person does not wait for the lease to run out."""
    desk.system.inbox.store([make_inbound("hola")])
    assert desk.worker._parts.turns.claim() is not None
    assert await desk.worker.run_once()
    assert [row.state for row in desk.inbound()] == ["done"]


async def test_a_busy_worker_claims_the_next_with_its_commit_and_gives_it_back_when_it_stops(desk: Desk) -> None:
    """What it holds when it is told to stop is free at once, and not counted as tried."""
    desk.system.inbox.store([make_inbound("uno"), make_inbound("dos", address="contact-b")])
    assert await desk.worker.run_once(takes_next=True)
    assert desk.system.turns("other").claim() is None
    desk.worker.stop()
    await desk.worker.run()
    assert [(row.state, row.attempts) for row in desk.inbound()] == [("done", 1), ("waiting", 0)]
    turn = desk.system.turns("other").claim()
    assert turn is not None and turn.text == "dos"


async def test_a_busy_worker_runs_what_it_claimed_with_its_commit(desk: Desk) -> None:
    """Each message once, in the order in which the conversations began to wait."""
    desk.system.inbox.store([make_inbound(text, address=f"contact-{text}") for text in ("uno", "dos", "tres")])
    while await desk.worker.run_once(takes_next=True):
        pass
    assert [(row.state, row.attempts) for row in desk.inbound()] == [("done", 1)] * 3
    assert len(desk.sent()) == 3


async def test_a_worker_that_hangs_ends_itself(desk: Desk, tmp_path: Path) -> None:
    """A loop that no time-out reaches ends the process; the message is counted as tried, and its text is nowhere in the log."""
    desk.system.inbox.store([make_inbound("algo muy privado")])
    desk.engine.trouble = lambda: time.sleep(60)
    with mock.patch("bot.worker.HANG_SECONDS", 0.2), (tmp_path / "log").open("w") as log, mock.patch("sys.__stderr__", log):
        child = os.fork()
        if not child:
            try:
                asyncio.new_event_loop().run_until_complete(desk.worker.run_once())
            finally:
                os._exit(9)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "test_worker.py" in (tmp_path / "log").read_text()
    assert "privado" not in (tmp_path / "log").read_text()
    assert [(row.state, row.attempts) for row in desk.inbound()] == [("waiting", 1)]


TYPED_COMMANDS = [
    "/restart",
    "/greet",
    '/restart{"a": 1}',
    " /session_start",
    "//menu",
    '\n/change_language{"locale": "fr"}',
    "more:[]",
    "command:menu",
]


@pytest.mark.parametrize("typed", TYPED_COMMANDS)
async def test_a_typed_command_reaches_the_engine_as_text(desk: Desk, typed: str) -> None:
    """Only our own buttons are commands: what is typed is a question, however it looks."""
    await desk.gets(typed)
    assert desk.engine.asked == [(typed, None)]


@pytest.mark.parametrize("forged", ["/restart", '/change_language{"locale": "fr"}', "more:[]", 'more:[{"title": "x"}]'])
async def test_a_forged_button_means_nothing(desk: Desk, forged: str) -> None:
    """A token that is not one of ours never becomes a command, even when it is spelt like a payload."""
    (reply,) = await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=forged)
    assert reply.text == TEXTS.text("es", "reply.choice_expired")
    assert desk.engine.asked == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("command:menu", Command("menu")),
        ("command:language", Command("change_language")),
        ("command:help", Command("menu", {"family": "emergency"})),
        ("command:privacy", Command("privacy_question")),
    ],
)
async def test_a_command_of_the_channels_menu_is_understood(desk: Desk, command: str, expected: Command) -> None:
    """The four commands that every channel offers reach the engine as intents."""
    await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=command)
    assert desk.engine.asked == [("", expected)]


OFFERED = OutboundMessage(
    "elija", (QuickReply("Sacar la cédula", "/id_card"), QuickReply("Emergencia", '/menu{"family": "emergency"}'))
)


@pytest.mark.parametrize("typed", ["2", "2.", "la dos", "la segunda", " (2) "])
async def test_a_typed_number_is_the_choice_that_was_offered(desk: Desk, typed: str) -> None:
    """Who types a number or its name means that choice."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets(typed)
    assert desk.engine.asked[-1][1] == Command("menu", {"family": "emergency"})


async def test_a_typed_title_is_the_choice_that_was_offered(desk: Desk) -> None:
    """Accents and capitals do not matter."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("SACAR LA CEDULA")
    assert desk.engine.asked[-1][1] == Command("id_card")


async def test_a_number_is_text_when_nothing_or_less_was_offered(desk: Desk) -> None:
    """A number that names no choice is left to the engine."""
    await desk.gets("2")
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("7")
    assert [asked for asked in desk.engine.asked if asked[0] in ("2", "7")] == [("2", None), ("7", None)]


async def test_a_tapped_choice_wins_over_what_its_title_says(desk: Desk) -> None:
    """WhatsApp sends the title with the tap: "Emergency" in the menu opens that menu and is no cry for help."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    await desk.gets("Emergencia", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[1].token)
    assert desk.engine.asked[-1][1] == Command("menu", {"family": "emergency"})


async def test_an_expired_button_is_read_by_its_title_when_there_is_one(desk: Desk) -> None:
    """Where the channel sends the title too, an old tap is a question."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    desk.system.clock.turn(days=8)
    await desk.gets("Sacar la cédula", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[0].token)
    assert desk.engine.asked[-1] == ("Sacar la cédula", None)


async def test_an_expired_button_is_told_so_when_it_has_no_title(desk: Desk) -> None:
    """A week later the choice has no meaning any more, and the person is asked to choose again."""
    desk.engine.replies = (OFFERED,)
    (menu,) = await desk.gets("menú")
    desk.system.clock.turn(days=8)
    (reply,) = await desk.gets("", kind=InboundKind.QUICK_REPLY, quick_reply=menu.quick_replies[0].token)
    assert reply.text == TEXTS.text("es", "reply.choice_expired")


@pytest.mark.parametrize("by", ["tap", "tap with title", "number", "title"])
async def test_more_shows_every_choice_in_the_end(desk: Desk, by: str) -> None:
    """Ten choices on a channel that shows four: the last row leads on, until all were offered once and in order."""
    desk.engine.replies = (OutboundMessage("elija", tuple(QuickReply(f"Tema {i}", f"/topic_{i}") for i in range(10))),)
    (page,) = await desk.gets("menú")
    seen: list[str] = []
    for _ in range(5):
        assert len(page.quick_replies) <= LIMITS.buttons
        seen += [choice.payload for choice in page.quick_replies if not choice.payload.startswith(MORE)]
        last = page.quick_replies[-1]
        if not last.payload.startswith(MORE):
            break
        assert last.title == TEXTS.text("es", "choices.more")
        typed = {"tap": "", "tap with title": last.title, "number": str(LIMITS.buttons), "title": last.title}[by]
        kind = InboundKind.QUICK_REPLY if by.startswith("tap") else InboundKind.TEXT
        (page,) = await desk.gets(typed, kind=kind, quick_reply=last.token if by.startswith("tap") else "")
    assert seen == [f"/topic_{i}" for i in range(10)]
    assert len(desk.engine.asked) == 1


async def test_an_urgent_phrase_skips_the_classifier(desk: Desk) -> None:
    """A recognised emergency goes to its topic as a command, masked, whatever was offered."""
    desk.engine.replies = (OFFERED,)
    await desk.gets("menú")
    await desk.gets("mi hermana esta desaparecida, su telefono es 0991234567")
    text, command = desk.engine.asked[-1]
    assert text == "mi hermana esta desaparecida, su telefono es [teléfono]"
    assert command is not None
    assert command.intent == "missing_person"


async def test_a_long_text_is_answered_with_a_notice(desk: Desk) -> None:
    """Who wrote more than we read is told so before the answer."""
    replies = await desk.gets("mucho texto", is_shortened=True)
    assert [reply.text for reply in replies] == [TEXTS.text("es", "reply.text_shortened"), "la respuesta"]


async def test_personal_numbers_are_masked_before_engine_and_storage(desk: Desk) -> None:
    """Neither the engine nor the kept text has the number; the encrypted original is gone after the answer."""
    await desk.gets("mi cédula es 1710034065")
    assert desk.engine.asked == [("mi cédula es [cédula]", None)]
    (row,) = desk.inbound()
    assert (row.text, row.body_encrypted) == ("mi cédula es [cédula]", None)


async def test_the_list_is_titled_in_the_readers_language(desk: Desk) -> None:
    """The word on the button that opens a list comes from the catalogue."""
    desk.engine.replies = (OFFERED,)
    (reply,) = await desk.gets("menu", locale_hint="pt-BR")
    assert reply.list_title == TEXTS.text("pt", "choices.list_title")


async def test_a_message_of_a_disabled_channel_is_answered_all_the_same(desk: Desk) -> None:
    """A channel that was switched off with messages waiting must not stop the worker for everyone else."""
    (reply,) = await desk.gets("hola", channel="signal")
    assert reply.text == "la respuesta"


async def test_run_answers_what_waits_and_ends_when_it_is_stopped(desk: Desk) -> None:
    """A running worker empties the queue, and a stop lets it return."""
    desk.system.inbox.store([make_inbound(address=f"contact-{i}") for i in range(3)])
    running = asyncio.create_task(desk.worker.run())
    for _ in range(100):
        await asyncio.sleep(0.02)
        if len(desk.sent()) == 3:
            break
    desk.worker.stop()
    await asyncio.wait_for(running, 2)
    assert [reply.text for reply in desk.sent()] == ["la respuesta"] * 3


async def test_run_goes_on_when_the_database_was_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails once costs a pause, not the worker."""
    monkeypatch.setattr("bot.worker.DATABASE_PAUSE_SECONDS", 0.01)
    claim = desk.worker._parts.turns.claim
    failures = iter([OperationalError("SELECT", {}, OSError("away"))])

    def claim_or_fail() -> Turn | None:
        error = next(failures, None)
        if error:
            raise error
        return claim()

    monkeypatch.setattr(desk.worker._parts.turns, "claim", claim_or_fail)
    desk.system.inbox.store([make_inbound()])
    running = asyncio.create_task(desk.worker.run())
    for _ in range(100):
        await asyncio.sleep(0.02)
        if desk.sent():
            break
    desk.worker.stop()
    await asyncio.wait_for(running, 2)
    assert len(desk.sent()) == 1


async def test_a_turn_that_does_not_end_is_given_back_when_the_worker_is_stopped(desk: Desk) -> None:
    """The next worker takes the message at once, as untried, instead of after the lease of one that was killed."""
    desk.worker = Worker(replace(desk.worker._parts, engine_seconds=60.0, stop_seconds=0.01))
    desk.engine.trouble = lambda: asyncio.sleep(60)
    desk.system.inbox.store([make_inbound("sigo aquí")])
    running = asyncio.create_task(desk.worker.run())
    while not desk.engine.asked:
        await asyncio.sleep(0.01)
    desk.worker.stop()
    await asyncio.wait_for(running, 5)
    turn = desk.system.turns("next").claim()
    assert turn is not None
    assert (turn.text, turn.attempts) == ("sigo aquí", 1)
    assert desk.sent() == []


async def test_a_turn_that_ends_in_time_is_committed_when_the_worker_is_stopped(desk: Desk) -> None:
    """Being told to stop does not cost the person their answer; what waits behind it is left to others."""
    desk.worker = Worker(replace(desk.worker._parts, stop_seconds=5.0))
    desk.engine.trouble = lambda: (desk.worker.stop(), asyncio.sleep(0.05))[1]
    desk.system.inbox.store([make_inbound("uno", address="a"), make_inbound("dos", address="b")])
    await asyncio.wait_for(desk.worker.run(), 5)
    assert [row.state for row in desk.inbound()] == ["done", "waiting"]
    assert len(desk.sent()) == 1
