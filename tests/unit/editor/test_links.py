"""The page of links: counted on the first page, shown with their places, started by who may write."""

from __future__ import annotations

import threading
from dataclasses import replace

from bot.editor.roles import Role
from bot.link_checks import LinkResult, links_of, write_results
from tests.support.editor import EditorWorld


def result(url: str, state: str) -> LinkResult:
    """Return a result as a check makes it."""
    return LinkResult(url, state, 404 if state == "broken" else 200, "", "", "2026-11-26T07:00:00+00:00", ("x",))


def test_broken_links_are_counted_and_named(world: EditorWorld) -> None:
    """Only those that still stand in the content; the page says where."""
    browser = world.browser(world.person(Role.READER))
    assert "Todavía no se comprobó" in browser.get("/links").text
    links = links_of(world.parts.library.loaded, world.parts.content)
    first, second, *_ = links
    write_results(
        world.parts.link_results, [result(first, "broken"), result(second, "ok"), result("https://old.example", "broken")]
    )
    assert '<strong class="count">1</strong> <span>enlaces rotos' in browser.get("/").text
    page = browser.get("/links").text
    assert first in page
    assert links[first][0] in page
    assert "old.example" not in page
    assert second not in page
    assert second in browser.get("/links?only=ok").text


def test_check_is_started_from_the_page(world: EditorWorld) -> None:
    """It runs beside the page, once at a time, and its results are there afterwards."""
    goes_on = threading.Event()
    url = next(iter(links_of(world.parts.library.loaded, world.parts.content)))

    def check(links: object, clock: object) -> list[LinkResult]:
        goes_on.wait(20)
        return [replace(result(url, "broken"), code="not_found")]

    world.parts.link_task._check = check
    browser = world.browser(world.person(Role.EDITOR))
    assert "Comenzó la comprobación" in browser.post("/links/check", follow=True).text
    assert "Se está comprobando" in browser.post("/links/check", follow=True).text
    goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "links":
            thread.join()
    assert "not_found" in browser.get("/links").text


def test_page_says_when_there_is_no_network(world: EditorWorld) -> None:
    """Nothing is called broken for that."""
    browser = world.browser(world.person(Role.EDITOR))
    browser.post("/links/check")
    for thread in threading.enumerate():
        if thread.name == "links":
            thread.join()
    assert "no llega a internet" in browser.get("/links").text
    assert not world.parts.link_results.exists()
