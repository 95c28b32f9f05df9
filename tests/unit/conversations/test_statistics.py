"""Figures about groups of people: none leads to a small group, not even with all others at hand."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversations.statistics import SMALL, SMALL_TEXT, WITHHELD_TEXT, Counts, Published, publish, read_counts
from bot.conversations.turns import Trace, TurnResult
from tests.support.builders import System, make_inbound

CELLS = st.lists(st.integers(1, 40), min_size=1, max_size=5).map(
    lambda counts: {f"c{n}": count for n, count in enumerate(counts)}
)


@st.composite
def _counts(draw: st.DrawFn) -> Counts:
    """People, each with one locale and one channel, and topics that overlap."""
    locales = draw(CELLS)
    people = sum(locales.values())
    cuts = sorted(draw(st.lists(st.integers(1, people), max_size=3)))
    channels = [end - start for start, end in zip([0, *cuts], [*cuts, people], strict=True) if end > start]
    topics = draw(st.lists(st.integers(1, people), max_size=5))
    return Counts(
        people,
        {f"t{n}": count for n, count in enumerate(topics)},
        locales,
        {f"k{n}": count for n, count in enumerate(channels)},
    )


def _totals(published: Published) -> set[int]:
    """Return the totals that an attacker knows: the one shown, and that of any table that adds up to it."""
    totals = {published.people} if isinstance(published.people, int) else set()
    for table in (published.locales, published.channels):
        if table and all(isinstance(count, int) for count in table.values()):
            totals.add(sum(count for count in table.values() if isinstance(count, int)))
    return totals


def _possible(table: dict[str, int | str], name: str, total: int) -> set[int]:
    """Return which values a hidden cell could have, by trying all: small cells 1 to 10, withheld ones 11 or more."""
    rest = total - sum(count for count in table.values() if isinstance(count, int))
    others = [cell for cell, count in table.items() if not isinstance(count, int) and cell != name]
    ranges = [range(1, SMALL + 1) if table[cell] == SMALL_TEXT else range(SMALL + 1, rest + 1) for cell in others]
    low, high = sum(r[0] for r in ranges if len(r)), sum(r[-1] for r in ranges if len(r))
    if any(not len(r) for r in ranges):
        return set()
    return {value for value in range(1, SMALL + 1) if low <= rest - value <= high}


@settings(max_examples=500, deadline=None)
@given(_counts())
def test_a_small_group_could_have_any_size(counts: Counts) -> None:
    """Whatever is shown, each figure hidden as "≤10" could be any number from 1 to 10, and no figure of ten or fewer is shown."""
    published = publish(counts)
    tables = [(counts.topics, published.topics), (counts.locales, published.locales), (counts.channels, published.channels)]
    for true, table in tables:
        assert set(true) == set(table)
        for name, shown in table.items():
            assert shown == true[name] if isinstance(shown, int) else shown in (SMALL_TEXT, WITHHELD_TEXT)
            assert (shown == SMALL_TEXT) == (true[name] <= SMALL) or counts.people <= SMALL
    for total, (_, table) in product(_totals(published), tables[1:]):
        for name, shown in table.items():
            if shown == SMALL_TEXT:
                assert _possible(dict(table), name, total) == set(range(1, SMALL + 1)), (published, name)


@pytest.mark.parametrize(
    ("locales", "shown"),
    [
        ({"es": 50, "en": 30}, {"es": 50, "en": 30}),
        ({"es": 50, "en": 30, "fr": 3}, {"es": 50, "en": WITHHELD_TEXT, "fr": SMALL_TEXT}),
        ({"es": 40, "en": 12, "fr": 1}, {"es": WITHHELD_TEXT, "en": WITHHELD_TEXT, "fr": SMALL_TEXT}),
        ({"es": 50, "en": 6, "fr": 5}, {"es": 50, "en": SMALL_TEXT, "fr": SMALL_TEXT}),
        ({"es": 50, "en": 3, "fr": 2}, {"es": WITHHELD_TEXT, "en": SMALL_TEXT, "fr": SMALL_TEXT}),
        ({"es": 4, "en": 5}, {"es": SMALL_TEXT, "en": SMALL_TEXT}),
    ],
    ids=["none small", "one small", "one small beside a tight one", "two that hide each other", "two that do not", "all small"],
)
def test_further_figures_are_withheld_where_needed(locales: dict[str, int], shown: dict[str, int | str]) -> None:
    """As few as possible, the smallest first."""
    people = sum(locales.values())
    published = publish(Counts(people, {}, locales, {"webchat": people}))
    assert published.locales == shown
    assert published.people == (people if people > SMALL else SMALL_TEXT)


def test_the_total_is_withheld_when_a_table_could_not_hide_otherwise() -> None:
    """Eleven and one make twelve: then no table tells the twelve."""
    published = publish(Counts(12, {"visa": 12}, {"es": 11, "en": 1}, {"webchat": 12}))
    assert published.people == WITHHELD_TEXT
    assert published.channels == {"webchat": WITHHELD_TEXT}


def test_nobody_is_shown_as_nobody() -> None:
    """An empty period tells nothing about anybody."""
    assert publish(Counts(0, {}, {}, {})).people == 0


def test_people_are_counted_once_in_their_period(system: System) -> None:
    """Two messages of one person are one person; what lies outside the days is not counted."""
    begun = system.clock()
    for address, channel, locale, topic in [
        ("a", "webchat", "es", "work_visa"),
        ("a", "webchat", "es", "work_visa"),
        ("a", "webchat", "es", "asylum"),
        ("b", "whatsapp", "fr", "asylum"),
        ("c", "whatsapp", "es", ""),
    ]:
        system.inbox.store([make_inbound(address=address, channel=channel, locale_hint=locale)])
        turn = system.turns().claim()
        assert turn is not None
        system.turns().commit(turn, TurnResult([], "", locale, "hint", trace=Trace("answer", topic)))
    system.clock.turn(days=1)
    system.inbox.store([make_inbound(address="d")])
    counts = read_counts(system.database, begun, begun + timedelta(days=1))
    assert counts.people == 3
    assert counts.topics == {"asylum": 2, "work_visa": 1}
    assert counts.locales == {"es": 2, "fr": 1}
    assert counts.channels == {"webchat": 1, "whatsapp": 2}
