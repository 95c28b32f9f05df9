"""Taking calls in: what is stored, what is refused, what the caller and the log see."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from bot.storage.models import Inbound
from tests.support.gateway import PUBLIC_URL, Parts, make_webchat
from tests.support.server import serve
from tests.unit.gateway.fakes import PATH, FakeChannel

RIGHT = {"x-secret": "right"}


def stored(parts: Parts) -> int:
    """Return how many messages are in the inbox."""
    with parts.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(Inbound)) or 0


def test_message_is_stored_when_it_is_acknowledged(parts: Parts, channel: FakeChannel) -> None:
    """The caller gets the channel's own words, after the message is safe."""
    with serve(parts.app([channel])) as url:
        answer = httpx.post(url + PATH, content=b"ana:1:hola", headers=RIGHT)
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "<ok/>", "text/xml; charset=utf-8")
    assert stored(parts) == 1


def test_repeat_is_acknowledged_and_dropped_when_it_comes_again(parts: Parts, channel: FakeChannel) -> None:
    """The same message twice is stored once."""
    with serve(parts.app([channel])) as url:
        answers = [httpx.post(url + PATH, content=b"ana:1:hola", headers=RIGHT).status_code for _ in range(3)]
    assert answers == [200, 200, 200]
    assert stored(parts) == 1


def test_url_is_the_public_one_when_the_caller_names_another_host(parts: Parts, channel: FakeChannel) -> None:
    """Signatures are checked over the operator's address with the raw path and query, whatever the Host header says."""
    with serve(parts.app([channel])) as url:
        httpx.post(
            f"{url}{PATH}?a=%20b&c", content=b"ana:1:x", headers={**RIGHT, "host": "evil.example", "x-forwarded-host": "evil"}
        )
    (seen,) = channel.seen
    assert (seen.url, seen.path) == (f"{PUBLIC_URL}{PATH}?a=%20b&c", PATH)


def test_call_is_refused_when_the_channel_refuses_it(
    parts: Parts, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    """A forged call gets its status and code, nothing is stored, and the log has the code alone."""
    caplog.set_level(logging.INFO, "bot")
    with serve(parts.app([channel])) as url:
        answer = httpx.post(url + PATH, content=b"ana:1:secreto", headers={"x-secret": "wrong"})
    assert (answer.status_code, answer.json()) == (403, {"error": "secret_wrong"})
    assert stored(parts) == 0
    lines = [record.getMessage() for record in caplog.records if record.name == "bot.gateway.webhooks"]
    assert lines == ["webhook_refused channel=fake status=403 code=secret_wrong"]


def test_caller_is_asked_to_come_again_when_we_have_a_fault(
    parts: Parts, channel: FakeChannel, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours is 503, so that the provider keeps the message."""
    with serve(parts.app([channel])) as url:
        answer = httpx.post(url + PATH, content=b"bug", headers=RIGHT)
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"error": "not_stored"}, "5")
    lines = [record.getMessage() for record in caplog.records if record.name == "bot.gateway.webhooks"]
    assert lines == ["webhook_failed channel=fake error=ZeroDivisionError"]


def test_caller_is_asked_to_come_again_when_the_database_is_gone(parts: Parts, channel: FakeChannel) -> None:
    """A message that could not be stored is never acknowledged."""
    with parts.database.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE inbound_message RENAME TO gone")
        connection.commit()
    with serve(parts.app([channel])) as url:
        answers = [httpx.post(url + PATH, content=f"ana:{n}:hola".encode(), headers=RIGHT).status_code for n in range(2)]
    assert answers == [503, 503]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", PATH, 405), ("POST", "/nowhere", 404), ("PUT", "/webchat/messages", 405), ("POST", "/webchat/", 405)],
)
def test_call_is_refused_when_there_is_no_such_route(
    parts: Parts, channel: FakeChannel, method: str, path: str, status: int
) -> None:
    """What we do not offer is refused plainly, with the security headers."""
    with serve(parts.app([channel, make_webchat()])) as url:
        answer = httpx.request(method, url + path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_contact_is_slowed_down_when_they_write_too_fast(parts: Parts) -> None:
    """A page that floods us is told to wait, and others are not affected."""
    body: dict[str, Any] = {"kind": "text", "text": "x"}
    headers = {"sec-fetch-site": "same-origin"}
    with serve(parts.app([make_webchat("http://x")], "http://x")) as url, httpx.Client(base_url=url, headers=headers) as fast:
        fast.get("/webchat/")
        answers = [fast.post("/webchat/messages", json={**body, "id": f"{0:032x}"})]
        while answers[-1].status_code == 200 and len(answers) < 2000:
            answers.append(fast.post("/webchat/messages", json={**body, "id": f"{len(answers):032x}"}))
        with httpx.Client(base_url=url, headers=headers) as other:
            other.get("/webchat/")
            assert other.post("/webchat/messages", json={**body, "id": f"{1:032x}"}).status_code == 200
    assert len(answers) > 120
    assert answers[-1].status_code == 429
    assert answers[-1].json() == {"error": "too_many_messages"}
