"""Looks at the database: does it answer, is it in our form and safe, do the keys open it, what waits or was given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Executable, Row, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from bot.conversations.queues import Queues
from bot.conversations.stand_in import WAIT_SECONDS
from bot.errors import SettingsError
from bot.findings import Finding, fault, fine, warning
from bot.storage.models import Contact, Inbound, Outbound
from bot.storage.revision import is_current
from bot.storage.session import Database
from bot.storage.vault import Vault

SAMPLE = 20
"""Rows of each kind, the oldest and the newest, that the keys are tried on."""
CLOCK_SLACK = timedelta(seconds=30)
"""How far two clocks may differ before we say so."""
UNSENT_SECONDS = 120.0
"""A reply that waits longer than this to be sent is worth a look."""
_SAFE_POSTGRESQL = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}


def look_at_database(database: Database) -> Iterator[Finding]:
    """Find out whether the database answers, has our tables, and keeps what it has acknowledged."""
    try:
        database.check()
    except SQLAlchemyError as error:
        cause = f"the database does not answer ({type(error).__name__})"
        yield fault("database_down", cause, "Start it, and check RUTA_DATABASE_URL: host, port, name, user, password.")
        return
    if not is_current(database):
        yield fault("database_not_current", "its tables are not in the form that this release needs", "ruta db upgrade")
        return
    yield fine("database_current", f"{database.engine.dialect.name} answers, its tables are in this release's form")
    yield from _unsafe_settings(database)


def _unsafe_settings(database: Database) -> Iterator[Finding]:
    with database.reading() as session:
        if database.engine.dialect.name == "sqlite":
            mode = session.execute(text("PRAGMA journal_mode")).scalar()
            if mode != "wal":  # A network file system refuses it.
                cause = f"SQLite works in journal mode {mode}, in which readers and writers wait for each other"
                yield warning("sqlite_not_wal", cause, "Put the database file on a disk of this machine.")
            return
        unsafe = {name: session.execute(text(f"SHOW {name}")).scalar() for name in _SAFE_POSTGRESQL}
    for name, value in unsafe.items():
        wanted = _SAFE_POSTGRESQL[name]
        if value != wanted and not (name == "synchronous_commit" and value in ("local", "remote_write", "remote_apply")):
            cause = f"PostgreSQL runs with {name} = {value}: a crash can lose or spoil messages that we acknowledged"
            yield fault("postgresql_unsafe", cause, f"Set {name} = {wanted} in postgresql.conf and restart it.")


def look_at_keys(database: Database, vault: Vault) -> Iterator[Finding]:
    """Try the keys on a sample of what is stored."""
    with database.reading() as session:
        rows = {order: session.execute(_sample(order)).all() for order in ("first", "last")}
        bodies = session.scalars(select(Inbound.body_encrypted).where(Inbound.body_encrypted.is_not(None)).limit(SAMPLE)).all()
    sample = [row for half in rows.values() for row in half]
    try:
        strangers = [row for row in sample if not _is_hash_ours(vault, row)]
        for body in bodies:
            vault.decrypt(body or b"")
    except SettingsError:
        cause = "RUTA_ENCRYPTION_KEYS does not open data that is stored: those messages cannot be answered nor sent"
        yield fault("keys_do_not_open", cause, "Add the old key behind the new one, separated by a comma.")
        return
    if strangers:
        cause = "RUTA_HASH_KEY is not the one that the stored contacts were made with: people who write again count as new"
        yield fault("hash_key_changed", cause, "Put the old RUTA_HASH_KEY back.")
        return
    tried = len(sample) + len(bodies)
    yield fine("keys_open", f"the keys open what is stored ({tried} rows tried)")


def _is_hash_ours(vault: Vault, row: Row[Any]) -> bool:
    return bool(vault.address_hash(row.channel, vault.decrypt(row.address_encrypted)) == row.address_hash)


def _sample(order: str) -> Executable:
    newest = Contact.created_at.desc() if order == "last" else Contact.created_at
    return select(Contact.channel, Contact.address_hash, Contact.address_encrypted).order_by(newest).limit(SAMPLE)


def look_at_clock(database: Database, now: datetime) -> Iterator[Finding]:
    """Compare this machine's clock with the newest row and, where there is one, the database server's clock."""
    with database.reading() as session:
        newest = [session.scalar(select(func.max(column))) for column in (Inbound.received_at, Outbound.created_at)]
        is_server = database.engine.dialect.name == "postgresql"
        server = session.scalar(select(func.now())) if is_server else None
    remedy = "Set the clock, and let it be kept by NTP: `timedatectl set-ntp true`."
    ahead = max((at - now for at in newest if at), default=timedelta(0))
    if ahead > CLOCK_SLACK:
        cause = f"this machine's clock is {_duration(ahead)} behind the newest message: leases, waits and review dates go wrong"
        yield fault("clock_behind", cause, remedy)
    if server and abs(server - now) > CLOCK_SLACK:
        yield warning("clock_differs", f"this machine and the database differ by {_duration(abs(server - now))}", remedy)
    if ahead <= CLOCK_SLACK and not (server and abs(server - now) > CLOCK_SLACK):
        yield fine("clock_plausible", "the clock agrees with what is stored")


def look_at_queues(queues: Queues) -> Iterator[Finding]:
    """Find what waits too long, is stuck, or was given up."""
    read = queues.read()
    if read.waiting_age > WAIT_SECONDS:
        cause = f"{read.waiting} messages wait, the oldest for {_duration(timedelta(seconds=read.waiting_age))}"
        remedy = "See that a worker runs (`ruta worker`) and read its log; more load needs more workers."
        yield fault("messages_wait", cause, remedy)
    if read.unsent_age > UNSENT_SECONDS:
        cause = f"{read.unsent} replies are not sent, the oldest for {_duration(timedelta(seconds=read.unsent_age))}"
        yield warning("replies_wait", cause, "See that the gateway runs, and look for `send_failed` in its log.")
    retry = "`ruta failures` lists them with their codes; `--retry` tries again, `--close` ends them."
    given_up = (
        ("stuck_conversations", read.stuck, "conversations are stuck"),
        ("dead_letters", read.dead, "messages got no real answer"),
        ("failed_sends", read.failed, "replies were given up"),
    )
    for code, count, what in given_up:
        if count:
            yield warning(code, f"{count} {what}", retry)
    if read.waiting_age <= WAIT_SECONDS and not (read.stuck or read.dead or read.failed):
        yield fine("queues_flow", f"{read.waiting} messages wait, {read.unsent} replies are on their way, nothing was given up")


def _duration(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
