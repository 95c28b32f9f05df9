"""Serve the gateway until the process is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from starlette.applications import Starlette

from bot.connections import allow_open_files, protocol_of
from bot.conversations.case_returns import CaseReturns
from bot.conversations.feed import Feed
from bot.conversations.inbox import Inbox
from bot.conversations.outbox import Outbox
from bot.conversations.retention import Retention
from bot.conversations.stand_in import StandIn
from bot.conversations.turns import Turns
from bot.gateway.app import build_app
from bot.gateway.health import ReadyCheck
from bot.gateway.overdue import OverdueLoop
from bot.gateway.purging import PurgeLoop
from bot.gateway.returning import ReturnLoop
from bot.settings import Settings
from bot.storage.session import Database
from bot.storage.vault import Vault
from bot.web import ReadyServer
from channels.base import Channel

STOP_SECONDS = 5
"""How long calls that are being answered may take when the gateway stops."""


class GatewayServer(ReadyServer):
    """A server that ends the open streams before it waits for its connections to close."""

    def __init__(self, app: Starlette, host: str, port: int, on_ready: Callable[[], None]) -> None:
        settings = {"http": protocol_of(), "proxy_headers": False, "timeout_graceful_shutdown": STOP_SECONDS}
        super().__init__(app, host, port, on_ready, **settings)
        self._begin_to_stop = app.state.begin_to_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking calls, let the running ones end, then stop what runs beside them."""
        self._begin_to_stop()
        await super().shutdown(sockets)


def serve(
    settings: Settings,
    database: Database,
    vault: Vault,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    on_ready: Callable[[], None],
    build_stand_in: Callable[[], StandIn],
    retention: Retention,
    checks: Sequence[ReadyCheck] = (),
    case_returns: CaseReturns | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        channels: the enabled channels by name.
        clock: returns the present time, aware UTC.
        on_ready: called once, when the gateway takes calls.
        build_stand_in: makes what answers while no worker does; called when it is needed first.
        retention: deletes every hour what is past its time.
        checks: what else must be in order before `/readyz` says that we are ready.
        case_returns: lets the bot answer again where staff were silent for too long; None where they never answer.
    """
    allow_open_files()
    app = build_app(
        channels=channels,
        inbox=Inbox(database, vault, clock),
        outbox=Outbox(database, vault, clock),
        feed=Feed(database, vault, clock),
        database=database,
        public_url=settings.public_url,
        clock=clock,
        checks=checks,
        overdue=OverdueLoop(Turns(database, vault, Outbox(database, vault, clock), "gateway", clock), build_stand_in),
        purging=PurgeLoop(retention),
        returning=ReturnLoop(case_returns) if case_returns else None,
    )
    GatewayServer(app, settings.host, settings.port, on_ready).run()
