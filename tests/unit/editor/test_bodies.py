"""What is too large to be read is refused with a page in the reader's language, and slow callers are cut off as at the gateway."""

from __future__ import annotations

import html
import socket
import time
from pathlib import Path

import pytest

from bot.connections import BoundedProtocol
from bot.editor import app as editor_app
from bot.editor.gate import MOST_BYTES
from bot.editor.roles import Role
from tests.support.editor import EditorWorld
from tests.support.programs import run_programs


@pytest.mark.parametrize(("language", "sentence"), [("es", "pesa más de 24 MB"), ("en", "larger than 24 MB")])
def test_body_that_is_too_large_gets_a_page(world: EditorWorld, language: str, sentence: str) -> None:
    """Signed in or not, in the person's language, with the way on; the call's connection is not used again."""
    for browser in (world.browser(), world.browser(world.person(Role.EDITOR))):
        browser.post("/language", locale=language)
        answer = browser.client.post("/sheets", content=b"x" * (MOST_BYTES + 1), headers={"content-type": "text/plain"})
        assert answer.status_code == 413
        assert sentence in html.unescape(answer.text)
        assert answer.headers["connection"] == "close"
        assert "<html" in answer.text


def test_editor_is_served_with_bounded_connections(world: EditorWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is given the protocol that drops slow headers."""
    given: dict[str, object] = {}

    class Server:
        def __init__(self, *arguments: object, **settings: object) -> None:
            given.update(settings)

        def run(self) -> None:
            """Serve nothing."""

    monkeypatch.setattr(editor_app, "ReadyServer", Server)
    editor_app.serve_editor(world.parts, "127.0.0.1", 0, lambda: None)
    assert issubclass(given["http"], BoundedProtocol)


@pytest.mark.slow
def test_endless_headers_are_cut_off_by_the_real_editor(tmp_path: Path) -> None:
    """More headers than anybody sends end the connection; the editor goes on answering."""
    with run_programs(tmp_path, {}, "editor") as programs:
        port = int(programs.environment["RUTA_EDITOR_PORT"])
        with socket.create_connection(("127.0.0.1", port), timeout=15) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
            with pytest.raises((ConnectionError, BrokenPipeError)):
                for _ in range(2000):
                    caller.sendall(b"x-more: " + b"a" * 1000 + b"\r\n")
                    time.sleep(0.001)
        with socket.create_connection(("127.0.0.1", port), timeout=15) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert b"200 OK" in caller.recv(200)
        assert "connection_dropped code=headers_too_long" in programs.log.read_text()
