"""Which answers are past their review date, and which of them the bot therefore withholds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from bot.content.model import Topic

CRITICAL = "critical"
"""The sensitivity of topics that are withheld once they are past their review date."""


@dataclass(frozen=True)
class StaleAnswer:
    """A topic's general answer (`destination` empty), or its answer for one destination, that is past its review date."""

    topic_id: str
    destination: str
    sensitivity: str
    review_by: date

    @property
    def is_withheld(self) -> bool:
        """Whether people get the official source and a person instead."""
        return self.sensitivity == CRITICAL


def stale_answers(topics: Iterable[Topic], today: date) -> list[StaleAnswer]:
    """Return what is past its review date today, by topic and destination."""
    dated = [(topic, code, one) for topic in topics for code, one in {"": topic.provenance, **topic.destinations}.items()]
    stale = [StaleAnswer(t.id, code, t.sensitivity, one.review_by) for t, code, one in dated if today > one.review_by]
    return sorted(stale, key=lambda answer: (answer.topic_id, answer.destination))
