"""Find the town that a message names, slips forgiven: Ecuador's from staff's list and the gazetteer, and cities abroad. Pure.

Among towns of one name those of Ecuador come first, then the larger one; a country that the message names decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.conversations.concepts import Concepts, read_places
from bot.conversations.destinations import Destinations
from bot.conversations.words import Word, read_common_words, split_words
from bot.errors import RutaError
from bot.geography.gazetteer import HOME, Gazetteer, Town, read_gazetteer

MOST_WORDS = 60
"""Words of a message that are looked at."""
_LONGEST_NAME = 4
_SHORTEST = 4
_ONE_SLIP, _TWO_SLIPS = 5, 9
"""Letters of a name from which on one slip is forgiven, and two."""
_FUZZY_POPULATION = 15_000
"""Abroad only names of towns of this size forgive slips: with all of them every word would be like one."""
_FUZZY_COUNTRIES = frozenset(("ec", "co", "pe", "pa", "cr", "ni", "hn", "gt", "sv", "mx", "us", "es", "cl", "ve", "bo"))
_HOME_WEIGHT = 20
_HOME_POPULATION = 5_000
"""What a place in Ecuador counts as at least: GeoNames gives many cantons no population."""


@dataclass(frozen=True)
class FoundTown:
    """A town that was named.

    Attributes:
        is_all: the message says nothing else.
    """

    town: Town
    is_all: bool = False


@dataclass(frozen=True)
class Towns:
    """What `towns.yml` holds.

    Attributes:
        stands_for: names of `places.yml` under another name in the gazetteer.
        shown: names of the gazetteer that people know by another one.
        offered: what is offered when nobody has said where they are.
        leads: words after which a name that is also a common word means the town.
        around: words around a name in a message that says nothing but where somebody is.
    """

    stands_for: Mapping[str, str]
    shown: Mapping[str, str]
    offered: tuple[str, ...]
    leads: frozenset[str]
    around: frozenset[str]


class PlaceFinder:
    """Finds towns by name.

    Args:
        places: the names that staff keep, for Ecuador.
        towns: what `read_towns` read.
        common: words that are not a name by themselves.
    """

    def __init__(
        self,
        gazetteer: Gazetteer,
        places: Concepts,
        destinations: Destinations,
        towns: Towns,
        common: Collection[str] = (),
    ) -> None:
        self.gazetteer = gazetteer
        self._places = places
        self._destinations = destinations
        self._stands_for = towns.stands_for
        self._shown = towns.shown
        self._leads = towns.leads
        self._around = towns.around | towns.leads
        self._common = frozenset(common)
        self._offered = towns.offered
        self._names: dict[tuple[str, ...], list[Town]] = defaultdict(list)
        self._fuzzy: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for town in gazetteer.towns:
            for name in (town.name, *town.names):
                self._learn(town, tuple(word.text for word in split_words(name)))

    @classmethod
    def open(cls, intents: Path) -> PlaceFinder:
        """Return a finder with the vocabulary of an intents folder.

        Raises:
            RutaError: a file cannot be read.
        """
        folder = intents / "vocabulary"
        common = read_common_words(folder / "common-words.txt")
        towns = read_towns(folder / "towns.yml")
        places, destinations = read_places(folder / "places.yml", common), Destinations(folder / "destinations.yml")
        return cls(read_gazetteer(), places, destinations, towns, common)

    def shown(self, town: Town) -> str:
        """Return the name by which people know a town."""
        return self._shown.get(town.name, town.name) if town.country == HOME else town.name

    def listed(self) -> list[str]:
        """Return the names of `places.yml`."""
        return self._places.names()

    def offered(self) -> list[Town]:
        """Return the towns to offer when nobody has said where they are."""
        return [town for town in map(self._named, self._offered) if town]

    def find(self, text: str) -> FoundTown | None:
        """Return the town that a message names, or None when it names none for certain."""
        words = split_words(text)[:MOST_WORDS]
        named = self._destinations.find(text)  # A town of Ecuador counts as Ecuador there, so another country says more.
        countries = {one.value for one in named} - {HOME} or {one.value for one in named}
        of_countries = [text[one.start : one.end] for one in named if one.value in countries]
        around = self._around | {word.text for name in of_countries for word in split_words(name)}
        found = self._exact(words, countries, around) or self._listed(text, words) or self._misspelt(words, countries)
        if found is None:
            return None
        town, first, last = found
        others = {word.text for word in (*words[:first], *words[last + 1 :])}
        return FoundTown(town, others <= around)

    def of_list(self, name: str) -> Town | None:
        """Return the town that a name of `places.yml` stands for."""
        named = self._stands_for.get(name)
        if named:
            return self._named(named)
        towns = [town for town in self._names.get(tuple(name.split()), ()) if town.country == HOME]
        return max(towns, key=lambda town: town.population, default=None)

    def _named(self, listed: str) -> Town | None:
        """Return the town of Ecuador with this name, or of this name and province: "San Miguel, Cotopaxi"."""
        name, _, province = listed.partition(", ")
        return self.gazetteer.by_name(name, HOME, province)

    def _learn(self, town: Town, name: tuple[str, ...]) -> None:
        if not name or len(name) > _LONGEST_NAME or len("".join(name)) < _SHORTEST:
            return
        self._names[name].append(town)
        if town.country == HOME or (town.country in _FUZZY_COUNTRIES and town.population >= _FUZZY_POPULATION):
            self._fuzzy[len(name)].setdefault(" ".join(name), name)

    def _listed(self, text: str, words: Sequence[Word]) -> tuple[Town, int, int] | None:
        for place in self._places.find_places(text):
            town = self.of_list(place.name)
            inside = [index for index, word in enumerate(words) if place.start <= word.start < place.end]
            if town and inside:
                return town, inside[0], inside[-1]
        return None

    def _exact(self, words: Sequence[Word], countries: Collection[str], around: Collection[str]) -> tuple[Town, int, int] | None:
        best: tuple[Town, int, int] | None = None
        for first, last in _spans(len(words)):
            name = tuple(word.text for word in words[first : last + 1])
            towns = self._names.get(name)
            if not towns or not self._is_meant(words, first, last, around):
                continue
            if best is None or last - first > best[2] - best[1]:
                best = self._choose(name, towns, countries), first, last
        return best

    def _choose(self, name: tuple[str, ...], towns: Sequence[Town], countries: Collection[str]) -> Town:
        inside = [town for town in towns if town.country in countries]
        if not inside:
            listed = self._stands_for.get(" ".join(name))
            town = self._named(listed) if listed else None
            if town:
                return town
        return max(inside or towns, key=_weight)

    def _is_meant(self, words: Sequence[Word], first: int, last: int, around: Collection[str]) -> bool:
        """Tell whether a name that is also a common word is the town here."""
        if first != last or words[first].text not in self._common:
            return True
        rest = {word.text for index, word in enumerate(words) if index != first}
        return rest <= set(around) or (first > 0 and words[first - 1].text in self._leads)

    def _misspelt(self, words: Sequence[Word], countries: Collection[str]) -> tuple[Town, int, int] | None:
        for first, last in _spans(len(words)):
            said = [word.text for word in words[first : last + 1]]
            if said[0] in self._leads or all(word in self._common or word in self._around for word in said):
                continue
            text = " ".join(said)
            slips = 0 if len(text) < _ONE_SLIP else 1 if len(text) < _TWO_SLIPS else 2
            names = self._fuzzy.get(len(said), {})
            near = process.extractOne(text, names.keys(), scorer=OSA.distance, score_cutoff=slips) if slips else None
            # The first letter is seldom the slip, and "lima" must not become "rima".
            if near and near[0][0] == text[0] and len(near[0]) >= _ONE_SLIP:
                name = names[near[0]]
                return self._choose(name, self._names[name], countries), first, last
        return None


def _spans(count: int) -> Iterator[tuple[int, int]]:
    """Yield first and last word of all stretches, the longest first."""
    for size in range(min(_LONGEST_NAME, count), 0, -1):
        for first in range(count - size + 1):
            yield first, first + size - 1


def _weight(town: Town) -> int:
    return max(town.population, _HOME_POPULATION) * _HOME_WEIGHT if town.country == HOME else town.population


def read_towns(path: Path) -> Towns:
    """Read `towns.yml`.

    Raises:
        RutaError: it cannot be read; the text names it.
    """
    try:
        # The base loader: "no" is a word here, not a truth value.
        data: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
        words = {name: frozenset(word.text for row in data[name] for word in split_words(row)) for name in ("leads", "around")}
        return Towns(dict(data["stands_for"]), dict(data["shown"]), tuple(data["offered"]), **words)
    except (OSError, KeyError, TypeError, ValueError, UnicodeDecodeError, yaml.YAMLError) as error:
        blocks = "stands_for, shown, offered, leads and around"
        raise RutaError(f"{path}: there must be the blocks {blocks} ({type(error).__name__})") from error
