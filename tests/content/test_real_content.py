"""The real content folder: every answer that a contact can be given."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.content.checks import check_content
from bot.content.loader import LoadedContent, load_content
from bot.content.model import Kind
from bot.messages import ChannelLimits
from channels.telegram.limits import LIMITS as TELEGRAM_LIMITS
from channels.webchat.limits import LIMITS as WEBCHAT_LIMITS
from channels.whatsapp.limits import LIMITS as WHATSAPP_LIMITS

FOLDER = Path(__file__).parents[2] / "content"
LIMITS: list[tuple[str, ChannelLimits]] = [
    ("whatsapp", WHATSAPP_LIMITS),
    ("telegram", TELEGRAM_LIMITS),
    ("webchat", WEBCHAT_LIMITS),
]


@pytest.fixture(scope="module")
def loaded() -> LoadedContent:
    """The folder, read once."""
    return load_content(FOLDER)


def test_content_is_there_when_it_is_checked(loaded: LoadedContent) -> None:
    """An empty folder would pass every other check."""
    answering = [entry.id for entry in loaded.catalogue.values() if entry.kind is Kind.ANSWER]
    urgent = [topic for topic in loaded.topics.values() if topic.is_urgent]

    assert len(answering) >= 77
    assert sorted(loaded.topics) == sorted(answering)
    assert len(urgent) >= 11
    assert sum(len(topic.answers) for topic in loaded.topics.values()) >= 350
    assert len(loaded.facts) >= 800
    assert len(loaded.help_points) >= 50


def test_content_has_no_errors_when_it_was_last_reviewed(loaded: LoadedContent) -> None:
    """Every rule holds on the day of the newest review; that later days make content stale is what `ruta check` tells."""
    blocks = [block for topic in loaded.topics.values() for block in (topic.provenance, *topic.destinations.values())]
    last_review: date = max(block.reviewed_on for block in blocks)

    problems = check_content(FOLDER, LIMITS, last_review)

    assert [f"{p.path.relative_to(FOLDER)}:{p.line} {p.code}: {p.message}" for p in problems if not p.is_warning] == []
