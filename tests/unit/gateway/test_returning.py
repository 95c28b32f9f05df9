"""The loop that lets the bot answer again: it looks at once, tells by count alone, and goes on."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from bot.gateway import returning
from bot.gateway.returning import ReturnLoop
from tests.support.builders import System
from tests.support.handoff import HOURS, HandoffWorld
from tests.support.waiting import becomes

pytestmark = pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)


async def test_bot_comes_back_beside_the_routes(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A case that waited too long is found without anybody asking."""
    monkeypatch.setattr(returning, "LOOK_SECONDS", 0.01)
    talk = HandoffWorld(system, tmp_path / "people.yml")
    code = await talk.opens()
    system.clock.turn(hours=HOURS)
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(ReturnLoop(talk.returns).run())
        assert await becomes(lambda: talk.staff.list_open()[0].bot_answers)
        assert await becomes(lambda: caplog.records)
        task.cancel()
    assert [record.getMessage() for record in caplog.records] == ["cases_left_waiting count=1"]
    assert code in talk.goes_out()[0].text
