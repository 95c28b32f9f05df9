"""Metrics: served on loopback only, never in the way of the program, and read in time or not at all."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bot import metrics
from bot.content.freshness import stale_answers
from bot.content.library import ContentLibrary
from bot.content.loader import load_content
from bot.conversations.queues import QueueFigures
from bot.metrics import Figure, Figures, serve_metrics
from bot.observing import QueueReader, content_figures, disk_figures, model_figures, watched_places

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """Hold a loopback port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held, held.getsockname()[1]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _values(figures: list[Figure]) -> dict[tuple[str, ...], float | None]:
    return {(figure.name, *(value for _, value in figure.labels)): figure.value for figure in figures}


def test_metrics_are_served_on_loopback_alone() -> None:
    """What was counted can be read, with program and release, and only from this machine."""
    port = _free_port()
    served = serve_metrics("gateway", port)
    assert served is not None
    server, _ = served
    try:
        metrics.inbound_messages.labels("testing", "text").inc()
        said = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert server.server_address == ("127.0.0.1", port)
        assert 'ruta_inbound_messages_total{channel="testing",kind="text"} 1.0' in said
        assert 'program="gateway"' in said
        assert "process_resident_memory_bytes" in said
    finally:
        server.shutdown()
        server.server_close()


def test_a_taken_port_is_told_and_does_not_stop_the_program(caplog: pytest.LogCaptureFixture) -> None:
    """Without its port the program works on; the line names the port."""
    with listening() as (_, port):
        assert serve_metrics("gateway", port) is None
    assert f"metrics_not_served code=port_taken program=gateway port={port}" in caplog.text


def test_a_worker_takes_the_next_free_port_and_says_which(caplog: pytest.LogCaptureFixture) -> None:
    """A second worker that was given no port does not fight over the first one's."""
    caplog.set_level(logging.INFO)
    with listening() as (_, port):
        served = serve_metrics("worker", port, most_tries=20)
        assert served is not None
        server, _ = served
        server.shutdown()
        server.server_close()
    taken = server.server_address[1]
    assert port < taken < port + 20
    assert f"metrics_served program=worker port={taken}" in caplog.text


def test_nothing_listens_when_metrics_are_off() -> None:
    """Port 0 is off."""
    assert serve_metrics("gateway", 0) is None


def test_a_figure_that_cannot_be_read_does_not_break_the_scrape(caplog: pytest.LogCaptureFixture) -> None:
    """The other metrics still come, and the log names the error."""

    def read() -> list[Figure]:
        raise OSError("the disk is gone")

    registry = CollectorRegistry()
    registry.register(Figures(read, {"ruta_lost": "A figure"}))
    registry.register(Figures(lambda: [Figure("ruta_kept", "A figure", 2.0, (("place", "var"),))], {"ruta_kept": "A figure"}))
    said = generate_latest(registry).decode()
    assert 'ruta_kept{place="var"} 2.0' in said
    assert "ruta_lost" not in said
    assert "figures_not_read error=OSError" in caplog.text


class _Queues:
    """Queues that answer when they are let."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.looks = 0

    def read(self) -> QueueFigures:
        self.looks += 1
        assert self.may_answer.wait(10)
        return QueueFigures(3, 41.5, 2, 7.0, 1, 0, 1)


def test_a_database_that_hangs_does_not_hold_the_scrape_up() -> None:
    """The scrape says that the database is away, no second look is begun meanwhile, and the figures come back with it."""
    queues = _Queues()
    reader = QueueReader(queues, seconds=0.05)  # type: ignore[arg-type]
    assert _values(reader.figures()) == {("ruta_database_up",): 0}
    assert _values(reader.figures()) == {("ruta_database_up",): 0}
    assert queues.looks == 1
    queues.may_answer.set()
    reader._seconds = 10
    read = _values(reader.figures())
    assert read[("ruta_database_up",)] == 1
    assert read[("ruta_waiting_messages",)] == 3
    assert read[("ruta_waiting_oldest_seconds",)] == 41.5


def test_the_volumes_of_database_and_var_are_watched(tmp_path: Path) -> None:
    """A database file elsewhere has a volume of its own; a server's volume is not ours to see."""
    places = watched_places(f"sqlite:///{tmp_path}/data/ruta.db", tmp_path / "var")
    assert places == {"var": tmp_path / "var", "database": tmp_path / "data"}
    assert set(watched_places("postgresql+psycopg://ruta@db/ruta", tmp_path)) == {"var"}
    (tmp_path / "var").mkdir()
    read = _values(disk_figures(places))
    assert set(read) == {("ruta_disk_free_bytes", "var"), ("ruta_disk_size_bytes", "var")}
    assert 0 < (read[("ruta_disk_free_bytes", "var")] or 0) <= (read[("ruta_disk_size_bytes", "var")] or 0)


def test_content_past_its_review_date_is_counted_by_sensitivity() -> None:
    """On the day after the last review date everything is stale, and what is critical is withheld."""
    library = ContentLibrary(ROOT / "content")
    topics = library.loaded.topics.values()
    last = max(one.review_by for topic in topics for one in (topic.provenance, *topic.destinations.values()))
    critical = sum(1 + len(topic.destinations) for topic in topics if topic.sensitivity == "critical")
    read = _values(content_figures(library, last + timedelta(days=1)))
    assert read[("ruta_content_withheld",)] == critical > 0
    assert sum(read[key] or 0 for key in read if key[0] == "ruta_content_past_review") == sum(
        1 + len(t.destinations) for t in topics
    )
    first = min(one.review_by for topic in topics for one in (topic.provenance, *topic.destinations.values()))
    assert _values(content_figures(library, first))[("ruta_content_withheld",)] == 0


def test_a_stale_destination_is_named_apart_from_its_topic() -> None:
    """Each country's answer has a date of its own."""
    topics = load_content(ROOT / "content").topics
    topic = next(topic for topic in topics.values() if topic.destinations)
    code, provenance = next(iter(topic.destinations.items()))
    old = replace(topic, destinations={code: replace(provenance, review_by=date(2020, 1, 1))})
    (stale,) = stale_answers([old], date(2020, 1, 2))
    assert (stale.topic_id, stale.destination) == (topic.id, code)
    assert stale_answers([old], date(2020, 1, 1)) == []


def test_the_model_is_named_with_its_time(tmp_path: Path) -> None:
    """A model that was deleted while it is in use still has its name."""
    model = tmp_path / "ruta-20261123.tar.gz"
    model.touch()
    os.utime(model, (1_700_000_000, 1_700_000_000))
    assert _values(model_figures(model)) == {
        ("ruta_model_info", model.name): 1,
        ("ruta_model_trained_timestamp_seconds",): 1_700_000_000,
    }
    model.unlink()
    assert _values(model_figures(model))[("ruta_model_trained_timestamp_seconds",)] is None
