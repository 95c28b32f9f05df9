"""Choose help near a town, and word it: up to three places with distance, hours, what to bring and check date. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_time, get_timezone

from bot.content.library import ContentLibrary
from bot.content.opening import closing_time, is_always_open, is_open, opening_text
from bot.conversations.needs import Need
from bot.geography.gazetteer import Gazetteer, Town, kilometres
from bot.i18n import N_, Catalogues, country_name, format_day

MOST_PLACES = 3
MOST_LINES = 2
"""Lines of a whole country that are named beside the places."""
MOST_NUMBERS = 4
FARTHEST_KILOMETRES = 150.0
"""Farther places are not "near": then the country's own lines are named."""
_HERE_KILOMETRES = 5.0
_COUNTRY_SERVICES = ("general", "police", "ambulance")
_CONFIDENCE = ("high", "medium", "low")

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Near:
    """A help point and how far it is from the town, in kilometres."""

    point: Point
    distance: float


class NearbySearch:
    """Searches the help points of the content as it stands now."""

    def __init__(self, library: ContentLibrary, texts: Catalogues, gazetteer: Gazetteer) -> None:
        self._library = library
        self._texts = texts
        self._gazetteer = gazetteer

    def near(self, town: Town, need: Need | None) -> list[Near]:
        """Return the nearest places of the town's country; of those equally far the best kind and the surest data first."""
        found = [
            Near(point, kilometres(town.latitude, town.longitude, point["lat"], point["lon"]))
            for point in self._points(town.country, need)
            if "lat" in point
        ]
        reachable = [one for one in found if one.distance <= FARTHEST_KILOMETRES]
        kinds = need.kinds if need else ()

        def order(one: Near) -> tuple[int, int, int, str]:
            kind = kinds.index(one.point["kind"]) if kinds else 0
            return round(one.distance), kind, _CONFIDENCE.index(one.point["confidence"]), one.point["name"]

        reachable.sort(key=order)
        return reachable[:MOST_PLACES]

    def has_any(self, country: str, need: Need) -> bool:
        """Tell whether anything in a country answers a need."""
        return bool(self._points(country, need))

    def nationwide(self, town: Town, need: Need | None) -> list[Point]:
        """Return the lines that answer from anywhere in the country."""
        found = [point for point in self._points(town.country, need) if "city" not in point and point.get("phone")]
        return sorted(found, key=lambda point: _CONFIDENCE.index(point["confidence"]))[:MOST_LINES]

    def place_text(self, near: Near, number: int, now: datetime, locale: str) -> str:
        """Return a place as lines of text.

        Args:
            now: aware; hours are told in the place's own time zone.
        """
        point = near.point
        where = self._say(locale, "nearby.here", place=point["city"])
        if near.distance > _HERE_KILOMETRES:
            where = self._say(locale, "nearby.about_km", place=point["city"], km=_rounded(near.distance))
        lines = [f"**{number}. {point['name']}**", where, point.get("address", "")]
        lines += self._reach(point, locale)
        lines.append(self._hours(point, now, locale))
        bring = _said(point, "what_to_bring", locale)
        lines += [self._say(locale, "nearby.bring", what=bring)] if bring else []
        lines += [_said(point, "note", locale), self._checked(point, locale)]
        return "\n".join(line for line in lines if line)

    def line_text(self, point: Point, locale: str) -> str:
        """Return a line of the whole country as lines of text."""
        lines = [f"**{point['name']}**", *self._reach(point, locale), _said(point, "hours", locale), self._checked(point, locale)]
        return "\n".join(line for line in lines if line)

    def numbers_text(self, country: str, need: Need | None, locale: str) -> str:
        """Return a country's numbers; where we know none it says so."""
        services = (*_COUNTRY_SERVICES, *(need.services if need else ()))
        numbers = self._library.emergency_numbers(services, country)
        if not numbers:
            return self._say(locale, "nearby.no_numbers", country=country_name(country, locale))
        rows = [f"- {n.name}: **{n.number}**" if n.name != n.number else f"- **{n.number}**" for n in numbers[:MOST_NUMBERS]]
        return "\n".join([self._say(locale, "reply.numbers_in", country=country_name(country, locale)), *rows])

    def _points(self, country: str, need: Need | None) -> list[Point]:
        points = self._library.loaded.help_points.values()
        return [one for one in points if one["country"] == country and (need is None or one["kind"] in need.kinds)]

    def _reach(self, point: Point, locale: str) -> list[str]:
        if point.get("phone"):
            return [self._say(locale, "nearby.phone", phone=point["phone"])]
        return [str(point["url"])] if point.get("url") else []

    def _hours(self, point: Point, now: datetime, locale: str) -> str:
        """Tell whether it is open now, where the data can be computed; else the hours as they were found, or that none were."""
        text = _said(point, "hours", locale)
        if "opening" not in point:
            return self._say(locale, "nearby.hours", hours=text) if text else self._say(locale, "nearby.hours_unknown")
        opening, zone = point["opening"], self._zone(point)
        text = text or opening_text(opening)
        if is_always_open(opening):
            return self._say(locale, "nearby.open_always")
        local = now.astimezone(zone) if zone else None
        if local is None or is_open(opening, local) is None:
            return self._say(locale, "nearby.hours", hours=text)
        closes = closing_time(opening, local)
        if closes is None:
            return self._say(locale, "nearby.closed_now", hours=text)
        return self._say(locale, "nearby.open_until", time=format_time(closes, "short", locale=locale), hours=text)

    def _zone(self, point: Point) -> Any:
        gazetteer, country = self._gazetteer, point["country"]
        town = gazetteer.nearest(point["lat"], point["lon"]) if "lat" in point else gazetteer.largest(country)
        return get_timezone(town.zone) if town else None

    def _checked(self, point: Point, locale: str) -> str:
        return self._say(locale, "nearby.checked", date=format_day(date.fromisoformat(point["checked_on"]), locale))

    def _say(self, locale: str, key: str, **values: object) -> str:
        return self._texts.text(locale, key, **values)


_KEYS = (
    *(N_("nearby.here"), N_("nearby.about_km"), N_("nearby.bring"), N_("nearby.no_numbers"), N_("nearby.phone")),
    *(N_("nearby.hours"), N_("nearby.hours_unknown"), N_("nearby.open_always"), N_("nearby.closed_now")),
    *(N_("nearby.open_until"), N_("nearby.checked")),
)
"""What `_say` looks up, marked for extraction."""


def _rounded(distance: float) -> int:
    """Return whole kilometres, in steps of five from ten on: the positions are those of towns."""
    return max(1, round(distance)) if distance < 10 else round(distance / 5) * 5


def _said(point: Point, key: str, locale: str) -> str:
    said = point.get(key) or {}
    return str(said.get(locale) or (said.get("en") if locale != "es" else "") or said.get("es") or "")
