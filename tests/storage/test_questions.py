"""What became of unanswered questions, on SQLite and on a real PostgreSQL, also when two people act at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.orm import Session

from bot.editor.questions import AlreadyHandled, Questions
from bot.storage.models import UnansweredQuestion
from tests.support.builders import System


@pytest.fixture
def ids(system: System) -> list[int]:
    """Three open questions of two people."""
    with system.database.transaction() as session:
        rows = [
            UnansweredQuestion(
                person_hash=person, masked_text="x", locale="es", decision="choices", guesses="[]", asked_at=system.clock()
            )
            for person in ("a", "a", "b")
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def test_questions_are_counted_by_people_and_marked(system: System, ids: list[int]) -> None:
    """One person with two questions counts once; what was dealt with is no longer counted and can be taken back."""
    questions = Questions(system.database, system.clock)
    assert questions.count_people() == 2
    questions.mark(ids[2:], "ignored", lambda session: None)
    assert questions.count_people() == 1
    assert [question.id for question in questions.in_state("ignored")] == ids[2:]
    questions.reopen(ids[2:], "ignored", lambda session: None)
    assert [question.id for question in questions.in_state()] == ids[::-1]


def test_nothing_is_marked_when_what_belongs_to_it_fails(system: System, ids: list[int]) -> None:
    """The file could not be written: the questions are still open."""

    def fail(session: Session) -> None:
        raise OSError

    questions = Questions(system.database, system.clock)
    with pytest.raises(OSError):
        questions.mark(ids, "example", fail)
    assert len(questions.in_state()) == 3


def test_of_two_people_at_once_one_is_told(system: System, ids: list[int]) -> None:
    """Both press a button for overlapping questions: one does all of hers, the other none, and writes nothing."""
    questions, start, written = Questions(system.database, system.clock), Barrier(2), []

    def act(chosen: tuple[list[int], str]) -> bool:
        start.wait()
        try:
            questions.mark(chosen[0], chosen[1], lambda session: written.append(chosen[1]))
        except AlreadyHandled:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(act, [(ids[:2], "example"), (ids[1:], "ignored")]))
    assert sorted(done) == [False, True]
    assert len(written) == 1
    assert len(questions.in_state(written[0])) == 2
    assert len(questions.in_state()) == 1
