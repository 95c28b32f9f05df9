"""Slow, endless and idle connections against the real gateway program; others must be served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from bot.connections import HEADER_BYTES, HEADER_SECONDS, MOST_SILENT
from bot.web import BODY_SECONDS
from tests.support.programs import Programs, run_programs

pytestmark = pytest.mark.slow

ATTACKERS = MOST_SILENT + 200
PATIENCE = 5.0
"""How long the gateway may take to serve an ordinary call in the middle of an attack on a busy machine."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Start the gateway with the web page alone."""
    with run_programs(tmp_path_factory.mktemp("connections"), {"RUTA_CHANNELS": "webchat"}, "gateway") as programs:
        yield programs


def connect(gateway: Programs, first: bytes = b"") -> socket.socket:
    """Open a connection and send its first bytes."""
    target = urlsplit(gateway.url)
    opened = socket.create_connection((str(target.hostname), target.port or 0), timeout=HEADER_SECONDS + 20)
    opened.sendall(first)
    return opened


def assert_others_are_served(gateway: Programs) -> None:
    """A visitor opens the page and writes."""
    with httpx.Client(base_url=gateway.url, timeout=PATIENCE, headers={"origin": gateway.url}) as visitor:
        assert visitor.get("/webchat/").status_code == 200
        message = {"id": f"{time.monotonic_ns():032x}", "kind": "text", "text": "hola"}
        assert visitor.post("/webchat/messages", json=message).status_code == 200


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the other side has ended the connection; wait for it as long as the socket's time-out."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@contextlib.contextmanager
def dribbling(connections: list[socket.socket], byte: bytes) -> Iterator[None]:
    """Send a byte on each connection again and again."""
    is_over = threading.Event()

    def send() -> None:
        while not is_over.wait(0.5):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(byte)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(10)
        for connection in connections:
            connection.close()


SLOW = {
    "headers": (b"GET /healthz HTTP/1.1\r\nx-slow: ", b"a"),
    "nothing": (b"", b"\r\n"),
    "between_calls": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
    "body": (b"POST /webchat/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", b"a"),
}
"""What a slow caller sends first, and then a byte at a time."""


def test_byte_at_a_time_is_cut_off_and_others_are_served(gateway: Programs) -> None:
    """Whatever part of a call comes a byte at a time, the connection ends in time; all kinds attack together."""
    with contextlib.ExitStack() as attack:
        slow = {name: [connect(gateway, first) for _ in range(20)] for name, (first, _) in SLOW.items()}
        for name, (_, byte) in SLOW.items():
            attack.enter_context(dribbling(slow[name], byte))
        assert_others_are_served(gateway)
        for name, connections in slow.items():
            assert all(is_closed(connection) for connection in connections), name


def test_hundreds_of_silent_connections_do_not_lock_others_out(gateway: Programs) -> None:
    """More idle connections than we keep: the longest waiting are dropped, and others are served at once."""
    held = [connect(gateway, b"GET / HTTP/1.1\r\n") for _ in range(ATTACKERS)]
    try:
        for _ in range(3):
            assert_others_are_served(gateway)
        held[0].settimeout(PATIENCE)
        assert is_closed(held[0])
    finally:
        for connection in held:
            connection.close()


def test_endless_headers_are_cut_off_and_cost_no_memory(gateway: Programs) -> None:
    """A call whose headers never end is dropped before they fill the memory."""
    process = psutil.Process(gateway.processes["gateway"].pid)
    before = process.memory_info().rss
    for shape in (b"x-long: " + b"a" * 1_000_000, b"x-many: 1\r\n" * 100_000, b"/" * 1_000_000):
        connection = connect(gateway, b"GET /healthz HTTP/1.1\r\n" if not shape.startswith(b"/") else b"GET ")
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                connection.sendall(shape)
        assert is_closed(connection)
    assert process.memory_info().rss - before < 50 * 1024 * 1024
    assert_others_are_served(gateway)


def test_ordinary_long_headers_pass(gateway: Programs) -> None:
    """A browser with many cookies is no attack."""
    assert httpx.get(f"{gateway.url}/healthz", headers={"cookie": "a=" + "x" * (HEADER_BYTES // 4)}).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /webchat/messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /webchat/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /webchat/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /webchat/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /webchat/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /webchat/%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_broken_call_is_refused(gateway: Programs, sent: bytes) -> None:
    """What is no call of ours gets a 4xx or a closed connection, never a 5xx."""
    connection = connect(gateway, sent)
    connection.settimeout(BODY_SECONDS + HEADER_SECONDS)
    with contextlib.suppress(ConnectionError):
        answer = connection.recv(4096)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    connection.close()
    assert_others_are_served(gateway)


def test_program_has_not_failed(gateway: Programs) -> None:
    """After all of this the same process runs, and its log has no traceback."""
    assert gateway.processes["gateway"].poll() is None
    assert "Traceback" not in Path(gateway.log).read_text()
