"""A worker that is stopped (SIGSTOP) for longer than its lease: nothing is lost, nobody is held up, its late commit is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from bot.conversations.turns import LEASE_SECONDS
from bot.messages import OutboundMessage
from bot.storage import session as session_module
from bot.storage.models import Contact, Inbound, Outbound
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from bot.storage.vault import Vault
from bot.wiring import utc_now
from tests.support.builders import KEY, Clock, System, make_inbound

ROOT = Path(__file__).parents[2]
FERNET = Fernet.generate_key().decode()


class Later(Clock):
    """The real time and a lease more."""

    def __call__(self) -> datetime:
        return utc_now() + timedelta(seconds=LEASE_SECONDS + 1)


def _system(database: Database, clock: Clock) -> System:
    return System(database, clock, Vault([FERNET], KEY))


@contextmanager
def _frozen(database: Database, what: str) -> Iterator[subprocess.Popen[str]]:
    """Run the worker, and stop it while it holds what it was told to hold."""
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.frozen", url, KEY, FERNET, what]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "holding"
            process.send_signal(signal.SIGSTOP)
            while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def _go_on(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGCONT)
    return process.communicate("go on\n", timeout=30)[0].strip()


def test_a_worker_that_was_stopped_beyond_its_lease_changes_nothing(empty_database: Database) -> None:
    """Another one answers meanwhile, new messages come in, and the late commit is refused."""
    upgrade_database(empty_database)
    system = _system(empty_database, Later())
    _system(empty_database, Clock(utc_now())).inbox.store([make_inbound("uno")])
    with _frozen(empty_database, "turn") as process:
        system.inbox.store([make_inbound("dos")])
        answered = [system.answer(OutboundMessage(word), owner="quick").text for word in ("uno", "dos")]
        assert _go_on(process) == "lease_lost"
    assert answered == ["uno", "dos"]
    with system.database.transaction() as session:
        assert [row.state for row in session.scalars(select(Inbound).order_by(Inbound.id))] == ["done", "done"]
        sent = [OutboundMessage.from_json(row.body).text for row in session.scalars(select(Outbound).order_by(Outbound.id))]
    assert sent == ["uno", "dos"]


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_postgresql_frees_what_a_stopped_worker_had_locked(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of a transaction it holds the contact's row; the gateway waits for seconds, not until it goes on."""
    upgrade_database(empty_database)
    system = _system(empty_database, Clock(utc_now()))
    system.inbox.store([make_inbound("uno")])
    with _frozen(empty_database, "transaction") as process:
        storing = threading.Thread(target=system.inbox.store, args=([make_inbound("dos")],), daemon=True)
        storing.start()
        storing.join(4 * session_module.IDLE_IN_TRANSACTION_SECONDS)
        assert not storing.is_alive(), "the gateway hung on a frozen worker's lock"
        assert _go_on(process) == "ended"
    with system.database.transaction() as session:
        assert len(session.scalars(select(Inbound)).all()) == 2
        assert session.scalars(select(Contact)).one().locale == "es"


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_a_connection_has_its_limits(empty_database: Database) -> None:
    """What the server is told at the start of each connection."""
    with empty_database.reading() as session:
        shown = {
            name: session.scalar(text(f"SHOW {name}")) for name in ("idle_in_transaction_session_timeout", "statement_timeout")
        }
    assert shown == {"idle_in_transaction_session_timeout": "5s", "statement_timeout": "30s"}


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_the_address_may_set_other_limits(empty_database: Database) -> None:
    """An operator's own options in the address win."""
    url = empty_database.engine.url.update_query_dict({"options": "-c statement_timeout=7000"})
    database = Database(url.render_as_string(hide_password=False))
    with database.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "7s"
    database.close()
