"""Whether the gateway lives, and whether it is ready to take and send messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

CHECK_SECONDS = 2.0
"""How long the database may take to answer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadyCheck:
    """One thing to look at before we say that we are ready.

    Args:
        code: a stable reason, shown when the thing is not in order.
        is_fine: looks; it runs in a thread, and an error counts as not in order.
        is_required: we are not ready without it; otherwise the reason shows as a warning.
    """

    code: str
    is_fine: Callable[[], bool]
    is_required: bool = True


class Health:
    """The two endpoints for those who watch over the program."""

    def __init__(self, checks: Sequence[ReadyCheck]) -> None:
        self._checks = checks

    async def alive(self, request: Request) -> Response:
        """Answer as long as the process does."""
        return PlainTextResponse("ok")

    async def ready(self, request: Request) -> Response:
        """Answer 200 when all that is required is in order, else 503 with the reasons."""
        broken = [check for check in self._checks if not await _holds(check)]
        reasons = [check.code for check in broken if check.is_required]
        warnings = [check.code for check in broken if not check.is_required]
        return JSONResponse({"ready": not reasons, "reasons": reasons, "warnings": warnings}, 503 if reasons else 200)


async def _holds(check: ReadyCheck) -> bool:
    try:
        with anyio.fail_after(CHECK_SECONDS):
            return await anyio.to_thread.run_sync(check.is_fine, abandon_on_cancel=True)
    except Exception as error:
        logger.warning("ready_check_failed check=%s error=%s", check.code, type(error).__name__)
        return False
