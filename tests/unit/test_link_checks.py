"""The check of links, against a server on this machine that answers as the pages of ministries do."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.content.loader import load_content
from bot.editor.link_task import LinkTask
from bot.link_checks import LinkResult, NoNetwork, check_links, is_public_host, link_lines, links_of, read_results, write_results

NOW = datetime(2026, 11, 26, 7, 0, tzinfo=timezone.utc)
CONTENT = Path("content")


class Pages(BaseHTTPRequestHandler):
    """Answers by path, and counts the calls."""

    calls: Counter[str] = Counter()
    ends: threading.Event = threading.Event()

    def do_HEAD(self) -> None:
        """Answer HEAD; some pages refuse it."""
        self.answer("HEAD")

    def do_GET(self) -> None:
        """Answer GET."""
        self.answer("GET")

    def answer(self, method: str) -> None:
        """Answer as the path says."""
        self.calls[f"{method} {self.path}"] += 1
        if self.path == "/slow":
            self.ends.wait(5)
            return
        statuses = {"/gone": 404, "/closed": 403, "/busy": 503, "/moved": 301, "/for-now": 302, "/loop": 301, "/inside": 302}
        status = 405 if method == "HEAD" and self.path == "/no-head" else statuses.get(self.path, 200)
        self.send_response(status)
        targets = {"/moved": "/fine", "/for-now": "/fine", "/loop": "/loop", "/inside": "http://127.0.0.2:1/secret"}
        if self.path in targets:
            self.send_header("location", targets[self.path])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *given: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """A server on this machine."""
    Pages.calls, Pages.ends = Counter(), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Pages.ends.set()
    server.shutdown()
    server.server_close()
    thread.join()


def ask(site: str, *paths: str, **settings: object) -> dict[str, LinkResult]:
    """Check some pages of the server, by path."""
    given = {"probes": (f"{site}/fine",), "may_ask": lambda host: host == "127.0.0.1", "pause": 0.001, "seconds": 0.5, **settings}
    links = {path if path.startswith("http") else site + path: ["x.yml"] for path in paths}
    return {one.url.removeprefix(site): one for one in asyncio.run(check_links(links, lambda: NOW, **given))}


def test_each_kind_of_answer_is_told_apart(site: str) -> None:
    """Good, refused to programs, moved for good, moved for now, gone, endless, unreachable."""
    paths = ("/fine", "/no-head", "/gone", "/closed", "/busy", "/moved", "/for-now", "/loop", "/slow", "http://127.0.0.1:1/")
    found = ask(site, *paths)
    assert {path: (one.state, one.status, one.code) for path, one in found.items()} == {
        "/fine": ("ok", 200, ""),
        "/no-head": ("ok", 200, ""),
        "/gone": ("broken", 404, "not_found"),
        "/closed": ("unsure", 403, "closed"),
        "/busy": ("unsure", 503, "busy"),
        "/moved": ("moved", 200, ""),
        "/for-now": ("ok", 200, ""),
        "/loop": ("broken", 0, "too_many_redirects"),
        "/slow": ("unsure", 0, "timeout"),
        "http://127.0.0.1:1/": ("broken", 0, "no_connection"),
    }
    assert found["/moved"].leads_to == f"{site}/fine"
    assert found["/fine"].checked_at == "2026-11-26T07:00:00+00:00"
    assert (Pages.calls["HEAD /fine"] >= 1, Pages.calls["GET /fine"], Pages.calls["GET /no-head"]) == (True, 0, 1)


def test_our_own_machines_are_never_asked(site: str) -> None:
    """An address of the inside, also one behind a redirect, is not called."""
    found = ask(site, "/inside")
    assert (found["/inside"].state, found["/inside"].code) == ("broken", "host_unknown")
    assert not is_public_host("127.0.0.1")
    assert not is_public_host("10.0.0.1")
    assert not is_public_host("169.254.169.254")
    assert is_public_host("93.184.215.14")


def test_without_a_network_nothing_is_said_and_nothing_changed(site: str, tmp_path: Path) -> None:
    """When not even the best known pages answer, no page is called broken."""
    with pytest.raises(NoNetwork):
        ask(site, "/fine", probes=("http://127.0.0.1:1/", "http://127.0.0.1:1/b"))
    kept = tmp_path / "links.json"
    write_results(kept, list(ask(site, "/gone").values()))
    before = kept.read_text()

    def fail(links: object, clock: object) -> list[LinkResult]:
        raise NoNetwork("none")

    task = LinkTask(kept, lambda: NOW, fail)
    assert task.start({"x": ["y"]})
    for thread in threading.enumerate():
        if thread.name == "links":
            thread.join()
    assert (task.failure, task.is_running, kept.read_text()) == ("no_network", False, before)


def test_results_are_kept_and_a_broken_file_is_none(site: str, tmp_path: Path) -> None:
    """What was written is read again; half a file is no result."""
    kept = tmp_path / "links.json"
    results = list(ask(site, "/gone", "/fine").values())
    write_results(kept, results)
    assert read_results(kept) == results
    assert [line.split()[0] for line in link_lines(results)] == ["broken", "1"]
    kept.write_text(kept.read_text()[:40])
    assert read_results(kept) == []


def test_every_address_of_the_content_is_found() -> None:
    """Sources, official addresses, facts and help points, each with where it stands."""
    links = links_of(load_content(CONTENT), CONTENT)
    assert len(links) > 200
    places = {place for found in links.values() for place in found}
    assert {"help-points/hias-quito.yml", "routes/passport/topic.yml"} <= places
    assert any(place.startswith("facts: EN-") for place in places)


def test_command_says_so_without_a_network(tmp_path: Path) -> None:
    """The real command in a room without a way out: exit code 2, the reason as JSON, no file."""
    (tmp_path / "content").symlink_to(CONTENT.resolve())
    # A resolver that answers nothing, whatever network the machine has.
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\ndef _none(*a, **k):\n    raise OSError('no')\nsocket.getaddrinfo = _none\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    command = [sys.executable, "-m", "bot.cli", "content", "links", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, json.loads(ended.stdout)) == (2, {"error": "no_network"}), ended.stderr
    assert not (tmp_path / "var" / "links.json").exists()
