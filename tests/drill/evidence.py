"""What is left after a drill: the database's rows, the drill's own counts in it, and what the providers took."""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from bot.i18n import LOCALES, Catalogues
from bot.wiring import Paths
from tests.drill.plan import Letter
from tests.drill.providers import Accepted, Ledger
from tests.drill.senders import Contact
from tests.support.programs import ROOT

_STUCK = {
    "conversations that wait": "SELECT count(*) FROM conversation WHERE waiting_since IS NOT NULL",
    "leases held": "SELECT count(*) FROM conversation WHERE lease_owner <> '' OR lease_until IS NOT NULL",
    "messages waiting": "SELECT count(*) FROM inbound_message WHERE state = 'waiting'",
    "replies not out": "SELECT count(*) FROM outbound_message WHERE state IN ('queued', 'sending')",
}


@dataclass
class Reply:
    """One reply in the outbox.

    Attributes:
        is_stand_in: the gateway said that the message is kept, because no worker took it.
        taken: how the provider knows its parts.
    """

    number: int
    state: str
    failure_code: str
    is_stand_in: bool
    parts_sent: int
    taken: list[Accepted] = field(default_factory=list)

    @property
    def has_arrived(self) -> bool:
        """Whether all its parts are sent and the provider has each of them in its own list."""
        return self.state == "sent" and 0 < self.parts_sent == len(self.taken)


@dataclass
class Inbound:
    """One stored message with all that came of it.

    Attributes:
        endings: how often a committed transaction set its state.
    """

    number: int
    key: tuple[str, str]
    letter: Letter | None
    state: str
    error_code: str
    attempts: int
    endings: int
    replies: list[Reply]


@dataclass
class Conversation:
    """One conversation: the messages in the order of their arrival, and what the contact's telephone showed."""

    contact: Contact
    inbound: list[Inbound]
    memories: int
    topics: list[str]
    shown: list[Accepted]


@dataclass
class Evidence:
    """Everything that a claim is checked on.

    Attributes:
        turns_at: when the engine's turns were committed, in seconds of the monotonic clock, in order.
        replies_at: when replies were queued, by workers or by the gateway in their place, likewise.
    """

    conversations: list[Conversation]
    stuck: dict[str, int]
    turns_at: list[float]
    replies_at: list[float]

    @property
    def inbound(self) -> Iterator[Inbound]:
        """All stored messages."""
        return (message for conversation in self.conversations for message in conversation.inbound)


def count_stuck(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return what is not finished, by kind."""
    return {name: int((connection.execute(query).fetchone() or (0,))[0]) for name, query in _STUCK.items()}


def gather(connection: psycopg.Connection[Any], contacts: list[Contact], ledger: Ledger) -> Evidence:
    """Read what is left."""
    rows = _Rows(connection)
    letters = {
        (contact.channel, provider_id): letter
        for contact in contacts
        for letter, provider_id in zip(contact.letters, contact.provider_ids, strict=True)
    }
    taken = {(one.channel, one.provider_id): one for one in ledger.accepted}
    replies = _replies(rows, taken)
    endings = Counter(row.inbound_id for row in rows("SELECT inbound_id FROM drill_turn"))
    memories = Counter(row.conversation_id for row in rows("SELECT conversation_id FROM drill_memory"))
    by_conversation: dict[str, list[Inbound]] = defaultdict(list)
    for row in rows("SELECT * FROM inbound_message ORDER BY id"):
        key = (row.channel, row.provider_id)
        by_conversation[row.conversation_id].append(
            Inbound(row.id, key, letters.get(key), row.state, row.error_code, row.attempts, endings[row.id], replies[row.id])
        )
    states = {row.id: row.engine_state for row in rows("SELECT id, engine_state FROM conversation")}
    whose = {(contact.channel, provider_id): contact for contact in contacts for provider_id in contact.provider_ids}
    conversations = [
        Conversation(
            contact=whose[messages[0].key],
            inbound=messages,
            memories=memories[conversation_id],
            topics=_topics(states[conversation_id]),
            shown=_shown(ledger, whose[messages[0].key]),
        )
        for conversation_id, messages in by_conversation.items()
    ]
    turns = _moments(row.at for row in rows("SELECT at FROM drill_turn"))
    queued = _moments(row.created_at for row in rows("SELECT created_at FROM outbound_message"))
    return Evidence(conversations, count_stuck(connection), turns, queued)


def _moments(times: Iterable[datetime]) -> list[float]:
    """Translate times of the wall clock, which is this machine's own, into seconds of the monotonic one."""
    offset = time.time() - time.monotonic()
    return sorted(at.timestamp() - offset for at in times)


class _Rows:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, query: str) -> list[Any]:
        return self._connection.cursor(row_factory=namedtuple_row).execute(query.encode()).fetchall()


def _replies(rows: _Rows, taken: dict[tuple[str, str], Accepted]) -> dict[int, list[Reply]]:
    texts = Catalogues(Paths(ROOT).locales)
    kept = {texts.text(locale, "reply.message_kept") for locale in LOCALES}
    parts: dict[int, list[Accepted]] = defaultdict(list)
    for row in rows("SELECT outbound_id, channel, provider_id FROM delivery ORDER BY id"):
        if (row.channel, row.provider_id) in taken:
            parts[row.outbound_id].append(taken[row.channel, row.provider_id])
    replies: dict[int, list[Reply]] = defaultdict(list)
    for row in rows("SELECT * FROM outbound_message ORDER BY id"):
        is_stand_in = json.loads(row.body)["text"] in kept
        replies[row.inbound_id].append(Reply(row.id, row.state, row.failure_code, is_stand_in, row.parts_sent, parts[row.id]))
    return replies


def _topics(state: bytes | None) -> list[str]:
    """Return what the engine remembers having been asked, in order."""
    events = json.loads(zlib.decompress(state)) if state else []
    return [event["parse_data"]["intent"]["name"] for event in events if event["event"] == "user" and event.get("parse_data")]


def _shown(ledger: Ledger, contact: Contact) -> list[Accepted]:
    return [one for one in ledger.accepted if (one.channel, one.address) == (contact.channel, contact.address)]
