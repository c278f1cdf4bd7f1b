"""No request stays without an answer: not where results cannot be read, and not where others are cancelled."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import httpx
import pytest

from integratedb_companion.api.connection import Connection, LostError, Query
from integratedb_companion.api.pool import BusyError, Pool
from tests.system.api.harness import Place, token

ONE = [Query(b"SELECT 1")]


def test_results_that_cannot_be_read_end_the_request(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads them is called by the loop, so nobody would see that it failed."""

    def fail(*_: Any) -> None:
        raise AssertionError

    async def run() -> None:
        pool = Pool(place.dsn, 1, 10, prepares=True)
        async with pool.lend() as connection:
            with monkeypatch.context() as patch:
                patch.setattr(Connection, "_take", fail)
                with pytest.raises(LostError):
                    await asyncio.wait_for(connection.run(ONE), 5)
        async with pool.lend() as connection:
            assert len(await connection.run(ONE)) == 1
        pool.close()

    asyncio.run(run())


def test_who_is_woken_and_cancelled_at_once_wakes_the_next_one(place: Place) -> None:
    async def run() -> None:
        pool = Pool(place.dsn, 1, 10, prepares=True)
        connection = await pool.take()
        first, second = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        pool.give_back(connection)
        first.cancel()
        pool.give_back(await asyncio.wait_for(second, 2))
        pool.close()

    asyncio.run(run())


def test_nobody_waits_longer_because_others_are_faster(place: Place) -> None:
    async def run() -> float:
        pool = Pool(place.dsn, 1, 0.5, prepares=True)
        connection = await pool.take()
        began_s = time.monotonic()
        waiting = asyncio.create_task(pool.take())
        while not waiting.done() and time.monotonic() < began_s + 5:
            await asyncio.sleep(0.05)
            pool.give_back(connection)
            taken = pool.take_idle()  # before the one that waits
            assert taken is not None
            connection = taken
        with pytest.raises(BusyError):
            await waiting
        pool.give_back(connection)
        pool.close()
        return time.monotonic() - began_s

    assert asyncio.run(run()) < 2


def test_short_requests_of_all_faces_beside_clients_that_hang_up(place: Place, start_api) -> None:
    api = start_api(place, "--connections", "2")
    head = {"Authorization": f"Bearer {token(place.user)}"}
    kinds: list[tuple[str, str, Any]] = [
        ("GET", "/people?id=eq.1&select=id", None),
        ("GET", "/people?limit=500", None),
        ("POST", "/query", {"from": "people", "limit": 3}),
        ("POST", "/query", [{"from": "people", "limit": 1}] * 3),
        ("POST", "/graphql", {"query": "{ peopleNodes(first: 2) { nodes { name } } }"}),
        ("POST", "/rpc/slow", {"seconds": 0.02}),
        ("PATCH", "/people?id=eq.7", {"age": 7}),
        ("GET", "/nothing", None),
        ("GET", "/rpc/setting?name=role", None),
    ]
    chance = random.Random(7)

    async def one(http: httpx.AsyncClient, room: asyncio.Semaphore, number: int) -> int:
        method, path, body = kinds[number % len(kinds)]
        async with room:
            hangs_up = chance.random() < 0.4
            timeout = httpx.Timeout(chance.uniform(0.001, 0.15) if hangs_up else 20)
            began_s = time.monotonic()
            try:
                return (await http.request(method, path, json=body, headers=head, timeout=timeout)).status_code
            except httpx.HTTPError as problem:
                if hangs_up:
                    return 0
                took_s = time.monotonic() - began_s
                raise AssertionError(f"{method} {path}: no answer after {took_s:.1f} s") from problem

    async def run() -> list[int]:
        room = asyncio.Semaphore(40)
        async with httpx.AsyncClient(base_url=api.url, limits=httpx.Limits(max_connections=None)) as http:
            return await asyncio.gather(*(one(http, room, number) for number in range(1500)))

    statuses = asyncio.run(run())
    assert set(statuses) <= {0, 200, 204, 206, 404, 504}, set(statuses)
    began_s = time.monotonic()
    for method, path, body in kinds:
        assert api.send(method, path, body, role=place.user).status_code in (200, 204, 206, 404)
    assert time.monotonic() - began_s < 5
