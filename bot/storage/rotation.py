"""Give every encrypted column the newest key, in small steps, while programs run; and tell which keys are still needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Table, and_, bindparam, func, select, tuple_, update

from bot.storage.models import Base
from bot.storage.session import Database
from bot.storage.vault import Vault

BATCH = 100
"""Rows that are written in one transaction; on SQLite it holds the one write lock for a few milliseconds."""
_PASSES = 20
"""How often we come back for rows that others were writing."""

OnRows = Callable[[int], None]


@dataclass
class KeyUse:
    """Which keys open the rows of one column.

    Attributes:
        rows: for each key, the newest first.
        unreadable: rows that no key opens; they are left as they are.
    """

    table: str
    column: str
    rows: list[int] = field(default_factory=list)
    unreadable: int = 0


@dataclass(frozen=True)
class _Row:
    key: tuple[Any, ...]
    token: bytes


def encrypted_columns() -> list[Column[Any]]:
    """Return all columns that hold personal data; the name says which."""
    return [one for table in Base.metadata.sorted_tables for one in table.columns if one.name.endswith("_encrypted")]


def count_encrypted(database: Database) -> int:
    """Return how many values are encrypted, for a progress bar."""
    with database.reading() as session:
        return sum(session.scalar(select(func.count()).where(_is_filled(one))) or 0 for one in encrypted_columns())


def survey_keys(database: Database, vault: Vault, on_rows: OnRows = lambda _: None) -> list[KeyUse]:
    """Try the keys on every encrypted value and return how many rows of each column need which."""
    return [_survey(database, vault, one, on_rows) for one in encrypted_columns()]


def rotate_keys(database: Database, vault: Vault, on_rows: OnRows = lambda _: None) -> int:
    """Encrypt with the newest key what an older one encrypted, and return how many values that were.

    It can be stopped at any moment and begun again: what has the newest key is passed over. A value that changes while we
    look at it is left to whoever changes it, and looked at again. What no key opens is left as it is.
    """
    return sum(_rotate(database, vault, one, on_rows) for one in encrypted_columns())


def _survey(database: Database, vault: Vault, column: Column[Any], on_rows: OnRows) -> KeyUse:
    use = KeyUse(column.table.name, column.name, [0] * len(vault.fingerprints))
    for batch in _batches(database, column):
        for row in batch:
            position = vault.key_of(row.token)
            if position is None:
                use.unreadable += 1
            else:
                use.rows[position] += 1
        on_rows(len(batch))
    return use


def _rotate(database: Database, vault: Vault, column: Column[Any], on_rows: OnRows) -> int:
    done = 0
    for number in range(_PASSES):
        missed = 0
        for batch in _batches(database, column):
            old = [row for row in batch if vault.key_of(row.token)]  # Neither the newest, 0, nor none.
            fresh = {row: vault.seal(vault.unseal(row.token)) for row in old}
            written = _write(database, column, fresh) if fresh else 0
            done, missed = done + written, missed + len(fresh) - written
            if number == 0:
                on_rows(len(batch))
        if not missed:
            break
    return done


def _write(database: Database, column: Column[Any], fresh: dict[_Row, bytes]) -> int:
    """Write the rows that nobody else holds or has changed, and return how many that were."""
    table = _table_of(column)
    keys = tuple(table.primary_key.columns)
    wanted = select(*keys).where(tuple_(*keys).in_([row.key for row in fresh]))
    unchanged = (*(key == bindparam(f"key_{number}") for number, key in enumerate(keys)), column == bindparam("old"))
    change = update(table).where(*unchanged).values({column: bindparam("new")})
    with database.transaction() as session:
        # Rows that others hold are left out, so that we never wait while we hold some: no deadlock can come from us.
        free = {tuple(row) for row in session.execute(wanted.with_for_update(skip_locked=True))}
        written = 0
        for row, token in fresh.items():
            if row.key in free:
                values = {f"key_{number}": value for number, value in enumerate(row.key)}
                written += session.connection().execute(change, {**values, "old": row.token, "new": token}).rowcount
    return written


def _is_filled(column: Column[Any]) -> Any:
    return and_(column.is_not(None), column != b"")


def _table_of(column: Column[Any]) -> Table:
    return column.table


def _batches(database: Database, column: Column[Any]) -> Iterator[list[_Row]]:
    """Yield all values of a column in the order of the primary key; what comes in meanwhile may or may not be among them."""
    keys = tuple(_table_of(column).primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        statement = select(*keys, column).where(_is_filled(column)).order_by(*keys).limit(BATCH)
        if last is not None:
            statement = statement.where(tuple_(*keys) > last)
        with database.reading() as session:
            found = [_Row(tuple(row[:-1]), bytes(row[-1])) for row in session.execute(statement)]
        if not found:
            return
        yield found
        last = found[-1].key
