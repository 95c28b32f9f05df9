"""The gateway deletes what is past its time by itself, and goes on when the database was away."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from bot.conversations.retention import Retention, RetentionLimits
from bot.gateway import purging
from bot.gateway.purging import PurgeLoop
from bot.storage.models import Contact
from tests.support.builders import System, make_inbound
from tests.support.waiting import becomes

pytestmark = pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)


async def test_what_becomes_due_is_deleted_by_a_later_run(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It runs again and again; its log line has counts only."""
    caplog.set_level("INFO")
    monkeypatch.setattr(purging, "HOUR_SECONDS", 0.01)
    system.inbox.store([make_inbound("algo secreto", address="secreta")])
    system.answer()

    def people() -> int:
        with system.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Contact)) or 0

    task = asyncio.create_task(PurgeLoop(Retention(system.database, RetentionLimits(), system.clock), 0).run())
    await asyncio.sleep(0.05)
    assert people() == 1
    system.clock.turn(days=366)
    assert await becomes(lambda: people() == 0)
    assert await becomes(lambda: "kind=contacts count=1" in caplog.text)
    task.cancel()
    assert "secret" not in caplog.text
