"""Towns, distances and the town that stands for a position."""

from __future__ import annotations

import pytest

from bot.geography.gazetteer import PROVINCES, kilometres, read_gazetteer

GAZETTEER = read_gazetteer()


def test_distances_are_those_over_ground() -> None:
    """Quito to Guayaquil is about 270 km; the date line does not make neighbours distant."""
    assert kilometres(-0.23, -78.52, -2.20, -79.89) == pytest.approx(267, abs=5)
    assert kilometres(0, 179.9, 0, -179.9) == pytest.approx(22, abs=1)


@pytest.mark.parametrize(
    ("position", "town", "country"),
    [
        ((-0.18, -78.48), "Quito", "ec"),
        ((-3.478, -80.24), "Huaquillas", "ec"),
        ((0.80, -77.73), "Tulcán", "ec"),
        ((14.90, -92.26), "Tapachula", "mx"),
        ((8.43, -76.78), "Necoclí", "co"),
        ((-12.05, -77.03), "Lima", "pe"),
    ],
)
def test_a_position_is_told_by_a_town(position: tuple[float, float], town: str, country: str) -> None:
    """By one that people know, not by a hamlet; also on both sides of a border."""
    found = GAZETTEER.nearest(*position)
    assert found is not None
    assert (found.name, found.country) == (town, country)


@pytest.mark.parametrize("position", [(0.0, -100.0), (89.9, 0.0), (-90.0, 180.0)])
def test_far_from_all_towns_nothing_is_guessed(position: tuple[float, float]) -> None:
    """The sea and the poles are nobody's town."""
    assert GAZETTEER.nearest(*position) is None


def test_every_province_has_towns() -> None:
    """Ecuador is complete, and each key names one town."""
    assert {town.province for town in GAZETTEER.towns if town.country == "ec"} == set(PROVINCES.values())
    assert all(GAZETTEER.by_key(town.key) for town in GAZETTEER.towns)
    assert GAZETTEER.by_key("ec:nowhere:0:0") is None
