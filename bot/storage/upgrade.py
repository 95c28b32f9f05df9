"""Bring the database's tables to the form that a release needs, and back: all of it in one transaction, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, func, inspect, select, table, text
from sqlalchemy.exc import OperationalError

from bot.errors import RutaError
from bot.storage.revision import HEAD, SERVING, can_serve, record_serving, stored_revision
from bot.storage.session import Database

LOCK_SECONDS = 3
"""How long a change of a table waits on PostgreSQL for those who use it; everybody else would queue up behind it."""
LOCK_TRIES = 10
"""How often it is tried again; a backup or a long reading may be in the way."""
_LOCK_PAUSE_SECONDS = 2.0
_ONE_AT_A_TIME = 0x52555441
"""The number of the advisory lock: two machines that start at once must not both migrate."""
_FOLDER = Path(__file__).parent / "migrations"


class UpgradeError(RutaError):
    """The tables cannot be brought to the wanted form; nothing was changed."""

    code = "database_not_changed"


@dataclass(frozen=True)
class Loss:
    """What a downgrade deletes.

    Attributes:
        column: empty when the whole table goes.
        rows: how many rows hold something there.
    """

    table: str
    column: str
    rows: int


def upgrade_database(database: Database, revision: str = "head") -> tuple[str, str]:
    """Apply what is missing and return the revisions before and after; empty means no tables.

    A newer form that says that this release can use it is left as it is.

    Raises:
        UpgradeError: the tables are in a form that this release cannot use, or stay in use by others.
    """
    before = stored_revision(database)
    if before and before not in lineage():
        if can_serve(database):
            return before, before
        raise UpgradeError(
            f"the database has form {before}, which this release (form {HEAD}) cannot use; start the newer release again, "
            f"or take the database down with it first: `ruta db downgrade {HEAD}`"
        )
    return _run(database, revision, upwards=True)


def downgrade_database(database: Database, revision: str) -> tuple[str, str]:
    """Take migrations back down to a revision (`base`: all) and return the revisions before and after.

    Raises:
        UpgradeError: the revision is not below the present one, or the tables stay in use by others.
    """
    check_downgrade(database, revision)
    return _run(database, revision, upwards=False)


def check_downgrade(database: Database, revision: str) -> None:
    """Refuse a downgrade that leads nowhere.

    Raises:
        UpgradeError: names the revisions that can be reached.
    """
    present, known = stored_revision(database), lineage()
    if present not in known:
        raise UpgradeError(
            f"the database has form {present or '-'}, which this release does not know; use the release that made it"
        )
    reachable = ["base", *known[: known.index(present)]]
    if revision not in reachable:
        raise UpgradeError(f"{revision}: not below the present form {present}; write one of {', '.join(reachable)}")


def lineage() -> list[str]:
    """Return the revisions that this release knows, the oldest first."""
    return [migration.revision for migration in reversed(list(_script().walk_revisions()))]


def newest_revision() -> str:
    """Return the newest migration's id."""
    return _script().get_current_head() or ""


def losses_of_downgrade(database: Database, revision: str) -> list[Loss]:
    """Return what a downgrade would delete, found by doing it on an empty database in memory."""
    check_downgrade(database, revision)
    scratch = Database("sqlite://")
    try:
        upgrade_database(scratch, stored_revision(database))
        before = _columns(scratch)
        downgrade_database(scratch, revision)
        after = _columns(scratch)
    finally:
        scratch.close()
    gone = [(name, "") for name in before if name not in after]
    gone += [(name, one) for name, columns in before.items() if name in after for one in sorted(columns - after[name])]
    with database.reading() as session:
        return [Loss(name, one, _count(session.connection(), name, one)) for name, one in sorted(gone)]


def _count(connection: Connection, name: str, one: str) -> int:
    counted = func.count(column(one)) if one else func.count()
    return int(connection.scalar(select(counted).select_from(table(name))) or 0)


def _columns(database: Database) -> dict[str, set[str]]:
    with database.engine.connect() as connection:
        found = inspect(connection)
        names = set(found.get_table_names()) - {"alembic_version", SERVING.name}
        return {name: {str(one["name"]) for one in found.get_columns(name)} for name in names}


def _run(database: Database, revision: str, *, upwards: bool) -> tuple[str, str]:
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            return _try(database, revision, upwards=upwards)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available, from our own lock_timeout.
                raise
            if attempt < LOCK_TRIES:
                time.sleep(_LOCK_PAUSE_SECONDS)
    raise UpgradeError(
        f"others kept the tables in use in {LOCK_TRIES} tries; wait for a running backup or a long query to end, then repeat"
    )


def _try(database: Database, revision: str, *, upwards: bool) -> tuple[str, str]:
    config = _config()
    with _changing(database) as connection:
        before = _revision(connection)
        config.attributes["connection"] = connection
        (command.upgrade if upwards else command.downgrade)(config, revision)
        after = _revision(connection)
        record_serving(connection, after, served_by(after))
    return before, after


def served_by(revision: str) -> list[str]:
    """Return the revisions whose releases may run on the tables in this form, the oldest first.

    Raises:
        UpgradeError: a migration names an `oldest_serving` that does not come before it.
    """
    served: list[str] = []
    for migration in reversed(list(_script().walk_revisions("base", revision)) if revision else []):
        oldest = getattr(migration.module, "oldest_serving", None)
        if oldest not in (None, migration.revision, *served):
            raise UpgradeError(f"migration {migration.revision}: oldest_serving {oldest} does not come before it")
        if oldest is not None:
            served = served[served.index(oldest) :] if oldest in served else []
        served.append(migration.revision)
    return served


@contextmanager
def _changing(database: Database) -> Iterator[Connection]:
    """Yield a transaction in which the tables may be changed, alone among those who do so."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if is_sqlite:
            # SQLite changes a table by building it anew and dropping the old one. With foreign keys on, the drop would
            # delete every row that points to it; and inside a transaction they cannot be switched off.
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})
                    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                    # A large table may take longer than any statement in service.
                    connection.execute(text("SET LOCAL statement_timeout = 0"))
                    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                yield connection
                if is_sqlite and driver.execute("PRAGMA foreign_key_check").fetchone():
                    raise UpgradeError("a migration left rows that point to nothing; nothing was changed, report the migration")
        finally:
            if is_sqlite:
                driver.execute("PRAGMA foreign_keys=ON")


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
