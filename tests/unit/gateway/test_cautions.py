"""Warnings of `/readyz`: shown while they last, cheap to ask for, and never a reason not to be ready."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from bot.conversations.queues import Queues
from bot.gateway import cautions as module
from bot.gateway.cautions import Beside, Remembered, cautions
from tests.support.builders import make_inbound
from tests.support.gateway import Parts
from tests.support.server import serve
from tests.unit.gateway.fakes import FakeChannel


def _warnings(url: str) -> list[str]:
    answer = httpx.get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (200, [])
    return list(answer.json()["warnings"])


def test_what_somebody_should_look_at_is_shown(parts: Parts, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead letter, a failed reply, a stuck conversation, missing templates and withheld content, until they are dealt with."""
    monkeypatch.setattr(module, "QUEUE_SECONDS", 0.0)
    monkeypatch.setattr(module, "CONTENT_SECONDS", 0.0)
    monkeypatch.setattr(module, "TEMPLATES_SECONDS", 0.0)
    state = {"withheld": 0, "templates": True}
    queues = Queues(parts.database, ["fake"], parts.clock)
    checks = cautions(queues, lambda: int(state["withheld"]), lambda: bool(state["templates"]))
    with serve(parts.app([channel], checks=checks)) as url:
        assert _warnings(url) == []
        parts.inbox.store([make_inbound(channel="fake", address="a"), make_inbound(channel="fake", address="b")])
        assert parts.worker.run_once()
        with parts.database.transaction() as session:
            session.execute(text("UPDATE outbound_message SET state = 'failed'"))
            session.execute(text("UPDATE inbound_message SET state = 'dead' WHERE state = 'done'"))
            session.execute(text("UPDATE conversation SET waiting_since = '2020-01-01 00:00:00' WHERE waiting_since IS NOT NULL"))
        state.update(withheld=2, templates=False)
        _warnings(url)  # Begins the look at the content, which is seen by a later question.
        expected = {"dead_letters", "failed_sends", "stuck_conversations", "content_withheld", "whatsapp_templates_missing"}
        for _ in range(100):
            if set(_warnings(url)) == expected:
                break
        assert set(_warnings(url)) == expected


def test_a_look_serves_for_a_while() -> None:
    """Many questions, one look; a look that fails is made again."""
    now, looks = [0.0], []

    def look() -> int:
        looks.append(now[0])
        if len(looks) == 1:
            raise OSError
        return len(looks)

    remembered = Remembered(look, 5.0, lambda: now[0])
    with pytest.raises(OSError):
        remembered()
    assert [remembered() for _ in range(10)] == [2] * 10
    now[0] = 5.0
    assert remembered() == 3


def test_a_slow_look_does_not_hold_the_question_up(tmp_path: Path) -> None:
    """The first answer is what is expected, and no second look begins while one runs."""
    may_end, looks = threading.Event(), []

    def look() -> int:
        looks.append(1)
        assert may_end.wait(10)
        return 7

    beside = Beside(look, 0.0, 0)
    assert [beside() for _ in range(5)] == [0] * 5
    assert len(looks) == 1
    may_end.set()
    beside.wait()
    assert beside() == 7
    beside.wait()
