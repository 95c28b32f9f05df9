"""Who may call the web chat, and the page it serves."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping

import pytest

from bot.errors import RequestRefused, SendFailed
from bot.i18n import LOCALES
from bot.messages import InboundMessage, WebhookRequest
from channels.base import SendRequest
from channels.webchat import WebChatChannel, WebChatSettings
from channels.webchat.identity import Identity
from tests.support.gateway import make_webchat, webchat_texts

TOKEN = "T" * 43
COOKIE = f"other=1; __Host-ruta_webchat={TOKEN}"
BODY = b'{"id": "0b0e3c9a-4f0e-4d0c-9b53-0d6d5f7c2a11", "kind": "text", "text": "hola"}'
GOOD = {"cookie": COOKIE, "content-type": "application/json", "sec-fetch-site": "same-origin"}


def call(headers: Mapping[str, str], body: bytes = BODY) -> WebhookRequest:
    """Build a call to the web chat."""
    path = "/webchat/messages"
    return WebhookRequest(path=path, url=f"https://ruta.example{path}", headers=dict(headers), body=body)


def test_message_has_the_cookie_s_address_when_the_page_calls() -> None:
    """Our own page in a browser with a cookie is let in, and speaks for that cookie's address."""
    channel = make_webchat()
    channel.verify_request(call(GOOD))
    (event,) = channel.parse_inbound(call(GOOD))
    assert isinstance(event, InboundMessage)
    assert event.address == channel.address_of({"cookie": COOKIE})
    assert TOKEN not in event.address


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"sec-fetch-site": "cross-site"}, 403, "origin_foreign", id="other site"),
        pytest.param({"sec-fetch-site": "same-site"}, 403, "origin_foreign", id="neighbouring site"),
        pytest.param(
            {"sec-fetch-site": "", "origin": "https://evil.example"}, 403, "origin_foreign", id="old browser, other site"
        ),
        pytest.param({"sec-fetch-site": "", "origin": ""}, 403, "origin_foreign", id="no word of an origin"),
        pytest.param({"content-type": "text/plain"}, 415, "content_type_unexpected", id="a form's content type"),
        pytest.param({"cookie": ""}, 401, "cookie_missing", id="no cookie"),
        pytest.param({"cookie": "__Host-ruta_webchat=short"}, 401, "cookie_missing", id="cookie of another form"),
        pytest.param({"cookie": f"ruta_webchat={TOKEN}"}, 401, "cookie_missing", id="cookie without its protection"),
        pytest.param({"cookie": "\x00;;=;"}, 401, "cookie_missing", id="broken cookie"),
    ],
)
def test_call_is_refused_when_it_is_not_our_page(changes: dict[str, str], status: int, code: str) -> None:
    """Other sites, forms and browsers without a cookie are refused before the body is read."""
    with pytest.raises(RequestRefused) as caught:
        make_webchat().verify_request(call({**GOOD, **changes}))
    assert (caught.value.status, caught.value.code) == (status, code)


def test_call_is_let_in_when_an_old_browser_names_our_origin() -> None:
    """Without the newer header the origin decides, against the operator's public address."""
    webchat, other_site = make_webchat(), {**GOOD, "sec-fetch-site": "", "origin": "https://other.example"}
    with pytest.raises(RequestRefused):
        webchat.verify_request(call(other_site))
    assert webchat.verify_request(call({**other_site, "origin": "https://ruta.example"})) is None


@pytest.mark.parametrize(
    ("is_secure", "days", "expected"),
    [
        (True, 30, f"__Host-ruta_webchat={TOKEN}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000; Secure"),
        (False, 0, f"ruta_webchat={TOKEN}; Path=/; HttpOnly; SameSite=Strict"),
    ],
    ids=["https", "http, until the browser is closed"],
)
def test_cookie_is_protected_when_it_is_made(is_secure: bool, days: int, expected: str) -> None:
    """Scripts and other sites can not read the cookie, and it proves the address it came with."""
    identity = Identity(is_secure=is_secure, days=days, new_token=lambda: TOKEN)
    address, cookie = identity.make()
    assert cookie == expected
    assert identity.read({"cookie": cookie.split(";")[0]}) == address


def test_addresses_differ_when_two_browsers_come() -> None:
    """Every browser gets an address of its own."""
    channel = make_webchat()
    assert channel.new_address()[0] != channel.new_address()[0]


async def test_sending_is_refused_when_somebody_tries() -> None:
    """Nothing is ever pushed to a browser."""
    with pytest.raises(SendFailed):
        await make_webchat().send("x", SendRequest({}))


def test_page_is_small_and_alone_when_it_is_served() -> None:
    """The page with all its parts stays under 60 KB and asks no other host for anything."""
    pages = make_webchat().pages()
    assert set(pages) == {"/webchat/", "/webchat/app.js", "/webchat/style.css"}
    assert sum(len(page.body) for page in pages.values()) < 60_000
    assert sum(len(gzip.compress(page.body)) for page in pages.values()) < 15_000
    everything = b"".join(page.body for page in pages.values()).decode()
    hosts = set(re.findall(r"https?://([\w.-]+)", everything))
    assert hosts <= {"www.w3.org"}  # The name of SVG, which nobody fetches.


def test_page_has_no_inline_code_when_it_is_served() -> None:
    """The strict content policy holds: no script, style or handler inside the page."""
    page = make_webchat().pages()["/webchat/"].body.decode()
    assert re.findall(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", page) == []
    assert re.findall(r"\sstyle=|\son[a-z]+=|<style", page) == []


def test_texts_are_complete_when_the_page_shows_them() -> None:
    """Every sentence that the page or its script asks for is there in every language."""
    pages = make_webchat().pages()
    page, script = pages["/webchat/"].body.decode(), pages["/webchat/app.js"].body.decode()
    assert "{{" not in page
    asked = set(re.findall(r'data-(?:text|label|placeholder)="([a-z_]+)"', page))
    asked |= set(re.findall(r'(?:text|say|makeHeard)\("([a-z_]+)"\)', script))
    asked |= set(re.findall(r'mark\(\w+, "([a-z_]+)"', script)) | {"refused"}
    assert len(asked) > 30
    data = json.loads(re.search(r'id="texts">(.*?)</script>', page).group(1))  # type: ignore[union-attr]
    assert set(data) == set(LOCALES)
    assert {(locale, key) for locale in LOCALES for key in asked if not data[locale].get(key)} == set()


def test_texts_can_not_end_the_data_when_one_looks_like_html() -> None:
    """A sentence with a closing tag stays data."""
    texts = {locale: {**sentences, "webchat.name": "</script><b>"} for locale, sentences in webchat_texts().items()}
    page = WebChatChannel(WebChatSettings(cookie_days=30), "http://x", texts).pages()["/webchat/"].body.decode()
    assert "</script><b>" not in page
