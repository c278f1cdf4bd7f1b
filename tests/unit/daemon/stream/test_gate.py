"""Nothing is told before the synchronous standbys have it."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from integratedb_companion.daemon.stream import gate
from integratedb_companion.daemon.stream.gate import Gate


def passing(*answers: tuple[int, int | None]) -> tuple[int, bool]:
    """Refresh a gate and pass it; returns how often the server was asked, and whether the gate is closed afterwards."""
    left = list(answers)

    async def replicated() -> tuple[int, int | None]:
        return left.pop(0)

    async def act() -> bool:
        tested = Gate(replicated)
        await tested.refresh()
        await tested.let_through()
        assert tested.waiting_since_s is None
        asked = len(answers) - len(left)
        await tested.let_through() if left else None
        return len(answers) - len(left) > asked

    with patch.object(gate, "FIRST_PAUSE_S", 0):
        is_closed = asyncio.run(act())
    return len(answers) - len(left), is_closed


def test_without_standbys_nobody_waits_and_nobody_asks() -> None:
    assert passing((5, None), (9, 9)) == (1, False)


def test_it_waits_until_the_standbys_have_what_the_server_had_when_the_messages_arrived() -> None:
    assert passing((5, 0), (9, 3), (20, 8), (30, 9)) == (4, False)
    assert passing((5, 0), (9, 9), (9, 9)) == (3, True)


def test_it_opens_when_the_server_waits_for_no_standby_any_more() -> None:
    assert passing((5, 0), (9, 3), (9, None), (9, 0)) == (3, False)


def test_it_says_since_when_it_waits() -> None:
    async def act() -> float | None:
        async def replicated() -> tuple[int, int | None]:
            return 9, 3

        tested = Gate(replicated)
        await tested.refresh()
        waiting = asyncio.create_task(tested.let_through())
        while tested.waiting_since_s is None:
            await asyncio.sleep(0)
        since_s = tested.waiting_since_s
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert tested.waiting_since_s is None
        return since_s

    assert asyncio.run(act()) is not None
