"""The desk that hears privacy requests, on a test's database and the real words and sentences."""

from __future__ import annotations

from pathlib import Path

from bot.conversations.my_data import MyDataReader
from bot.conversations.privacy import PrivacyDesk
from bot.conversations.retention import RetentionLimits
from bot.i18n import Catalogues
from bot.wiring import Paths, build_replies
from tests.support.builders import System

ROOT = Path(__file__).resolve().parents[2]


def privacy_desk(system: System) -> PrivacyDesk:
    """Return a desk with the real phrases."""
    reader = MyDataReader(system.database, RetentionLimits())
    return PrivacyDesk.open(ROOT / "intents", reader, system.vault, Catalogues(ROOT / "locales"), build_replies(Paths(ROOT)))
