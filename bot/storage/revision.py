"""Which form of the tables this release needs; kept apart from Alembic so that programs can ask at start at no cost.

During an upgrade two releases run on one database. Each migration keeps the tables usable for the release before it, or says
that it does not (`oldest_serving`). The upgrade writes down beside Alembic's own table which revisions' releases may serve, so
that a release can tell about a form that it has never heard of. The rules are in docs/operations/upgrade.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, inspect, select, text

from bot.storage.session import Database

HEAD = "0009"
"""The newest migration in `migrations/versions/`; a test compares them."""

_bookkeeping = MetaData()
SERVING = Table(
    "serving_release",
    _bookkeeping,
    Column("revision", String(32), primary_key=True),
    Column("serves", String(32), primary_key=True),
)
"""For the tables' present revision: the revisions whose releases may run on it. The upgrade keeps it, no migration does."""


def is_current(database: Database) -> bool:
    """Tell whether the tables are in exactly the form that this release makes."""
    return stored_revision(database) == HEAD


def can_serve(database: Database) -> bool:
    """Tell whether this release may run on the tables: they are in its form, or in a newer one that it still can use."""
    with database.engine.connect() as connection:
        revision = _revision(connection)
        return revision == HEAD or (bool(revision) and HEAD in _served(connection, revision))


def stored_revision(database: Database) -> str:
    """Return the revision that the tables are in; empty means that there are none."""
    with database.engine.connect() as connection:
        return _revision(connection)


def record_serving(connection: Connection, revision: str, served: Sequence[str]) -> None:
    """Write down which revisions' releases may run on the tables, in the transaction that changes them."""
    if not revision:
        SERVING.drop(connection, checkfirst=True)
        return
    SERVING.create(connection, checkfirst=True)
    connection.execute(delete(SERVING))
    connection.execute(insert(SERVING), [{"revision": revision, "serves": one} for one in served])


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _served(connection: Connection, revision: str) -> set[str]:
    if not inspect(connection).has_table(SERVING.name):
        return set()
    return set(connection.scalars(select(SERVING.c.serves).where(SERVING.c.revision == revision)))
