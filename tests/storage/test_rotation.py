"""A new key takes the place of an old one while programs run: nothing lost, nothing forgotten, nothing passed over in silence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, insert, select, text, update

from bot.conversations.turns import TurnResult
from bot.messages import OutboundMessage
from bot.storage import rotation
from bot.storage.models import Contact, Inbound
from bot.storage.rotation import BATCH, KeyUse, count_encrypted, encrypted_columns, rotate_keys, survey_keys
from bot.storage.vault import Vault
from tests.support.builders import KEY, System, make_inbound
from tests.support.programs import ROOT
from tests.support.waiting import became

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
CONTACTS = 2 * BATCH + 17


@pytest.fixture
def aged(system: System) -> System:
    """A system whose rows have the old key, and which knows both; one message is a dead letter, most are answered."""
    system.vault = Vault([OLD], KEY)
    system.inbox.store([make_inbound(f"mensaje {number}", address=f"contact-{number}") for number in range(CONTACTS)])
    for _ in range(3):
        system.answer(OutboundMessage("sí"))
    system.vault = Vault([NEW, OLD], KEY)
    return system


def _uses(system: System) -> dict[str, tuple[list[int], int]]:
    return {f"{use.table}.{use.column}": (use.rows, use.unreadable) for use in survey_keys(system.database, system.vault)}


def test_every_personal_column_is_rotated_by_its_name() -> None:
    """The name says what is encrypted; a column of another type would not come back as it was."""
    columns = encrypted_columns()
    assert {f"{one.table.name}.{one.name}" for one in columns} >= {"contact.address_encrypted", "inbound_message.body_encrypted"}
    assert all(isinstance(one.type, LargeBinary) for one in columns)


def test_a_rotation_gives_every_value_the_newest_key(aged: System) -> None:
    """Afterwards the old key opens nothing, the new one alone is enough, and a second run has nothing to do."""
    assert _uses(aged)["contact.address_encrypted"] == ([0, CONTACTS], 0)
    seen: list[int] = []
    assert rotate_keys(aged.database, aged.vault, seen.append) == sum(seen) == count_encrypted(aged.database) == 2 * CONTACTS - 3
    uses = _uses(aged)
    assert uses["contact.address_encrypted"] == ([CONTACTS, 0], 0)
    assert uses["inbound_message.body_encrypted"] == ([CONTACTS - 3, 0], 0)
    assert rotate_keys(aged.database, aged.vault) == 0
    aged.vault = Vault([NEW], KEY)
    turn = aged.turns().claim()
    assert turn is not None
    assert turn.text.startswith("mensaje ")
    aged.clock.turn(seconds=1)
    (sending, *_) = aged.outbox.take_due({"webchat"}, 10)
    assert sending.address.startswith("contact-")


def test_what_no_key_opens_is_counted_and_left_as_it_is(aged: System) -> None:
    """A row with a lost key, or broken, is neither dropped nor does it stop the others."""
    lost = Vault([Fernet.generate_key().decode()], KEY).encrypt("Ana")
    with aged.database.transaction() as session:
        first, second = session.scalars(select(Contact.id).limit(2))
        session.execute(update(Contact).where(Contact.id == first).values(address_encrypted=lost))
        session.execute(update(Contact).where(Contact.id == second).values(address_encrypted=b"broken"))
    rotate_keys(aged.database, aged.vault)
    assert _uses(aged)["contact.address_encrypted"] == ([CONTACTS - 2, 0], 2)
    with aged.database.reading() as session:
        assert session.scalar(select(Contact.address_encrypted).where(Contact.id == first)) == lost
        assert session.scalar(select(Contact.address_encrypted).where(Contact.id == second)) == b"broken"


def test_a_rotation_goes_on_while_messages_are_answered(aged: System) -> None:
    """What a worker empties stays empty, what comes in is kept, and no one waits for the other in a circle."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(60):
                aged.inbox.store([make_inbound("otra vez", address=f"contact-{CONTACTS - number - 1}")])
                turn = aged.turns("busy").claim()
                assert turn is not None
                aged.turns("busy").commit(turn, TurnResult([OutboundMessage("sí")], "x", "es", "default"))
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    rotate_keys(aged.database, aged.vault)
    worker.join(60)
    assert errors == []
    rotate_keys(aged.database, aged.vault)
    assert _uses(aged)["contact.address_encrypted"] == ([CONTACTS, 0], 0)
    with aged.database.reading() as session:
        done = session.scalars(select(Inbound.body_encrypted).where(Inbound.state == "done")).all()
        waiting = session.scalars(select(Inbound.body_encrypted).where(Inbound.state == "waiting")).all()
    assert (len(done), set(done)) == (63, {None})
    assert len(waiting) == CONTACTS + 60 - 63
    assert all(waiting)


def test_a_row_that_another_holds_is_not_waited_for(aged: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL we come back for it; on SQLite nobody else can write meanwhile."""
    if aged.database.engine.dialect.name == "sqlite":
        with aged.database.transaction() as session:
            session.execute(update(Contact).values(locale="en"))
        assert rotate_keys(aged.database, aged.vault) > 0
        return
    monkeypatch.setattr(rotation, "_PASSES", 2)
    with aged.database.transaction() as session:
        session.execute(select(Contact.id).order_by(Contact.id).limit(5).with_for_update()).all()
        rotate_keys(aged.database, aged.vault)
    assert _uses(aged)["contact.address_encrypted"] == ([CONTACTS - 5, 5], 0)
    assert rotate_keys(aged.database, aged.vault) == 5


def _command(system: System, *arguments: str, keys: str = f"{NEW},{OLD}") -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "RUTA_DATABASE_URL": system.database.engine.url.render_as_string(hide_password=False),
        "RUTA_ENCRYPTION_KEYS": keys,
        "RUTA_HASH_KEY": KEY,
        "COLUMNS": "160",
    }
    command = [sys.executable, "-m", "bot.cli", "keys", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_rotation_that_is_killed_is_finished_by_the_next(aged: System) -> None:
    """Killed at any row the database is whole: each value has the one key or the other; the next run does the rest."""
    with aged.database.transaction() as session:
        token = Vault([OLD], KEY).encrypt("a-contact")
        values = {"channel": "webchat", "locale": "es", "locale_source": "default", "stopped_reason": ""}
        times = {"created_at": aged.clock(), "last_inbound_at": aged.clock()}
        rows = [
            {"id": f"more-{number}", "address_hash": f"more-{number}", "address_encrypted": token, **values, **times}
            for number in range(8_000)
        ]
        session.execute(insert(Contact), rows)
    running = _command(aged, "rotate")
    assert became(lambda: running.poll() is not None or _newest(aged) > 0)
    assert running.poll() is None, running.stderr
    running.send_signal(signal.SIGKILL)
    running.communicate()
    rows_now, unreadable = _uses(aged)["contact.address_encrypted"]
    assert all(rows_now), "killed too late to prove anything"
    assert (sum(rows_now), unreadable) == (8_000 + CONTACTS, 0)
    status = _command(aged, "status")
    told = status.communicate()[1]
    assert status.returncode == 0
    assert re.search(rf"contact\.address_encrypted\D+{rows_now[0]}\D+{rows_now[1]}\D", told)
    again = _command(aged, "rotate")
    told = again.communicate()[1]
    assert again.returncode == 0, told
    assert "opens nothing here and can be removed" in told
    assert _uses(aged)["contact.address_encrypted"] == ([8_000 + CONTACTS, 0], 0)


def _newest(system: System) -> int:
    """Count the rows that were sealed anew: they began with one and the same value."""
    with system.database.reading() as session:
        old = session.scalar(text("SELECT count(DISTINCT address_encrypted) FROM contact WHERE id LIKE 'more-%'"))
    return int(old or 0) - 1


def test_the_command_tells_what_no_key_opens(aged: System) -> None:
    """Table, column and number, and an exit code that a script sees; no key is shown."""
    status = _command(aged, "status", keys=NEW)
    told = status.communicate()[1]
    assert status.returncode == 1
    assert f"no key opens contact.address_encrypted: {CONTACTS}, inbound_message.body_encrypted: {CONTACTS - 3}" in " ".join(
        told.split()
    )
    assert OLD not in told
    assert NEW not in told


def test_a_survey_names_each_column_once(aged: System) -> None:
    """The report is complete: one line for each column, one figure for each key."""
    uses = survey_keys(aged.database, aged.vault)
    assert len(uses) == len(encrypted_columns()) > 1
    assert all(isinstance(use, KeyUse) and len(use.rows) == 2 for use in uses)
