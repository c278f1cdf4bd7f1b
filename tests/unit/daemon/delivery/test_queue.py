"""A channel's queue keeps its order and loses nothing, whenever it spills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.delivery.queue import ChannelQueue
from integratedb_companion.daemon.delivery.spill import Spill
from integratedb_companion.daemon.model import Backlog, key_of
from integratedb_companion.daemon.routing.events import Event


class Table:
    """The delivery table, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Event] = {}

    async def save(self, events: Sequence[tuple[int, Event]]) -> None:
        await asyncio.sleep(0)
        self.rows |= {key_of(event): event for _, event in events}

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]:
        await asyncio.sleep(0)
        return [self.rows[key] for key in sorted(self.rows) if key > after][: min(limit, 3)]

    async def settle(self, channel_id: int, keys: Sequence[tuple[int, int]]) -> None:
        await asyncio.sleep(0)
        for key in keys:
            del self.rows[key]

    async def dead_letter(self, channel_id: int, keys: Sequence[tuple[int, int]], error: str) -> None:
        raise AssertionError

    async def report(self, channel_id: int, report: Any) -> None:
        raise AssertionError


steps = st.lists(st.sampled_from(["put", "put", "put", "take", "take one", "spill", "tick", "wait"]), max_size=60)


@given(steps)
def test_whatever_happens_events_leave_once_and_in_order(actions: list[str]) -> None:
    async def run() -> None:
        table = Table()
        spill = Spill(table, lambda: None)
        queue = ChannelQueue(1, spill, lambda: None)
        writing = asyncio.create_task(spill.run())
        put: list[Event] = []
        taken: list[Event] = []

        async def take(limit: int) -> None:
            events = await asyncio.wait_for(queue.peek(limit), 5)
            taken.extend(events)
            queue.settle(events)

        for action in actions:
            if action == "put":
                event = Event(10 * len(put) + 10, 0, b"", b"x" * 10, 0.0)
                put.append(event)
                queue.enqueue([event])
            elif action.startswith("take") and len(taken) < len(put):
                await take(1 if action == "take one" else 5)
            elif action == "spill":
                queue.spill()
            elif action == "tick":
                queue.tick()
            elif action == "wait":
                await spill.drain()
                assert queue.kept_bytes == sum(len(event.payload) for event in table.rows.values())
            unsafe = [key_of(e) for e in put[len(taken) :] if key_of(e) not in table.rows]
            told = [lsn for lsn in (queue.oldest_unsafe(), spill.oldest_unsafe()) if lsn is not None]
            assert not unsafe or min(told) <= unsafe[0][0], "what is in memory only is never taken for safe"
        while len(taken) < len(put):
            await take(4)
        await spill.drain()
        assert [key_of(event) for event in taken] == [key_of(event) for event in put]
        assert table.rows == {}
        assert queue.bytes == 0
        assert queue.kept_bytes == 0
        writing.cancel()

    with patch("integratedb_companion.daemon.delivery.spill.GATHER_S", 0):
        asyncio.run(run())


def test_what_an_earlier_daemon_took_care_of_is_not_taken_again() -> None:
    """The slot stands before events that were kept, and before events that were delivered ahead of these."""

    async def run() -> None:
        table = Table()
        events = [Event(lsn, 0, b"", b"x" * 10, 0.0) for lsn in range(10, 60, 10)]
        table.rows = {key_of(event): event for event in events[1:4]}
        spill = Spill(table, lambda: None)
        queue = ChannelQueue(1, spill, lambda: None, Backlog(waiting=True, bytes=30, last=(40, 0)))
        writing = asyncio.create_task(spill.run())
        taken: list[int] = []
        for event in events:
            queue.enqueue([event])
        while len(taken) < 4:
            some = await asyncio.wait_for(queue.peek(5), 5)
            taken += [event.commit_lsn for event in some]
            queue.settle(some)
        await spill.drain()
        assert taken == [20, 30, 40, 50]
        assert table.rows == {}
        assert queue.kept_bytes == 0
        writing.cancel()

    with patch("integratedb_companion.daemon.delivery.spill.GATHER_S", 0):
        asyncio.run(run())


def test_a_channel_that_recovers_waits_for_no_write() -> None:
    async def run() -> None:
        table = Table()
        spill = Spill(table, lambda: None)
        queue = ChannelQueue(1, spill, lambda: None)
        writing = asyncio.create_task(spill.run())
        queue.spill()
        for number in (1, 2):
            queue.enqueue([Event(number, 0, b"", b"x", 0.0)])
        await spill.flush()
        queue.enqueue([Event(3, 0, b"", b"x", 0.0)])  # as they do all the time, and writes are gathered for long
        queue.settle(await asyncio.wait_for(queue.peek(5), 5))
        events = await asyncio.wait_for(queue.peek(5), 5)
        assert [event.commit_lsn for event in events] == [3]
        assert not queue.spilled
        assert queue.oldest_unsafe() == 3
        assert spill.oldest_unsafe() is None
        assert list(table.rows) == [(1, 0), (2, 0)], "delivered, and to be forgotten in the next round"
        writing.cancel()

    with patch("integratedb_companion.daemon.delivery.spill.GATHER_S", 1_000):
        asyncio.run(run())


def test_what_is_being_written_is_not_safe_until_it_is_written() -> None:
    class SlowTable(Table):
        """Takes what is written when it is told to."""

        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()
            self.answers = asyncio.Event()

        async def save(self, events: Sequence[tuple[int, Event]]) -> None:
            self.asked.set()
            await self.answers.wait()
            await super().save(events)

    async def run() -> None:
        table = SlowTable()
        confirmed: list[int | None] = []
        spill = Spill(table, lambda: confirmed.append(spill.oldest_unsafe()))
        writing = asyncio.create_task(spill.run())
        for lsn in (10, 20):
            spill.save(1, Event(lsn, 0, b"", b"x", 0.0))
        await asyncio.wait_for(table.asked.wait(), 5)
        for _ in range(20):  # time enough for whoever does not wait
            await asyncio.sleep(0)
            assert spill.oldest_unsafe() == 10
        assert confirmed == []
        table.answers.set()
        await asyncio.wait_for(spill.drain(), 5)
        assert sorted(table.rows) == [(10, 0), (20, 0)]
        assert spill.oldest_unsafe() is None
        assert confirmed == [None]
        writing.cancel()

    with patch("integratedb_companion.daemon.delivery.spill.GATHER_S", 0):
        asyncio.run(run())


def test_a_receiver_that_did_not_keep_up_is_not_waited_for_again_soon() -> None:
    async def run() -> float:
        queue = ChannelQueue(1, Spill(Table(), lambda: None), lambda: None, max_events=1)
        waited_s = 0.0
        for number in range(0, 10, 2):
            queue.spilled = False  # it has caught up in between
            for lsn in (number + 1, number + 2):
                queue.enqueue([Event(lsn, 0, b"", b"x", 0.0)])
            assert queue.full
            began_s = time.monotonic()
            await queue.make_room()
            waited_s += time.monotonic() - began_s
            assert queue.spilled
        return waited_s

    with patch("integratedb_companion.daemon.delivery.queue.ROOM_TIMEOUT_S", 0.05):
        assert 0.04 < asyncio.run(run()) < 0.09


def test_what_is_queued_now_is_written_in_time_whatever_others_go_on_adding() -> None:
    async def run() -> None:
        table = Table()
        spill = Spill(table, lambda: None)
        writing = asyncio.create_task(spill.run())
        table.rows = {(number, 0): Event(number, 0, b"", b"x", 0.0) for number in range(10_000)}

        async def others() -> None:
            for number in range(10_000):
                spill.settle(2, [(number, 0)])
                await asyncio.sleep(0)

        adding = asyncio.create_task(others())
        for number in (20_001, 20_002):
            spill.save(1, Event(number, 0, b"", b"x", 0.0))
            await asyncio.wait_for(spill.flush_all(), 5)
            assert (number, 0) in table.rows
        assert not adding.done()
        adding.cancel()
        writing.cancel()

    with patch("integratedb_companion.daemon.delivery.spill.GATHER_S", 0):
        asyncio.run(run())
