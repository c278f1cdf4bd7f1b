"""Stores events in the database for channels that cannot take them now, and deletes them after delivery.

One task writes in this order: the saved events, then the settled ones. All channels share its statements, because each
write takes processor time from the healthy channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol

from integratedb_companion.common.logs import fault
from integratedb_companion.daemon.model import Report
from integratedb_companion.daemon.routing.events import Event

log = logging.getLogger(__name__)

#: The bytes that may wait to be written before the stream is held up.
PENDING_BYTES = 8 << 20
#: How long writes are gathered, unless there are many or a caller waits. Otherwise only the slot waits for them.
GATHER_S = 2.0
GATHERED_BYTES = 1 << 20
#: The most that one statement writes, but at least one event.
WRITE_EVENTS = 2_000
WRITE_BYTES = 16 << 20


class DeliveryTable(Protocol):
    """The database functions that this module needs; each call retries until the database accepts it."""

    async def save(self, events: Sequence[tuple[int, Event]]) -> None: ...

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]: ...

    async def settle(self, channel_id: int, keys: Sequence[tuple[int, int]]) -> None: ...

    async def dead_letter(self, channel_id: int, keys: Sequence[tuple[int, int]], error: str) -> None: ...

    async def report(self, channel_id: int, report: Any) -> None: ...


class Spill:
    """Queues writes to the delivery table, and performs them."""

    def __init__(
        self,
        table: DeliveryTable,
        on_progress: Callable[[], None],
        replacement: Callable[[int, Event], Event | None] = lambda _, __: None,
    ) -> None:
        """`replacement` returns the event to store in place of an event that the database refuses."""
        self._table = table
        self._on_progress = on_progress
        self._replacement = replacement
        self._pending: dict[int, deque[Event]] = {}
        self._pending_bytes = 0
        self._settled: dict[int, list[tuple[int, int]]] = {}
        self._dead: dict[int, list[tuple[tuple[int, int], str]]] = {}
        self._reports: dict[int, Report] = {}
        self._writing = False
        #: How many rounds have ended; each writes all that was queued at its start.
        self._rounds = 0
        #: The channels whose events are being saved.
        self._saving: frozenset[int] = frozenset()
        self._work = asyncio.Event()
        self._flush_requested = asyncio.Event()
        self._round_done = asyncio.Condition()

    @property
    def full(self) -> bool:
        """Whether the stream must wait, because too many bytes wait to be written."""
        return self._pending_bytes > PENDING_BYTES

    def save(self, channel_id: int, event: Event) -> None:
        """Queue an event to be written."""
        self._pending.setdefault(channel_id, deque()).append(event)
        self._pending_bytes += len(event.payload)
        self._work.set()

    def settle(self, channel_id: int, keys: Sequence[tuple[int, int]]) -> None:
        """Queue delivered events to be deleted."""
        if keys:
            self._settled.setdefault(channel_id, []).extend(keys)
            self._work.set()

    def dead_letter(self, channel_id: int, key: tuple[int, int], error: str) -> None:
        """Queue an event to become a dead letter."""
        self._dead.setdefault(channel_id, []).append((key, error))
        self._work.set()

    def report(self, channel_id: int, report: Report) -> None:
        """Queue the report of a channel's state; only the latest counts."""
        self._reports[channel_id] = report
        self._work.set()

    def withdraw(self, channel_id: int, after: tuple[int, int]) -> list[Event] | None:
        """Return to a channel its unwritten events after a position; None while some of them are being written."""
        if channel_id in self._saving:
            return None
        events = self._pending.get(channel_id)
        taken: deque[Event] = deque()
        while events and (events[-1].commit_lsn, events[-1].position) > after:
            taken.appendleft(events.pop())
            self._pending_bytes -= len(taken[0].payload)
        if events is not None and not events:
            del self._pending[channel_id]
        return list(taken)

    def forget(self, channel_id: int) -> None:
        """Discard the writes of a channel that no longer exists."""
        for event in self._pending.pop(channel_id, ()):
            self._pending_bytes -= len(event.payload)
        for queued in (self._settled, self._dead, self._reports):
            queued.pop(channel_id, None)

    def oldest_unsafe(self) -> int | None:
        """Return the commit LSN of the oldest event that is not durable yet."""
        return min((events[0].commit_lsn for events in self._pending.values() if events), default=None)

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]:
        """Load the next undelivered events of a channel, in order."""
        return await self._table.load(channel_id, after, limit)

    async def flush(self) -> None:
        """Wait for the end of one round of writes, which may cover only a part of the queue."""
        if self._busy():
            self._flush_requested.set()
            async with self._round_done:
                await self._round_done.wait()

    async def flush_all(self) -> None:
        """Wait until all that is queued now has been written, whatever other channels add meanwhile."""
        # A round under way may have taken its work before this call.
        last = self._rounds + (2 if self._writing else 1)
        while self._busy() and self._rounds < last:
            await self.flush()

    async def drain(self) -> None:
        """Wait until nothing is queued."""
        while self._busy():
            await self.flush()

    def _busy(self) -> bool:
        return bool(self._writing or self._pending or self._settled or self._dead or self._reports)

    async def run(self) -> None:
        """Write what is queued, for ever."""
        while True:
            await self._work.wait()
            if self._pending_bytes < GATHERED_BYTES:
                await self._gather()
            self._work.clear()
            self._flush_requested.clear()
            self._writing = True
            await self._write()
            self._writing = False
            self._rounds += 1
            async with self._round_done:
                self._round_done.notify_all()
            self._on_progress()

    async def _gather(self) -> None:
        """Gather more writes for one commit, unless a caller waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await self._flush_requested.wait()

    async def _write(self) -> None:
        settled, self._settled = self._settled, {}
        dead, self._dead = self._dead, {}
        reports, self._reports = self._reports, {}
        await self._write_pending()
        for channel_id, keys in settled.items():
            await _write_or_log(channel_id, self._table.settle(channel_id, keys))
        for channel_id, letters in dead.items():
            for key, error in letters:
                await _write_or_log(channel_id, self._table.dead_letter(channel_id, [key], error))
        for channel_id, report in reports.items():
            await _write_or_log(channel_id, self._table.report(channel_id, report))

    async def _write_pending(self) -> None:
        left = {channel_id: len(events) for channel_id, events in self._pending.items()}
        while chunk := self._chunk(left):
            self._saving = frozenset(channel_id for channel_id, _ in chunk)
            await self._save(chunk)
            self._saving = frozenset()
            # Removed only now: these events count as unsafe until the write is durable.
            for channel_id, event in chunk:
                events = self._pending.get(channel_id)
                if events and events[0] is event:  # otherwise the channel no longer exists
                    events.popleft()
                    self._pending_bytes -= len(event.payload)
                    if not events:
                        del self._pending[channel_id]

    async def _save(self, chunk: list[tuple[int, Event]]) -> None:
        """Store events; if the database refuses some of them, store the others."""
        try:
            await self._table.save(chunk)
            return
        except Exception as problem:
            if len(chunk) == 1:
                [(channel_id, event)] = chunk
                log.error(
                    "event refused by the database",
                    extra={"channel_id": channel_id, "event": event.id, **fault(problem)},
                )
        if len(chunk) > 1:
            for half in (chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]):
                await self._save(half)
        elif (kept := self._replacement(channel_id, event)) is not None:
            await _write_or_log(channel_id, self._table.save([(channel_id, kept)]))

    def _chunk(self, left: dict[int, int]) -> list[tuple[int, Event]]:
        """Choose the events of one statement: at most `left` of each channel. Later events wait for the next round."""
        chunk: list[tuple[int, Event]] = []
        bytes_left = WRITE_BYTES
        for channel_id in list(left):
            events = self._pending.get(channel_id, ())
            number = min(left[channel_id], len(events), WRITE_EVENTS - len(chunk))
            taken = 0
            for event in islice(events, number):
                bytes_left -= len(event.payload)
                if bytes_left < 0 and chunk:
                    break
                chunk.append((channel_id, event))
                taken += 1
            left[channel_id] -= taken
            if not number:
                del left[channel_id]
            if len(chunk) == WRITE_EVENTS or bytes_left < 0:
                break
        return chunk


async def _write_or_log(channel_id: int, write: Coroutine[Any, Any, None]) -> None:
    """Wait for a write about one channel; log a refusal, so that the other writes continue."""
    try:
        await write
    except Exception as problem:
        log.error("write refused by the database", extra={"channel_id": channel_id, **fault(problem)})
