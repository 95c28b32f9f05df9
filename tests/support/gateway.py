"""Build a gateway over a database in a folder of the test, with whatever channels a test brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography.fernet import Fernet
from starlette.applications import Starlette

from bot.conversations.feed import Feed
from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.conversations.turns import Turns
from bot.gateway.app import build_app
from bot.gateway.health import ReadyCheck
from bot.i18n import LOCALES, Catalogues
from bot.storage.session import Database
from bot.storage.upgrade import upgrade_database
from bot.storage.vault import Vault
from channels.base import Channel
from channels.webchat import WebChatChannel, WebChatSettings
from tests.support.echo_worker import EchoWorker

ROOT = Path(__file__).resolve().parents[2]
PUBLIC_URL = "https://ruta.example"


def utc_now() -> datetime:
    """Return the present time, aware UTC."""
    return datetime.now(timezone.utc)


@dataclass
class Parts:
    """A database and all that reads and writes it."""

    database: Database
    vault: Vault
    inbox: Inbox
    outbox: Outbox
    feed: Feed
    turns: Turns
    worker: EchoWorker
    clock: Callable[[], datetime]

    def app(self, channels: Sequence[Channel], public_url: str = PUBLIC_URL, checks: Sequence[ReadyCheck] = ()) -> Starlette:
        """Return a gateway over these parts."""
        return build_app(
            channels={channel.name: channel for channel in channels},
            inbox=self.inbox,
            outbox=self.outbox,
            feed=self.feed,
            database=self.database,
            public_url=public_url,
            clock=self.clock,
            checks=checks,
        )


def make_parts(database: Database, clock: Callable[[], datetime] = utc_now) -> Parts:
    """Create the tables in an empty database."""
    upgrade_database(database)
    vault = Vault([Fernet.generate_key().decode()], "test-hash-key")
    outbox = Outbox(database, vault, clock)
    turns = Turns(database, vault, outbox, "test-worker", clock)
    inbox, feed = Inbox(database, vault, clock), Feed(database, vault, clock)
    return Parts(database, vault, inbox, outbox, feed, turns, EchoWorker(turns), clock)


def webchat_texts() -> Mapping[str, Mapping[str, str]]:
    """Return the page's sentences in all languages."""
    catalogues = Catalogues(ROOT / "locales")
    return {locale: catalogues.with_prefix(locale, "webchat.") for locale in LOCALES}


def make_webchat(public_url: str = PUBLIC_URL) -> WebChatChannel:
    """Return the web chat with its page."""
    return WebChatChannel(WebChatSettings(cookie_days=30), public_url, webchat_texts())
