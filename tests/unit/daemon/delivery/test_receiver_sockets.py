"""Sockets to receivers are counted; what there is no place for waits, and one stakeholder leaves places for others."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from integratedb_companion.common.open_files import shares
from integratedb_companion.daemon.delivery.receiver_sockets import NoPlaceError, ReceiverSocket, ReceiverSockets


def make(sockets: ReceiverSockets, owner: str) -> ReceiverSocket:
    return sockets.open(socket.AF_INET, socket.SOCK_STREAM, 0, owner)


class Attempts:
    """Attempts that go on until they are told to end."""

    def __init__(self, sockets: ReceiverSockets) -> None:
        self.sockets = sockets
        self.began: list[str] = []
        self._tasks: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def begin(self, owner: str, times: int = 1) -> None:
        for _ in range(times):
            end = asyncio.Event()
            self._tasks.append((asyncio.create_task(self._run(owner, end)), end))
        await asyncio.sleep(0)

    async def end_oldest(self, times: int = 1) -> None:
        for task, end in self._tasks[:times]:
            end.set()
            await task
        del self._tasks[:times]
        await asyncio.sleep(0.01)

    async def cancel(self) -> None:
        for task, _ in self._tasks:
            task.cancel()
        await asyncio.gather(*(task for task, _ in self._tasks), return_exceptions=True)

    async def _run(self, owner: str, end: asyncio.Event) -> None:
        async with self.sockets.attempt(owner):
            self.began.append(owner)
            with make(self.sockets, owner):
                await end.wait()


@asynccontextmanager
async def attempts(limit: int) -> AsyncIterator[Attempts]:
    running = Attempts(ReceiverSockets(limit))
    yield running
    await running.cancel()
    assert running.sockets.used() == 0


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


def test_a_stakeholder_alone_gets_a_quarter() -> None:
    async def test() -> None:
        async with attempts(100) as running:
            await running.begin("deaf", 1000)
            assert running.sockets.used() == len(running.began) == 25

    run(test)


@pytest.mark.parametrize("hogs", [1, 4, 12])
def test_however_many_take_what_they_can_somebody_else_gets_a_place(hogs: int) -> None:
    async def test() -> None:
        async with attempts(512) as running:
            for number in range(hogs):
                await running.begin(f"deaf{number}", 200)
            assert running.sockets.used() < 512
            await running.begin("healthy")
            assert running.began[-1] == "healthy"

    run(test)


def test_what_is_free_goes_first_to_whoever_has_least() -> None:
    async def test() -> None:
        async with attempts(2) as running:
            await running.begin("deaf", 3)
            await running.begin("deaf too", 3)
            await running.begin("healthy")
            assert running.began == ["deaf", "deaf too"]
            await running.end_oldest(2)
            assert running.began[2:] == ["deaf", "healthy"]

    run(test)


def test_whoever_waits_no_more_gets_no_place() -> None:
    async def test() -> None:
        async with attempts(4) as running:
            await running.begin("deaf", 5)
            await running.cancel()
            assert running.began == ["deaf"]

    run(test)


def test_a_place_that_comes_too_late_is_given_back() -> None:
    async def test() -> None:
        sockets = ReceiverSockets(4)

        async def attempt() -> None:
            async with sockets.attempt("x"):
                pass

        async with sockets.attempt("x"):
            waiting = asyncio.create_task(attempt())
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert sockets.used() == 0

    run(test)


def test_what_waits_for_its_next_use_is_closed_for_whoever_needs_a_place() -> None:
    async def test() -> None:
        sockets = ReceiverSockets(8)
        kept: list[ReceiverSocket] = []
        for _ in range(2):
            async with sockets.attempt("x"):
                kept.append(make(sockets, "x"))
                sockets.begin_use(kept[-1], "x")
                sockets.end_use(kept[-1])
        assert sockets.used("x") == 2

        given_up: list[ReceiverSocket] = []

        def give_up(one: ReceiverSocket) -> None:
            given_up.append(one)
            asyncio.get_running_loop().call_soon(one.close)

        for one in kept:
            one.give_up = partial(give_up, one)
        async with sockets.attempt("x"):
            assert sockets.used("x") == 2
            assert given_up == kept[:1]
            sockets.begin_use(kept[1], "x")
            assert sockets.used("x") == 1
            sockets.end_use(kept[1])
        assert sockets.used("x") == 1
        kept[1].close()
        assert sockets.used() == 0

    run(test)


def test_another_address_of_a_name_is_tried_while_there_is_a_place() -> None:
    async def test() -> None:
        sockets = ReceiverSockets(9)
        async with sockets.attempt("x"):
            first, second = make(sockets, "x"), make(sockets, "x")
            assert sockets.used("x") == 2
            with pytest.raises(NoPlaceError):
                make(sockets, "x")
            sockets.begin_use(second, "x")
            assert sockets.used("x") == 2
            first.close()
            assert sockets.used("x") == 1
            second.close()
        assert sockets.used() == 0

    run(test)


def test_a_socket_that_somebody_else_uses_is_theirs() -> None:
    async def test() -> None:
        sockets = ReceiverSockets(40)
        async with sockets.attempt("a"):
            one = make(sockets, "a")
            sockets.begin_use(one, "a")
            sockets.end_use(one)
        async with sockets.attempt("b"):
            sockets.begin_use(one, "b")
            assert (sockets.used("a"), sockets.used("b")) == (0, 1)
            sockets.end_use(one)
        assert (sockets.used("a"), sockets.used("b")) == (0, 1)
        one.close()
        assert sockets.used() == 0

    run(test)


def test_a_socket_that_nobody_closes_gives_its_place_back() -> None:
    async def test() -> None:
        sockets = ReceiverSockets(40)
        make(sockets, "a")
        gc.collect()
        assert sockets.used() == 0

    run(test)


@pytest.mark.parametrize("files", [64, 256, 700, 1024, 4096, 65_536, 1 << 20])
def test_the_shares_are_no_more_than_the_whole(files: int) -> None:
    divided = shares(files)
    assert divided.receivers == files // 2
    assert divided.receivers + divided.handshakes + divided.clients <= files - min(300, files // 8)
    assert divided.clients >= 10
