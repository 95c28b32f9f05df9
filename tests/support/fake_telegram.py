"""A Bot API on a loopback port: real wire format and scripted troubles. The updates are in `telegram_updates`.

`serve(FakeTelegram(...).app)` from `tests.support.server` gives the address for `TelegramSettings.api_url`.
Names, numbers and texts in here are invented.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.telegram_updates import BOT, EPOCH, Updates

__all__ = ["FakeTelegram", "Updates"]

TOKEN = "123456789:AAFakeTokenThatOpensNothingAtAll00000"
SECRET = "a-fake-webhook-secret-of-the-tests"
_NUMBERS = {"chat_id", "offset", "limit", "timeout", "max_connections", "message_id"}
_TAGS = {"b", "strong", "i", "em", "u", "s", "a", "code", "pre", "blockquote", "tg-spoiler"}
_LONGEST_HANG = 30.0


@dataclass(frozen=True)
class Answer:
    """What the fake does with one call.

    Args:
        act: `accept` runs the method; `answer` sends `status` and `body`; `hang` never answers; `reset` drops
            the connection.
    """

    act: str = "accept"
    status: int = 200
    body: bytes = b""


def accept() -> Answer:
    """Run the method as usual."""
    return Answer()


def refuse(status: int, description: str, parameters: Mapping[str, int] | None = None) -> Answer:
    """Answer with an error in the Bot API's form, for example `refuse(400, "Bad Request: chat not found")`."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = dict(parameters)
    return Answer("answer", status, json.dumps(body).encode())


def slow_down(seconds: int) -> Answer:
    """Answer 429 with the time to wait."""
    return refuse(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


def blocked() -> Answer:
    """Answer that the contact has blocked the bot."""
    return refuse(403, "Forbidden: bot was blocked by the user")


def server_error(status: int = 502) -> Answer:
    """Answer as the proxy in front of the Bot API does: a page instead of JSON."""
    return Answer("answer", status, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")


def hang() -> Answer:
    """Take the call and never answer."""
    return Answer("hang")


def reset() -> Answer:
    """Drop the connection in the middle of the call."""
    return Answer("reset")


class _Refused(Exception):
    """A method found fault with its parameters."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass
class FakeTelegram:
    """Telegram as one bot sees it.

    Attributes:
        app: the ASGI application to serve.
        calls: every call but `getUpdates`, as `{"method": ..., **parameters}` with JSON read and numbers as numbers;
            what a webhook response asks for is in here too, with `"via": "webhook"`.
        polls: the parameters of each `getUpdates`.
        commands: what `setMyCommands` left behind, by scope and language.
        webhook: what `setWebhook` left behind; empty without a webhook.
    """

    token: str = TOKEN
    secret: str = SECRET
    webhook_path: str = "/webhooks/telegram"
    calls: list[dict[str, Any]] = field(default_factory=list)
    polls: list[dict[str, Any]] = field(default_factory=list)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._answers: deque[Answer] = deque()
        self._poll_answers: deque[Answer] = deque()
        self._waiting: list[dict[str, Any]] = []
        self._renumbered: set[int] = set()
        self._poll_serial = 0
        self._last_message_id = 1000
        route = Route("/bot{token}/{method}", self._called, methods=["GET", "POST"])
        self.app: Callable[..., Any] = _with_abort(Starlette(routes=[route]))

    def script(self, replies: Sequence[Answer]) -> None:
        """Set the answers to the next calls but `getUpdates`, in order; after them every call is accepted."""
        self._answers = deque(replies)

    def script_polls(self, replies: Sequence[Answer]) -> None:
        """Set the answers to the next calls of `getUpdates`."""
        self._poll_answers = deque(replies)

    @property
    def unused(self) -> int:
        """How many scripted answers were not asked for."""
        return len(self._answers) + len(self._poll_answers)

    @property
    def waiting(self) -> list[int]:
        """The ids of the updates that no poll has confirmed."""
        return [update["update_id"] for update in self._waiting]

    def sent(self, chat_id: int) -> list[dict[str, Any]]:
        """Return the messages sent to one chat, in order."""
        return [call for call in self.calls if call["method"] == "sendMessage" and call["chat_id"] == chat_id]

    def queue(self, *updates: dict[str, Any], is_renumbered: bool = False) -> None:
        """Keep updates for `getUpdates`.

        Args:
            is_renumbered: a silence went before, so ids start anew and may be lower than the offset.
        """
        if is_renumbered:
            self._renumbered.update(update["update_id"] for update in updates)
        self._waiting.extend(updates)

    async def deliver(self, gateway_url: str, update: dict[str, Any], *, secret: str | None = None) -> httpx.Response:
        """Call the gateway's webhook as Telegram does, and run the method that the response may ask for.

        Call it twice for a repeat, in another order for updates out of order.

        Args:
            secret: another secret than the right one; the empty string sends none.
        """
        given = self.secret if secret is None else secret
        headers = {"X-Telegram-Bot-Api-Secret-Token": given} if given else {}
        async with httpx.AsyncClient(timeout=10) as client:
            response = await client.post(gateway_url.rstrip("/") + self.webhook_path, json=update, headers=headers)
        if response.is_success and response.headers.get("content-type", "").startswith("application/json"):
            asked = response.json()
            if isinstance(asked, dict) and "method" in asked:
                self.calls.append({**asked, "via": "webhook"})
        return response

    async def _called(self, request: Request) -> Response:
        method = request.path_params["method"]
        parameters = await _parameters(request)
        is_poll = method == "getUpdates"
        if is_poll:
            self.polls.append(parameters)
        else:
            self.calls.append({"method": method, **parameters})
        script = self._poll_answers if is_poll else self._answers
        answer = script.popleft() if script else Answer()
        if answer.act == "reset":
            request.scope["abort"]()
        if answer.act in ("hang", "reset"):
            await _until_gone(request)
        if answer.act == "accept":
            answer = await self._run(request, method, parameters)
        return Response(answer.body, answer.status, media_type="application/json")

    async def _run(self, request: Request, method: str, parameters: dict[str, Any]) -> Answer:
        if request.path_params["token"] != self.token:
            return refuse(401, "Unauthorized")
        if method == "getUpdates":
            return await self._get_updates(request, parameters)
        methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "getMe": lambda _: {
                "id": 123456789,
                "is_bot": True,
                "first_name": "Ruta Segura",
                "username": "RutaSeguraBot",
            },
            "sendMessage": self._send_message,
            "answerCallbackQuery": _answer_callback_query,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": lambda _: {
                "url": "",
                "has_custom_certificate": False,
                "pending_update_count": 0,
                **self.webhook,
            },
            "setMyCommands": self._set_my_commands,
        }
        if method not in methods:
            return refuse(404, "Not Found")
        try:
            return _result(methods[method](parameters))
        except _Refused as refused:
            return refused.answer

    async def _get_updates(self, request: Request, parameters: dict[str, Any]) -> Answer:
        if self.webhook:
            return refuse(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            )
        self._poll_serial += 1
        serial = self._poll_serial
        offset = parameters.get("offset", 0)
        self._waiting = [update for update in self._waiting if not self._is_confirmed(update["update_id"], offset)]
        deadline = asyncio.get_running_loop().time() + parameters.get("timeout", 0)
        while not self._waiting and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
            if serial != self._poll_serial:
                return refuse(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
            if await request.is_disconnected():
                break
        batch = self._waiting[: parameters.get("limit", 100)]
        self._renumbered.difference_update(update["update_id"] for update in batch)
        return _result(batch)

    def _is_confirmed(self, update_id: int, offset: int) -> bool:
        return update_id < offset and update_id not in self._renumbered

    def _send_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        text = str(parameters.get("text", ""))
        shown = read_marks(text) if parameters.get("parse_mode") == "HTML" else text
        if not isinstance(parameters.get("chat_id"), int):
            raise _Refused(refuse(400, "Bad Request: chat not found"))
        if not shown.strip():
            raise _Refused(refuse(400, "Bad Request: message text is empty"))
        if len(shown.encode("utf-16-le")) // 2 > 4096:
            raise _Refused(refuse(400, "Bad Request: message is too long"))
        _check_buttons(parameters.get("reply_markup", {}))
        self._last_message_id += 1
        return {
            "message_id": self._last_message_id,
            "from": BOT,
            "chat": {"id": parameters["chat_id"], "first_name": "Ana", "type": "private"},
            "date": EPOCH,
            "text": shown,
        }

    def _set_webhook(self, parameters: dict[str, Any]) -> bool:
        if not str(parameters.get("url", "")).startswith("https://"):
            raise _Refused(refuse(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"))
        self.webhook = parameters
        return True

    def _delete_webhook(self, _: dict[str, Any]) -> bool:
        self.webhook = {}
        return True

    def _set_my_commands(self, parameters: dict[str, Any]) -> bool:
        for command in parameters["commands"]:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
                raise _Refused(refuse(400, "Bad Request: BOT_COMMAND_INVALID"))
        scope = parameters.get("scope", {}).get("type", "default")
        self.commands[scope, parameters.get("language_code", "")] = parameters["commands"]
        return True


def _with_abort(routes: Starlette) -> Callable[..., Any]:
    """Put `abort` into the scope, which ends a call without an answer, as a lost connection does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        await routes({**scope, "abort": transport.abort if transport else None}, receive, send)

    return app


def _result(value: Any) -> Answer:
    return Answer("answer", 200, json.dumps({"ok": True, "result": value}).encode())


def _answer_callback_query(parameters: dict[str, Any]) -> bool:
    if not parameters.get("callback_query_id"):
        raise _Refused(refuse(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"))
    return True


async def _parameters(request: Request) -> dict[str, Any]:
    """Read a JSON, form or query call alike."""
    if request.headers.get("content-type", "").startswith("application/json"):
        given = dict(await request.json())
    else:
        given = {**request.query_params, **(await request.form())}
    return {name: _value(name, value) for name, value in given.items()}


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _NUMBERS:
        return int(value) if re.fullmatch(r"-?\d+", value) else value
    if value in ("true", "false") or (name != "text" and value[:1] in ("{", "[")):
        return json.loads(value)
    return value


async def _until_gone(request: Request) -> None:
    deadline = asyncio.get_running_loop().time() + _LONGEST_HANG
    while asyncio.get_running_loop().time() < deadline and not await request.is_disconnected():
        await asyncio.sleep(0.02)


def read_marks(text: str) -> str:
    """Read HTML as strictly as Telegram does and return what is shown."""
    open_tags: list[str] = []
    for mark in re.finditer(r"<(/?)([^\s>]*)[^>]*(>?)", text):
        is_end, name, end = mark[1], mark[2].lower(), mark[3]
        if not end or name not in _TAGS:
            raise _Refused(refuse(400, f'Bad Request: can\'t parse entities: Unsupported start tag "{name}" at byte offset 0'))
        if not is_end:
            open_tags.append(name)
        elif not open_tags or open_tags.pop() != name:
            raise _Refused(refuse(400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 0"))
    if open_tags:
        raise _Refused(refuse(400, "Bad Request: can't parse entities: Can't find end tag corresponding to start tag"))
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def _check_buttons(markup: dict[str, Any]) -> None:
    buttons = [button for row in markup.get("inline_keyboard", []) for button in row]
    if len(buttons) > 100:
        raise _Refused(refuse(400, "Bad Request: reply markup is too long"))
    for button in buttons:
        if not button.get("text"):
            raise _Refused(refuse(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed"))
        if not 1 <= len(button["callback_data"].encode()) <= 64:
            raise _Refused(refuse(400, "Bad Request: BUTTON_DATA_INVALID"))
