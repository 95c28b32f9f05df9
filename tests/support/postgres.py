"""Start a real PostgreSQL from this machine's own binaries, in a folder of its own, for as long as the tests need it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.storage.session import Database


def find_binaries() -> Path | None:
    """Return the folder of the newest installed server's binaries, or None."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


def drop_all(database: Database) -> None:
    """Leave the database empty, also of what a restore has put aside."""
    with database.engine.begin() as connection:
        # What an earlier test left open would count as a program that uses the database.
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others} AND backend_type = 'client backend'")
        aside = connection.exec_driver_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore_%%'")
        for name in ("public", *aside.scalars()):
            connection.exec_driver_sql(f'DROP SCHEMA "{name}" CASCADE')
        connection.exec_driver_sql("CREATE SCHEMA public")


@contextmanager
def run_postgres(binaries: Path) -> Iterator[str]:
    """Yield the address of an empty database; the server refuses to run as root, so it runs as `postgres` there."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="ruta-pg-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        data = folder / "data"
        run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        subprocess.run([*as_user, binaries / "initdb", "-D", data, "-U", "ruta", "-A", "trust", "--no-sync"], **run)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        control = [*as_user, binaries / "pg_ctl", "-D", data, "-w"]
        subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **run)
        try:
            yield f"postgresql+psycopg://ruta@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
