"""Measure how long each page of the editor takes, from the call to its last byte, on the real content with the real program.

Beside the content it holds invented drafts, questions and ratings. One person calls one page after the other.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import httpx
import pyotp
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.editor.app import MODULES
from bot.editor.example_store import sentence_key
from bot.editor.roles import Need, Role
from bot.logs import set_up_logging
from tests.support.editor import PASSWORD, Person
from tests.support.invented import fill
from tests.support.office import Office, run_office

TARGET = 0.3
"""Seconds in which a page must be there."""
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
LEFT_OUT = re.compile(r"/log(in|out)|/invitation/.*|(/account)?/second-factor.*")
"""Pages of people who are not signed in, and those on which a second factor is set up."""
console = Console()


@dataclass
class Visitor:
    """A signed-in browser without scripts."""

    client: httpx.Client
    csrf: str = ""

    def sign_in(self, office: Office, person: Person) -> None:
        """Sign in by the forms."""
        self.csrf = self._token("/login")
        self._send("/login", email=person.email, password=PASSWORD)
        if person.secret:
            self._send("/second-factor", code=pyotp.TOTP(person.secret).at(time.time() + 30))

    def get(self, address: str) -> None:
        """Open a page."""
        answer = self.client.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"

    def post(self, address: str, **fields: str) -> None:
        """Send a form."""
        answer = self.client.post(address, data={"csrf": self.csrf, **fields}, headers={"hx-request": "true"})
        assert answer.status_code == 200, f"{address}: {answer.status_code}"

    def _token(self, address: str) -> str:
        found = _CSRF.search(self.client.get(address).text)
        assert found, "the page has no form"
        return found[1]

    def _send(self, address: str, **fields: str) -> None:
        answer = self.client.post(address, data={"csrf": self.csrf, **fields})
        assert answer.status_code == 303, f"{address}: {answer.status_code}"


@dataclass
class PageTimes:
    """The calls of one page, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def is_slow(self) -> bool:
        """Whether it usually takes longer than it may."""
        return median(self.seconds) > TARGET


def addresses(office: Office, draft: int, person: Person) -> dict[str, str]:
    """Return an address for each page, by its route; of several topics the one with the most text."""
    store = office.parts.example_store
    samples = {
        "topic_id": "work_visa",
        "destination": "us",
        "locale": "en",
        "path:path": "routes/passport/es.md",
        "slug": "registro-civil-quitumbe",
        "draft_id": str(draft),
        "staff_id": person.id,
        "name": "answers.xlsx",
    }
    found = {}
    for route in (route for pages in MODULES for route in pages.routes):
        if route.method != "GET" or LEFT_OUT.fullmatch(route.path) or route.needs is Need.PENDING:
            continue
        own = dict(samples)
        if route.path.startswith("/sentences/"):
            own["key"] = "reply.about_country"
        elif "{key}" in route.path:
            own |= {"topic_id": "passport", "locale": "es", "key": sentence_key(store.sentences("passport", "es")[0])}
        elif route.path.startswith("/facts/"):
            own["fact_id"] = "LP-002"
        found[route.path] = re.sub(r"\{([\w:]+)\}", lambda name, own=own: own[name[1]], route.path)
    found["/facts/new"] += "?file=legal-pathways"
    return {
        **found,
        "/facts?q=": "/facts?q=visa+turismo",
        "/topics?q=": "/topics?q=visa+trabajo",
        "/help-points?q=": "/help-points?q=registro+civil",
    }


def measure(visitor: Visitor, pages: dict[str, str], rounds: int, step: Callable[[], None]) -> dict[str, PageTimes]:
    """Call every page in turn, again and again, so that a busy moment of the machine does not fall on one page alone."""
    times = {name: PageTimes() for name in pages}
    preview = "/topics/work_visa/answer/us/es/preview"
    times[f"POST {preview}"] = PageTimes()
    for number in range(rounds + 1):
        for name, address in pages.items():
            _timed(lambda address=address: visitor.get(address), times[name], is_counted=number > 0)
        text = {"title": "Trabajar", "menu_title": "Trabajo", "lead": "Pida la visa antes de viajar. " * 15}
        _timed(lambda text=text: visitor.post(preview, **text), times[f"POST {preview}"], is_counted=number > 0)
        step()
    return times


def _timed(call: Callable[[], None], times: PageTimes, *, is_counted: bool) -> None:
    began = time.perf_counter()
    call()
    if is_counted:  # The first round fills what is kept between calls.
        times.seconds.append(time.perf_counter() - began)


def print_times(times: dict[str, PageTimes], first: float) -> None:
    """Print the slowest page first."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    table = Table(title=f"pages of the editor, target {1000 * TARGET:.0f} ms; {where}", title_justify="left")
    for column in ("page", "median", "worst", "n", ""):
        table.add_column(column, justify="left" if column in ("page", "") else "right")
    for name, page in sorted(times.items(), key=lambda row: -median(row[1].seconds)):
        middle, worst = f"{1000 * median(page.seconds):.0f} ms", f"{1000 * max(page.seconds):.0f} ms"
        table.add_row(name, middle, worst, str(len(page.seconds)), "missed" if page.is_slow else "met")
    console.print(table)
    missed = sum(page.is_slow for page in times.values())
    console.print(f"{len(times)} pages, {missed} missed; the first call after the start took {1000 * first:.0f} ms")


def main(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Calls of each page that count.")] = 12,
    questions: Annotated[int, typer.Option(min=0, max=5000, help="Questions without an answer.")] = 300,
    rated: Annotated[int, typer.Option(min=0, max=600, help="Answers that were rated, by eight people each.")] = 200,
) -> None:
    """Print the time of every page, median and worst; takes less than two minutes and needs no model."""
    set_up_logging("WARNING")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        tempfile.TemporaryDirectory(prefix="ruta-bench-") as folder,
        run_office(Path(folder)) as office,
    ):
        task = progress.add_task("invent what stands there", total=rounds + 2)
        admin = office.person(Role.ADMIN, "Ana")
        drafts = fill(office.parts, admin.id, questions, rated)
        progress.update(task, description="start the editor", advance=1)
        office.programs.start("editor")
        visitor = Visitor(httpx.Client(base_url=office.url, timeout=60))
        visitor.sign_in(office, admin)
        began = time.perf_counter()
        visitor.get("/")
        first = time.perf_counter() - began
        progress.update(task, description="wait until the folder is checked")
        _until_checked(visitor)
        progress.update(task, description="call the pages")
        times = measure(visitor, addresses(office, drafts[0], admin), rounds, lambda: progress.advance(task))
    print_times(times, first)


def _until_checked(visitor: Visitor) -> None:
    for _ in range(60):
        with suppress(httpx.HTTPError):
            if 'hx-trigger="load delay:2s"' not in visitor.client.get("/").text:
                return
        time.sleep(0.5)


if __name__ == "__main__":
    typer.run(main)
