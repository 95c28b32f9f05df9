"""A newer model is loaded beside the one in use, and a broken one changes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from bot.conversations.turns import fresh_turn
from bot.engine import agent
from bot.engine.agent import Engine, FreshEngine
from bot.errors import EngineError

TURN = fresh_turn("hola", "es", datetime(2026, 11, 23, tzinfo=timezone.utc))


class NamedEngine:
    """Answers with the name of its model."""

    def __init__(self, model: Path) -> None:
        if model.name == "broken":
            raise EngineError("no model at all")
        self.name = model.name

    async def answer_turn(self, *_: Any) -> str:
        """Return the name."""
        return self.name


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list whose last entry is the newest model; it is looked at with every message."""
    monkeypatch.setattr(agent, "LOOK_SECONDS", 0.0)
    return [Path("first")]


def _make(newest: list[Path], loaded: list[str]) -> FreshEngine:
    def load(model: Path) -> Engine:
        loaded.append(model.name)
        return cast(Engine, NamedEngine(model))

    return FreshEngine(lambda: newest[-1], load, newest[0])


async def _answer(engine: FreshEngine) -> str:
    return cast(str, await engine.answer_turn(TURN, "hola", None))


async def test_a_newer_model_takes_over_when_it_is_loaded(newest: list[Path]) -> None:
    """No message waits for the loading, and none is lost over it."""
    loaded: list[str] = []
    engine = _make(newest, loaded)
    assert await _answer(engine) == "first"
    newest.append(Path("second"))
    assert await _answer(engine) == "first"
    await asyncio.sleep(0.1)
    assert await _answer(engine) == "second"
    assert loaded == ["first", "second"]


async def test_a_broken_model_is_tried_once_and_the_old_one_goes_on(newest: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    """The operator gets a line with the code; people get their answers."""
    loaded: list[str] = []
    engine = _make(newest, loaded)
    newest.append(Path("broken"))
    for _ in range(3):
        assert await _answer(engine) == "first"
        await asyncio.sleep(0.05)
    assert loaded == ["first", "broken"]
    assert "model_not_loaded model=broken code=engine_failed" in caplog.text


async def test_models_are_looked_for_only_now_and_then(newest: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking costs time, so most messages do not."""
    monkeypatch.setattr(agent, "LOOK_SECONDS", 60.0)
    loaded: list[str] = []
    engine = _make(newest, loaded)
    newest.append(Path("second"))
    assert await _answer(engine) == "first"
    await asyncio.sleep(0.05)
    assert loaded == ["first"]
