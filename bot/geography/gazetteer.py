"""Towns with their positions, from a file made of GeoNames data (CC BY 4.0, geonames.org).

Positions have two decimals, about a kilometre: enough for a distance in whole kilometres.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("gazetteer.tsv")
HOME = "ec"
EARTH_KILOMETRES = 6371.0
TOWN_POPULATION = 5_000
"""A position is told by a town of at least this size, if there is one within `TOWN_KILOMETRES`: a hamlet would say too much."""
TOWN_KILOMETRES = 25.0
FARTHEST_KILOMETRES = 120.0
"""Farther than this from any town we do not say where somebody is: at sea, or in the forest."""
PROVINCES = {
    "01": "Galápagos",
    "02": "Azuay",
    "03": "Bolívar",
    "04": "Cañar",
    "05": "Carchi",
    "06": "Chimborazo",
    "07": "Cotopaxi",
    "08": "El Oro",
    "09": "Esmeraldas",
    "10": "Guayas",
    "11": "Imbabura",
    "12": "Loja",
    "13": "Los Ríos",
    "14": "Manabí",
    "15": "Morona Santiago",
    "17": "Pastaza",
    "18": "Pichincha",
    "19": "Tungurahua",
    "20": "Zamora Chinchipe",
    "22": "Sucumbíos",
    "23": "Napo",
    "24": "Orellana",
    "25": "Santa Elena",
    "26": "Santo Domingo de los Tsáchilas",
}
"""Ecuador's provinces by the codes of GeoNames."""


@dataclass(frozen=True)
class Town:
    """A town; `province` only in Ecuador, `country` two small letters, `zone` a time zone such as America/Guayaquil."""

    name: str
    country: str
    province: str
    latitude: float
    longitude: float
    population: int
    zone: str
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from all others, for a button."""
        return f"{self.country}:{self.name}:{self.latitude}:{self.longitude}"


class Gazetteer:
    """All towns of a file."""

    def __init__(self, towns: Sequence[Town]) -> None:
        self.towns = tuple(towns)
        self._by_key = {town.key: town for town in towns}
        self._by_name: dict[tuple[str, str], list[Town]] = defaultdict(list)
        for town in towns:
            for name in (town.name, *town.names):
                self._by_name[town.country, name.casefold()].append(town)

    def by_key(self, key: str) -> Town | None:
        """Return the town with a key; None when this file has none."""
        return self._by_key.get(key)

    def by_name(self, name: str, country: str, province: str = "") -> Town | None:
        """Return the largest town of this exact name in a country, of this province where it is named."""
        found = self._by_name.get((country, name.casefold()), [])
        found = [town for town in found if not province or town.province == province] or found
        return max(found, key=lambda town: town.population, default=None)

    def largest(self, country: str, province: str = "") -> Town | None:
        """Return the largest town of a country, or of a province of Ecuador."""
        found = [town for town in self.towns if town.country == country and province in ("", town.province)]
        return max(found, key=lambda town: town.population, default=None)

    def nearest(self, latitude: float, longitude: float) -> Town | None:
        """Return the town that stands for a position; None far from all.

        The country is that of the nearest place of any size, the town a larger one of that country where one is near.
        """
        reach = math.degrees(FARTHEST_KILOMETRES / EARTH_KILOMETRES)
        wide = reach / max(math.cos(math.radians(latitude)), 0.1)
        around = [
            (kilometres(latitude, longitude, town.latitude, town.longitude), town)
            for town in self.towns
            if abs(town.latitude - latitude) <= reach and _longitude_apart(town.longitude, longitude) <= wide
        ]
        if not around:
            return None
        distance, closest = min(around, key=lambda pair: pair[0])
        if distance > FARTHEST_KILOMETRES:
            return None
        towns = [pair for pair in around if pair[1].country == closest.country and pair[1].population >= TOWN_POPULATION]
        near = [pair for pair in towns if pair[0] <= TOWN_KILOMETRES]
        return min(near, key=lambda pair: pair[0])[1] if near else closest


def kilometres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance over ground of two positions in degrees, by the haversine formula."""
    first, second = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    half = math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return 2 * EARTH_KILOMETRES * math.asin(math.sqrt(min(half, 1.0)))


@lru_cache(maxsize=1)
def read_gazetteer() -> Gazetteer:
    """Read the file once; 18,000 towns, about 12 MB."""
    towns = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        name, country, province, latitude, longitude, population, zone, names = line.split("\t")
        others = tuple(names.split("|")) if names else ()
        towns.append(Town(name, country, province, float(latitude), float(longitude), int(population), zone, others))
    return Gazetteer(towns)


def _longitude_apart(one: float, other: float) -> float:
    apart = abs(one - other)
    return min(apart, 360.0 - apart)
