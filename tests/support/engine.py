"""The real engine with the newest model, loaded once for all tests of a run, and a conversation with it that reads like a script."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet

from bot.conversations.commands import Command
from bot.conversations.turns import Turn, TurnResult, fresh_turn
from bot.engine.agent import Engine, FreshEngine
from bot.engine.training import newest_model
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import App, Paths, build_worker
from bot.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


@lru_cache(maxsize=1)
def shared_worker() -> Worker:
    """Return a worker that decides without storing; a missing model fails the test, it never skips it."""
    assert newest_model(ROOT / "models") is not None, "there is no model in models/: run `ruta train`"
    key = Fernet.generate_key().decode()
    settings = Settings.parse_obj({"mode": "development", "channels": "webchat"})
    return build_worker(App(Paths(ROOT), settings, Vault([key], key), Database("sqlite://")))


def shared_engine() -> Engine:
    """Return the engine of the shared worker."""
    engine = shared_worker()._parts.engine
    assert isinstance(engine, FreshEngine)
    return engine.current


class EngineConversation:
    """One contact who speaks with the engine alone; the state travels as it does through the database."""

    def __init__(self, locale: str = "", conversation_id: str = "c1") -> None:
        self.turn: Turn = replace(fresh_turn("", locale, NOW), conversation_id=conversation_id)

    async def says(self, text: str) -> TurnResult:
        """Write a text."""
        return await self._turn(text, None)

    async def taps(self, intent: str, **entities: str) -> TurnResult:
        """Tap a choice that means this intent."""
        return await self._turn("", Command(intent, entities))

    @property
    def state(self) -> bytes:
        """The engine's state after the last turn."""
        assert self.turn.engine_state is not None
        return self.turn.engine_state

    async def _turn(self, text: str, command: Command | None) -> TurnResult:
        result = await shared_engine().answer_turn(replace(self.turn, text=text), text, command)
        self.turn = replace(self.turn, engine_state=result.engine_state, locale=result.locale, locale_source=result.locale_source)
        return result


def texts_of(result: TurnResult) -> str:
    """Return all replies of a turn as one text."""
    return "\n".join(reply.text for reply in result.replies)
