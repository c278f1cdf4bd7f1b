"""The memory of all bodies together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from integratedb_companion.api import bodies, budget
from integratedb_companion.api.budget import FREE_BYTES, Budget, Share, Unread
from integratedb_companion.api.messages import Head, Request


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LEAST_BYTES", 100_000)
    monkeypatch.setattr(budget, "WAIT_S", 0.05)


def request(length: int | None = None) -> Request:
    """Return a request that announces a length."""
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request("POST", "/t", b"/t", "", Head(headers))


async def read(share: Share, *portions: int, announced: int | None = None) -> int | str:
    """Read a body that comes in portions; return its length or the code of the refusal."""
    left: Iterator[int] = iter(portions)
    last = len(portions) - 1
    sent = -1

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b"x" * next(left), "more_body": sent < last}

    try:
        return len(await bodies.read(request(announced), receive, 1 << 20, share))
    except bodies.BodyError as refused:
        headers = dict(refused.response.headers)
        return f"{refused.response.status} {headers.get(b'retry-after', b'').decode()}"


def run(*steps: Any) -> list[Any]:
    """Run coroutines one after another, in one loop."""

    async def all_of_them() -> list[Any]:
        return [await step for step in steps]

    return asyncio.run(all_of_them())


def test_bodies_share_their_memory_and_give_it_back() -> None:
    whole = Budget(10)
    first, second = Share(whole), Share(whole)
    assert run(read(first, 30_000, 30_000), read(second, 30_000, 30_000)) == [60_000, "503 1"]
    assert (first.held, second.held) == (60_000, 30_000)
    second.free()
    second.free()
    assert whole.used == 60_000
    first.free()
    assert (whole.used, run(read(second, 90_000))) == (0, [90_000])


def test_a_body_that_announces_more_than_there_is_room_for_is_not_begun() -> None:
    whole = Budget(10)
    first, second = Share(whole), Share(whole)
    assert run(read(first, 60_000), read(second, 1, announced=60_000)) == [60_000, "503 1"]
    assert second.held == 0


def test_short_bodies_always_find_room() -> None:
    whole = Budget(10)
    assert run(read(Share(whole), 100_000), read(Share(whole), FREE_BYTES, announced=FREE_BYTES)) == [
        100_000,
        FREE_BYTES,
    ]
    assert whole.used == 100_000


def test_a_body_waits_for_room() -> None:
    whole = Budget(10)
    first, second = Share(whole), Share(whole)

    async def together() -> int | str:
        await read(first, 60_000)
        asyncio.get_running_loop().call_later(0.02, first.free)
        return await read(second, 60_000, announced=60_000)

    assert asyncio.run(together()) == 60_000
    assert whole.used == 60_000


def test_four_of_the_longest_bodies_find_room_whatever_the_limit() -> None:
    assert Budget(1 << 20).most == 4 << 20


def test_long_answers_that_wait_longest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LEAST_UNREAD_BYTES", 300)
    unread = Unread(10)
    with unread.sending(100) as first, unread.sending(100) as second, unread.sending(100) as third:
        assert [one.is_given_up for one in (first, second, third)] == [False] * 3
        unread.progressed(first)
        with unread.sending(100):
            assert (first.is_given_up, second.is_given_up, third.is_given_up) == (False, True, False)
        # Room is free again, and what is larger than all room is sent alone.
        with unread.sending(1_000) as large:
            assert (first.is_given_up, third.is_given_up, large.is_given_up) == (True, True, False)
