"""Delivers the events of one channel: takes them from its queue, passes them to its sink, retries with pauses."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from integratedb_companion.common.logs import fault
from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.model import Report, key_of
from integratedb_companion.daemon.routing.events import Event
from integratedb_companion.daemon.state import Channel

from .queue import ChannelQueue

log = logging.getLogger(__name__)

T = TypeVar("T")

GATHER_FROM_EVENTS = 20
GATHER_S = 0.001
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt: what was delivered, what failed, why, and whether to stop.

    Only an event that was sent alone counts as failed: in a batch, the event at fault is not known.
    """

    delivered: Sequence[Event]
    failed: Sequence[Event] = field(default=())
    error: str | None = None
    gone: bool = False


class BatchSize:
    """Counts how many events are sent together: one after a failure, then twice as many after each success.

    So the event at fault is soon sent alone, and an overloaded receiver gets small requests.
    """

    def __init__(self, most: int) -> None:
        self.now = self._most = most

    def failed(self) -> None:
        """Record that an attempt failed."""
        self.now = 1

    def succeeded(self) -> None:
        """Record that an attempt was delivered."""
        self.now = min(self.now * 2, self._most)


class Sink(Protocol):
    """The destination of a channel."""

    @property
    def window(self) -> int:
        """How many events the sink accepts together at present."""

    async def deliver(self, events: Sequence[Event]) -> Outcome:
        """Send events in order; never raises for a fault of the receiver."""

    async def close(self) -> None:
        """Close connections."""


def retry_delay_s(attempts: int, jitter: float) -> float:
    """Return the seconds before the next attempt; `jitter` from 0 to 1 subtracts up to a fifth."""
    delay: float = min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 30), LAST_RETRY_S)
    return delay * (1 - jitter / 5) if attempts > 1 else delay


class Delivery:
    """The delivery task of one channel with a sink of its own (sockets deliver when a client is connected)."""

    def __init__(
        self,
        channel: Channel,
        queue: ChannelQueue,
        sink: Sink,
        metrics: Metrics,
        on_gone: Callable[[Channel, str], None],
        failures: int | None = None,
    ) -> None:
        """`failures`: failed attempts at the oldest event under an earlier daemon; None if the channel was healthy."""
        self.channel = channel
        self._queue = queue
        self._sink = sink
        self._metrics = metrics.of(channel)
        self._on_gone = on_gone
        self._max_attempts: int | None = channel.settings.get("max_attempts")
        self._attempts: dict[tuple[int, int], int] = {}
        self._failures_before = failures or 0
        #: Whether the channel fails, and how many attempts in a row have failed, which makes the pauses grow.
        self._failing = failures is not None
        self._failures = 0
        self._names = {"stakeholder": channel.stakeholder, "channel": channel.name}
        #: How many events an attempt gets: all that the sink accepts, unless the daemon itself failed.
        self._size = BatchSize(sink.window)
        self._offered: list[Event] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set, then finish the attempt under way."""
        try:
            while not stopping.is_set():
                try:
                    pause_s = await self._next(stopping)
                except Exception as problem:  # any error ends this attempt only
                    pause_s = self._on_error(problem)
                if pause_s is None:
                    return
                if pause_s:
                    await _unless_stopping(stopping, asyncio.sleep(pause_s))
        finally:
            await self._sink.close()

    async def _next(self, stopping: asyncio.Event) -> float | None:
        """Wait for events and try to deliver them; returns what _attempt() returns."""
        limit = min(self._size.now, self._sink.window)
        self._offered = []
        events = self._queue.first(limit)
        if not events:
            arrived = await _unless_stopping(stopping, self._queue.peek(limit))
            if arrived is None:
                return None
            events = arrived
        if GATHER_FROM_EVENTS < len(events) < limit // 2:
            # Many events are arriving: after a moment, more of them share the cost of the attempt.
            await asyncio.sleep(GATHER_S)
            events = self._queue.first(limit)
        self._offered = events
        pause_s = await self._attempt(events)
        self._size.succeeded()
        return pause_s

    def _on_error(self, problem: Exception) -> float:
        """Handle an attempt that ended by an error of the daemon; returns how long to wait before the next one."""
        log.error("attempt ended by a fault", extra={**self._names, **fault(problem)})
        self._metrics.failures.inc()
        self._queue.spill()
        self._size.failed()
        error = f"the daemon failed at the attempt ({type(problem).__name__})"
        alone = self._offered if len(self._offered) == 1 and self._queue.first(1) == self._offered else ()
        return self._failed(Outcome((), alone, error), error)

    async def _attempt(self, events: list[Event]) -> float | None:
        """Try once; returns how long to wait before the next attempt, None when there must be none."""
        started_s = time.monotonic()
        self._metrics.attempts.inc()
        if self._failures_before:
            self._attempts[key_of(events[0])] = self._failures_before
            self._failures_before = 0
        outcome = await self._sink.deliver(events)
        if outcome.delivered:
            self._queue.settle(outcome.delivered)
            self._metrics.delivered.inc(len(outcome.delivered))
            self._metrics.latency_s.observe(max(0.0, time.time() - outcome.delivered[0].committed_at_s))
            self._metrics.attempt_s.observe(time.monotonic() - started_s)
            if self._failing and outcome.error is None:
                log.info("channel delivers again", extra=self._names)
                self._queue.report(Report("ok"))
                self._failing = False
                self._failures = 0
                self._attempts.clear()
        if outcome.error is None:
            return 0.0
        self._metrics.failures.inc()
        self._queue.spill()
        if outcome.gone:
            self._on_gone(self.channel, outcome.error)
            return None
        return self._failed(outcome, outcome.error)

    def _failed(self, outcome: Outcome, error: str) -> float:
        self._failing = True
        # A delivered event resets the pauses, because the receiver works.
        self._failures = 1 if outcome.delivered else self._failures + 1
        given_up = [event for event in outcome.failed if self._count(event) >= (self._max_attempts or float("inf"))]
        for event in given_up:
            self._queue.dead_letter(event, error)
            self._attempts.pop(key_of(event), None)
            self._metrics.dead.inc()
            log.error("event given up", extra={**self._names, "event": event.id, "error": error})
        if given_up:
            self._failures = 1
        pause_s = retry_delay_s(self._failures, random.random())
        log.warning("delivery failed", extra={**self._names, "error": error, "retry_in_s": round(pause_s, 1)})
        # A restarted daemon continues to count from this number of failed attempts.
        oldest = self._queue.first(1)
        attempts = self._attempts.get(key_of(oldest[0]), 0) if oldest else 0
        self._queue.report(Report("failing", error, attempts, pause_s))
        return pause_s

    def _count(self, event: Event) -> int:
        attempts = self._attempts.get(key_of(event), 0) + 1
        self._attempts[key_of(event)] = attempts
        return attempts


async def _unless_stopping(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Wait for `work`, or for `stopping`, which cancels the work."""
    working = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((working, stop), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stop.cancel()
