"""What waits for clients is bounded for all of them, and those make room that are behind for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from integratedb_companion.api.subscriptions import room as rooms
from integratedb_companion.api.subscriptions.room import FREE, MOST_COPIED, MOST_WAITING, Room


@dataclass(eq=False)
class Client:
    """A client that is given up or not."""

    behind_since_s: float | None = None
    is_given_up: bool = False

    def give_up(self) -> None:
        self.is_given_up = True


def test_a_text_that_clients_share_counts_once() -> None:
    room, text = Room(), "x" * (MOST_WAITING // 2 + 1)
    for _ in range(5):
        assert room.hold(("before", text), is_first=True)
    assert room.waiting == len(text) + 5 * len("before")
    assert not room.hold(("y" * (MOST_WAITING // 2),), is_first=True)
    for _ in range(5):
        room.free(("before", text))
    assert room.waiting == 0
    assert room.hold(("y" * (2 * MOST_WAITING),), is_first=True)


def test_a_short_message_finds_room_where_none_waits_before_it() -> None:
    room = Room()
    assert room.hold(("x" * MOST_WAITING,), is_first=True)
    assert room.hold(("y" * FREE,), is_first=True)
    assert not room.hold(("y" * FREE,), is_first=False)
    assert not room.hold(("y" * (FREE + 1),), is_first=True)


def test_who_is_behind_for_long_makes_room() -> None:
    room, slow, healthy = Room(), Client(float("-inf")), Client()
    room.make([slow, healthy])
    assert (slow.is_given_up, healthy.is_given_up) == (True, False)


def test_copies_are_bounded_and_a_slow_reader_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PATIENCE_S", 0.02)

    async def run() -> tuple[list[int], bool]:
        room, slow, copied = Room(), Client(0.0), [0]
        ended = asyncio.Event()

        async def read(client: Client) -> None:
            async with room.copying(client, MOST_COPIED // 2 + 1):
                copied.append(room._copied)
                if client is slow:
                    while not client.is_given_up:
                        await asyncio.sleep(0.005)
                    ended.set()

        tasks = [asyncio.create_task(read(client)) for client in (slow, *(Client() for _ in range(5)))]
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
        return copied, ended.is_set()

    copied, is_ended = asyncio.run(run())
    assert max(copied) <= MOST_COPIED
    assert len(copied) == 7
    assert is_ended
