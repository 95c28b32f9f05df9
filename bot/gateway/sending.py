"""The sending loop: takes due replies from the outbox and hands them to their channels, in order for each contact."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import anyio.to_thread
from aiolimiter import AsyncLimiter
from anyio import CapacityLimiter
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot import metrics
from bot.conversations.outbox import Outbox, Sending, backoff_seconds
from bot.errors import SendFailed, SendFailure
from bot.messages import ChannelLimits
from channels.base import Channel, SendRequest

PARALLEL = 16
"""Conversations that are sent to at the same time."""
LOOK_SECONDS = 0.5
"""How often the loop looks for retries that have become due; new replies wake it at once."""
REPLY_SECONDS = 80.0
"""How long the provider may take for one reply with all its parts."""
RENEW_SECONDS = 5.0
"""How often replies that are on their way are claimed anew, well within the lease that the outbox gives."""
RECORD_SECONDS = 0.5
"""How long we wait before we try again to write down what the provider took, while the database is away."""
STOP_SECONDS = 5.0
"""How long replies on their way may take to end when the gateway stops."""
STUCK_SECONDS = 30.0
"""After this long without a look at the outbox the loop counts as dead."""
_BURST_SECONDS = 0.2
"""The share of a channel's rate that may go out at once."""
_CODE_LENGTH = 40

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass
class _Lane:
    """One channel as the loop sees it: its pace, and until when it is paused, in seconds of the monotonic clock."""

    channel: Channel
    limiter: AsyncLimiter
    paused_until: float = 0.0


class SendingLoop:
    """Sends what is due until it is stopped.

    Args:
        channels: those that are sent to; pull channels are not.
        database_turns: bounds how many of our threads use the database at once.
        clock: returns the present time, aware UTC.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        outbox: Outbox,
        database_turns: CapacityLimiter,
        clock: Callable[[], datetime],
    ) -> None:
        self._lanes = {name: _Lane(channel, _limiter(channel.limits)) for name, channel in channels.items()}
        self._outbox = outbox
        self._database_turns = database_turns
        self._clock = clock
        self._wake = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._looked_at = self._renewed_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether the loop has looked at the outbox lately."""
        return not self._is_stopping and time.monotonic() - self._looked_at < STUCK_SECONDS

    def wake(self) -> None:
        """Look at the outbox at once."""
        self._wake.set()

    async def run(self) -> None:
        """Send until stopped, then wait a little for what is on its way."""
        while not self._is_stopping:
            self._wake.clear()
            self._looked_at = time.monotonic()
            await self._renew()
            free = PARALLEL - len(self._running)
            taken = await self._take(free) if free else []
            for sending in taken:
                self._begin(sending)
            await self._pause()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=STOP_SECONDS)

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is on its way has been sent."""
        self._is_stopping = True
        self._wake.set()

    async def _renew(self) -> None:
        if time.monotonic() - self._renewed_at < RENEW_SECONDS:
            return
        self._renewed_at = time.monotonic()
        if self._running:
            await self._in_thread(partial(self._outbox.keep, list(self._running)))

    async def _take(self, limit: int) -> list[Sending]:
        now = time.monotonic()
        open_lanes = {name for name, lane in self._lanes.items() if lane.paused_until <= now}
        if not open_lanes or not await anyio.to_thread.run_sync(self._outbox.has_due, open_lanes):
            return []
        return await self._in_thread(partial(self._outbox.take_due, open_lanes, limit))

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
        except asyncio.TimeoutError:
            return

    def _begin(self, sending: Sending) -> None:
        if sending.outbound_id in self._running:
            return  # The database was away for longer than the lease, and what we sent is still to be written down.
        task = asyncio.create_task(self._deliver(sending))
        self._running[sending.outbound_id] = task
        task.add_done_callback(partial(self._ended, sending.outbound_id))

    def _ended(self, outbound_id: int, task: asyncio.Task[None]) -> None:
        del self._running[outbound_id]
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            # The reply stays "sending" and is taken again when its lease has run out.
            logger.error("reply_not_recorded error=%s", type(task.exception()).__name__)

    async def _deliver(self, sending: Sending) -> None:
        lane = self._lanes[sending.channel]
        try:
            _check_may_send(sending, lane.channel.limits, self._clock())
            await self._send_parts(lane, sending)
        except SendFailed as failed:
            await self._failed(lane, sending, failed)
        except asyncio.TimeoutError:
            await self._failed(lane, sending, SendFailed(SendFailure.TIMED_OUT, "reply_too_slow"))
        except Exception as error:  # A fault in a channel must not lose a reply: it is tried again, and shows in the list.
            name = type(error).__name__[:_CODE_LENGTH]
            await self._failed(lane, sending, SendFailed(SendFailure.PROVIDER_DOWN, name))

    async def _send_parts(self, lane: _Lane, sending: Sending) -> None:
        render = lane.channel.fallback if sending.is_fallback else lane.channel.render_outbound
        requests = render(sending.message)
        if sending.parts_sent >= len(requests):
            await self._record(partial(self._outbox.finish, sending.outbound_id, ends_contact=sending.ends_contact))
            self._tell_sent(sending)
            return
        deadline = time.monotonic() + REPLY_SECONDS
        for position, request in enumerate(requests[sending.parts_sent :], start=sending.parts_sent + 1):
            sent = _send_part(lane, sending.address, request)
            provider_id = await asyncio.wait_for(sent, deadline - time.monotonic())
            ends = {"is_last": position == len(requests), "ends_contact": sending.ends_contact}
            if await self._record(partial(self._outbox.part_sent, sending.outbound_id, provider_id, **ends)) is False:
                return
        self._tell_sent(sending)

    def _tell_sent(self, sending: Sending) -> None:
        waited = (self._clock() - sending.received_at).total_seconds() if sending.received_at else 0.0
        if sending.received_at:
            metrics.reply_seconds.labels(sending.channel).observe(waited)
        logger.info(
            "reply_sent id=%s channel=%s outbound=%d attempt=%d milliseconds=%d",
            sending.trace_id,
            sending.channel,
            sending.outbound_id,
            sending.attempts,
            waited * 1000,
        )

    async def _failed(self, lane: _Lane, sending: Sending, failed: SendFailed) -> None:
        if failed.failure is SendFailure.RATE_LIMITED:
            wait = failed.retry_after if failed.retry_after is not None else backoff_seconds(sending.attempts, None)
            lane.paused_until = max(lane.paused_until, time.monotonic() + wait)
        if failed.failure is SendFailure.TEMPLATE_REFUSED and not sending.is_fallback:
            outcome = "fallback"
            await self._record(partial(self._outbox.use_fallback, sending.outbound_id))
        else:
            is_retried = await self._record(partial(self._outbox.fail, sending.outbound_id, failed))
            outcome = "retry" if is_retried else "given_up"
        metrics.send_failures.labels(sending.channel, failed.code, outcome).inc()
        logger.warning(
            "send_failed id=%s channel=%s outbound=%d attempt=%d outcome=%s code=%s",
            sending.trace_id,
            sending.channel,
            sending.outbound_id,
            sending.attempts,
            outcome,
            failed,
        )

    async def _record(self, work: Callable[[], T]) -> T | None:
        """Write down what the provider said, for as long as it takes: a message that is not noted as sent would go out twice."""
        has_failed = False
        while True:
            try:
                return await self._in_thread(work)
            except IntegrityError:
                if not has_failed:
                    raise
                return None  # The try before had been committed, only the answer to it was lost.
            except DBAPIError as error:
                has_failed = True
                logger.error("reply_not_recorded error=%s", type(error.orig).__name__)
                await asyncio.sleep(RECORD_SECONDS)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._database_turns)


def _limiter(limits: ChannelLimits) -> AsyncLimiter:
    """Return a pace that lets a fifth of a second's worth go at once, so that no provider ever sees twice its limit."""
    burst = max(1.0, limits.messages_per_second * _BURST_SECONDS)
    return AsyncLimiter(burst, burst / limits.messages_per_second)


async def _send_part(lane: _Lane, address: str, request: SendRequest) -> str:
    await lane.limiter.acquire()
    _check_open(lane)
    return await lane.channel.send(address, request)


def _check_open(lane: _Lane) -> None:
    """Spare the provider the call when it has asked to slow down since this reply was taken."""
    remaining = lane.paused_until - time.monotonic()
    if remaining > 0:
        raise SendFailed(SendFailure.RATE_LIMITED, "channel_paused", remaining)


def _check_may_send(sending: Sending, limits: ChannelLimits, now: datetime) -> None:
    """Refuse before any call when the contact is stopped or the service window has closed.

    Raises:
        SendFailed: with the reason, which staff see.
    """
    if sending.stopped_reason and not sending.message.is_last_word:
        known = {failure.value for failure in SendFailure if failure.ends_contact}
        reason = sending.stopped_reason if sending.stopped_reason in known else SendFailure.OPTED_OUT.value
        raise SendFailed(SendFailure(reason), "not_sent")
    hours = limits.service_window_hours
    if hours and now - sending.last_inbound_at > timedelta(hours=hours):
        raise SendFailed(SendFailure.WINDOW_CLOSED, "not_sent")
