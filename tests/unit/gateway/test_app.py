"""The whole gateway: start, stop, health, what it loads, how fast it acknowledges."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from bot.gateway.changes import Changes
from bot.gateway.health import ReadyCheck
from bot.messages import OutboundMessage
from channels.base import Polled
from tests.support.gateway import ROOT, Parts
from tests.support.server import serve
from tests.support.waiting import became
from tests.unit.gateway.fakes import PATH, FakeChannel, message

RIGHT = {"x-secret": "right"}


def test_message_is_answered_when_everything_runs(parts: Parts, channel: FakeChannel) -> None:
    """A message goes in by webhook, through the worker, and out to the provider."""
    with parts.worker.running(), serve(parts.app([channel])) as url:
        httpx.post(url + PATH, content=b"ana:1:hola", headers=RIGHT)
        assert became(lambda: bool(channel.sent))
    assert channel.sent == [("ana", "Eco: hola")]
    assert channel.is_started and channel.is_closed


def test_message_is_answered_when_it_was_polled(parts: Parts, channel: FakeChannel) -> None:
    """A channel that is polled is answered the same way."""
    channel.polled = [Polled("1", [message("ana", "1", "hola")])]
    with parts.worker.running(), serve(parts.app([channel])):
        assert became(lambda: bool(channel.sent))
    assert channel.sent == [("ana", "Eco: hola")]


@pytest.mark.parametrize(
    ("is_required", "status", "body"),
    [
        (True, 503, {"ready": False, "reasons": ["templates_missing"], "warnings": []}),
        (False, 200, {"ready": True, "reasons": [], "warnings": ["templates_missing"]}),
    ],
    ids=["required", "a warning"],
)
def test_readiness_names_what_is_missing_when_a_check_fails(
    parts: Parts, channel: FakeChannel, is_required: bool, status: int, body: dict[str, object]
) -> None:
    """What is required makes us not ready, the rest is a warning; being alive does not depend on it."""
    check = ReadyCheck("templates_missing", lambda: False, is_required)
    with serve(parts.app([channel], checks=[check])) as url:
        answer = httpx.get(f"{url}/readyz")
        alive = httpx.get(f"{url}/healthz")
    assert (answer.status_code, answer.json()) == (status, body)
    assert (alive.status_code, alive.text) == (200, "ok")


def test_readiness_fails_when_the_database_does_not_answer(
    parts: Parts, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the database; the process is still alive."""

    def fail() -> None:
        raise OperationalError("SELECT 1", None, Exception("gone"))

    with serve(parts.app([channel])) as url:
        assert httpx.get(f"{url}/readyz").json() == {"ready": True, "reasons": [], "warnings": []}
        monkeypatch.setattr(parts.database, "check", fail)
        answer = httpx.get(f"{url}/readyz")
        assert httpx.get(f"{url}/healthz").status_code == 200
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["database_down"])


def test_sending_goes_on_when_the_database_failed_for_a_moment(
    parts: Parts, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault while looking at the outbox ends neither the loop nor the program."""
    monkeypatch.setattr("bot.gateway.app.RESTART_SECONDS", 0.05)
    real, failures = parts.outbox.take_due, [1, 1]

    def take_due(channels: set[str], limit: int) -> list[object]:
        if failures:
            failures.pop()
            raise OperationalError("SELECT", None, Exception("locked"))
        return list(real(channels, limit))

    monkeypatch.setattr(parts.outbox, "take_due", take_due)
    with parts.worker.running(), serve(parts.app([channel])) as url:
        httpx.post(url + PATH, content=b"ana:1:hola", headers=RIGHT)
        assert became(lambda: bool(channel.sent))
    assert failures == []


def test_fallback_starts_anew_when_parts_were_sent(parts: Parts) -> None:
    """The plain form is cut differently, so no part of it may be skipped."""
    parts.inbox.store([message("ana", "1", "hola")])
    turn = parts.turns.claim()
    assert turn is not None
    from bot.conversations.turns import TurnResult

    parts.turns.commit(turn, TurnResult([OutboundMessage("uno|dos")], "", "es", "default"))
    (sending,) = parts.outbox.take_due({"fake"}, 1)
    parts.outbox.part_sent(sending.outbound_id, "p1")
    parts.outbox.use_fallback(sending.outbound_id)
    (again,) = parts.outbox.take_due({"fake"}, 1)
    assert (again.is_fallback, again.parts_sent) == (True, 0)


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)  # Elsewhere they are woken each time.
async def test_listeners_are_woken_when_another_connection_commits(parts: Parts) -> None:
    """A commit elsewhere wakes the listeners, silence does not."""
    import asyncio

    woken: list[float] = []
    task = asyncio.create_task(Changes(parts.database, [lambda: woken.append(time.monotonic())]).run())
    await asyncio.sleep(0.15)
    at_rest = len(woken)
    await asyncio.sleep(0.15)
    assert len(woken) == at_rest
    await asyncio.to_thread(parts.inbox.store, [message("ana", "1", "hola")])
    await asyncio.sleep(0.1)
    task.cancel()
    assert len(woken) > at_rest


def test_engine_and_other_channels_stay_out_when_the_gateway_is_loaded() -> None:
    """Importing the gateway loads neither the engine nor a channel, quickly."""
    code = """
import json, sys
import bot.gateway.serve
from tests.support.waiting import became
heavy = [name for name in ("rasa", "tensorflow", "sklearn", "numpy", "pandas", "channels.whatsapp", "channels.telegram", "channels.webchat") if name in sys.modules]
print(json.dumps(heavy))
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


def test_burst_is_stored_when_many_call_at_once(parts: Parts, channel: FakeChannel) -> None:
    """Two hundred calls at once are all stored, once each."""
    with serve(parts.app([channel])) as url, ThreadPoolExecutor(20) as pool, httpx.Client(base_url=url) as client:
        calls = [pool.submit(client.post, PATH, content=f"c{n % 50}:{n}:x".encode(), headers=RIGHT) for n in range(200)]
        assert {call.result().status_code for call in calls} == {200}
    answered = 0
    while parts.worker.run_once():
        answered += 1
    assert answered == 200
