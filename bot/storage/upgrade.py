"""Bring the database's tables to the form that this release needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.storage.session import Database

_FOLDER = Path(__file__).parent / "migrations"


def upgrade_database(database: Database, revision: str = "head") -> tuple[str, str]:
    """Apply what is missing and return the revisions before and after; empty means no tables."""
    return _run(database, revision, upwards=True)


def downgrade_database(database: Database, revision: str) -> tuple[str, str]:
    """Take migrations back down to a revision (`base`: all) and return the revisions before and after."""
    return _run(database, revision, upwards=False)


def newest_revision() -> str:
    """Return the newest migration's id."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _run(database: Database, revision: str, *, upwards: bool) -> tuple[str, str]:
    before = _revision(database)
    config = _config()
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # A large table may take longer than any statement in service.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        config.attributes["connection"] = connection
        (command.upgrade if upwards else command.downgrade)(config, revision)
    return before, _revision(database)


def _revision(database: Database) -> str:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
