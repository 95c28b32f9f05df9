"""Every route, with every role and without a sign-in: what may be opened, and by whom, is decided at one place."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from bot.editor.roles import Need, Role, may
from tests.support.editor import BrowserWithoutScripts, EditorWorld

OPEN_TO_ALL = {"/healthz", "/static/{name}"}
ENDS_SESSION = {"/account/sign-out-everywhere", "/logout", "/login"}
SAMPLES = {
    "topic_id": "work_visa",
    "destination": "general",
    "locale": "en",
    "token": "none",
    "staff_id": "none",
    "step": "none",
    "slug": "hias-quito",
}


def address_of(path: str) -> str:
    """Fill an address's parameters with things that exist where that matters."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: SAMPLES.get(found[1], "1"), path)


def call(browser: BrowserWithoutScripts, method: str, path: str) -> int:
    """Call a route and return the status."""
    address = address_of(path)
    return (browser.get(address) if method == "GET" else browser.post(address)).status_code


def test_every_route_is_behind_the_gate(world: EditorWorld) -> None:
    """Nothing is served around the gate but what has no secret."""
    gated = {(gate.route.path, gate.route.method) for gate in world.app.state.gates}
    served = {
        (route.path, "POST" if "POST" in route.methods else "GET") for route in world.app.routes if isinstance(route, Route)
    }
    assert len(gated) > 25
    assert {path for path, _ in served - gated} == OPEN_TO_ALL


def test_nobody_gets_in_when_not_signed_in(world: EditorWorld) -> None:
    """Without a sign-in a page leads to the form, and a form is refused with its text kept."""
    browser = world.browser()
    closed = [gate.route for gate in world.app.state.gates if gate.route.needs is not Need.ANYONE]
    assert len(closed) > 20
    for route in closed:
        answer = browser.get(address_of(route.path)) if route.method == "GET" else browser.post(address_of(route.path))
        if route.method == "GET":
            assert answer.status_code == 303, route.path
            assert answer.headers["location"].startswith("/login?next=/"), route.path
        else:
            assert answer.status_code == 401, route.path


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_role_opens_exactly_its_pages(world: EditorWorld, role: Role) -> None:
    """A page beyond the role answers 403; one within it does not."""
    browser = world.browser(world.person(role, translates="en" if role is Role.TRANSLATOR else ""))
    routes = [gate.route for gate in world.app.state.gates if gate.route.needs not in (Need.ANYONE, Need.PENDING)]
    routes.sort(key=lambda route: route.path in ENDS_SESSION)  # They end what the others need.
    refused = 0
    for route in routes:
        status = call(browser, route.method, route.path)
        assert (status == 403) == (not may(role, route.needs)), (route.method, route.path, status)
        assert status < 500, (route.method, route.path)
        refused += status == 403
    assert refused == sum(not may(role, route.needs) for route in routes)


def test_pages_of_the_sign_in_lead_on_when_signed_in(world: EditorWorld) -> None:
    """The second factor's pages are for those who have not brought it yet."""
    browser = world.browser(world.person(Role.EDITOR))
    pending = [gate.route for gate in world.app.state.gates if gate.route.needs is Need.PENDING]
    assert len(pending) >= 4
    assert {call(browser, route.method, route.path) for route in pending} == {303}


def test_only_the_second_factor_is_reachable_when_it_is_missing(world: EditorWorld) -> None:
    """A reviewer without a second factor is led to its set-up from everywhere."""
    reviewer = world.person(Role.REVIEWER, factor=False)
    browser = world.browser(reviewer)
    for gate in world.app.state.gates:
        if gate.route.needs not in (Need.ANYONE, Need.PENDING):
            answer = (
                browser.get(address_of(gate.route.path))
                if gate.route.method == "GET"
                else browser.post(address_of(gate.route.path))
            )
            assert (answer.status_code, answer.headers["location"]) == (303, "/second-factor"), gate.route.path


@pytest.mark.parametrize("given", ["", "0" * 64, "ñ"])
def test_form_is_refused_when_it_is_not_from_our_page(world: EditorWorld, given: str) -> None:
    """Every form needs this browser's token, also before the sign-in."""
    browser = world.browser(world.person(Role.EDITOR))
    posts = [gate.route for gate in world.app.state.gates if gate.route.method == "POST"]
    assert len(posts) > 10
    for route in posts:
        assert browser.client.post(address_of(route.path), data={"csrf": given}).status_code == 403, route.path


def test_token_of_another_browser_is_refused(world: EditorWorld) -> None:
    """A token belongs to the browser that it was given to."""
    stranger, browser = world.browser(), world.browser(world.person(Role.EDITOR))
    assert browser.client.post("/language", data={"csrf": stranger.csrf, "locale": "en"}).status_code == 403
    assert browser.post("/language", locale="en").status_code == 303


def test_headers_forbid_inline_scripts_and_frames(world: EditorWorld) -> None:
    """No page carries a script or a style of its own, and the policy would stop one."""
    browser = world.browser(world.person(Role.ADMIN))
    for address in ("/login", "/", "/topics", "/topics/passport", "/people", "/audit", "/account"):
        answer = browser.get(address)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", answer.text), address


def test_nothing_comes_from_outside(world: EditorWorld) -> None:
    """Every file that a page loads is ours."""
    page = world.browser().get("/login").text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len(loaded) >= 5
    assert [address for address in loaded if not address.startswith("/")] == []
    browser = world.browser()
    files = [address for address in loaded if address.startswith("/static/")]
    assert len(files) == 5
    for address in files:
        answer = browser.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
