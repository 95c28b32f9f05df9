"""A PostgreSQL that can be killed: a process of the drill's own, on a volume of its own, that syncs as in service."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Small, so that a full volume stops the write-ahead log too, not only the tables.
    "min_wal_size": "4MB",
    "max_wal_size": "16MB",
    "autovacuum_naptime": "5s",
}


class DrillPostgres:
    """One server.

    Args:
        folder: where its data go; it must be empty.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = "postgres" if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.log = folder.with_name(f"{folder.name}.log")
        self._create()

    @property
    def url(self) -> str:
        """The address of its database, for SQLAlchemy."""
        return f"postgresql+psycopg://ruta@127.0.0.1:{self._port}/postgres"

    def connect(self) -> psycopg.Connection[Any]:
        """Connect as the drill itself."""
        return psycopg.connect(f"postgresql://ruta@127.0.0.1:{self._port}/postgres", autocommit=True, connect_timeout=5)

    @property
    def is_running(self) -> bool:
        """Whether the first process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, again and again until it answers: while children of a killed server still end, a new one refuses."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                self._spawn()
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """End the first process as the power going out does; its children notice and end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop(self) -> None:
        """End at once and in order."""
        if self.is_running and self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def refusals_for_space(self) -> int:
        """Return how often the operating system has refused it space."""
        return self.log.read_text(errors="replace").count("No space left on device")

    def _create(self) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        self.log.touch()
        data = ["-D", str(self._folder / "data"), "-U", "ruta", "-A", "trust", "--wal-segsize=1", "--no-sync"]
        command = [str(self._binaries / "initdb"), *data]
        subprocess.run(command, cwd=self._folder, user=self._user, check=True, capture_output=True)

    def _spawn(self) -> None:
        settings = {**_SETTINGS, "port": str(self._port), "unix_socket_directories": str(self._folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._folder / "data"), *options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, user=self._user, stdout=log, stderr=log)
