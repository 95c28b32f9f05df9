"""Twilio's Messages and Content APIs on a loopback port: real wire format, scripted troubles, signed webhooks.

`serve(FakeTwilio(...).app)` from `tests.support.server` gives the address for `api_url` and `content_url` of
`WhatsAppSettings`; `tests.support.twilio_answers` holds the troubles. Names, numbers and texts in here are invented.
Where Twilio reports a bad template only later, the fake refuses it at once.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from bot.messages import WebhookRequest
from tests.support.twilio_answers import Answer, Refused, accept, refuse

ACCOUNT_SID = "AC" + "0f" * 16
AUTH_TOKEN = "a-fake-auth-token-of-the-tests-00"
SENDER = "whatsapp:+14155550100"
ADDRESS = "whatsapp:+593990000001"
PUBLIC_URL = "https://bot.example.org"
MESSAGE_PATH = "/webhooks/whatsapp"
STATUS_PATH = "/webhooks/whatsapp/status"

_FORM = "application/x-www-form-urlencoded"
_LONGEST_HANG = 30.0
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_LIMITS = {"body": 1024, "title": 20, "button": 20, "item": 24, "description": 72, "id": 200}


class _Fields(dict[str, list[str]]):
    """Fields of a form, repeated ones included, as the validator reads them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def content_sid(friendly_name: str) -> str:
    """Return the id that the fake gives to a template, the same in every run."""
    return "HX" + hashlib.md5(friendly_name.encode(), usedforsecurity=False).hexdigest()


@dataclass
class FakeTwilio:
    """Twilio as one account sees it.

    Attributes:
        public_url: the address of the gateway as Twilio knows it; webhooks are signed for it.
        page_size: the most templates on one page of a listing.
        calls: every accepted or refused call that sends a message, as its form fields; `ContentVariables` is read.
        contents: the templates in the account by their ids, in Twilio's form.
        content_calls: the calls to the Content API, for example `GET /v1/Content`.
        messages: the accepted messages by their ids, with the text or the filled-in template as `shown`.
    """

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    sender: str = SENDER
    public_url: str = PUBLIC_URL
    page_size: int = 50
    calls: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    content_calls: list[str] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._answers: deque[Answer] = deque()
        self._serial = 0
        self._lock = threading.Lock()
        messages = "/2010-04-01/Accounts/{account_sid}/Messages.json"
        routes = Starlette(
            routes=[
                Route(messages, self._message_called, methods=["POST"]),
                Route("/v1/Content", self._content_called, methods=["GET", "POST"]),
            ],
            exception_handlers={404: _not_found, Refused: _refused},
        )
        self.app: Callable[..., Any] = _abortable(routes)

    def script(self, replies: Sequence[Answer]) -> None:
        """Set the answers to the next calls, in order; after them every call is accepted."""
        self._answers = deque(replies)

    @property
    def unused(self) -> int:
        """How many scripted answers were not asked for."""
        return len(self._answers)

    def sent(self, address: str = ADDRESS) -> list[dict[str, Any]]:
        """Return the accepted messages to one contact, in order."""
        return [message for message in list(self.messages.values()) if message["to"] == address]

    def add_content(self, payload: Mapping[str, Any]) -> str:
        """Put a template into the account and return its id."""
        sid = content_sid(payload["friendly_name"])
        self.contents[sid] = {
            **payload,
            "sid": sid,
            "account_sid": self.account_sid,
            "date_created": "2026-01-01T00:00:00Z",
            "date_updated": "2026-01-01T00:00:00Z",
            "url": f"https://content.twilio.com/v1/Content/{sid}",
            "links": {
                "approval_create": f"https://content.twilio.com/v1/Content/{sid}/ApprovalRequests/whatsapp",
                "approval_fetch": f"https://content.twilio.com/v1/Content/{sid}/ApprovalRequests",
            },
        }
        return sid

    def new_sid(self, prefix: str = "SM") -> str:
        """Return a fresh id of a message."""
        with self._lock:
            self._serial += 1
            return f"{prefix}{self._serial:032x}"

    # What Twilio sends to us.

    def message(self, body: str = "", *, address: str = ADDRESS, sid: str = "", **fields: str) -> dict[str, str]:
        """Return the form of an inbound message; other fields are added or replace these."""
        sid = sid or self.new_sid()
        number = address.removeprefix("whatsapp:+")
        return {
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ProfileName": "Nombre Inventado",
            "MessageType": "text",
            "SmsSid": sid,
            "WaId": number if number.isdigit() else "",
            "SmsStatus": "received",
            "Body": body,
            "To": self.sender,
            "NumSegments": "1",
            "ReferralNumMedia": "0",
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "ChannelMetadata": json.dumps({"type": "whatsapp", "data": {"context": {"ProfileName": "Nombre Inventado"}}}),
            "From": address,
            "ApiVersion": "2010-04-01",
            **fields,
        }

    def tapped(self, token: str, title: str, **fields: str) -> dict[str, str]:
        """Return the form of a tapped button."""
        original = {"OriginalRepliedMessageSid": self.new_sid("MM"), "OriginalRepliedMessageSender": self.sender}
        form = {"MessageType": "interactive", "ButtonText": title, "ButtonPayload": token, **original}
        return self.message(title, **{**form, **fields})

    def chosen(self, token: str, title: str, **fields: str) -> dict[str, str]:
        """Return the form of a chosen list row."""
        form = {"MessageType": "interactive", "ListId": token, "ListTitle": title}
        return self.message(title, **{**form, **fields})

    def media(self, content_type: str, caption: str = "", message_type: str = "", **fields: str) -> dict[str, str]:
        """Return the form of a picture, voice message, document, sticker (`image/webp`) or card (`text/vcard`)."""
        sid = fields.pop("sid", "") or self.new_sid("MM")
        url = f"https://api.twilio.com/2010-04-01/Accounts/{self.account_sid}/Messages/{sid}/Media/ME{'0' * 32}"
        form = {
            "MessageType": message_type or _message_type(content_type),
            "NumMedia": "1",
            "MediaContentType0": content_type,
            "MediaUrl0": url,
        }
        return self.message(caption, sid=sid, **{**form, **fields})

    def location(self, latitude: float, longitude: float, **fields: str) -> dict[str, str]:
        """Return the form of a shared position."""
        form = {"MessageType": "location", "Latitude": str(latitude), "Longitude": str(longitude)}
        return self.message("", **{**form, **fields})

    def status(self, message_sid: str, state: str, error_code: str = "", *, address: str = ADDRESS) -> dict[str, str]:
        """Return the form of a delivery report: `queued`, `sent`, `delivered`, `read`, `undelivered` or `failed`."""
        form = {
            "SmsSid": message_sid,
            "SmsStatus": state,
            "MessageStatus": state,
            "To": address,
            "ChannelToAddress": address.removeprefix("whatsapp:"),
            "MessageSid": message_sid,
            "AccountSid": self.account_sid,
            "From": self.sender,
            "ApiVersion": "2010-04-01",
            "ChannelPrefix": "whatsapp",
            "ChannelInstallSid": "XE" + "0" * 32,
        }
        if error_code:
            form |= {"ErrorCode": error_code, "ErrorMessage": "Invented", "ChannelStatusMessage": "Invented"}
        return form | ({"EventType": "READ"} if state == "read" else {})

    def sign(self, url: str, body: str) -> str:
        """Return Twilio's signature of a call."""
        fields = _Fields()
        text = body.encode("utf-8", "replace").decode()
        for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
            fields.setdefault(name, []).append(value)
        return str(RequestValidator(self.auth_token).compute_signature(url, fields))

    def webhook(
        self,
        form: Mapping[str, str] | Iterable[tuple[str, str]] | str,
        path: str = MESSAGE_PATH,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> WebhookRequest:
        """Return a correctly signed call; `headers` replace ours, and an empty value removes one."""
        body = form if isinstance(form, str) else _encode(form)
        url = self.public_url + path
        sent = {"content-type": _FORM, "x-twilio-signature": self.sign(url, body), "user-agent": "TwilioProxy/1.1"}
        merged = {name: value for name, value in {**sent, **(headers or {})}.items() if value}
        return WebhookRequest(path=path, url=url, headers=merged, body=body.encode("utf-8", "surrogateescape"))

    async def deliver(self, gateway_url: str, *forms: Mapping[str, str], path: str = MESSAGE_PATH) -> list[httpx.Response]:
        """Call the gateway with each form, one after the other; give one twice for a repeat, or in any order."""
        requests = [self.webhook(form, path) for form in forms]
        async with httpx.AsyncClient(trust_env=False) as http:
            return [
                await http.post(gateway_url + request.path, content=request.body, headers=request.headers) for request in requests
            ]

    async def report(self, gateway_url: str, message_sid: str, *states: str, error_code: str = "") -> list[httpx.Response]:
        """Send delivery reports on an accepted message to where it asked for them; `error_code` goes with a failure."""
        message = self.messages[message_sid]
        path = urlsplit(message["status_callback"]).path
        forms = [
            self.status(message_sid, state, error_code if state in ("failed", "undelivered") else "", address=message["to"])
            for state in states
        ]
        return await self.deliver(gateway_url, *forms, path=path)

    # What we send to Twilio.

    async def _message_called(self, request: Request) -> Response:
        self._check_password(request)
        if request.path_params["account_sid"] != self.account_sid:
            raise Refused(refuse(20404, 404))
        fields: dict[str, Any] = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, strict_parsing=True))
        if "ContentVariables" in fields:
            fields["ContentVariables"] = _variables(fields["ContentVariables"])
        self.calls.append(fields)
        await self._follow_script(request)
        return JSONResponse(self._accept(fields), status_code=201)

    async def _content_called(self, request: Request) -> Response:
        self._check_password(request)
        self.content_calls.append(f"{request.method} {request.url.path}")
        await self._follow_script(request)
        if request.method == "GET":
            return JSONResponse(self._page(request))
        if request.headers.get("content-type") != "application/json":
            raise Refused(refuse(20001, 415))
        payload = await request.json()
        _check_template(payload)
        return JSONResponse(self.contents[self.add_content(payload)], status_code=201)

    def _check_password(self, request: Request) -> None:
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            raise Refused(refuse(20003, 401))

    async def _follow_script(self, request: Request) -> None:
        answer = self._answers.popleft() if self._answers else accept()
        if answer.act == "hang":
            await _wait_for_disconnect(request)
        if answer.act == "reset":
            request.scope["abort"]()
        if answer.act != "accept":
            raise Refused(answer)

    def _accept(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not fields.get("To", "").startswith("whatsapp:"):
            raise Refused(refuse(21211))
        if not fields.get("MessagingServiceSid") and fields.get("From") != self.sender:
            raise Refused(refuse(63007))
        shown = self._show(fields)
        sid = self.new_sid("MM" if "ContentSid" in fields else "SM")
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{sid}"
        answer = {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": shown.get("body", ""),
            "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
            "date_sent": None,
            "date_updated": "Thu, 01 Jan 2026 00:00:00 +0000",
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": fields.get("From"),
            "messaging_service_sid": fields.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "sid": sid,
            "status": "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": fields["To"],
            "uri": f"{uri}.json",
        }
        self.messages[sid] = {**answer, "shown": shown, "status_callback": fields.get("StatusCallback", "")}
        return answer

    def _show(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return what the contact sees: `{"body": ...}` and, of a template, its filled-in buttons or rows."""
        if "ContentSid" not in fields:
            body = fields.get("Body", "")
            if not body:
                raise Refused(refuse(21619))
            if len(body.encode("utf-16-le")) // 2 > 1600:
                raise Refused(refuse(21617))
            return {"body": body}
        content = self.contents.get(fields["ContentSid"])
        if content is None:
            raise Refused(refuse(21655))
        (content_type,) = content["types"].values()
        shown: dict[str, Any] = _filled(content_type, {**content["variables"], **fields.get("ContentVariables", {})})
        return shown

    def _page(self, request: Request) -> dict[str, Any]:
        size = min(int(request.query_params.get("PageSize", "50")), self.page_size)
        number = int(request.query_params.get("Page", "0"))
        contents = list(self.contents.values())
        base = f"{request.url.scheme}://{request.url.netloc}/v1/Content"

        def page_url(page: int) -> str:
            return f"{base}?PageSize={size}&Page={page}"

        is_last = (number + 1) * size >= len(contents)
        return {
            "contents": contents[number * size : (number + 1) * size],
            "meta": {
                "page": number,
                "page_size": size,
                "first_page_url": page_url(0),
                "previous_page_url": page_url(number - 1) if number else None,
                "url": page_url(number),
                "next_page_url": None if is_last else page_url(number + 1),
                "key": "contents",
            },
        }


def _abortable(routes: Starlette) -> Callable[..., Any]:
    """Return the application with `abort` in the scope, which drops a call as a lost connection does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        await routes({**scope, "abort": transport.abort if transport else None}, receive, send)

    return app


def _encode(form: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    return urlencode(list(form.items()) if isinstance(form, Mapping) else list(form))


def _message_type(content_type: str) -> str:
    kind = content_type.split("/")[0]
    known = {"image/webp": "sticker", "text/vcard": "contacts"}
    return known.get(content_type, kind if kind in ("image", "audio", "video") else "document")


def _variables(raw: str) -> dict[str, str]:
    """Read variables as strictly as https://www.twilio.com/docs/api/errors/21656 says."""
    try:
        values = json.loads(raw)
    except ValueError:
        raise Refused(refuse(21656)) from None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise Refused(refuse(21656))
    return values


def _filled(value: Any, variables: Mapping[str, str], name: str = "") -> Any:
    """Fill a template in, and refuse what Twilio or WhatsApp would refuse."""
    if isinstance(value, dict):
        return {key: _filled(inner, variables, key) for key, inner in value.items()}
    if isinstance(value, list):
        filled = [_filled(inner, variables) for inner in value]
        titles = [inner.get("title") or inner.get("item") for inner in filled]
        if len(set(titles)) != len(titles):
            raise Refused(refuse(63021))
        return filled
    text = _VARIABLE.sub(lambda match: _checked(variables.get(match[1], "")), str(value))
    if len(text.encode("utf-16-le")) // 2 > _LIMITS.get(name, 1600):
        raise Refused(refuse(63021))
    return text


def _checked(value: str) -> str:
    if not value.strip() or re.search(r"[\n\t]| {5}|\{\{|\}\}", value):
        raise Refused(refuse(21656))
    return value


def _check_template(payload: Any) -> None:
    """Refuse a template that lacks a part or a sample, https://www.twilio.com/docs/content/content-api-resources ."""
    types = payload.get("types", {})
    if not payload.get("friendly_name") or not payload.get("language") or len(types) != 1:
        raise Refused(refuse(20001))
    used = set(_VARIABLE.findall(json.dumps(types)))
    if not used or used != set(payload.get("variables", {})):
        raise Refused(refuse(92002))


async def _wait_for_disconnect(request: Request) -> None:
    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), _LONGEST_HANG)
    except asyncio.TimeoutError:
        return


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    answer = error.answer
    media_type = "application/json" if answer.body.startswith(b"{") else "text/html"
    return Response(answer.body, answer.status, dict(answer.headers), media_type)


async def _not_found(request: Request, error: Exception) -> Response:
    return await _refused(request, Refused(refuse(20404, 404)))
