"""Logging: no secret in any line, nothing of what a contact writes, and the engine is quiet at every level."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from unittest import mock

import pytest
import structlog

from bot.conversations.turns import fresh_turn
from bot.logs import SecretFilter, set_up_logging, trace_id
from bot.messages import InboundKind
from tests.support.engine import NOW, shared_worker

TOKEN = "123456789:AAEinvented-token"


@pytest.fixture
def logging_state() -> Iterator[None]:
    """Put back the loggers, structlog's configuration, the warnings and the environment afterwards."""
    root, names = logging.getLogger(), list(logging.root.manager.loggerDict)
    handlers, level, levels = list(root.handlers), root.level, {name: logging.getLogger(name).level for name in names}
    with mock.patch.dict(os.environ), warnings.catch_warnings():
        yield
    structlog.reset_defaults()
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    for handler in [handler for handler in handlers if handler not in root.handlers]:
        root.addHandler(handler)
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def _record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("any", logging.INFO, "file.py", 1, message, args, None)


@pytest.mark.parametrize(
    ("message", "args"),
    [
        pytest.param(f"POST /bot{TOKEN}/sendMessage", (), id="in the message"),
        pytest.param("POST %s", (f"https://api/bot{TOKEN}/x",), id="in an argument"),
        pytest.param("%s and %s", (TOKEN, TOKEN), id="twice"),
        pytest.param("%(url)s", ({"url": TOKEN},), id="in a mapping"),
    ],
)
def test_a_secret_is_replaced_wherever_it_stands(message: str, args: tuple[object, ...]) -> None:
    """The line passes, the secret does not."""
    record = _record(message, *args)
    assert SecretFilter([TOKEN]).filter(record)
    assert TOKEN not in record.getMessage()
    assert "[secret]" in record.getMessage()


def test_a_longer_secret_is_replaced_as_a_whole() -> None:
    """When one secret begins like another, no end of the longer one is left over."""
    record = _record("key=abcdefgh-and-more")
    SecretFilter(["abcdefgh", "abcdefgh-and-more"]).filter(record)
    assert record.getMessage() == "key=[secret]"


def test_a_line_without_a_secret_is_left_alone() -> None:
    """Formatting is not touched; signs in a secret that mean something to a pattern are taken as they are."""
    record = _record("%d messages (a+b)", 3)
    SecretFilter(["(a+b)*.*....", "short", ""]).filter(record)
    assert (record.msg, record.args) == ("%d messages (a+b)", (3,))


@pytest.mark.usefixtures("logging_state")
def test_no_secret_is_printed_when_an_error_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback that names the called address loses the token too."""
    set_up_logging("INFO", [TOKEN])
    try:
        raise ConnectionError(f"cannot reach https://api/bot{TOKEN}/getMe")
    except ConnectionError:
        logging.getLogger("httpx.any").exception("failed for %s", TOKEN)
    said = capsys.readouterr().err
    assert "ConnectionError: cannot reach https://api/bot[secret]/getMe" in said
    assert "failed for [secret]" in said
    assert TOKEN not in said


@pytest.mark.usefixtures("logging_state")
def test_the_level_is_of_our_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """At DEBUG we say more; the engine and the provider's library stay quiet."""
    set_up_logging("DEBUG")
    logging.getLogger("bot.worker").debug("ours")
    for name in ("rasa.core.processor", "httpx", "twilio.http_client", "asyncio"):
        logging.getLogger(name).warning("theirs")
    said = capsys.readouterr().err
    assert "DEBUG bot.worker ours" in said
    assert "theirs" not in said


@pytest.mark.usefixtures("logging_state")
def test_structlog_is_quiet_below_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The engine's second logger, which prints everything unless it is told otherwise, prints errors only."""
    set_up_logging("DEBUG")
    logger = structlog.get_logger("rasa.core.processor")
    for say in (logger.debug, logger.info, logger.warning):
        say("processor.message.parse", text="what a contact wrote")
    assert capfd.readouterr() == ("", "")
    logger.error("processor.failed")
    assert "processor.failed" in "".join(capfd.readouterr())


@pytest.mark.engine
@pytest.mark.usefixtures("logging_state")
@pytest.mark.parametrize(
    "text",
    ["como saco el pasaporte zarigüeya", "zarigüeya qwerty asdf", "me secuestraron zarigüeya", '/restart{"a": "zarigüeya"}'],
    ids=["answered", "not understood", "urgent", "typed command"],
)
async def test_nothing_that_was_typed_is_logged(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A whole turn at DEBUG leaves no word of the contact in any record, whoever logs it, and none on the screen."""
    worker = shared_worker()
    set_up_logging("DEBUG")
    seen: list[str] = []
    watcher = logging.Handler()
    watcher.emit = lambda record: seen.append(f"{record.getMessage()} {record.__dict__}")  # type: ignore[method-assign]
    logging.getLogger().addHandler(watcher)
    for kind in (InboundKind.TEXT, InboundKind.EDITED):
        result = await worker.decide(replace(fresh_turn(text, "es", NOW), kind=kind))
        assert result.replies
    logging.getLogger("bot.worker").debug("the watcher sees")
    out, err = capfd.readouterr()
    assert any("the watcher sees" in line for line in seen)
    assert "the watcher sees" in err
    assert "zarigüeya" not in "".join([*seen, out, err])


def _json_lines(said: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.usefixtures("logging_state")
def test_json_lines_have_the_fields_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """One object on a line: time in UTC, level, event, and each field; numbers stay numbers."""
    set_up_logging("INFO", [], "json")
    logging.getLogger("bot.worker").info("turn_decided id=%s decision=%s milliseconds=%d", "6562-7", "answer", 12)
    (line,) = _json_lines(capsys.readouterr().err)
    assert datetime.fromisoformat(str(line.pop("time"))).utcoffset() == timedelta(0)
    assert line == {
        "level": "INFO",
        "logger": "bot.worker",
        "event": "turn_decided",
        "id": "6562-7",
        "decision": "answer",
        "milliseconds": 12,
    }


@pytest.mark.usefixtures("logging_state")
def test_json_lines_hide_secrets_and_keep_the_other_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """The filter works before the format, also inside an exception."""
    set_up_logging("INFO", [TOKEN], "json")
    try:
        raise ValueError(f"https://example.org/bot{TOKEN}")
    except ValueError:
        logging.getLogger("bot.gateway").exception("call_failed id=%s code=%s", "6562-7", TOKEN)
    said = capsys.readouterr().err
    (line,) = _json_lines(said)
    assert TOKEN not in said
    assert (line["event"], line["id"], line["code"]) == ("call_failed", "6562-7", "[secret]")
    assert "ValueError: https://example.org/bot[secret]" in str(line["exception"])


@pytest.mark.usefixtures("logging_state")
def test_json_lines_of_libraries_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that is not in our form is one message, with quotes and line breaks as JSON has them."""
    set_up_logging("INFO", [], "json")
    logging.getLogger("twilio.http_client").error('it said "%s"\nand went', "no")
    (line,) = _json_lines(capsys.readouterr().err)
    assert (line["event"], line["message"]) == ("library", 'it said "no"\nand went')


def test_a_trace_id_tells_two_messages_with_one_number_apart() -> None:
    """The number of a deleted row may be given out again; the id also holds when the message came."""
    first = trace_id(7, NOW)
    assert first.endswith("-7")
    assert trace_id(7, NOW + timedelta(seconds=1)) != first
    assert trace_id(7, NOW.astimezone(timezone(timedelta(hours=-5)))) == first
