"""Replies that contacts fetch: the stream, polling, the history, forgetting."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from bot.gateway import feed as gateway_feed
from bot.gateway.feed import read_id
from bot.storage.models import Base, Outbound
from tests.support.gateway import Parts, make_webchat
from tests.support.server import serve

OURS = {"sec-fetch-site": "same-origin"}
HTTP = "http://ruta.example"


@pytest.fixture
def url(parts: Parts) -> Iterator[str]:
    """A running gateway with the web chat."""
    with serve(parts.app([make_webchat(HTTP)], HTTP)) as address:
        yield address


@pytest.fixture
def browser(url: str) -> Iterator[httpx.Client]:
    """A browser that has opened the page."""
    with httpx.Client(base_url=url, headers=OURS, timeout=10) as client:
        client.get("/webchat/")
        yield client


def say(client: httpx.Client, text: str, **fields: Any) -> None:
    """Send a message as the page does."""
    body = {"id": str(uuid.uuid4()), "kind": "text", "text": text, "locale": "es", **fields}
    assert client.post("/webchat/messages", json=body).status_code == 200


def stream(client: httpx.Client, count: int, after: int = 0, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the first replies of a stream."""
    replies: list[dict[str, Any]] = []
    with client.stream("GET", f"/webchat/events?after={after}", headers=headers or {}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        while len(replies) < count:
            line = next(lines)
            if line.startswith('data: {"id"'):
                replies.append(json.loads(line[6:]))
    return replies


def html(replies: list[dict[str, Any]]) -> list[str]:
    """Return what is shown."""
    return [part["html"] for reply in replies for part in reply["parts"]]


def states(parts: Parts) -> list[str]:
    """Return the replies' states in order."""
    with parts.database.transaction() as session:
        return list(session.scalars(select(Outbound.state).order_by(Outbound.id)))


def test_reply_arrives_at_once_when_the_stream_is_open(parts: Parts, browser: httpx.Client) -> None:
    """A reply that is committed by another process reaches an open stream within a tenth of a second or little more."""
    say(browser, "hola")
    seen: list[float] = []

    def listen() -> None:
        stream(browser, 1)
        seen.append(time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.5)
    parts.worker.run_once()
    committed = time.monotonic()
    listener.join(10)
    assert seen[0] - committed < 0.25
    assert states(parts) == ["delivered"]


def test_reply_waits_when_nobody_fetches(parts: Parts, browser: httpx.Client) -> None:
    """The sending loop leaves a page's replies alone; they are delivered when they are fetched."""
    say(browser, "hola")
    parts.worker.run_once()
    time.sleep(0.3)
    assert states(parts) == ["queued"]
    assert html(browser.get("/webchat/poll?after=0").json()["replies"]) == ["<p>Eco: hola</p>"]
    assert states(parts) == ["delivered"]


def test_stream_goes_on_where_it_broke_when_the_browser_comes_back(parts: Parts, browser: httpx.Client) -> None:
    """`Last-Event-ID` wins over the address, and nothing is missing or repeated."""
    for text in ("a", "b", "c"):
        say(browser, text)
        parts.worker.run_once()
    first, second, third = stream(browser, 3)
    assert html([first, second, third]) == ["<p>Eco: a</p>", "<p>Eco: b</p>", "<p>Eco: c</p>"]
    assert stream(browser, 2, headers={"last-event-id": str(first["id"])}) == [second, third]
    assert stream(browser, 1, after=second["id"]) == [third]


def test_both_tabs_show_it_when_two_are_open(parts: Parts, browser: httpx.Client) -> None:
    """Every open stream of a contact gets each reply."""
    say(browser, "hola")
    found: list[list[str]] = []
    tabs = [threading.Thread(target=lambda: found.append(html(stream(browser, 1)))) for _ in range(2)]
    for tab in tabs:
        tab.start()
    time.sleep(0.4)
    parts.worker.run_once()
    for tab in tabs:
        tab.join(10)
    assert found == [["<p>Eco: hola</p>"]] * 2


def test_stream_says_that_it_lives_when_nothing_happens(browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent stream sends comments."""
    monkeypatch.setattr(gateway_feed, "HEARTBEAT_SECONDS", 0.05)
    with browser.stream("GET", "/webchat/events") as answer:
        lines = answer.iter_lines()
        assert any(next(lines) == ": still here" for _ in range(10))


def test_stream_ends_when_the_gateway_stops(parts: Parts) -> None:
    """Closing the streams lets the browsers come back to the next gateway, and refuses new ones."""
    app = parts.app([make_webchat(HTTP)], HTTP)
    with serve(app) as url, httpx.Client(base_url=url, headers=OURS) as client:
        client.get("/webchat/")
        with client.stream("GET", "/webchat/events") as answer:
            lines = answer.iter_lines()
            next(lines)
            app.state.begin_to_stop()
            list(lines)
        assert client.get("/webchat/events").status_code == 503


def test_stream_is_refused_when_a_contact_opens_too_many(browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page polls instead, so one browser can not use up the gateway."""
    monkeypatch.setattr(gateway_feed, "MOST_STREAMS_OF_ONE", 1)
    with browser.stream("GET", "/webchat/events") as first:
        lines = first.iter_lines()  # Kept: a reader that is dropped closes its stream.
        assert next(lines) == "retry: 2000"
        assert browser.get("/webchat/events").status_code == 503
        assert browser.get("/webchat/poll").status_code == 200


def test_history_shows_the_conversation_when_the_page_is_loaded_again(parts: Parts, browser: httpx.Client) -> None:
    """What was sent and answered comes back in order, what waits as it was written, with the place to go on from."""
    say(browser, "opciones")
    parts.worker.run_once()
    (reply,) = stream(browser, 1)
    token = reply["parts"][0]["quick_replies"][1]["token"]
    say(browser, "Visas", kind="quick_reply", quick_reply=token)
    before = browser.get("/webchat/history").json()
    assert [entry.get("sent", {}).get("text") for entry in before["entries"]] == ["opciones", None, "Visas"]
    assert (before["last_id"], before["is_waiting"]) == (reply["id"], True)
    parts.worker.run_once()
    after = browser.get("/webchat/history").json()
    assert after["entries"][2] == {"sent": {"kind": "quick_reply", "text": "Visas"}}
    assert html([after["entries"][3]["reply"]]) == ["<p>Eligió topic:visa</p>"]
    assert after["is_waiting"] is False


def test_history_is_empty_when_a_browser_is_new(browser: httpx.Client) -> None:
    """A first visit has no conversation and makes none."""
    assert browser.get("/webchat/history").json() == {"entries": [], "last_id": 0, "is_waiting": False}


def test_nothing_is_left_when_a_contact_forgets(parts: Parts, browser: httpx.Client) -> None:
    """Forgetting removes every row of the contact and the cookie, and nobody else's."""
    with httpx.Client(base_url=browser.base_url, headers=OURS) as other:
        other.get("/webchat/")
        say(other, "otra")
        say(browser, "opciones")
        while parts.worker.run_once():
            pass
        say(browser, "espera")
        answer = browser.post("/webchat/forget", json={})
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert browser.get("/webchat/history").status_code == 401
        assert html(other.get("/webchat/poll").json()["replies"]) == ["<p>Eco: otra</p>"]
    with parts.database.transaction() as session:
        counts = {table.name: session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables}
    assert {name: count for name, count in counts.items() if count} == {
        "contact": 1,
        "conversation": 1,
        "inbound_message": 1,
        "outbound_message": 1,
    }


def test_reply_is_not_kept_when_the_contact_forgot_meanwhile(parts: Parts, browser: httpx.Client) -> None:
    """A worker that was busy with the message can not bring the conversation back."""
    from bot.conversations.turns import TurnResult
    from bot.errors import LeaseLost
    from bot.messages import OutboundMessage

    say(browser, "hola")
    turn = parts.turns.claim()
    assert turn is not None
    browser.post("/webchat/forget", json={})
    with pytest.raises(LeaseLost):
        parts.turns.commit(turn, TurnResult([OutboundMessage("tarde")], "hola", "es", "default"))
    assert states(parts) == []


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"content-type": "text/plain"}], ids=["other site", "form"]
)
def test_forgetting_is_refused_when_another_site_asks(parts: Parts, browser: httpx.Client, headers: dict[str, str]) -> None:
    """Nobody can make a browser forget from outside."""
    say(browser, "hola")
    assert browser.post(
        "/webchat/forget", content=b"{}", headers={"content-type": "application/json", **headers}
    ).status_code in (403, 415)
    assert len(browser.get("/webchat/history").json()["entries"]) == 1


@pytest.mark.parametrize("path", ["events", "poll", "history"])
def test_fetching_is_refused_when_there_is_no_cookie(url: str, path: str) -> None:
    """Without an address there is no conversation to read, and somebody else's cookie form proves nothing."""
    answer = httpx.get(f"{url}/webchat/{path}", cookies={"ruta_webchat": "guess"})
    assert (answer.status_code, answer.json()) == (401, {"error": "cookie_missing"})


def test_conversations_are_apart_when_two_browsers_talk(parts: Parts, browser: httpx.Client) -> None:
    """A browser only ever sees its own replies."""
    with httpx.Client(base_url=browser.base_url, headers=OURS) as other:
        other.get("/webchat/")
        say(other, "secreto")
        say(browser, "hola")
        while parts.worker.run_once():
            pass
        assert html(browser.get("/webchat/poll").json()["replies"]) == ["<p>Eco: hola</p>"]


def test_others_still_come_when_one_reply_can_not_be_shown(
    parts: Parts, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A reply that breaks the renderer is empty and logged by its number."""
    from channels.webchat.render import render_message as real

    monkeypatch.setattr(
        "channels.webchat.channel.render_message", lambda message: real(message) if "b" in message.text else 1 / 0
    )
    for text in ("a", "b"):
        say(browser, text)
        parts.worker.run_once()
    with caplog.at_level(logging.ERROR):
        replies = browser.get("/webchat/poll").json()["replies"]
    assert [len(reply["parts"]) for reply in replies] == [0, 1]
    assert "reply_not_rendered channel=webchat outbound=1 error=ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(None, 0), ("", 0), ("7", 7), ("-1", 0), ("1.5", 0), ("٣", 0), ("9" * 19, 2**63 - 1), ("9" * 50, 0), ("x", 0)],
)
def test_id_is_read_when_a_browser_names_one(raw: str | None, expected: int) -> None:
    """Whatever a browser sends as an id is a number that the database takes."""
    assert read_id(raw) == expected


def test_poll_answers_when_the_id_is_absurd(browser: httpx.Client) -> None:
    """The highest id finds nothing, without an error."""
    assert browser.get(f"/webchat/poll?after={'9' * 19}").json() == {"replies": []}
