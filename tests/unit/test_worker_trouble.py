"""What a worker does when the engine, the database or the machine fails, and when it is told to stop; only the engine is a fake."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy.exc import OperationalError

from bot.conversations.turns import LEASE_SECONDS, Claim, Turn, TurnResult
from bot.errors import EngineError
from bot.i18n import LOCALES
from bot.worker import MAX_ATTEMPTS, Worker
from tests.support.builders import make_inbound
from tests.support.desk import TEXTS, Desk, desk

__all__ = ["desk"]


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
    with mock.patch("bot.watchdog.HANG_SECONDS", 0.2), (tmp_path / "log").open("w") as log, mock.patch("sys.__stderr__", log):
        child = os.fork()
        if not child:
            try:
                asyncio.new_event_loop().run_until_complete(desk.worker.run_once())
            finally:
                os._exit(9)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "test_worker_trouble.py" in (tmp_path / "log").read_text()
    assert "privado" not in (tmp_path / "log").read_text()
    assert [(row.state, row.attempts) for row in desk.inbound()] == [("waiting", 1)]


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
