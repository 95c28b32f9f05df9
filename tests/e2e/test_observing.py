"""One message followed through the real programs: one id in every line from webhook to delivery report, and its metrics."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.whatsapp.cases import make_provider as make_twilio
from tests.support.conversation import WhatsAppConversation
from tests.support.fake_twilio import AUTH_TOKEN, FakeTwilio
from tests.support.programs import Programs, run_programs
from tests.support.provider_settings import whatsapp_settings
from tests.support.server import serve
from tests.support.waiting import became

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ADDRESS = "whatsapp:+593990004321"
TEXT = "como saco el pasaporte zarigueya"


@dataclass
class World:
    """The running programs, the fake provider, and the gateway's port for metrics."""

    programs: Programs
    twilio: FakeTwilio
    metrics_port: int

    def lines(self) -> list[dict[str, Any]]:
        """Return what the programs have logged."""
        return [json.loads(line) for line in self.programs.log.read_text().splitlines()]

    def events(self, trace_id: str) -> list[str]:
        """Return the events of one message, in order."""
        return [line["event"] for line in self.lines() if line.get("id") == trace_id]

    def metrics(self, port: int) -> dict[str, float]:
        """Return the samples that a program serves, by name and labels as they are printed."""
        said = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        pairs = [line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start the fake, the gateway and one worker that was given no port for metrics."""
    folder = tmp_path_factory.mktemp("observing")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        metrics_port = free.getsockname()[1]
    twilio = make_twilio()
    with serve(twilio.app) as twilio_url:
        settings = {
            "RUTA_CHANNELS": "whatsapp",
            **whatsapp_settings(twilio_url, folder),
            "RUTA_LOG_FORMAT": "json",
            "RUTA_METRICS_PORT": str(metrics_port),
        }
        with run_programs(folder, settings, "gateway", "worker") as programs:
            yield World(programs, twilio, metrics_port)


async def test_one_id_leads_from_the_webhook_to_the_delivery_report(world: World) -> None:
    """Stored, claimed, decided, committed, sent, delivered: each step of both programs once, in order, with its milliseconds."""
    contact = WhatsAppConversation(world.twilio, world.programs.url, ADDRESS)
    await contact.says(TEXT)
    await contact.hears("pasaporte", "Fuente:")
    sid = world.twilio.sent(ADDRESS)[-1]["sid"]
    await world.twilio.report(world.programs.url, sid, "delivered")
    (trace_id,) = {line["id"] for line in world.lines() if line["event"] == "message_stored"}
    assert became(lambda: "reply_reported" in world.events(trace_id))
    # The two programs write into one file, so a line of one may come a moment after a later one of the other.
    steps = ["message_stored", "turn_claimed", "turn_decided", "turn_committed", "reply_sent", "reply_reported"]
    assert sorted(world.events(trace_id)) == sorted(steps)
    lines = {line["event"]: line for line in world.lines() if line.get("id") == trace_id}
    assert [lines[step]["time"] for step in steps[:4]] == sorted(lines[step]["time"] for step in steps[:4])
    assert lines["turn_decided"]["decision"] == "answer"
    assert lines["turn_committed"]["topic"].startswith("passport")
    assert lines["reply_reported"]["state"] == "delivered"
    for event in ("turn_decided", "turn_committed", "reply_sent"):
        assert lines[event]["milliseconds"] >= 0
    assert lines["reply_sent"]["milliseconds"] >= lines["turn_committed"]["milliseconds"]


async def test_no_line_shows_what_was_written_or_by_whom(world: World) -> None:
    """At INFO, with a line for each step."""
    log = world.programs.log.read_text()
    assert log
    for secret in ("zarigueya", "pasaporte", "59399000", AUTH_TOKEN):
        assert secret not in log


async def test_both_programs_serve_what_they_counted(world: World) -> None:
    """The gateway on its port, the worker on the next free one, which it tells; the public port serves none."""
    assert became(lambda: any(line["event"] == "reply_sent" for line in world.lines()))
    gateway = world.metrics(world.metrics_port)
    assert gateway['ruta_inbound_messages_total{channel="whatsapp",kind="text"}'] == 1
    assert gateway['ruta_acknowledge_seconds_count{channel="whatsapp"}'] >= 1
    assert gateway['ruta_reply_seconds_count{channel="whatsapp"}'] >= 1
    assert (gateway["ruta_database_up"], gateway["ruta_waiting_messages"], gateway["ruta_unsent_replies"]) == (1, 0, 0)
    (told,) = [line for line in world.lines() if line["event"] == "metrics_served" and line["program"] == "worker"]
    assert told["port"] > world.metrics_port
    worker = world.metrics(told["port"])
    assert sum(value for name, value in worker.items() if re.match(r'ruta_decisions_total\{decision="answer"', name)) == 1
    assert worker['ruta_content_past_review{sensitivity="critical"}'] == 0
    assert any(name.startswith("ruta_model_info{") for name in worker)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{world.programs.url}/metrics")).status_code == 404
    assert "59399000" not in str([*gateway, *worker])


def test_the_gateway_never_loads_the_engine_for_its_metrics(tmp_path: Path) -> None:
    """Importing what serves the gateway's metrics brings neither Rasa nor TensorFlow."""
    import subprocess
    import sys

    probe = "import sys, bot.observing, bot.wiring; print([m for m in ('rasa', 'tensorflow', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
