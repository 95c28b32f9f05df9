"""Check that the addresses in the content still answer: sources, official addresses, facts and help points.

Only when somebody asks (`ruta content links`, or the button at the editor), never when something is saved: a page that is slow
today must not keep a text from people. Polite: few calls at once, one a second to a host. The results are kept in a file.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from aiolimiter import AsyncLimiter

from bot.content.loader import LoadedContent
from bot.content.writing import write_atomically
from bot.errors import RutaError

SECONDS = 20.0
"""How long a page may take."""
MOST_REDIRECTS = 5
MOST_AT_ONCE = 8
PAUSE_SECONDS = 1.0
"""Between two calls of one host."""
PROBES = ("https://www.gob.ec", "https://www.wikipedia.org", "https://www.iom.int")
"""Asked first: when none of them answers, it is our network that is down and not the pages."""

_AGENT = "RutaSegura-link-check/1.0"
_REFUSES_HEAD = frozenset({400, 403, 404, 405, 406, 429, 500, 501, 503})
"""Many servers answer HEAD so although the page is there: GET decides."""
_UNSURE = frozenset({401, 403, 429, 503})
"""The page is there but does not let programs in: a person must look."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NoNetwork(RutaError):
    """Nothing could be asked, so nothing was changed."""

    code = "no_network"


@dataclass(frozen=True)
class LinkResult:
    """What became of one address.

    Attributes:
        state: ok, moved (a lasting redirect), unsure (a person must look), broken.
        status: the last answer's status; 0: none came.
        leads_to: where redirects ended; empty without any.
        code: why, for example `not_found` or `timeout`.
        places: the files that name the address.
    """

    url: str
    state: str
    status: int
    leads_to: str
    code: str
    checked_at: str
    places: tuple[str, ...]

    @property
    def is_broken(self) -> bool:
        """Whether readers would not get the page."""
        return self.state == "broken"


def links_of(loaded: LoadedContent, folder: Path) -> dict[str, list[str]]:
    """Return the addresses of the content with the places that name them: files below the folder, or facts by id."""
    found: dict[str, list[str]] = defaultdict(list)
    for url, place in _named(loaded, folder):
        if urlsplit(url).scheme in ("http", "https") and place not in found[url]:
            found[url].append(place)
    return {url: places for url, places in sorted(found.items()) if places}


async def check_links(
    links: Mapping[str, Sequence[str]],
    clock: Callable[[], datetime],
    *,
    probes: Sequence[str] = PROBES,
    may_ask: Callable[[str], bool] | None = None,
    pause: float = PAUSE_SECONDS,
    seconds: float = SECONDS,
) -> list[LinkResult]:
    """Ask for every address and return what became of it, by address.

    Args:
        may_ask: tells whether a host may be asked; by default those of the public internet, so that content can not make us
            call our own machines.
        pause: seconds between two calls of one host.
        seconds: how long a page may take.

    Raises:
        NoNetwork: none of the probes answered.
    """
    limits = httpx.Limits(max_connections=MOST_AT_ONCE)
    headers = {"user-agent": _AGENT, "accept": "*/*"}
    async with httpx.AsyncClient(timeout=seconds, limits=limits, headers=headers, trust_env=False) as client:
        asker = _Asker(client, may_ask or is_public_host, pause)
        if not any([await asker.answers(probe) for probe in probes]):
            raise NoNetwork("no page could be reached; check the network and try again")
        now = clock().isoformat(timespec="seconds")
        results = await asyncio.gather(*(asker.result(url) for url in links))
        return [replace(one, checked_at=now, places=tuple(links[one.url])) for one in results]


def is_public_host(host: str) -> bool:
    """Tell whether a host has only addresses of the public internet."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(row[4][0]).split("%")[0]).is_global for row in found)


def read_results(path: Path) -> list[LinkResult]:
    """Return the results of the last check; none when there was none, or when the file cannot be read."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["links"]
        return [LinkResult(**{**row, "places": tuple(row["places"])}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def results_data(results: Sequence[LinkResult]) -> list[dict[str, object]]:
    """Return the results as plain data."""
    return [asdict(one) for one in results]


def link_lines(results: Sequence[LinkResult]) -> Iterator[str]:
    """Yield a line for each address that a person should look at, and one with the counts."""
    for one in results:
        if one.state != "ok":
            target = f" -> {one.leads_to}" if one.leads_to else ""
            yield f"{one.state} {one.status or '-'} {one.code or '-'} {one.url}{target} ({', '.join(one.places)})"
    counts = {state: sum(one.state == state for one in results) for state in ("ok", "moved", "unsure", "broken")}
    yield ", ".join(f"{count} {state}" for state, count in counts.items())


def write_results(path: Path, results: Sequence[LinkResult]) -> None:
    """Keep the results in one step."""
    write_atomically(path, json.dumps({"links": results_data(results)}, ensure_ascii=False, indent=1) + "\n")


class _Asker:
    """Asks one address after another of each host, several hosts at once."""

    def __init__(self, client: httpx.AsyncClient, may_ask: Callable[[str], bool], pause: float) -> None:
        self._client = client
        self._may_ask = may_ask
        self._limiters: dict[str, AsyncLimiter] = defaultdict(lambda: AsyncLimiter(1, pause))
        self._together = asyncio.Semaphore(MOST_AT_ONCE)

    async def answers(self, url: str) -> bool:
        """Tell whether anything at all answers there."""
        return (await self.result(url)).status > 0

    async def result(self, url: str) -> LinkResult:
        """Ask with HEAD, and with GET where that is refused."""
        found = await self._follow("HEAD", url)
        if found.status in _REFUSES_HEAD or found.code in ("protocol", "timeout"):
            found = await self._follow("GET", url)
        return found

    async def _follow(self, method: str, url: str) -> LinkResult:
        here, is_lasting = url, True
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = await self._ask(method, here)
            except _NotAsked as error:
                return _result(url, 0, here, error.code)
            target = response.headers.get("location", "")
            if response.status_code not in _REDIRECTS or not target:
                return _result(url, response.status_code, here, "", is_lasting=is_lasting)
            is_lasting = is_lasting and response.status_code in (301, 308)
            here = urljoin(here, target)
        return _result(url, 0, here, "too_many_redirects")

    async def _ask(self, method: str, url: str) -> httpx.Response:
        host = urlsplit(url).hostname or ""
        if urlsplit(url).scheme not in ("http", "https") or not host:
            raise _NotAsked("bad_address")
        async with self._limiters[host], self._together:
            if not await asyncio.to_thread(self._may_ask, host):
                raise _NotAsked("host_unknown")
            try:
                async with self._client.stream(method, url) as response:  # The head is enough; the page is not read.
                    return response
            except httpx.TimeoutException:
                raise _NotAsked("timeout") from None
            except httpx.ConnectError:
                raise _NotAsked("no_connection") from None
            except (httpx.HTTPError, httpx.InvalidURL, ValueError):
                raise _NotAsked("protocol") from None


class _NotAsked(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _result(url: str, status: int, here: str, code: str, *, is_lasting: bool = False) -> LinkResult:
    leads_to = here if here != url else ""
    if 200 <= status < 300:
        state = "moved" if leads_to and is_lasting else "ok"
    elif status in _UNSURE or code == "timeout":
        state = "unsure"
    else:
        state = "broken"
    named = {404: "not_found", 410: "gone", 401: "closed", 403: "closed", 429: "busy", 503: "busy"}
    return LinkResult(url, state, status, leads_to, code or named.get(status, ""), "", ())


def _named(loaded: LoadedContent, folder: Path) -> Iterator[tuple[str, str]]:
    for topic in loaded.topics.values():
        place = topic.path.relative_to(folder).as_posix()
        for block in (topic.provenance, *topic.destinations.values()):
            yield block.verify_url, place
            for source in block.sources:
                yield source.url, place
    for fact_id, fact in loaded.facts.items():
        yield str(fact.get("source_url") or ""), f"facts: {fact_id}"
        yield str(fact.get("url") or ""), f"facts: {fact_id}"
    for slug, point in loaded.help_points.items():
        for key in ("url", "source_url"):
            yield str(point.get(key) or ""), f"help-points/{slug}.yml"
