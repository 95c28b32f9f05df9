"""What people said of the answers, counted by text; for `ruta content feedback` and the editor's first page."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.content.loader import LoadedContent
from bot.storage.models import AnswerFeedback
from bot.storage.session import Database

LOW_LEAST = 5
"""Fewer people than this say nothing about an answer."""
LOW_SHARE = 0.5
"""From this share of "did not help" on an answer counts as low-rated."""


@dataclass(frozen=True)
class AnswerCount:
    """How one text was rated.

    Attributes:
        is_current: it is the text that is sent now.
        reasons: how often each was given.
    """

    topic: str
    destination: str
    locale: str
    version: str
    helpful: int
    unhelpful: int
    reasons: tuple[tuple[str, int], ...]
    is_current: bool

    @property
    def is_low(self) -> bool:
        """Enough people said that the present text did not help."""
        total = self.helpful + self.unhelpful
        return self.is_current and total >= LOW_LEAST and self.unhelpful >= LOW_SHARE * total


def count_feedback(database: Database, loaded: LoadedContent, since: datetime | None = None) -> list[AnswerCount]:
    """Return the counts, the texts that helped least first.

    Args:
        since: aware; None counts all that is kept.
    """
    key = (AnswerFeedback.topic, AnswerFeedback.destination, AnswerFeedback.locale, AnswerFeedback.version)
    query = select(*key, AnswerFeedback.verdict, AnswerFeedback.reason, func.count())
    query = query.where(AnswerFeedback.given_at >= since) if since else query
    verdicts: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    reasons: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    with database.reading() as session:
        for topic, destination, locale, version, verdict, reason, count in session.execute(
            query.group_by(*key, AnswerFeedback.verdict, AnswerFeedback.reason)
        ):
            text = (topic, destination, locale, version)
            verdicts[text][verdict] += count
            if reason:
                reasons[text][reason] += count
    found = [
        AnswerCount(
            topic=text[0],
            destination=text[1],
            locale=text[2],
            version=text[3],
            helpful=said["helpful"],
            unhelpful=said["not"],
            reasons=tuple(reasons[text].most_common()),
            is_current=_is_current(loaded, *text),
        )
        for text, said in verdicts.items()
    ]
    return sorted(found, key=lambda one: (-one.unhelpful, one.topic, one.destination, one.locale, one.version))


def _is_current(loaded: LoadedContent, topic: str, destination: str, locale: str, version: str) -> bool:
    found = loaded.topics.get(topic)
    answer = found.answers.get((destination, locale)) if found else None
    return answer is not None and answer.text_hash == version
