"""Holds the events of one channel, in order: in memory while the channel keeps up, in the database while it does not.

A queue in memory has all its events in `_events`. A spilled queue has all its events in the delivery table, or on their
way there; `_events` then holds only those at the head. When the table is empty, the queue is in memory again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice, repeat

from integratedb_companion.daemon.model import NO_BACKLOG, Backlog, Key, Report, key_of
from integratedb_companion.daemon.routing.events import Event

from .spill import Spill

#: How many events are loaded from the delivery table at once.
LOAD_EVENTS = 500
#: How long the stream waits for a full queue to become half empty before the queue spills.
ROOM_TIMEOUT_S = 1.0
#: How long the stream does not wait again for a queue that was too slow, because other channels wait with it.
SPILL_AT_ONCE_S = 30.0


class ChannelQueue:
    """The undelivered events of one channel."""

    def __init__(
        self,
        channel_id: int,
        spill: Spill,
        on_progress: Callable[[], None],
        backlog: Backlog = NO_BACKLOG,
        *,
        max_events: int = 10_000,
        max_bytes: int = 4 << 20,
    ) -> None:
        self.channel_id = channel_id
        self.spilled = backlog.waiting
        #: The bytes in the delivery table or on their way there, dead letters included.
        self.kept_bytes = backlog.bytes
        #: How many events have left the queue, which is the position of the first event in memory.
        self.head = 0
        self.last_settled: Key = (0, -1)
        self._spill = spill
        self._on_progress = on_progress
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[Event] = deque()
        self._bytes = 0
        #: Events up to this one are in the delivery table or on their way there, unless they were delivered.
        self._saved: Key = backlog.last
        #: Whether the stream may repeat events up to `_saved`, which an earlier daemon stored.
        self._may_repeat = backlog.last > (0, 0)
        #: The last event that was in `_events`: loading continues after it.
        self._cursor: Key = (0, -1)
        self._tail_at_tick: Key | None = None
        self._spill_at_once_until_s = 0.0
        self._arrived = asyncio.Event()
        self._room_made = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def bytes(self) -> int:
        """The bytes that the queue holds in memory."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether the stream should wait for this queue, or spill it."""
        return not self.spilled and (self._bytes > self._max_bytes or len(self._events) > self._max_events)

    @property
    def cursor(self) -> Key:
        """The last event that was loaded from the table."""
        return self._cursor

    def enqueue(self, events: Sequence[Event]) -> None:
        """Add events at the end."""
        if self._may_repeat:
            events = [event for event in events if key_of(event) > self._saved]
            self._may_repeat = not events
        if self.spilled:
            for event in events:
                self._save(event)
        else:
            self._events.extend(events)
            self._bytes += _bytes_of(events)
        if events:
            self._arrived.set()

    def spill(self) -> None:
        """Switch to the delivery table, and store all events that are not there yet."""
        if self.spilled:
            return
        self.spilled = True
        for event in self._events:
            if key_of(event) > self._saved:
                self._save(event)
        if self._events:
            self._saved = self._cursor = key_of(self._events[-1])
        self._room_made.set()

    def _save(self, event: Event) -> None:
        self._spill.save(self.channel_id, event)
        self.kept_bytes += len(event.payload)

    def tick(self) -> None:
        """Spill when the first event has not left since the last tick, so that it no longer holds up the slot."""
        if not self.spilled and self._events:
            if self._tail_at_tick is not None and key_of(self._events[0]) <= self._tail_at_tick:
                self.spill()
            self._tail_at_tick = key_of(self._events[-1]) if self._events else None

    async def make_room(self) -> None:
        """Wait until a full queue is half empty.

        Spill when that takes too long, and spill at once for a while after that.
        """
        if time.monotonic() < self._spill_at_once_until_s:
            self.spill()
            return
        self._room_made.clear()
        try:
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                await self._room_made.wait()
        except TimeoutError:
            self._spill_at_once_until_s = time.monotonic() + SPILL_AT_ONCE_S
            self.spill()

    def first(self, limit: int) -> list[Event]:
        """Return up to `limit` events from the head in memory, without waiting; they stay in the queue."""
        return list(islice(self._events, limit))

    async def peek(self, limit: int, start: int | None = None) -> list[Event]:
        """Wait for events and return up to `limit`, from position `start` or from the head; they stay in the queue."""
        while True:
            offset = 0 if start is None else start - self.head
            if len(self._events) > offset:
                return list(islice(self._events, offset, offset + limit))
            self._arrived.clear()
            if self.spilled:
                await self._load()
            else:
                await self._arrived.wait()

    async def _load(self) -> None:
        events = await self._spill.load(self.channel_id, self._cursor, LOAD_EVENTS)
        if events:
            self._events.extend(events)
            self._bytes += _bytes_of(events)
            self._cursor = key_of(events[-1])
            self._saved = max(self._saved, self._cursor)
            return
        unwritten = self._spill.withdraw(self.channel_id, self._cursor)
        if unwritten is None:
            await self._spill.flush()
        else:
            # The table has no more events, and none were added since its answer, because there was no await.
            self.spilled = False
            self._tail_at_tick = None
            self._events.extend(unwritten)
            withdrawn_bytes = _bytes_of(unwritten)
            self._bytes += withdrawn_bytes
            self.kept_bytes -= withdrawn_bytes

    def rewind(self) -> None:
        """Load the delivery table from its beginning again. The queue must be spilled, with no write pending."""
        self._events.clear()
        self._bytes = 0
        self._cursor = (0, -1)
        self._arrived.set()

    def settle(self, events: Sequence[Event]) -> None:
        """Remove delivered events."""
        self._remove(events)
        self.last_settled = max(self.last_settled, key_of(events[-1]))
        self._on_progress()

    def dead_letter(self, event: Event, error: str) -> None:
        """Remove an event that has failed finally; the table keeps it as a dead letter. The queue must be spilled."""
        self._spill.dead_letter(self.channel_id, key_of(event), error)
        self._remove_from_memory([event])

    def report(self, report: Report) -> None:
        """Report the state of the channel."""
        self._spill.report(self.channel_id, report)

    def _remove(self, events: Sequence[Event]) -> None:
        self._remove_from_memory(events)
        if events and key_of(events[0]) <= self._saved:
            kept = [event for event in events if key_of(event) <= self._saved]
            self._spill.settle(self.channel_id, [key_of(event) for event in kept])
            self.kept_bytes -= _bytes_of(kept)
        if len(self._events) <= self._max_events // 2 and self._bytes <= self._max_bytes // 2:
            self._room_made.set()

    def _remove_from_memory(self, events: Sequence[Event]) -> None:
        gone: set[Key] = set()
        queued = self._events
        if events and len(events) <= len(queued) and queued[0] is events[0] and queued[len(events) - 1] is events[-1]:
            # Nearly always the events are at the head.
            self._bytes -= _bytes_of(events)
            for _ in repeat(None, len(events)):
                queued.popleft()
            self.head += len(events)
            return
        for event in events:
            self._bytes -= len(event.payload)
            self.head += 1
            if not gone and self._events[0] is event:
                self._events.popleft()
            else:
                gone.add(key_of(event))
        if gone:
            self._events = deque(event for event in self._events if key_of(event) not in gone)

    def oldest_unsafe(self) -> int | None:
        """Return the commit LSN of the oldest event that is in memory only."""
        if not self.spilled:
            for event in self._events:
                if key_of(event) > self._saved:
                    return event.commit_lsn
        return None


def _bytes_of(events: Sequence[Event]) -> int:
    return sum([len(event.payload) for event in events])
