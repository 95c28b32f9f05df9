"""The actions as a server of their own would find them, and what becomes of one that fails."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml
from rasa_sdk.executor import ActionExecutor

from bot.conversations.dialogues.desk import DialogueDesk
from bot.engine.action_endpoint import InProcessActions

ROOT = Path(__file__).resolve().parents[3]


def _call(name: str, **slots: object) -> dict[str, object]:
    latest = {"intent": {"name": "check_offer"}, "entities": [], "text": "", "metadata": {"locale": "en"}}
    events = [{"event": "user", "timestamp": 1.0}]
    tracker = {"sender_id": "c1", "slots": slots, "latest_message": latest, "events": events, "paused": False,
               "followup_action": None, "active_loop": {}, "latest_action_name": ""}  # fmt: skip
    return {"next_action": name, "sender_id": "c1", "tracker": tracker, "version": "3.6.21"}


def test_a_server_finds_every_action_of_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """`rasa run actions --actions bot.actions` from the project's root."""
    monkeypatch.chdir(ROOT)
    executor = ActionExecutor()
    executor.register_package("bot.actions")
    domain = yaml.safe_load((ROOT / "intents" / "domain" / "dialogues.yml").read_text(encoding="utf-8"))
    assert set(domain["actions"]) <= set(executor.actions)


async def test_in_process_and_on_a_server_the_same_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call, two ways to run it."""
    monkeypatch.chdir(ROOT)
    executor = ActionExecutor()
    executor.register_package("bot.actions")
    call = _call("action_ask_dialogue_answer", dialogue='{"d":"check_offer"}')
    said = await InProcessActions(DialogueDesk.open(ROOT)).request(json=call)
    assert "What are you being offered?" in said["responses"][0]["text"]
    assert said == await executor.run(call)


async def test_an_action_that_fails_does_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By its name and a code, without a word of the contact."""
    endpoint = InProcessActions(DialogueDesk.open(ROOT))
    with caplog.at_level(logging.ERROR):
        assert await endpoint.request(json=_call("no_such_action")) == {"events": [], "responses": []}
    assert "action_failed action=no_such_action code=ActionNotFoundException" in caplog.text
