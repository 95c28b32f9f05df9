"""A worker that a test freezes: it claims a turn, or begins a transaction, says so, waits for a line, and tries to end it.

`python -m tests.support.frozen <database url> <hash key> <fernet key> turn|transaction`
"""

from __future__ import annotations

import sys

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bot.conversations.outbox import Outbox
from bot.conversations.turns import TurnResult, Turns
from bot.errors import LeaseLost
from bot.messages import OutboundMessage
from bot.storage.models import Contact
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.wiring import utc_now


def _hold_turn(database: Database, vault: Vault) -> str:
    turns = Turns(database, vault, Outbox(database, vault, utc_now), "frozen", utc_now)
    turn = turns.claim()
    assert turn is not None
    _wait()
    try:
        turns.commit(turn, TurnResult([OutboundMessage("late")], "", "es", "default"))
    except LeaseLost:
        return "lease_lost"
    return "committed"


def _hold_transaction(database: Database) -> str:
    try:
        with database.transaction() as session:
            contact = session.scalars(select(Contact).with_for_update()).one()
            contact.locale = "fr"
            session.flush()
            _wait()
    except DBAPIError:
        return "ended"
    return "committed"


def _wait() -> None:
    print("holding", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    url, hash_key, fernet_key, what = sys.argv[1:]
    opened = Database(url)
    print(_hold_turn(opened, Vault([fernet_key], hash_key)) if what == "turn" else _hold_transaction(opened), flush=True)
