"""Serve the metrics of a running program: what is counted as it happens, and what is read when somebody asks.

Nothing here may stop or slow a program: the database is asked in a thread of its own, with a limit in time.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from datetime import date
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from bot import metrics
from bot.content.freshness import CRITICAL, stale_answers
from bot.conversations.queues import QueueFigures, Queues
from bot.errors import SendFailure
from bot.metrics import MOST_TRIES, Figure, Figures, registry, serve_metrics

if TYPE_CHECKING:
    from bot.content.library import ContentLibrary

QUEUE_SECONDS = 2.0
"""How long a scrape waits for the database; after that it goes out without the queues' figures."""

QUEUE_FIGURES = {
    "ruta_database_up": "1 when the queues could be read in time, else 0",
    "ruta_queue_read_seconds": "How long reading the queues took",
    "ruta_waiting_messages": "Messages that no worker has answered yet",
    "ruta_waiting_oldest_seconds": "Age of the oldest of them",
    "ruta_unsent_replies": "Replies that no provider has taken yet",
    "ruta_unsent_oldest_seconds": "Age of the oldest of them",
    "ruta_dead_letters_open": "Messages that got no real answer and wait for staff",
    "ruta_failed_replies_open": "Replies that were given up and wait for staff",
    "ruta_stuck_conversations": "Conversations that wait for more than five minutes, or whose worker died",
}
DISK_FIGURES = {
    "ruta_disk_free_bytes": "Free space where the database (if it is a file here) and var/ are",
    "ruta_disk_size_bytes": "Size of those volumes",
}
CONTENT_FIGURES = {
    "ruta_content_past_review": "Answers past their review date, by sensitivity",
    "ruta_content_withheld": "Critical answers that are withheld because of that",
    "ruta_content_problems": "Content files that could not be read; their last good state answers",
}
MODEL_FIGURES = {
    "ruta_model_info": "The model in use",
    "ruta_model_trained_timestamp_seconds": "When it was trained, in seconds since 1970",
}


class QueueReader:
    """Reads the queues, at most one look at a time, and gives up waiting after a while."""

    def __init__(self, queues: Queues, seconds: float = QUEUE_SECONDS) -> None:
        self._queues = queues
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, "queue-figures")
        self._running: Future[QueueFigures] | None = None

    def figures(self) -> list[Figure]:
        """Return the queues' figures; only `ruta_database_up` when the database does not answer in time."""
        began = time.perf_counter()
        read = self._read()
        if read is None:
            return [_figure(QUEUE_FIGURES, "ruta_database_up", 0)]
        values = {
            "ruta_database_up": 1,
            "ruta_queue_read_seconds": time.perf_counter() - began,
            "ruta_waiting_messages": read.waiting,
            "ruta_waiting_oldest_seconds": read.waiting_age,
            "ruta_unsent_replies": read.unsent,
            "ruta_unsent_oldest_seconds": read.unsent_age,
            "ruta_dead_letters_open": read.dead,
            "ruta_failed_replies_open": read.failed,
            "ruta_stuck_conversations": read.stuck,
        }
        return [_figure(QUEUE_FIGURES, name, value) for name, value in values.items()]

    def _read(self) -> QueueFigures | None:
        if self._running is None or self._running.done():  # A look that hangs is not followed by another one.
            self._running = self._thread.submit(self._queues.read)
        try:
            return self._running.result(self._seconds)
        except (TooSlow, Exception):
            return None


def observe_gateway(port: int, queues: Queues, places: dict[str, Path], channels: Collection[str]) -> None:
    """Serve the gateway's metrics with the queues' and disks' figures, unless the port is 0.

    Args:
        places: folders whose volumes are watched, by a short name.
        channels: the enabled ones.
    """
    if port:
        _begin_counters(channels)
        registry.register(Figures(QueueReader(queues).figures, QUEUE_FIGURES))
        registry.register(Figures(lambda: disk_figures(places), DISK_FIGURES))
        serve_metrics("gateway", port)


def _begin_counters(channels: Collection[str]) -> None:
    """Let counters that alerts watch begin at 0: a first failure would else be no increase, because nothing was there before."""
    metrics.urgent_cards.labels("gateway")
    for channel in channels:
        metrics.webhooks_refused.labels(channel, "not_stored")
        for failure, outcome in product(SendFailure, ("retry", "fallback", "given_up")):
            metrics.send_failures.labels(channel, failure.value, outcome)


def observe_worker(
    gateway_port: int, own_port: int, library: ContentLibrary, model: Callable[[], Path], today: Callable[[], date] = date.today
) -> None:
    """Serve a worker's metrics with the figures of its content and model, unless metrics are off.

    Args:
        gateway_port: 0 when metrics are off.
        own_port: 0: the first free one after the gateway's.
        model: returns the file of the model in use.
    """
    if gateway_port or own_port:
        metrics.urgent_cards.labels("worker")
        registry.register(Figures(lambda: content_figures(library, today()), CONTENT_FIGURES))
        registry.register(Figures(lambda: model_figures(model()), MODEL_FIGURES))
        serve_metrics("worker", own_port or gateway_port + 1, 1 if own_port else MOST_TRIES)


def watched_places(database_url: str, var: Path) -> dict[str, Path]:
    """Return the folders whose volumes may not fill up: that of var/, and that of the database if it is a file here."""
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return {"var": var, **({"database": Path(str(url.database)).resolve().parent} if is_file else {})}


def disk_figures(places: dict[str, Path]) -> list[Figure]:
    """Return free space and size of the volumes."""
    usages = {name: shutil.disk_usage(path) for name, path in places.items() if path.exists()}
    free = [_figure(DISK_FIGURES, "ruta_disk_free_bytes", usage.free, place=name) for name, usage in usages.items()]
    return [*free, *(_figure(DISK_FIGURES, "ruta_disk_size_bytes", use.total, place=name) for name, use in usages.items())]


def content_figures(library: ContentLibrary, today: date) -> list[Figure]:
    """Return how much of the content is past its review date."""
    loaded = library.loaded
    stale = stale_answers(loaded.topics.values(), today)
    sensitivities = {CRITICAL, *(topic.sensitivity for topic in loaded.topics.values())}
    past = [
        _figure(
            CONTENT_FIGURES, "ruta_content_past_review", sum(answer.sensitivity == kind for answer in stale), sensitivity=kind
        )
        for kind in sorted(sensitivities)
    ]
    withheld = _figure(CONTENT_FIGURES, "ruta_content_withheld", sum(answer.is_withheld for answer in stale))
    return [*past, withheld, _figure(CONTENT_FIGURES, "ruta_content_problems", len(loaded.problems))]


def model_figures(model: Path) -> list[Figure]:
    """Return which model is in use and when it was trained; the time is left out when the file is gone."""
    trained = model.stat().st_mtime if model.exists() else None
    return [
        _figure(MODEL_FIGURES, "ruta_model_info", 1, model=model.name),
        _figure(MODEL_FIGURES, "ruta_model_trained_timestamp_seconds", trained),
    ]


def described() -> Iterable[str]:
    """Return the names of all figures that are read when somebody asks."""
    return [*QUEUE_FIGURES, *DISK_FIGURES, *CONTENT_FIGURES, *MODEL_FIGURES]


def _figure(names: dict[str, str], name: str, value: float | None, **labels: str) -> Figure:
    return Figure(name, names[name], value, tuple(labels.items()))
