"""What the programs count and time, and where it can be read: one registry for each process, served on a loopback port.

No label carries personal data: channels, kinds, codes, decisions and topics only. `docs/operations/metrics.md` explains each
metric; a test compares. Figures that are read when somebody asks, such as the queues, come from collectors that the programs
register.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

ADDRESS = "127.0.0.1"
"""Metrics are for programs on this machine; whoever reads them from elsewhere does so through an agent or a tunnel."""
MOST_TRIES = 20
"""How many ports from the first one on are tried by a worker that was given none."""
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PATIENT = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

logger = logging.getLogger(__name__)

registry = CollectorRegistry()
"""The metrics of this process."""

inbound_messages = Counter("ruta_inbound_messages", "Messages of contacts stored", ["channel", "kind"], registry=registry)
inbound_repeats = Counter(
    "ruta_inbound_repeats", "Deliveries of a message that was stored already", ["channel"], registry=registry
)
acknowledge_seconds = Histogram(
    "ruta_acknowledge_seconds",
    "From a provider's call to our answer, the message stored",
    ["channel"],
    buckets=_FAST,
    registry=registry,
)
webhooks_refused = Counter("ruta_webhooks_refused", "Calls refused or not stored", ["channel", "code"], registry=registry)
reply_seconds = Histogram(
    "ruta_reply_seconds",
    "From storing a message to the provider taking a reply to it, or the page fetching it",
    ["channel"],
    buckets=_PATIENT,
    registry=registry,
)
send_failures = Counter(
    "ruta_send_failures",
    "Tries to send that failed; outcome is retry, fallback or given_up",
    ["channel", "code", "outcome"],
    registry=registry,
)
delivery_reports = Counter("ruta_delivery_reports", "Reports of providers on replies", ["channel", "state"], registry=registry)
stand_in_replies = Counter("ruta_stand_in_replies", "Replies of the gateway while no worker took messages", registry=registry)
turn_seconds = Histogram(
    "ruta_turn_seconds", "From claiming a message to storing its reply", ["channel"], buckets=_FAST, registry=registry
)
decisions = Counter("ruta_decisions", "Messages decided", ["decision", "topic"], registry=registry)
urgent_cards = Counter("ruta_urgent_cards", "Urgent cards given; by is worker or gateway", ["by"], registry=registry)
dead_letters = Counter("ruta_dead_letters", "Messages that got no real answer", ["code"], registry=registry)
turns_abandoned = Counter("ruta_turns_abandoned", "Turns whose lease another worker took over", registry=registry)
database_failures = Counter("ruta_database_failures", "Turns that the database did not let begin or end", registry=registry)
build = Info("ruta_build", "Program, release and Python", registry=registry)
process_metrics = ProcessCollector(registry=registry)


@dataclass(frozen=True)
class Figure:
    """One figure that is read when somebody asks.

    Attributes:
        labels: name and value pairs.
        value: None: it is not known now, and is left out.
    """

    name: str
    help: str
    value: float | None
    labels: tuple[tuple[str, str], ...] = ()


class Figures(Collector):
    """Gauges that a function reads at each scrape.

    Args:
        read: returns the figures now. An error counts as "nothing known": a scrape must not fail with its program.
        names: the names and helps of all that it may return.
    """

    def __init__(self, read: Callable[[], Iterable[Figure]], names: dict[str, str]) -> None:
        self._read = read
        self._names = names

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without a value."""
        return [GaugeMetricFamily(name, told) for name, told in self._names.items()]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics with what is known now."""
        try:
            figures = list(self._read())
        except Exception as error:
            logger.warning("figures_not_read error=%s", type(error).__name__)
            figures = []
        families: dict[str, GaugeMetricFamily] = {}
        for figure in figures:
            names = [name for name, _ in figure.labels]
            family = families.setdefault(figure.name, GaugeMetricFamily(figure.name, figure.help, labels=names))
            if figure.value is not None:
                family.add_metric([value for _, value in figure.labels], figure.value)
        return families.values()


def describe_build(program: str) -> None:
    """Say which program and release this process is."""
    build.info({"program": program, "version": release(), "python": platform.python_version()})


def release() -> str:
    """Return this release's version."""
    try:
        return metadata.version("ruta-segura")
    except metadata.PackageNotFoundError:  # Run from a folder that was not installed.
        return "unknown"


def serve_metrics(program: str, port: int, most_tries: int = 1) -> tuple[WSGIServer, Thread] | None:
    """Serve the registry on a loopback port, and return the server; None when it is off or no port is free.

    A program works without its metrics, so a taken port is told and no more.

    Args:
        port: the port, 0 for off.
        most_tries: how many ports, from this one on, may be tried.
    """
    if not port:
        return None
    describe_build(program)
    for candidate in range(port, min(port + most_tries, 65536)):
        try:
            served = start_http_server(candidate, ADDRESS, registry)
        except OSError:
            continue
        logger.info("metrics_served program=%s port=%d", program, candidate)
        return served
    logger.error("metrics_not_served code=port_taken program=%s port=%d", program, port)
    return None
