"""Put the editor together: routes behind the gate, static files, headers, and what runs beside the pages."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.connections import allow_open_files, protocol_of
from bot.editor.gate import MOST_BYTES, Gate, refuse_body
from bot.editor.pages import Pages
from bot.editor.parts import EditorParts
from bot.editor.views import (
    account,
    answer,
    audit,
    conversations,
    data,
    drafts,
    examples,
    fact,
    facts,
    help_point,
    help_points,
    history,
    home,
    invitation,
    links,
    new_topic,
    people,
    questions,
    ratings,
    retire,
    sentences,
    sheets,
    sign_in,
    topic,
    topics,
    training,
    try_it,
)
from bot.editor.visit import make_environment
from bot.web import BodyLimit, ReadyServer, SecurityHeaders

MODULES: tuple[Pages, ...] = (
    home.pages,
    conversations.pages,
    topics.pages,
    topic.pages,
    answer.pages,
    data.pages,
    new_topic.pages,
    retire.pages,
    history.pages,
    help_points.pages,
    help_point.pages,
    facts.pages,
    fact.pages,
    drafts.pages,
    try_it.pages,
    ratings.pages,
    questions.pages,
    examples.pages,
    training.pages,
    sentences.pages,
    sheets.pages,
    links.pages,
    sign_in.pages,
    invitation.pages,
    account.pages,
    people.pages,
    audit.pages,
)
"""The modules of pages; a new one is added here. The menu's order is theirs."""
STOP_SECONDS = 5
BODY_SECONDS = 120.0
"""A spreadsheet on a slow line takes its time."""

_STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


def build_editor(parts: EditorParts, modules: Sequence[Pages] = MODULES) -> Starlette:
    """Return the editor as an ASGI application."""
    files = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _MEDIA_TYPES}
    environment = make_environment({name: hashlib.sha256(body).hexdigest()[:12] for name, body in files.items()})
    menu = tuple(entry for pages in modules for entry in pages.menu)
    gates = [Gate(route, parts, environment, menu) for pages in modules for route in pages.routes]
    refuse = partial(refuse_body, parts, environment, menu)
    app = Starlette(
        routes=[
            Route("/healthz", _alive, methods=["GET"]),
            Route("/static/{name}", partial(_serve_static, files), methods=["GET"]),
            *(Route(gate.route.path, gate.serve, methods=[gate.route.method]) for gate in gates),
        ],
        middleware=[
            Middleware(SecurityHeaders, is_https=parts.is_https, has_forms=True),
            Middleware(BodyLimit, max_bytes=MOST_BYTES, seconds=BODY_SECONDS, refuse=refuse),
        ],
        lifespan=partial(_lifespan, parts),
    )
    app.router.redirect_slashes = False  # It would build the address from the caller's Host header.
    app.state.modules = tuple(modules)
    app.state.gates = gates
    return app


def serve_editor(parts: EditorParts, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Behind a proxy on this machine the caller's address is what the proxy says; throttling needs it.
    """
    app = build_editor(parts)
    allow_open_files()
    settings = {"http": protocol_of(), "proxy_headers": True, "forwarded_allow_ips": "127.0.0.1"}
    ReadyServer(app, host, port, on_ready, timeout_graceful_shutdown=STOP_SECONDS, **settings).run()


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _serve_static(files: dict[str, bytes], request: Request) -> Response:
    name = request.path_params["name"]
    if name not in files:
        return PlainTextResponse("not found", 404)
    cache = _FOREVER if "v" in request.query_params else "no-cache"
    return Response(files[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers={"cache-control": cache})


@contextlib.asynccontextmanager
async def _lifespan(parts: EditorParts, app: Starlette) -> AsyncIterator[None]:
    """Keep the state of the checks and the history fresh beside the pages."""
    parts.folder.clear_leftovers()
    tasks = [asyncio.create_task(each) for each in (parts.checked.keep_fresh(), parts.folder_watch.keep_looking())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parts.try_it.stop()
