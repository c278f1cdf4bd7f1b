"""The server is told to forget only what was noted before, and only what is safe; it is answered in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from integratedb_companion.daemon.stream import confirmation as confirmations
from integratedb_companion.daemon.stream.confirmation import IDLE_BYTES, Confirmation
from integratedb_companion.daemon.stream.progress import Progress
from integratedb_companion.daemon.stream.replication import StreamEndedError


class Told:
    """What was done, in order: positions that were noted, and those that the server was told."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int] | tuple[str, int, int]] = []
        self.unsafe: list[int | None] = []
        self.progress = Progress(5)
        self.may_note = asyncio.Event()
        self.may_note.set()
        self.ended = False
        self.confirmation = Confirmation(self._note, lambda: self.unsafe)
        self.confirmation.stream = self  # type: ignore[assignment]  # this class stands for one
        self.confirmation.begin(self.progress)

    async def _note(self, lsn: int) -> None:
        await self.may_note.wait()
        self.done.append(("noted", lsn))

    def confirm(self, lsn: int, received_lsn: int, *, reply_requested: bool = False) -> None:
        if self.ended:
            raise StreamEndedError
        self.done.append(("told and asked" if reply_requested else "told", lsn, received_lsn))

    async def settle(self) -> list[Any]:
        """Let the others run; what was done since the last time."""
        for _ in range(20):
            await asyncio.sleep(0)
        done, self.done = self.done, []
        return done


def running(test: Callable[[Told], Awaitable[None]], **constants: float) -> None:
    async def run() -> None:
        told = Told()
        task = asyncio.create_task(told.confirmation.run())
        try:
            await asyncio.wait_for(test(told), 20)
        finally:
            task.cancel()

    with ExitStack() as patches:
        for name, value in {"REPLY_AT_MOST_EVERY_S": 0.0, **constants}.items():
            patches.enter_context(patch.object(confirmations, name, value))
        asyncio.run(run())


def test_what_is_done_is_noted_before_the_server_may_forget_it() -> None:
    async def test(told: Told) -> None:
        told.may_note.clear()
        told.progress.routed(10, 11)
        told.confirmation.progressed()
        assert await told.settle() == []
        told.may_note.set()
        assert await told.settle() == [("noted", 11), ("told", 11, 0)]

    running(test)


def test_what_is_not_safe_is_not_confirmed() -> None:
    async def test(told: Told) -> None:
        told.progress.routed(10, 11)
        told.progress.routed(20, 21)
        told.unsafe = [None, 20]
        told.confirmation.reply_requested()
        assert (await told.settle())[-2:] == [("noted", 11), ("told", 11, 0)]
        told.unsafe = [None, None]
        told.confirmation.reply_requested()
        assert (await told.settle())[-2:] == [("noted", 21), ("told", 21, 0)]

    running(test)


def test_a_server_that_asks_is_answered_at_once_by_what_was_noted_already() -> None:
    async def test(told: Told) -> None:
        told.may_note.clear()
        told.progress.routed(10, 11)
        told.confirmation.reply_requested()
        assert await told.settle() == [("told", 5, 0)]
        told.may_note.set()
        assert await told.settle() == [("noted", 11), ("told", 11, 0)]

    running(test)


def test_a_server_that_asks_on_and_on_is_answered_now_and_then() -> None:
    async def test(told: Told) -> None:
        for _ in range(100):
            told.confirmation.reply_requested()
        assert [entry[0] for entry in told.done] == ["told"]

    running(test, REPLY_AT_MOST_EVERY_S=1_000)


def test_an_idle_database_moves_on_in_large_steps_for_a_note_writes_too() -> None:
    async def test(told: Told) -> None:
        told.progress.seen(5 + IDLE_BYTES)
        told.confirmation.progressed()
        assert await told.settle() == [("told", 5, 5 + IDLE_BYTES)]
        told.progress.seen(6 + IDLE_BYTES)
        told.confirmation.progressed()
        while not any(entry[0] == "noted" for entry in told.done):
            await asyncio.sleep(0.001)
        assert (await told.settle())[:2] == [("noted", 6 + IDLE_BYTES), ("told", 6 + IDLE_BYTES, 6 + IDLE_BYTES)]

    running(test, CONFIRM_AT_MOST_EVERY_S=0.001)


def test_progress_is_confirmed_now_and_then_and_not_each_time() -> None:
    async def test(told: Told) -> None:
        told.progress.routed(10, 11)
        told.confirmation.progressed()
        assert await told.settle() == [("noted", 11), ("told", 11, 0)]
        told.progress.routed(20, 21)
        told.confirmation.progressed()
        assert await told.settle() == []

    running(test, CONFIRM_AT_MOST_EVERY_S=1_000)


def test_nothing_is_noted_beyond_the_end() -> None:
    async def test(told: Told) -> None:
        told.progress.routed(10, 11)
        await told.confirmation.finish()
        assert await told.settle() == [("noted", 11), ("told", 11, 0)]
        told.progress.routed(20, 21)
        told.confirmation.progressed()
        assert await told.settle() == []

    running(test)


def test_a_stream_that_has_ended_or_is_not_there_is_told_nothing_and_nothing_breaks() -> None:
    async def test(told: Told) -> None:
        told.ended = True
        told.progress.routed(10, 11)
        told.confirmation.reply_requested()
        assert await told.settle() == [("noted", 11)]
        told.confirmation.stream = None
        told.progress.routed(20, 21)
        told.confirmation.reply_requested()
        assert await told.settle() == [("noted", 21)]

    running(test)


def test_a_server_hears_that_somebody_reads_while_a_note_has_to_wait() -> None:
    async def test(told: Told) -> None:
        told.may_note.clear()
        told.progress.routed(10, 11)
        told.confirmation.progressed()
        alive = asyncio.create_task(told.confirmation.keep_alive())
        while len(told.done) < 3:
            await asyncio.sleep(0.001)
        alive.cancel()
        assert set(told.done) == {("told and asked", 5, 0)}, "an answer shows that the server is there"

    running(test, KEEP_ALIVE_EVERY_S=0.001)
