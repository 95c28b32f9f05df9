"""Towns in what people type: slips, provinces, common words, cities abroad."""

from __future__ import annotations

import pytest
import yaml

from bot.conversations.place_finder import PlaceFinder
from tests.support.engine import ROOT

FINDER = PlaceFinder.open(ROOT / "intents")
PLACES = yaml.safe_load((ROOT / "intents" / "vocabulary" / "places.yml").read_text(encoding="utf-8"))["places"]


@pytest.mark.parametrize(
    ("text", "town", "country"),
    [
        ("Guallaquil", "Guayaquil", "ec"),
        ("estoy en huaquilas", "Huaquillas", "ec"),
        ("portobiejo", "Portoviejo", "ec"),
        ("vivo en duran", "Durán", "ec"),
        ("azuay", "Cuenca", "ec"),
        ("quininde", "Quinindé", "ec"),
        ("estoy en tapachula necesito albergue", "Tapachula", "mx"),
        ("tapachulla", "Tapachula", "mx"),
        ("necocli", "Necoclí", "co"),
        ("lima", "Lima", "pe"),
        ("ipiales", "Ipiales", "co"),
        ("tumbes peru", "Tumbes", "pe"),
        ("tegucigalpa", "Tegucigalpa", "hn"),
        ("cuenca españa", "Cuenca", "es"),
        ("san jose costa rica", "San José", "cr"),
        ("necesito ayuda en la ciudad de mexico", "Mexico City", "mx"),
        ("je suis à Guayaquil", "Guayaquil", "ec"),
        ("moro em Ibarra", "Ibarra", "ec"),
    ],
)
def test_towns_are_found_as_people_type_them(text: str, town: str, country: str) -> None:
    """In Ecuador and along the routes."""
    found = FINDER.find(text)
    assert found is not None
    assert (FINDER.shown(found.town), found.town.country) == (town, country)


@pytest.mark.parametrize("text", ["", "quiero un albergue para dormir", "hay ayuda legal cerca?", "cuánto cuesta la visa", "👍"])
def test_other_words_are_no_town(text: str) -> None:
    """What only looks like a name is not one."""
    assert FINDER.find(text) is None


def test_it_tells_whether_anything_else_was_said() -> None:
    """A town alone is an answer to "where are you?"; a town in a question is not."""
    alone, within = FINDER.find("estoy en Ibarra"), FINDER.find("necesito un pasaporte en Ibarra")
    assert alone is not None and alone.is_all
    assert within is not None and not within.is_all


def test_every_listed_place_stands_for_a_town() -> None:
    """No name of places.yml leads nowhere, and every offered town is there."""
    assert [name for name in PLACES if FINDER.of_list(name) is None] == []
    assert len(FINDER.offered()) == 8
