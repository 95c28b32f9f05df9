"""Counts of a survey show no small group, and rows are mixed without losing one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.conversations.statistics import SMALL, SMALL_TEXT
from bot.conversations.stories import Story, count_stories, mix_stories, month_of, months, store_story
from bot.errors import RutaError
from bot.privacy_tools import story_lines
from bot.storage.models import Base
from bot.storage.models import Story as StoredStory
from bot.storage.session import Database
from tests.support.builders import System

NOVEMBER = datetime(2026, 11, 23, 17, 42, tzinfo=timezone.utc)


def _tell(database: Database, times: int, at: datetime = NOVEMBER, **answers: str) -> None:
    with database.transaction() as session:
        for _ in range(times):
            store_story(session, Story("share_story", "2026-11", answers), at)


def _count(database: Database, since: str = "2026-11", until: str = "2026-11") -> tuple[object, dict[str, dict[str, int | str]]]:
    return count_stories(database, "share_story", *months(since, until))


def test_only_groups_above_ten_are_shown(system: System) -> None:
    """A small one is hidden, and what would give it away with it; who skipped a question is counted as such."""
    _tell(system.database, 30, origin="azuay", reason="work")
    _tell(system.database, 25, origin="loja")
    _tell(system.database, 4, origin="napo", reason="debts")
    people, tables = _count(system.database)
    assert people == 59
    assert tables["origin"] == {"azuay": 30, "loja": "withheld", "napo": SMALL_TEXT}
    assert tables["reason"] == {"debts": SMALL_TEXT, "unsaid": "withheld", "work": 30}
    assert list(story_lines(people, tables))[:2] == ["people\t-\t59", "origin\tazuay\t30"]


def test_ten_people_are_too_few_for_any_figure(system: System) -> None:
    """The eleventh shows the first one."""
    _tell(system.database, SMALL, origin="azuay")
    assert _count(system.database) == (SMALL_TEXT, {"origin": {"azuay": SMALL_TEXT}})
    _tell(system.database, 1, origin="azuay")
    assert _count(system.database) == (11, {"origin": {"azuay": 11}})


def test_whole_months_are_counted(system: System) -> None:
    """From the first month to the last, the end of the year in between."""
    for at in (datetime(2026, 10, 31, 23, 59, tzinfo=timezone.utc), NOVEMBER, datetime(2027, 1, 1, tzinfo=timezone.utc)):
        _tell(system.database, 11, at, risk="none")
    assert [
        _count(system.database, *span)[0] for span in (("2026-10", "2026-11"), ("2026-11", "2027-01"), ("2026-12", "2026-12"))
    ] == [
        22,
        22,
        0,
    ]
    assert months("2026-12", "2026-12")[1] == datetime(2027, 1, 1, tzinfo=timezone.utc)
    assert month_of(NOVEMBER) == datetime(2026, 11, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("since", "until"), [("2026-11-01", "2026-12"), ("noviembre", "2026-12"), ("2026-13", "2027-01"), ("2026-12", "2026-11")]
)
def test_bad_months_are_refused(since: str, until: str) -> None:
    """With a sentence that says how to write them."""
    with pytest.raises(RutaError, match="since"):
        months(since, until)


def test_mixing_keeps_every_row_and_changes_every_id(system: System) -> None:
    """Also more of them than one statement deletes; those of long ago stay as they are."""
    _tell(system.database, 1, NOVEMBER - timedelta(days=200), origin="napo")
    _tell(system.database, 1200, origin="azuay")
    before = _rows(system.database)
    mix_stories(system.database, NOVEMBER)
    after = _rows(system.database)
    assert sorted(row.answers for row in after) == sorted(row.answers for row in before)
    assert len({row.id for row in after} & {row.id for row in before}) == 1


def _rows(database: Database) -> list[StoredStory]:
    with database.reading() as session:
        return list(session.scalars(select(StoredStory)))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 25), min_size=1))
def test_no_small_figure_is_ever_printed(cells: dict[str, int]) -> None:
    """Whatever was answered how often."""
    database = Database("sqlite://")
    Base.metadata.create_all(database.engine)
    for option, times in cells.items():
        _tell(database, times, origin=option)
    people, tables = _count(database)
    shown = [count for table in tables.values() for count in table.values() if isinstance(count, int)]
    assert not any(0 < count <= SMALL for count in shown)
    assert not isinstance(people, int) or people == 0 or people > SMALL
    database.close()


def test_answers_are_stored_in_no_order_of_theirs(system: System) -> None:
    """Sorted by question, so that nothing tells which was given last."""
    _tell(system.database, 1, way="bus", company="alone")
    (row,) = _rows(system.database)
    assert row.answers == json.dumps({"company": "alone", "way": "bus"}, separators=(",", ":"))
    assert "alone" not in repr(Story("share_story", "1", {"company": "alone"}))
