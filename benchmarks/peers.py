"""The peers that the spine's figures are compared with: a server that only answers 200, and a bare commit to disk."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.supervisor import READY_LINE, say_ready

PATH = "/webhooks/whatsapp"


class _PeerServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            say_ready()


async def _answer(request: Request) -> Response:
    await request.body()
    return Response(status_code=200)


def serve_bare(port: int) -> None:
    """Serve a bare application with the gateway's uvicorn settings, until the process is told to stop."""
    app = Starlette(routes=[Route(PATH, _answer, methods=["POST"])])
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    _PeerServer(config).run()


@contextlib.contextmanager
def bare_server() -> Iterator[str]:
    """Run the bare application as a process of its own and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.peers", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline().strip() if process.stdout else ""
        if line != READY_LINE:
            raise RuntimeError("the bare server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def commit_seconds(folder: Path, count: int, size: int = 400) -> list[float]:
    """Return how long each insert with its own commit takes in a SQLite database with our settings (WAL, FULL).

    Args:
        size: bytes of one row, about those of an encrypted message.
    """
    connection = sqlite3.connect(folder / "peer.db", isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB)")
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO message (body) VALUES (?)", (b"x" * size,))
            connection.execute("COMMIT")
            taken.append(time.perf_counter() - started)
        return taken


if __name__ == "__main__":
    serve_bare(int(sys.argv[1]))
