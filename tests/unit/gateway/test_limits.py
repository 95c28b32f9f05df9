"""Size and time of bodies, security headers, how often a contact may write."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.gateway.limits import Allowance
from bot.web import BodyLimit, SecurityHeaders
from tests.support.server import serve


async def _size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def make_app(max_bytes: int = 1000, seconds: float = 0.3) -> BodyLimit:
    """Build an application that tells how many bytes it got."""
    return BodyLimit(Starlette(routes=[Route("/", _size, methods=["GET", "POST"])]), max_bytes, seconds)


@pytest.mark.parametrize(
    ("size", "status", "text"),
    [
        (0, 200, "0"),
        (1000, 200, "1000"),
        (1001, 413, '{"error":"body_too_large"}'),
        (3_000_000, 413, '{"error":"body_too_large"}'),
    ],
)
def test_body_is_refused_when_it_is_too_large(size: int, status: int, text: str) -> None:
    """A body up to the limit arrives whole, a larger one is refused."""
    with serve(make_app()) as url:
        answer = httpx.post(url, content=b"x" * size)
    assert (answer.status_code, answer.text) == (status, text)


def test_body_is_refused_when_it_does_not_say_how_large_it_is() -> None:
    """A stream without a length is counted as it comes."""
    with serve(make_app()) as url:
        answer = httpx.post(url, content=(b"x" * 100 for _ in range(50)))
    assert answer.status_code == 413


def test_body_is_refused_when_it_comes_too_slowly() -> None:
    """A caller that stops in the middle is let go, and others are served meanwhile."""
    with serve(make_app()) as url:
        target = urlsplit(url)
        with socket.create_connection((str(target.hostname), target.port or 0), timeout=5) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nhalf")
            assert httpx.post(url, content=b"abc").text == "3"
            started = time.monotonic()
            answer = slow.recv(2000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'{"error":"body_too_slow"}' in answer
    assert time.monotonic() - started < 3


def test_reading_is_not_disturbed_when_there_is_no_body() -> None:
    """A plain question passes as it is."""
    with serve(make_app()) as url:
        assert httpx.get(url).text == "0"


@pytest.mark.parametrize(("is_https", "expected"), [(True, "max-age=31536000"), (False, None)], ids=["https", "http"])
def test_security_headers_are_there_when_anything_is_answered(is_https: bool, expected: str | None) -> None:
    """Every answer is closed to other sites, and stays on https where we have it."""
    with serve(SecurityHeaders(make_app(), is_https)) as url:
        headers = httpx.get(url).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers.get("strict-transport-security") == expected


async def test_allowance_ends_when_a_contact_writes_too_much() -> None:
    """Each contact has a number of messages, and the longest silent one is forgotten when there are too many."""
    allowance = Allowance(messages=2, seconds=60, most=2)
    assert [await allowance.take("ana") for _ in range(3)] == [True, True, False]
    assert await allowance.take("eva")
    assert await allowance.take("sol")
    assert await allowance.take("ana")


def test_bodies_are_refused_when_they_are_too_much_together() -> None:
    """Many half-sent bodies do not fill the memory; when they are gone, others are served again."""
    limited = BodyLimit(Starlette(routes=[Route("/", _size, methods=["POST"])]), max_bytes=1000, seconds=5, max_together=1500)
    with serve(limited) as url:
        target = urlsplit(url)
        with socket.create_connection((str(target.hostname), target.port or 0), timeout=5) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n" + b"x" * 999)
            deadline = time.monotonic() + 5
            while (refused := httpx.post(url, content=b"x" * 900)).status_code == 200 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert (refused.status_code, refused.json()) == (503, {"error": "busy"})
            assert refused.headers["retry-after"]
        deadline = time.monotonic() + 5
        while (answer := httpx.post(url, content=b"x" * 900)).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert answer.text == "900"
