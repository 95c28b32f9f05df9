"""PostgreSQL's own tools as streams: `pg_dump` while others write, and its way back in one transaction of `psql`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.storage.archive import BackupError, check_empty
from bot.storage.session import Database

_LOCK_WAIT = "60s"
_GONE_SECONDS = 2.0
"""How long the server may still list a program that has just ended."""


def _parameters(database: Database) -> dict[str, Any]:
    url = database.engine.url
    return {**url.translate_connect_args(username="user", database="dbname"), **url.query}


def _conninfo(database: Database) -> str:
    return make_conninfo(**_parameters(database))


def _tool(database: Database, name: str) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of one of PostgreSQL's tools; the password must not stand in the list of processes."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parent.parent.name))
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: run `apt-get install postgresql-client`")
    parameters = _parameters(database)
    password = str(parameters.pop("password", "") or "")
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    return [found, f"--dbname={make_conninfo(**parameters)}", "--no-password"], environment


def _schema(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise BackupError("the database's user has no schema to work in; see docs/operations/README.md")
    return str(row[0])


@contextmanager
def postgresql_dump(database: Database) -> Iterator[BinaryIO]:
    """Yield what `pg_dump` writes about the schema we work in."""
    with psycopg.connect(_conninfo(database)) as connection:
        schema = _schema(connection)
    command, environment = _tool(database, "pg_dump")
    command += ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", f'--schema="{schema}"']
    command.append(f"--lock-wait-timeout={_LOCK_WAIT}")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said)
        try:
            if process.stdout is None:
                raise AssertionError("a pipe was asked for")
            yield cast(BinaryIO, process.stdout)
            _expect_success("pg_dump", process.wait(), said)
        finally:
            if process.stdout:
                process.stdout.close()
            process.kill()
            process.wait()


def _expect_success(name: str, code: int, said: IO[bytes]) -> None:
    if code != 0:
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        told = next((line for line in lines if "error" in line.lower() or "fatal" in line.lower()), "".join(lines[-1:]))
        raise BackupError(f"{name} failed: {told[:300]}")


def check_postgresql(database: Database, *, replace: bool) -> None:
    """Refuse a database that others are connected to, or whose tables hold rows."""
    # Each statement on its own: inside a transaction the list of connections would not change.
    with psycopg.connect(_conninfo(database), autocommit=True) as connection:
        _check(connection, replace=replace)


def _check(connection: psycopg.Connection[Any], *, replace: bool) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while used_by := _others(connection):
        if time.monotonic() > deadline:
            names = ", ".join(used_by)
            raise BackupError(f"the database is in use ({names}): stop all programs of Ruta Segura on every machine first")
        time.sleep(0.05)
    tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")]
    one = "SELECT EXISTS (SELECT 1 FROM {})"
    holding = [
        name for name in tables if (connection.execute(sql.SQL(one).format(sql.Identifier(name))).fetchone() or (False,))[0]
    ]
    check_empty(holding, replace=replace)


def _others(connection: psycopg.Connection[Any]) -> list[str]:
    found = connection.execute(
        "SELECT DISTINCT coalesce(nullif(application_name, ''), 'a program') FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return sorted(str(row[0]) for row in found)


def load_postgresql(database: Database, stream: BinaryIO, aside: str, *, replace: bool) -> str:
    """Rename the present schema, make a new one and fill it, all in the one transaction of `psql`.

    Returns:
        the schema's new name, or an empty string if there were no tables.
    """
    with psycopg.connect(_conninfo(database), autocommit=True) as connection:
        _check(connection, replace=replace)
        schema = _schema(connection)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        start = _start_of_script(connection, schema, aside, [row[0] for row in tables])
    psql, environment = _tool(database, "psql")
    pg_restore = [_tool(database, "pg_restore")[0][0], "--no-owner", "--no-privileges", f"--schema={schema}", "--file=-"]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as also_said:
        command = [*psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
        into = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        reader: subprocess.Popen[bytes] | None = None
        try:
            if into.stdin is None:
                raise AssertionError("a pipe was asked for")
            into.stdin.write(start.encode())
            into.stdin.flush()
            reader = subprocess.Popen(pg_restore, env=environment, stdin=subprocess.PIPE, stdout=into.stdin, stderr=also_said)
            _copy_into(stream, reader)
            if reader.wait() == 0:
                into.stdin.write(b"\nCOMMIT;\n")  # Without this line, after whatever went wrong, all is as it was.
            into.stdin.close()
            _expect_success("psql", into.wait(), said)
            _expect_success("pg_restore", reader.wait(), also_said)
        except BrokenPipeError:
            _expect_success("psql", into.wait() or 1, said)
        finally:
            for process in (reader, into):
                if process is not None:
                    process.kill()
                    process.wait()
    return aside if tables else ""


def _copy_into(stream: BinaryIO, reader: subprocess.Popen[bytes]) -> None:
    if reader.stdin is None:
        raise AssertionError("a pipe was asked for")
    try:
        with reader.stdin as into:
            shutil.copyfileobj(stream, into)
    except BrokenPipeError:  # It has ended before; its exit code tells.
        pass


def _start_of_script(connection: psycopg.Connection[Any], schema: str, aside: str, tables: list[str]) -> str:
    names = {"schema": sql.Identifier(schema), "aside": sql.Identifier(aside)}
    lines: list[sql.Composable] = [sql.SQL("BEGIN; SET LOCAL lock_timeout = '5s'")]
    lines += [sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(schema, name)) for name in tables]
    if tables:
        lines.append(sql.SQL("ALTER SCHEMA {schema} RENAME TO {aside}").format(**names))
        lines.append(sql.SQL("CREATE SCHEMA {schema}").format(**names))
    return sql.SQL(";\n").join(lines).as_string(connection) + ";\n"
