"""Told to stop, the real programs finish what they have begun, in less than the 10 s that service managers give them."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select, text

from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.conversations.turns import Turns
from bot.messages import InboundMessage
from bot.storage.models import Conversation, Inbound, Outbound
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import utc_now
from tests.support.builders import KEY, make_inbound
from tests.support.echo_worker import EchoWorker
from tests.support.fake_telegram import SECRET, FakeTelegram
from tests.support.programs import Programs, run_programs
from tests.support.provider_settings import telegram_settings
from tests.support.server import serve
from tests.support.telegram_updates import Updates
from tests.support.waiting import became

pytestmark = pytest.mark.slow

STOP_SECONDS = 10.0
"""What docker gives a program between SIGTERM and SIGKILL."""
PATIENCE_SECONDS = 60.0
CHATS = range(81, 93)


@dataclass
class SlowTelegram:
    """Telegram on a slow day: it takes each reply at once, and answers a while later."""

    fake: FakeTelegram = field(default_factory=FakeTelegram)
    seconds: float = 1.5
    entered: list[float] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hold the answer to a reply back."""
        if scope["type"] == "http" and scope["path"].endswith("/sendMessage"):
            self.entered.append(time.monotonic())
            await asyncio.sleep(self.seconds)
        await self.fake.app(scope, receive, send)


@dataclass
class World:
    """Programs on one database, with a way in for messages."""

    programs: Programs
    database: Database
    telegram: SlowTelegram
    vault: Vault

    def turns(self) -> Turns:
        """Return turns of a worker in this process."""
        return Turns(self.database, self.vault, Outbox(self.database, self.vault, utc_now), "here", utc_now)

    def write(self, messages: list[InboundMessage]) -> None:
        """Store messages as a gateway does."""
        Inbox(self.database, self.vault, utc_now).store(messages)

    def stop(self, name: str) -> float:
        """Tell a program to stop, expect that it ends well, and return how many seconds that took."""
        process, began = self.programs.processes[name], time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS * 2)
        took = time.monotonic() - began
        assert code == 0, self.programs.log.read_text()[-2000:]
        assert took < STOP_SECONDS
        return took

    def states(self, kind: type[Inbound] | type[Outbound]) -> Counter[str]:
        """Count messages or replies by state."""
        with self.database.reading() as session:
            return Counter(session.scalars(select(kind.state)))


@pytest.fixture
def world(empty_database: Database, tmp_path: Path) -> Iterator[World]:
    """Prepare a database of each kind; the tests start what they need."""
    telegram, key = SlowTelegram(), Fernet.generate_key().decode()
    with serve(telegram) as telegram_url:
        settings = {
            "RUTA_DATABASE_URL": empty_database.engine.url.render_as_string(hide_password=False),
            "RUTA_ENCRYPTION_KEYS": key,
            "RUTA_HASH_KEY": KEY,
            "RUTA_CHANNELS": "telegram",
            **telegram_settings(telegram_url),
        }
        with run_programs(tmp_path, settings) as programs:
            yield World(programs, empty_database, telegram, Vault([key], KEY))


def test_a_stopped_gateway_finishes_the_replies_on_their_way(world: World) -> None:
    """Each reply that had left arrives once and is noted as sent; the others wait, whole, for the next gateway."""
    world.programs.start("gateway")
    world.write([make_inbound(f"hola {chat}", channel="telegram", address=str(chat)) for chat in CHATS])
    worker = EchoWorker(world.turns())
    while worker.run_once():
        pass
    assert became(lambda: len(world.telegram.entered) >= 3)
    took = world.stop("gateway")
    left = len(world.telegram.entered)
    sent = Counter(chat for chat in CHATS for _ in world.telegram.fake.sent(chat))
    assert 3 <= left == sum(sent.values())
    assert world.states(Outbound) == Counter({"sent": left, **({"queued": len(CHATS) - left} if left < len(CHATS) else {})})
    assert took >= 1.0, "it did not wait for the provider"
    world.programs.start("gateway")
    assert became(lambda: world.states(Outbound) == {"sent": len(CHATS)})
    assert Counter(chat for chat in CHATS for _ in world.telegram.fake.sent(chat)) == Counter(CHATS)


def test_a_stopped_gateway_keeps_what_it_acknowledged_and_leaves_in_time(world: World) -> None:
    """Every call that got its 200 is stored once, however the stop fell; a provider that hangs does not hold the gateway."""
    world.telegram.seconds = 60.0
    world.programs.start("gateway")
    world.write([make_inbound("hola", channel="telegram", address="99")])
    worker = EchoWorker(world.turns())
    assert worker.run_once()
    assert became(lambda: world.telegram.entered)
    taken: list[int] = []

    def write(chat: int) -> None:
        updates = Updates(chat_id=chat, next_id=chat * 100_000)
        with httpx.Client(headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}) as client:
            try:
                while client.post(f"{world.programs.url}/webhooks/telegram", json=updates.text("hola")).status_code == 200:
                    taken.append(chat)
            except httpx.TransportError:
                return

    writers = [threading.Thread(target=write, args=(chat,)) for chat in CHATS[:4]]
    for writer in writers:
        writer.start()
    assert became(lambda: len(taken) > 40)
    world.stop("gateway")
    for writer in writers:
        writer.join(20)
    with world.database.reading() as session:
        stored = session.scalar(select(func.count()).select_from(Inbound)) or 0
    assert len(taken) <= stored - 1 <= len(taken) + len(writers)  # A call whose answer was cut off may be stored as well.


@pytest.mark.engine
def test_a_stopped_worker_commits_its_turn_and_leaves_the_rest(world: World) -> None:
    """No message is held, half done or answered twice; the next worker answers the rest, each once."""
    world.programs.start("worker")
    world.write([make_inbound("como saco el pasaporte", channel="telegram", address=f"c{number}") for number in range(60)])
    assert became(lambda: world.states(Inbound)["done"] >= 3)
    world.stop("worker")
    states = world.states(Inbound)
    assert set(states) == {"done", "waiting"}, "stopped too late to prove anything"
    with world.database.reading() as session:
        assert session.scalar(select(func.count()).where(Conversation.lease_until.is_not(None))) == 0
        assert session.scalar(select(func.max(Inbound.attempts)).where(Inbound.state == "waiting")) == 0
        assert session.scalar(text("SELECT count(DISTINCT inbound_id) FROM outbound_message")) == states["done"]
    world.programs.start("worker")
    assert became(lambda: world.states(Inbound) == {"done": 60})
    world.stop("worker")
    with world.database.reading() as session:
        replies = session.scalars(select(func.count()).select_from(Outbound).group_by(Outbound.inbound_id)).all()
    assert len(replies) == 60
    assert len(set(replies)) == 1
