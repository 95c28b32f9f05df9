"""Questions without a certain answer, as staff see them: masked, without anything that leads to the person."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.conversations.unanswered import STATES
from bot.storage.models import UnansweredQuestion
from bot.storage.session import Database

OPEN = STATES[0]
MOST_SHOWN = 10_000
"""The newest questions of a state that are looked at."""


class AlreadyHandled(Exception):
    """Somebody else has dealt with one of the questions meanwhile; nothing was changed."""


@dataclass(frozen=True)
class AskedQuestion:
    """One question.

    Attributes:
        person: counts people and never leaves the server.
        raw_guesses: as stored; thousands are listed, few are shown.
    """

    id: int
    text: str = field(repr=False)
    locale: str
    person: str = field(repr=False)
    asked_at: datetime
    raw_guesses: str

    @property
    def guesses(self) -> list[tuple[str, float]]:
        """(topic, probability), the likeliest first."""
        return [(str(guess["topic"]), float(guess["probability"])) for guess in json.loads(self.raw_guesses)]


@dataclass(frozen=True)
class QuestionGroup:
    """Questions that ask the same, the newest first.

    Attributes:
        people: how many different people asked.
    """

    questions: tuple[AskedQuestion, ...]
    people: int

    @property
    def guesses(self) -> list[tuple[str, float]]:
        """The topics that the bot took them for, with the mean probability, the likeliest first."""
        chances: dict[str, float] = {}
        for question in self.questions:
            for topic, chance in question.guesses:
                chances[topic] = chances.get(topic, 0.0) + chance / len(self.questions)
        return sorted(chances.items(), key=lambda guess: -guess[1])

    @property
    def locale(self) -> str:
        """The language of all of them."""
        return self.questions[0].locale

    @property
    def newest(self) -> datetime:
        """When the last one was asked."""
        return self.questions[0].asked_at

    @property
    def oldest(self) -> datetime:
        """When the first one was asked."""
        return self.questions[-1].asked_at

    @property
    def wordings(self) -> list[tuple[str, list[int]]]:
        """Each different text, the newest first, with the ids of the questions that have it."""
        found: dict[str, list[int]] = {}
        for question in self.questions:
            found.setdefault(question.text, []).append(question.id)
        return list(found.items())


class Questions:
    """Reads questions and notes what became of them.

    Args:
        clock: returns the present time, aware UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def in_state(self, state: str = OPEN) -> list[AskedQuestion]:
        """Return the questions of a state, the newest first."""
        table = UnansweredQuestion
        at = table.asked_at if state == OPEN else table.handled_at
        columns = (table.id, table.masked_text, table.locale, table.person_hash, table.asked_at, table.guesses)
        query = select(*columns).where(table.state == state).order_by(at.desc(), table.id.desc()).limit(MOST_SHOWN)
        with self._database.reading() as session:
            return [AskedQuestion(*row) for row in session.execute(query)]

    def count_people(self) -> int:
        """Return how many different people have a question that nobody has looked at."""
        people = func.count(UnansweredQuestion.person_hash.distinct())
        with self._database.reading() as session:
            return session.scalar(select(people).where(UnansweredQuestion.state == OPEN)) or 0

    def mark(self, ids: Collection[int], state: str, write: Callable[[Session], None]) -> None:
        """Note what became of open questions, and do what belongs to it in the same transaction.

        Args:
            write: called last; when it fails, the questions stay open.

        Raises:
            AlreadyHandled: one of them is not open any more.
        """
        self._change(ids, OPEN, state, self._clock(), write)

    def reopen(self, ids: Collection[int], state: str, write: Callable[[Session], None]) -> None:
        """Take back what was noted.

        Raises:
            AlreadyHandled: one of them is not in this state any more.
        """
        self._change(ids, state, OPEN, None, write)

    def _change(
        self, ids: Collection[int], before: str, after: str, at: datetime | None, write: Callable[[Session], None]
    ) -> None:
        those = (UnansweredQuestion.id.in_(set(ids)), UnansweredQuestion.state == before)
        with self._database.transaction() as session:
            changed = session.execute(update(UnansweredQuestion).where(*those).values(state=after, handled_at=at))
            if changed.rowcount != len(set(ids)):  # type: ignore[attr-defined]
                raise AlreadyHandled
            write(session)


def make_group(questions: Collection[AskedQuestion]) -> QuestionGroup:
    """Return these questions as a group."""
    ordered = sorted(questions, key=lambda question: (question.asked_at, question.id), reverse=True)
    return QuestionGroup(tuple(ordered), len({question.person for question in ordered}))


def rank_groups(groups: Collection[QuestionGroup]) -> list[QuestionGroup]:
    """Return the groups, those that most people ask first; among equals what was asked last."""
    return sorted(groups, key=lambda group: (group.people, group.newest, group.questions[0].id), reverse=True)
