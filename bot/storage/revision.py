"""Which form of the tables this release needs; kept apart from Alembic so that programs can ask at start at no cost."""

from __future__ import annotations

from sqlalchemy import inspect, text

from bot.storage.session import Database

HEAD = "0005"
"""The newest migration in `migrations/versions/`; a test compares them."""


def is_current(database: Database) -> bool:
    """Tell whether the tables are in the form that this release needs."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD)
