"""Put the gateway together: routes, limits, and what runs beside them from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.conversations.feed import Feed
from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.gateway.changes import Changes
from bot.gateway.feed import FeedHub
from bot.gateway.health import Health, ReadyCheck
from bot.gateway.limits import Allowance
from bot.gateway.overdue import OverdueLoop
from bot.gateway.polling import poll_channel
from bot.gateway.pulling import PullRoutes
from bot.gateway.purging import PurgeLoop
from bot.gateway.returning import ReturnLoop
from bot.gateway.sending import SendingLoop
from bot.gateway.storing import InboxWriter
from bot.gateway.webhooks import Webhook
from bot.storage.session import Database
from bot.web import BodyLimit, SecurityHeaders
from channels.base import Channel, PullChannel

RESTART_SECONDS = 1.0
"""How long a background task rests after a fault before it starts again."""
_POSTGRESQL_TURNS = 8

logger = logging.getLogger(__name__)


def build_app(
    *,
    channels: Mapping[str, Channel],
    inbox: Inbox,
    outbox: Outbox,
    feed: Feed,
    database: Database,
    public_url: str,
    clock: Callable[[], datetime],
    checks: Sequence[ReadyCheck] = (),
    overdue: OverdueLoop | None = None,
    purging: PurgeLoop | None = None,
    returning: ReturnLoop | None = None,
) -> Starlette:
    """Return the gateway as an ASGI application.

    `app.state.begin_to_stop()` ends the open streams and the taking of replies; a server calls it before it waits for its calls.

    Args:
        channels: the enabled channels by name.
        public_url: the address under which providers and browsers reach us, without a path of its own calls.
        clock: returns the present time, aware UTC.
        checks: what else must be in order before we are ready, for example a provider's templates.
        overdue: answers messages that no worker takes; None leaves them waiting.
        purging: deletes what is past its time; None leaves that to `ruta privacy purge`.
        returning: lets the bot answer again where people of staff were silent; None where they never answer.
    """
    pulled = {name: channel for name, channel in channels.items() if isinstance(channel, PullChannel)}
    pushed = {name: channel for name, channel in channels.items() if name not in pulled}
    # SQLite takes one writer at a time, and its waiters sleep in steps: taking turns here is faster than waiting there.
    turns = CapacityLimiter(1 if database.engine.dialect.name == "sqlite" else _POSTGRESQL_TURNS)
    writer = InboxWriter(inbox)
    sending = SendingLoop(pushed, outbox, turns, clock)
    hub = FeedHub(feed, pulled, turns)
    changes = Changes(database, [sending.wake, hub.wake])
    background: dict[str, Callable[[], Awaitable[None]]] = {"storing": writer.run, "feed": hub.run, "changes": changes.run}
    loops = (("overdue", overdue), ("purging", purging), ("returning", returning))
    background |= {name: loop.run for name, loop in loops if loop}
    background |= {f"polling_{name}": partial(poll_channel, channel, inbox) for name, channel in pushed.items()}
    routes = [
        *_health_routes(Health([*_own_checks(database, sending), *checks])),
        *_webhook_routes(channels, writer, public_url),
        *(route for channel in pulled.values() for route in PullRoutes(channel, hub, public_url).routes()),
        *_first_page_routes(pulled),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders, is_https=public_url.startswith("https://")), Middleware(BodyLimit)],
        lifespan=partial(_lifespan, channels=channels, background=background, sending=sending, hub=hub),
    )
    app.router.redirect_slashes = False  # It would build the address from the caller's Host header.
    app.state.begin_to_stop = partial(_begin_to_stop, hub, sending)
    return app


def _begin_to_stop(hub: FeedHub, sending: SendingLoop) -> None:
    """End the open streams and send only what is on its way, while running calls still end: their times must not add up."""
    hub.close()
    sending.stop()


def _own_checks(database: Database, sending: SendingLoop) -> list[ReadyCheck]:
    def database_answers() -> bool:
        database.check()
        return True

    return [ReadyCheck("database_down", database_answers), ReadyCheck("sending_stopped", lambda: sending.is_alive)]


def _health_routes(health: Health) -> list[Route]:
    return [Route("/healthz", health.alive, methods=["GET"]), Route("/readyz", health.ready, methods=["GET"])]


def _webhook_routes(channels: Mapping[str, Channel], writer: InboxWriter, public_url: str) -> list[Route]:
    routes = []
    for channel in channels.values():
        allowance = Allowance() if isinstance(channel, PullChannel) else None
        webhook = Webhook(channel, writer, public_url, allowance)
        routes += [Route(path, webhook.serve, methods=["POST"]) for path in channel.webhook_paths]
    return routes


def _first_page_routes(pulled: Mapping[str, PullChannel]) -> list[Route]:
    """Lead from the bare address, and from a page's address without its last slash, to the page."""
    pages = [path for channel in pulled.values() for path in channel.pages() if path.endswith("/")]
    targets = {path.rstrip("/"): path.rsplit("/", 2)[1] + "/" for path in pages}
    routes = [Route(path, partial(_redirect, target), methods=["GET"]) for path, target in targets.items()]
    return [*routes, Route("/", partial(_redirect, pages[0].lstrip("/")), methods=["GET"])] if pages else []


async def _redirect(target: str, request: Request) -> Response:
    # A relative address stays right behind any proxy.
    return Response(status_code=307, headers={"location": target})


@contextlib.asynccontextmanager
async def _lifespan(
    app: Starlette,
    *,
    channels: Mapping[str, Channel],
    background: Mapping[str, Callable[[], Awaitable[None]]],
    sending: SendingLoop,
    hub: FeedHub,
) -> AsyncIterator[None]:
    """Start the channels and the tasks beside the routes; at the end let replies on their way arrive, and close all."""
    async with contextlib.AsyncExitStack() as stack:
        for channel in channels.values():
            await channel.start()
            stack.push_async_callback(channel.close)
        tasks = [asyncio.create_task(_keep_running(name, run)) for name, run in background.items()]
        stack.push_async_callback(_cancel, tasks)
        sender = asyncio.create_task(_keep_running("sending", sending.run))
        stack.push_async_callback(_cancel, [sender])
        yield
        hub.close()
        sending.stop()
        await sender


async def _keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
            return
        except Exception as error:  # A fault of the moment, such as a full disk, must not end the program's other work.
            logger.error("task_failed task=%s error=%s", name, type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
