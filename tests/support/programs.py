"""The real programs, gateway and worker, as processes on a database of their own, against fake providers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0


@dataclass
class Programs:
    """Running programs and how to reach them.

    Attributes:
        module: what runs them, `bot.cli` or something that calls it.
        root: the project's root that they work in.
    """

    url: str
    environment: dict[str, str]
    log: Path
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    module: str = "bot.cli"
    root: Path = ROOT

    def start(self, name: str) -> None:
        """Start `ruta <name>` and wait until it says that it is ready; `worker-1` and `worker-2` are workers."""
        command = [sys.executable, "-m", self.module, name.split("-")[0]]
        with self.log.open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.processes[name] = process
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line == "ready", f"{name} did not start: {self.log.read_text()[-2000:]}"

    def kill(self, name: str) -> None:
        """End a program as the power going out does."""
        self.processes[name].kill()
        self.processes[name].wait(10)

    def stop(self) -> None:
        """Stop what still runs."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def run_programs(folder: Path, settings: Mapping[str, str], *names: str, root: Path = ROOT) -> Iterator[Programs]:
    """Migrate a fresh database and start the named programs in order.

    Args:
        root: the project's root; another one than ours is a copy whose content a test changes.
    """
    port = _free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RUTA_MODE": "development",
        "RUTA_DATABASE_URL": f"sqlite:///{folder}/ruta.db",
        "RUTA_PORT": str(port),
        "RUTA_EDITOR_PORT": str(_free_port()),
        **settings,
    }
    subprocess.run([sys.executable, "-m", "bot.cli", "db", "upgrade"], cwd=root, env=environment, check=True, capture_output=True)
    programs = Programs(f"http://127.0.0.1:{port}", environment, folder / "programs.log", root=root)
    try:
        for name in names:
            programs.start(name)
        yield programs
    finally:
        programs.stop()


def wait_ready(url: str) -> None:
    """Wait until the gateway says that it is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the gateway did not become ready")
