"""What the fake Twilio can be told to answer: success, Twilio's errors, a proxy's page, silence, a lost connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    21211: "Invalid 'To' Phone Number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21619: "Message body, media URL or content SID is required",
    21655: "The ContentSid is Invalid",
    21656: "The Content Variables parameter is invalid.",
    63007: "Twilio could not find a Channel with the specified From address",
}


@dataclass(frozen=True)
class Answer:
    """What the fake does with one call.

    Args:
        act: `accept` runs the call; `answer` sends `status` and `body`; `hang` never answers; `reset` drops the call.
    """

    act: str = "accept"
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def accept() -> Answer:
    """Run the call as usual."""
    return Answer()


def refuse(code: int, status: int = 400, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with an error in Twilio's form, https://www.twilio.com/docs/usage/twilios-response ."""
    body = {
        "code": code,
        "message": _MESSAGES.get(code, "The call was refused"),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Answer("answer", status, json.dumps(body).encode(), headers or {})


def slow_down(seconds: int | None = None) -> Answer:
    """Answer 429, with the time to wait if there is one."""
    return refuse(20429, 429, {} if seconds is None else {"Retry-After": str(seconds)})


def server_error(status: int = 503) -> Answer:
    """Answer as a proxy in front of Twilio does: a page instead of JSON."""
    return Answer("answer", status, b"<html><body>upstream connect error</body></html>")


def hang() -> Answer:
    """Take the call and never answer."""
    return Answer("hang")


def reset() -> Answer:
    """Drop the connection in the middle of the call."""
    return Answer("reset")


class Refused(Exception):
    """A call has a fault that Twilio would find."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
