"""Serving the page: cookie, compression, caching, the way to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.gateway import PUBLIC_URL, Parts, make_webchat
from tests.support.server import serve

TOKEN = "T" * 43


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx.Client]:
    """A caller of a gateway that is reached over https."""
    with serve(parts.app([make_webchat(PUBLIC_URL)])) as url, httpx.Client(base_url=url) as made:
        yield made


@pytest.mark.parametrize(("path", "target"), [("/", "webchat/"), ("/webchat", "webchat/")])
def test_caller_is_led_to_the_page_when_the_address_is_short(client: httpx.Client, path: str, target: str) -> None:
    """The way to the page is relative, so that it is right behind any proxy."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, target)


def test_cookie_is_given_when_a_browser_has_none(client: httpx.Client) -> None:
    """A first visit gets an address, protected in every way that browsers offer."""
    cookie = client.get("/webchat/").headers["set-cookie"]
    assert re.fullmatch(r"__Host-ruta_webchat=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000; Secure", cookie)


def test_cookie_is_kept_when_a_browser_has_one(client: httpx.Client) -> None:
    """A later visit keeps its address, and fetches nothing that has not changed."""
    headers = {"cookie": f"__Host-ruta_webchat={TOKEN}"}
    answer = client.get("/webchat/", headers=headers)
    assert "set-cookie" not in answer.headers
    again = client.get("/webchat/", headers={**headers, "if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_cookie_is_given_when_a_browser_has_only_the_page(client: httpx.Client) -> None:
    """A browser that lost its cookie gets one with the page, even if it knows the page."""
    tag = client.get("/webchat/").headers["etag"]
    answer = client.get("/webchat/", headers={"if-none-match": tag})
    assert answer.status_code == 200
    assert "set-cookie" in answer.headers


def test_parts_are_kept_when_their_address_names_the_version(client: httpx.Client) -> None:
    """Script and style are asked for once, and are the same with and without compression."""
    page = client.get("/webchat/").text
    names = re.findall(r'(?:src|href)="((?:app\.js|style\.css)\?v=[0-9a-f]{12})"', page)
    assert len(names) == 2
    for name in names:
        packed = client.get(f"/webchat/{name}", headers={"accept-encoding": "gzip"})
        plain = client.get(f"/webchat/{name}", headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert packed.content == plain.content
        assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "set-cookie" not in packed.headers


def test_page_is_private_when_it_is_cached(client: httpx.Client) -> None:
    """The page carries a cookie, so no shared cache may keep it."""
    assert client.get("/webchat/").headers["cache-control"] == "private, no-cache"
