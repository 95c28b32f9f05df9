"""Measure what metrics and log lines cost for one message, beside the same work without them, and what a scrape takes.

Lines go to a file as a service manager's would. The figures are in docs/operations/metrics.md.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import typer
from prometheus_client import generate_latest
from sqlalchemy import insert

from bot import metrics
from bot.conversations.queues import Queues
from bot.logs import JsonFormatter, trace_id
from bot.storage.models import Contact, Conversation, Inbound, Outbound
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
ROUNDS = 7
logger = logging.getLogger("bot.benchmark")


def count(number: int) -> None:
    """Count one message as gateway and worker do."""
    metrics.inbound_messages.labels("whatsapp", "text").inc()
    metrics.acknowledge_seconds.labels("whatsapp").observe(0.004)
    metrics.turn_seconds.labels("whatsapp").observe(0.02)
    metrics.decisions.labels("answer", "passport_renewal").inc()
    metrics.reply_seconds.labels("whatsapp").observe(0.07)
    metrics.delivery_reports.labels("whatsapp", "delivered").inc()


def tell(number: int) -> None:
    """Log one message's six lines."""
    trace = trace_id(number, NOW)
    logger.info("message_stored id=%s channel=%s kind=%s", trace, "whatsapp", "text")
    logger.info("turn_claimed id=%s channel=%s kind=%s attempt=%d", trace, "whatsapp", "text", 1)
    logger.info("turn_decided id=%s decision=%s milliseconds=%d", trace, "answer", 12)
    logger.info("turn_committed id=%s channel=%s topic=%s replies=%d milliseconds=%d", trace, "whatsapp", "passport", 1, 20)
    logger.info("reply_sent id=%s channel=%s outbound=%d attempt=%d milliseconds=%d", trace, "whatsapp", number, 1, 70)
    logger.info("reply_reported id=%s channel=%s state=%s code=%s", trace, "whatsapp", "delivered", "-")


def microseconds(work: Callable[[int], None], times: int) -> float:
    """Return what one call takes, the median of some rounds."""

    def one_round() -> float:
        began = time.perf_counter()
        for number in range(times):
            work(number)
        return (time.perf_counter() - began) / times * 1e6

    return median(one_round() for _ in range(ROUNDS))


def _logged(folder: Path, formatter: logging.Formatter, times: int) -> float:
    handler = logging.FileHandler(folder / "log")
    handler.setFormatter(formatter)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        return microseconds(tell, times)
    finally:
        handler.close()


def _scrape(folder: Path, stored: int) -> tuple[float, float]:
    """Return the milliseconds of one look at the queues, over many stored messages, and of writing the registry out."""
    database = Database(f"sqlite:///{folder}/ruta.db")
    upgrade_database(database)
    people = max(1, stored // 20)
    with database.transaction() as session:
        contact = {"channel": "whatsapp", "address_encrypted": b"", "created_at": NOW, "last_inbound_at": NOW}
        session.execute(insert(Contact), [{**contact, "id": str(n), "address_hash": str(n)} for n in range(people)])
        session.execute(insert(Conversation), [{"id": str(n), "contact_id": str(n)} for n in range(people)])
        message = {"channel": "whatsapp", "kind": "text", "state": "done", "received_at": NOW}
        rows = [{**message, "conversation_id": str(n % people), "provider_id": str(n)} for n in range(stored)]
        session.execute(insert(Inbound), rows)
        reply = {"channel": "whatsapp", "body": "{}", "state": "delivered", "created_at": NOW, "due_at": NOW}
        session.execute(insert(Outbound), [{**reply, "conversation_id": str(n % people)} for n in range(stored)])
    queues = Queues(database, ["whatsapp"], lambda: NOW)
    return microseconds(lambda _: queues.read() and None, 50) / 1000, microseconds(
        lambda _: generate_latest(metrics.registry) and None, 50
    ) / 1000


def main(times: int = 5000, stored: int = 200_000) -> None:
    """Print the figures.

    Args:
        times: messages in a round.
        stored: messages, and as many replies, that the queues are read over.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"metrics                 {microseconds(count, times):6.1f} µs a message")
        plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
        print(f"six log lines, text     {_logged(folder, plain, times):6.1f} µs a message")
        print(f"six log lines, json     {_logged(folder, JsonFormatter(), times):6.1f} µs a message")
        looked, written = _scrape(folder, stored)
        print(f"queues over {stored} rows {looked:6.2f} ms a scrape\nregistry written out    {written:6.2f} ms a scrape")


if __name__ == "__main__":
    typer.run(main)
