"""What a service takes from whoever answers as the daemon."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from integratedb_companion.api.subscriptions.feed import Feed, Watch, read_frame


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ('{"ready":true}', (False, [])),
        ('{"lost":true}', (True, [])),
        ('{"changes":[[0,"S"],[1,"M",[731],100]]}', (False, [[0, "S"], [1, "M", [731], 100]])),
        ('{"changes":[[1,"I",["5"],731,100],[1,"T",null,731,100]]}',
         (False, [[1, "I", ["5"], 731, 100], [1, "T", None, 731, 100]])),
    ],
)  # fmt: skip
def test_a_frame_of_the_daemon_is_read(frame: str, found: Any) -> None:
    assert read_frame(frame) == found


#: Each would otherwise end the task that all subscriptions of the worker rely on.
WRONG = [
    "no JSON", "[]", "1", "null", '"lost"', '{"changes":1}', '{"changes":{"a":1}}', '{"changes":[1]}',
    '{"changes":[[]]}', '{"changes":[[1]]}',
    '{"changes":[[1,"X"]]}', '{"changes":[["1","S"]]}', '{"changes":[[1,"M",1,1]]}',
    '{"changes":[[1,"M",["a"],1]]}', '{"changes":[[1,"M",[1]]]}', '{"changes":[[1,"I",["5"],"731",100]]}',
    '{"changes":[[1,"I",[5],731,100]]}', '{"changes":[[1,"I","5",731,100]]}', '{"changes":[[1,"I",["5"],731,null]]}',
    '{"changes":[[[1],"I",["5"],731,100]]}',
]  # fmt: skip


@pytest.mark.parametrize("frame", WRONG)
def test_a_frame_of_another_form_is_an_error_of_the_connection(frame: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_frame(frame)


def test_who_is_no_daemon_does_not_end_the_connection_for_good() -> None:
    frames = iter(WRONG[4:])
    met = []

    async def wrong(connection: ServerConnection) -> None:
        frame = next(frames, '{"ready":true}')
        met.append(frame)
        await connection.send(frame)
        await connection.wait_closed()

    async def run() -> None:
        async with serve(wrong, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            feed = Feed(f"ws://127.0.0.1:{port}", lambda: ("one", b"k" * 32))
            feed.watch(Watch(1, 2, ("id",)))
            running = asyncio.create_task(feed.run(lambda _: None))
            async with asyncio.timeout(20):
                while len(met) < 3:
                    await asyncio.sleep(0.01)
            assert not running.done()
            running.cancel()

    asyncio.run(run())
