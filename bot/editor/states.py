"""What state an answer is in: translated, out of date, missing; reviewed, near its review date, past it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from enum import Enum

from bot.content.loader import LoadedContent
from bot.content.model import Answer, Provenance, Topic
from bot.i18n import N_, SOURCE_LOCALE

NEAR_DAYS = 14
"""How many days before its review date an answer is shown as near it."""


class TextState(str, Enum):
    """How a text of one language stands to its source."""

    SOURCE = "source"
    CURRENT = "current"
    DRIFTED = "drifted"
    MISSING = "missing"


class ReviewState(str, Enum):
    """How a review date stands to the present day."""

    GOOD = "good"
    NEAR = "near"
    PAST = "past"


TEXT_KEYS = {
    TextState.SOURCE: N_("editor.state.source"),
    TextState.CURRENT: N_("editor.state.current"),
    TextState.DRIFTED: N_("editor.state.drifted"),
    TextState.MISSING: N_("editor.state.missing"),
}
REVIEW_KEYS = {
    ReviewState.GOOD: N_("editor.state.good"),
    ReviewState.NEAR: N_("editor.state.near"),
    ReviewState.PAST: N_("editor.state.past"),
}
TEXT_TAGS = {TextState.SOURCE: "good", TextState.CURRENT: "good", TextState.DRIFTED: "soon", TextState.MISSING: ""}
REVIEW_TAGS = {ReviewState.GOOD: "", ReviewState.NEAR: "soon", ReviewState.PAST: "late"}


def text_state(topic: Topic, destination: str, locale: str) -> TextState:
    """Return how the text for a destination in a locale stands; the Spanish one is the source."""
    answer = topic.answers.get((destination, locale))
    if answer is None:
        return TextState.MISSING
    if locale == SOURCE_LOCALE:
        return TextState.SOURCE
    return TextState.DRIFTED if _has_drifted(topic, answer) else TextState.CURRENT


def review_state(block: Provenance, today: date) -> ReviewState:
    """Return how a block's review date stands."""
    if today > block.review_by:
        return ReviewState.PAST
    return ReviewState.NEAR if block.review_by - today <= timedelta(days=NEAR_DAYS) else ReviewState.GOOD


def blocks(topic: Topic) -> dict[str, Provenance]:
    """Return the general block (under the empty code) and those of the destinations."""
    return {"": topic.provenance, **topic.destinations}


def worst_review(topic: Topic, today: date) -> tuple[ReviewState, date]:
    """Return the state and the date of the block that must be reviewed first."""
    first = min(blocks(topic).values(), key=lambda block: block.review_by)
    return review_state(first, today), first.review_by


def drifted(loaded: LoadedContent) -> Iterator[tuple[Topic, Answer]]:
    """Yield the translations whose source has changed since."""
    for topic in loaded.topics.values():
        for (_, locale), answer in sorted(topic.answers.items()):
            if locale != SOURCE_LOCALE and _has_drifted(topic, answer):
                yield topic, answer


def _has_drifted(topic: Topic, answer: Answer) -> bool:
    source = topic.answers.get((answer.destination, answer.translation_of or SOURCE_LOCALE))
    return source is not None and source.text_hash != answer.source_hash
