"""Keeps events of channels that cannot take them now in the database, and forgets them when they are delivered.

One task writes, in order: what channels save first, then what they settle. The writes of all channels share a round trip.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .events import Event

#: What may wait to be written before the stream is held up.
PENDING_BYTES = 8 << 20
#: How long writes are gathered, unless there are many: nobody waits for them but the slot.
GATHER_S = 0.1
GATHERED_BYTES = 1 << 20
#: What one statement writes at most.
WRITE_EVENTS = 2_000
POLITE_EVENTS = 20


class DeliveryTable(Protocol):
    """The part of the database that this module needs; each call retries until the database takes it."""

    async def save(self, channel_id: int, events: Sequence[Event]) -> None: ...

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]: ...

    async def settle(self, channel_id: int, keys: Sequence[tuple[int, int]]) -> None: ...

    async def dead_letter(self, channel_id: int, keys: Sequence[tuple[int, int]], error: str) -> None: ...

    async def report(self, channel_id: int, report: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Report:
    """How a channel fares, as integratedb_status() shows it."""

    state: str
    error: str | None = None
    attempts: int = 0
    retry_in_s: float | None = None


class Spill:
    """The queue of writes to the delivery table."""

    def __init__(self, table: DeliveryTable, on_progress: Callable[[], None]) -> None:
        self._table = table
        self._on_progress = on_progress
        self._pending: dict[int, deque[Event]] = {}
        self._pending_bytes = 0
        self._settled: dict[int, list[tuple[int, int]]] = {}
        self._dead: dict[int, list[tuple[tuple[int, int], str]]] = {}
        self._reports: dict[int, Report] = {}
        self._writing = False
        self._work = asyncio.Event()
        self._round_done = asyncio.Condition()

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that the stream must wait."""
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
        """Queue an event to be put aside for good."""
        self._dead.setdefault(channel_id, []).append((key, error))
        self._work.set()

    def report(self, channel_id: int, report: Report) -> None:
        """Queue what is to be told of a channel; only the latest counts."""
        self._reports[channel_id] = report
        self._work.set()

    def pending(self, channel_id: int) -> int:
        """How many events of a channel are not durable yet."""
        return len(self._pending.get(channel_id, ()))

    def forget(self, channel_id: int) -> None:
        """Drop what is queued for a channel that is no more."""
        for event in self._pending.pop(channel_id, ()):
            self._pending_bytes -= len(event.payload)
        for queued in (self._settled, self._dead, self._reports):
            queued.pop(channel_id, None)

    def oldest_unsafe(self) -> int | None:
        """The commit LSN of the oldest event that is not durable yet."""
        return min((events[0].commit_lsn for events in self._pending.values() if events), default=None)

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]:
        """Read the next undelivered events of a channel, in order."""
        return await self._table.load(channel_id, after, limit)

    async def flush(self) -> None:
        """Wait until what is queued now has been written, or a part of it."""
        if self._busy():
            async with self._round_done:
                await self._round_done.wait()

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
                await asyncio.sleep(GATHER_S)  # what arrives meanwhile shares the commit
            self._work.clear()
            self._writing = True
            await self._write()
            self._writing = False
            async with self._round_done:
                self._round_done.notify_all()
            self._on_progress()

    async def _write(self) -> None:
        settled, self._settled = self._settled, {}
        dead, self._dead = self._dead, {}
        reports, self._reports = self._reports, {}
        for channel_id in list(self._pending):
            await self._write_pending(channel_id)
        for channel_id, keys in settled.items():
            await self._table.settle(channel_id, keys)
        for channel_id, letters in dead.items():
            for key, error in letters:
                await self._table.dead_letter(channel_id, [key], error)
        for channel_id, report in reports.items():
            await self._table.report(channel_id, report)

    async def _write_pending(self, channel_id: int) -> None:
        events = self._pending.get(channel_id)
        left = len(events) if events else 0  # what is added meanwhile is for the next round
        while events and left > 0:
            # In a hurry many at once; else few, so that the channels that are well are not kept waiting by one write.
            at_most = WRITE_EVENTS if self._pending_bytes >= GATHERED_BYTES else POLITE_EVENTS
            chunk = [events[index] for index in range(min(left, at_most))]
            await self._table.save(channel_id, chunk)
            # Only now: until the write is durable these events count as unsafe.
            for event in chunk:
                if self._pending.get(channel_id) is events:
                    events.popleft()
                    self._pending_bytes -= len(event.payload)
            left -= len(chunk)
        if events is not None and not events and self._pending.get(channel_id) is events:
            del self._pending[channel_id]
