"""Workers and gateway are woken by a real PostgreSQL, look by themselves while they are not, and miss nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from bot import worker as worker_module
from bot.conversations.turns import TurnResult
from bot.gateway import changes as changes_module
from bot.gateway.changes import Changes
from bot.messages import OutboundMessage
from bot.storage import notices as notices_module
from bot.storage.notices import INBOUND, OUTBOUND, Notices
from bot.worker import Worker, WorkerParts
from tests.support.builders import System, make_inbound
from tests.support.waiting import becomes

PATIENCE_SECONDS = 20.0
NEVER_SECONDS = 3600.0


@pytest.fixture
def postgres(system: System) -> System:
    """The system on PostgreSQL alone."""
    if system.database.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL has notices")
    return system


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _cut_listeners(system: System) -> int:
    """End the connections of those who listen, as a restart of the server does; return how many there were."""
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with system.database.engine.connect() as connection:
        return int(connection.execute(text(cut)).scalar_one())


class _Fake:
    """An engine that answers everything."""

    async def answer_turn(self, turn: Any, text: str, command: Any) -> TurnResult:
        return TurnResult([OutboundMessage("hola")], text, turn.locale, turn.locale_source)


def _worker(system: System, notices: Notices | None) -> Worker:
    library = SimpleNamespace(loaded=SimpleNamespace(dialogues={}))
    calm: Any = SimpleNamespace(match=lambda text: None, text=lambda *_: "", library=library)
    parts: dict[str, Any] = {"replies": calm, "texts": calm, "urgent": calm, "limits": {}, "ordinals": None, "privacy": calm}
    worker = Worker(WorkerParts(turns=system.turns(), engine=_Fake(), notices=notices, **parts))
    worker.decide = lambda turn: _Fake().answer_turn(turn, "", None)  # type: ignore[method-assign, assignment]
    return worker


def _unanswered(system: System) -> int:
    with system.database.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM inbound_message WHERE state = 'waiting'")).scalar_one())


async def test_nobody_listens_on_sqlite(system: System) -> None:
    """There the call returns at once; looking often costs nothing on one machine."""
    if system.database.engine.dialect.name == "sqlite":
        notices = Notices(system.database, INBOUND)
        await notices.run(lambda: None)
        assert not notices.is_listening


async def test_a_notice_comes_with_the_commit_and_never_without(postgres: System) -> None:
    """What is rolled back wakes nobody."""
    heard: list[str] = []
    inbound, outbound = Notices(postgres.database, INBOUND), Notices(postgres.database, OUTBOUND)
    async with _running(inbound.run(lambda: heard.append("in"))), _running(outbound.run(lambda: heard.append("out"))):
        assert await becomes(lambda: inbound.is_listening and outbound.is_listening)
        heard.clear()
        postgres.inbox.store([make_inbound(provider_id="one")])
        assert await becomes(lambda: heard == ["in"])
        postgres.inbox.store([make_inbound(provider_id="one")])  # A repeat is nothing new.
        with pytest.raises(ZeroDivisionError), postgres.database.transaction() as session:
            notices_module.notify(session, INBOUND)
            raise ZeroDivisionError
        postgres.answer(OutboundMessage("hola"))
        assert await becomes(lambda: heard == ["in", "out"])


async def test_an_idle_worker_is_woken_by_a_message(postgres: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never looks by itself here, so only the notice can have woken it."""
    monkeypatch.setattr(worker_module, "LISTENING_POLL_SECONDS", NEVER_SECONDS)
    notices = Notices(postgres.database, INBOUND)
    worker = _worker(postgres, notices)
    async with _running(worker.run()):
        assert await becomes(lambda: notices.is_listening)
        for _ in range(3):
            postgres.inbox.store([make_inbound()])
            assert await becomes(lambda: _unanswered(postgres) == 0)


async def test_a_message_that_came_before_listening_is_answered(postgres: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says again what was committed before, so a worker looks when it begins to listen."""
    monkeypatch.setattr(worker_module, "LISTENING_POLL_SECONDS", NEVER_SECONDS)
    postgres.inbox.store([make_inbound()])
    async with _running(_worker(postgres, Notices(postgres.database, INBOUND)).run()):
        assert await becomes(lambda: _unanswered(postgres) == 0)


async def test_a_worker_whose_connection_was_cut_looks_by_itself_and_listens_again(
    postgres: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages are answered while nobody can be woken, and by notices again afterwards."""
    monkeypatch.setattr(worker_module, "LISTENING_POLL_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(notices_module, "RETRY_SECONDS", NEVER_SECONDS)
    notices = Notices(postgres.database, INBOUND)
    async with _running(_worker(postgres, notices).run()):
        assert await becomes(lambda: notices.is_listening)
        assert _cut_listeners(postgres) == 1
        assert await becomes(lambda: not notices.is_listening)
        postgres.inbox.store([make_inbound()])
        assert await becomes(lambda: _unanswered(postgres) == 0)
    assert "notices_lost notice=ruta_inbound" in caplog.text
    monkeypatch.setattr(notices_module, "RETRY_SECONDS", 0.01)
    async with _running(_worker(postgres, notices).run()):
        assert await becomes(lambda: notices.is_listening)
        assert _cut_listeners(postgres) == 1
        assert await becomes(lambda: caplog.text.count("notices_lost") == 2 and notices.is_listening)
        postgres.inbox.store([make_inbound()])
        assert await becomes(lambda: _unanswered(postgres) == 0)


async def test_a_worker_that_is_told_to_stop_stops_while_it_listens(postgres: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time to the next look, and its connection is closed."""
    monkeypatch.setattr(worker_module, "LISTENING_POLL_SECONDS", NEVER_SECONDS)
    notices = Notices(postgres.database, INBOUND)
    worker = _worker(postgres, notices)
    running = asyncio.create_task(worker.run())
    assert await becomes(lambda: notices.is_listening)
    worker.stop()
    await asyncio.wait_for(running, PATIENCE_SECONDS)
    assert await becomes(lambda: _cut_listeners(postgres) == 0)


async def test_the_gateway_is_woken_by_a_reply(postgres: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never looks by itself here; when its connection is cut it does."""
    monkeypatch.setattr(changes_module, "LISTENING_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(notices_module, "RETRY_SECONDS", 0.01)
    woken: list[int] = []
    changes = Changes(postgres.database, [lambda: woken.append(1)])
    async with _running(changes.run()):
        assert await becomes(lambda: changes._notices.is_listening)
        await asyncio.sleep(4 * changes_module.LOOK_SECONDS)  # The look that began before it listened ends.
        woken.clear()
        postgres.inbox.store([make_inbound()])
        postgres.answer(OutboundMessage("hola"))
        assert await becomes(lambda: len(woken) == 1)
        _cut_listeners(postgres)
        assert await becomes(lambda: len(woken) > 1 and changes._notices.is_listening)
