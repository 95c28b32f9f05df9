"""The tables change over the years: every form leads to every other, rows stay, and the release before goes on working."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bot.messages import OutboundMessage, QuickReply
from bot.storage import upgrade
from bot.storage.models import Base, Contact
from bot.storage.revision import HEAD, SERVING, can_serve, is_current, stored_revision
from bot.storage.session import Database
from bot.storage.upgrade import (
    Loss,
    UpgradeError,
    downgrade_database,
    lineage,
    losses_of_downgrade,
    newest_revision,
    served_by,
    upgrade_database,
)
from tests.support.builders import System, make_inbound
from tests.support.migrations import (
    ADDITIVE,
    BREAKING,
    NEXT,
    ROOT,
    make_next_release,
    previous_release,
    schema_of,
    unpack,
    what_breaks_the_release_before,
)
from tests.support.postgres import drop_all

REVISIONS = ["base", *lineage()]
PAIRS = [(start, end) for start, end in itertools.product(REVISIONS, REVISIONS) if start != end]
RELEASES = ["", *filter(None, [previous_release()])]
"""This release's own code, and the one before where git knows it."""


def _go(database: Database, revision: str) -> None:
    known = ["base", *lineage()]
    present = stored_revision(database) or "base"
    if known.index(revision) > known.index(present):
        upgrade_database(database, revision)
    elif revision != present:
        downgrade_database(database, revision)


def _fill(system: System) -> None:
    """Leave a row in every table that a message passes."""
    system.inbox.store([make_inbound("uno")], cursor=("telegram", "42"))
    system.answer(OutboundMessage("elija", (QuickReply("Menú", "/menu"),)), state=b"state")
    (sending,) = system.outbox.take_due({"webchat"}, 10)
    system.outbox.part_sent(sending.outbound_id, "p1", is_last=True)


def _counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        present = schema_of(database)
        return {table.name: _count(session, table.name) for table in Base.metadata.sorted_tables if table.name in present}


def _count(session: Session, name: str) -> int:
    return int(session.scalar(select(func.count()).select_from(text(name))) or 0)


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_every_form_leads_to_every_other(empty_database: Database, start: str, end: str) -> None:
    """However a database came to a form, it is the same form."""
    _go(empty_database, end)
    direct = schema_of(empty_database)
    _go(empty_database, start)
    _go(empty_database, end)
    assert (stored_revision(empty_database) or "base") == end
    assert schema_of(empty_database) == direct


def test_the_models_and_the_migrations_agree(empty_database: Database) -> None:
    """What the code reads and writes is what the migrations make."""
    assert newest_revision() == HEAD
    assert not is_current(empty_database)
    upgrade_database(empty_database)
    assert is_current(empty_database)
    with empty_database.engine.connect() as connection:
        options = {"include_name": lambda name, kind, _: kind != "table" or name != SERVING.name, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_a_migration_that_builds_a_table_anew_keeps_all_rows(system: System, tmp_path: Path) -> None:
    """Contacts, and all that points to them, are still there after a step up, down, and up again."""
    _fill(system)
    before = _counts(system.database)
    assert {name for name, rows in before.items() if rows} >= {"contact", "conversation", "outbound_message", "delivery"}
    with make_next_release(tmp_path).known():
        for revision in (NEXT, HEAD, NEXT):
            _go(system.database, revision)
            assert _counts(system.database) == before
    with system.database.reading() as session:
        assert session.scalar(text("SELECT added_number FROM contact")) == 0
    if system.database.engine.dialect.name == "sqlite":
        with system.database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_migration_that_fails_leaves_everything_as_it_was(system: System, tmp_path: Path) -> None:
    """Half a migration is none: tables, rows and revision are those of before."""
    _fill(system)
    before = schema_of(system.database), _counts(system.database)
    broken = ADDITIVE + "    raise RuntimeError('power cut')\n"
    with make_next_release(tmp_path, broken).known(), pytest.raises(RuntimeError, match="power cut"):
        upgrade_database(system.database)
    assert (schema_of(system.database), _counts(system.database)) == before
    assert is_current(system.database)


def test_a_migration_that_cuts_rows_loose_is_refused(system: System, tmp_path: Path) -> None:
    """A conversation without its contact is never committed."""
    _fill(system)
    before = _counts(system.database)
    cutting = "\n    op.execute('DELETE FROM contact')\n"
    if system.database.engine.dialect.name == "sqlite":
        with make_next_release(tmp_path, cutting).known(), pytest.raises(UpgradeError, match="point to nothing"):
            upgrade_database(system.database)
        assert _counts(system.database) == before
    else:  # Its foreign keys stay on: the rows go with the contact, as the tables say.
        with make_next_release(tmp_path, cutting).known():
            upgrade_database(system.database)
        assert _counts(system.database)["conversation"] == 0


def test_each_migration_leaves_the_release_before_at_work(empty_database: Database) -> None:
    """Nothing is taken away or demanded, unless the migration says which releases it shuts out."""
    known = lineage()
    assert known
    upgrade_database(empty_database, known[0])
    for before, after in zip(known, known[1:], strict=False):
        old = schema_of(empty_database)
        upgrade_database(empty_database, after)
        faults = what_breaks_the_release_before(old, schema_of(empty_database))
        assert faults == [] or before not in served_by(after), f"{after}: {faults}"


def test_the_rule_sees_what_would_break(empty_database: Database, tmp_path: Path) -> None:
    """The rule above is not satisfied by everything."""
    upgrade_database(empty_database)
    old = schema_of(empty_database)
    change = (
        BREAKING
        + """
    op.drop_table("channel_cursor")
    with op.batch_alter_table("inbound_message") as batch:
        batch.drop_column("error_code")
        batch.alter_column("done_at", new_column_name="ended_at")
        batch.alter_column("body_encrypted", nullable=False)
        batch.create_unique_constraint("one_text", ["text"])
"""
    )
    with make_next_release(tmp_path, change).known():
        upgrade_database(empty_database)
    assert what_breaks_the_release_before(old, schema_of(empty_database)) == [
        "channel_cursor: the table is gone",
        "contact.added_number: new, without a value for those who do not know it",
        "inbound_message.done_at: gone",
        "inbound_message.error_code: gone",
        "inbound_message.body_encrypted: may no longer be empty",
        "inbound_message: new rule ('text',)",
    ]


def _serve_once(database: Database, code: Path) -> tuple[list[str], str]:
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.serve_once", url]  # Its folder comes first, so it runs its own code.
    done = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("release", RELEASES, ids=lambda commit: commit[:12] or "this one")
def test_a_release_serves_on_the_tables_of_the_next(empty_database: Database, release: str, tmp_path: Path) -> None:
    """While the machines are changed one by one, the old code takes in, answers and sends on the new tables."""
    code = unpack(release, tmp_path / "code") if release else ROOT
    if release:
        (code / "tests" / "support" / "serve_once.py").write_bytes((ROOT / "tests/support/serve_once.py").read_bytes())
        upgrade_database(empty_database)
    else:
        with make_next_release(tmp_path).known():
            upgrade_database(empty_database)
    done, errors = _serve_once(empty_database, code)
    assert [word for word in done if word != "accepted"] == ["received", "answered", "sent"], errors[-2000:]
    if not release:
        assert done[0] == "accepted"


def test_the_check_sees_a_release_that_cannot_serve(empty_database: Database, tmp_path: Path) -> None:
    """A column that the old code does not fill stops it, and the check says so."""
    with make_next_release(tmp_path, BREAKING).known():
        upgrade_database(empty_database)
    done, errors = _serve_once(empty_database, ROOT)
    assert done == ["accepted"]
    assert "added_number" in errors


def test_a_release_knows_whether_it_may_run_on_a_newer_form(empty_database: Database, tmp_path: Path) -> None:
    """The newer form says who may; the old release's upgrade then changes nothing, and otherwise says what to do."""
    with make_next_release(tmp_path / "kind").known():
        upgrade_database(empty_database)
        assert served_by(NEXT) == [*served_by(HEAD), NEXT]
    assert (is_current(empty_database), can_serve(empty_database)) == (False, True)
    assert upgrade_database(empty_database) == (NEXT, NEXT)
    with pytest.raises(UpgradeError, match="use the release that made it"):
        downgrade_database(empty_database, "base")
    with make_next_release(tmp_path / "kind2").known():
        downgrade_database(empty_database, "base")
    with make_next_release(tmp_path / "strict", oldest_serving=NEXT).known():
        upgrade_database(empty_database)
        assert served_by(NEXT) == [NEXT]
    assert not can_serve(empty_database)
    with pytest.raises(UpgradeError, match=f"ruta db downgrade {HEAD}"):
        upgrade_database(empty_database)


def test_an_older_form_is_not_served(empty_database: Database, tmp_path: Path) -> None:
    """Who may serve is asked for the present form: what an earlier one said does not count."""
    upgrade_database(empty_database)
    with empty_database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert not can_serve(empty_database)
    with empty_database.engine.begin() as connection:
        connection.execute(text("DROP TABLE serving_release"))
    assert not can_serve(empty_database)


def test_a_wrong_oldest_serving_is_refused(empty_database: Database, tmp_path: Path) -> None:
    """A slip of the pen in a migration does not shut out everybody, or nobody."""
    with make_next_release(tmp_path, oldest_serving="0000").known(), pytest.raises(UpgradeError, match="0000 does not come"):
        upgrade_database(empty_database)
    assert stored_revision(empty_database) == ""


def test_what_a_downgrade_deletes_is_told_before(system: System, tmp_path: Path) -> None:
    """Tables and columns that go are named, with the rows that hold something there; only what is below can be reached."""
    _fill(system)
    with make_next_release(tmp_path).known():
        upgrade_database(system.database)
        with system.database.transaction() as session:
            session.execute(text("UPDATE contact SET added_text = 'Ana'"))
        expected = [Loss("added_table", "", 0), Loss("contact", "added_number", 1), Loss("contact", "added_text", 1)]
        assert losses_of_downgrade(system.database, HEAD) == expected
        with pytest.raises(UpgradeError, match="write one of base"):
            losses_of_downgrade(system.database, NEXT)
    assert stored_revision(system.database) == NEXT


def test_two_machines_that_start_at_once_migrate_once(empty_database: Database) -> None:
    """The second waits for the first and finds nothing to do."""
    others = [Database(empty_database.engine.url.render_as_string(hide_password=False)) for _ in range(4)]
    seen: list[tuple[str, str]] = []
    starters = [threading.Thread(target=lambda one=one: seen.append(upgrade_database(one))) for one in others]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(60)
    assert sorted(seen) == sorted([("", HEAD), *[(HEAD, HEAD)] * 3])
    for one in others:
        one.close()


def test_a_migration_does_not_queue_everybody_up_behind_a_long_reader(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL a backup holds the tables: the change gives way after a moment, and says what to wait for."""
    database = Database(postgres_url)
    drop_all(database)
    upgrade_database(database)
    monkeypatch.setattr(upgrade, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(upgrade, "LOCK_TRIES", 2)
    monkeypatch.setattr(upgrade, "_LOCK_PAUSE_SECONDS", 0.0)
    with make_next_release(tmp_path).known(), database.reading() as reader:
        reader.scalars(select(Contact)).all()
        with pytest.raises(UpgradeError, match="wait for a running backup"):
            upgrade_database(database)
        reader.rollback()
        assert upgrade_database(database)[1] == NEXT
    database.close()
