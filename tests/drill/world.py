"""The whole system as real processes: gateway, two workers, PostgreSQL on its own volume, the fake providers."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drill.plan import GATEWAY, WORKER_1, WORKER_2, Plan
from tests.drill.postgres import DrillPostgres
from tests.drill.program import SENDING_LEASE, WORKER_LEASE
from tests.drill.providers import DrillTelegram, DrillTwilio, Ledger
from tests.drill.volume import Volume, open_volume
from tests.support.postgres import find_binaries
from tests.support.programs import ROOT, Programs, run_programs
from tests.support.provider_settings import telegram_settings, whatsapp_settings
from tests.support.server import serve

PROVIDER_SECONDS = 2.0
"""How long the gateway waits for a provider; shorter than in service, so that the drill need not wait."""

_AUDIT = """
CREATE TABLE drill_turn (inbound_id integer, state text, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE drill_memory (conversation_id text);
CREATE FUNCTION drill_note_turn() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO drill_turn (inbound_id, state) VALUES (NEW.id, NEW.state); RETURN NULL; END $$;
CREATE FUNCTION drill_note_memory() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO drill_memory VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER drill_turn AFTER UPDATE OF state ON inbound_message FOR EACH ROW EXECUTE FUNCTION drill_note_turn();
CREATE TRIGGER drill_memory AFTER UPDATE OF engine_state ON conversation FOR EACH ROW EXECUTE FUNCTION drill_note_memory();
"""
"""Counts what is committed, in the same transactions: two turns of one message would show even if they left one row."""


@dataclass
class World:
    """All that runs."""

    programs: Programs
    postgres: DrillPostgres
    volume: Volume
    twilio: DrillTwilio
    telegram: DrillTelegram
    ledger: Ledger

    def begin_trouble(self, seed: int) -> None:
        """Let the providers fail by the dice."""
        self.twilio.begin_trouble(seed)
        self.telegram.begin_trouble(seed)


@contextmanager
def open_world(plan: Plan) -> Iterator[World]:
    """Start everything, and stop it at the end whatever has become of it."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("no PostgreSQL server is installed (apt-get install postgresql)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ruta-drill-")))
        data = Path(tempfile.mkdtemp(prefix="ruta-drill-pg-"))
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        volume = stack.enter_context(open_volume(data))
        postgres = DrillPostgres(binaries, data)
        stack.callback(postgres.log.unlink, missing_ok=True)
        stack.callback(postgres.stop)
        postgres.start()
        ledger = Ledger()
        twilio, telegram = DrillTwilio(ledger), DrillTelegram(ledger)
        urls = [stack.enter_context(serve(provider.app)) for provider in (twilio, telegram)]
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # A killed gateway breaks its calls off; that is no news.
        settings = {**_settings(folder, *urls), "RUTA_DATABASE_URL": postgres.url, **_leases(plan)}
        programs = stack.enter_context(run_programs(folder, settings))
        programs.module = "tests.drill.program"
        with postgres.connect() as connection:
            connection.execute(_AUDIT)
        command = [sys.executable, "-m", "bot.cli", "whatsapp", "setup"]
        subprocess.run(command, cwd=ROOT, env=programs.environment, check=True, capture_output=True)
        with ThreadPoolExecutor() as together:
            list(together.map(programs.start, (GATEWAY, WORKER_1, WORKER_2)))
        yield World(programs, postgres, volume, twilio, telegram, ledger)


def _settings(folder: Path, twilio_url: str, telegram_url: str) -> dict[str, str]:
    return {
        "RUTA_CHANNELS": "whatsapp,telegram",
        "RUTA_LOG_LEVEL": "WARNING",
        **whatsapp_settings(twilio_url, folder),
        "RUTA_WHATSAPP_TIMEOUT_SECONDS": str(PROVIDER_SECONDS),
        **telegram_settings(telegram_url),
        "RUTA_TELEGRAM_TIMEOUT_SECONDS": str(PROVIDER_SECONDS),
    }


def _leases(plan: Plan) -> dict[str, str]:
    lengths = {WORKER_LEASE: plan.lease_seconds, SENDING_LEASE: plan.sending_seconds}
    return {name: str(seconds) for name, seconds in lengths.items() if seconds is not None}
