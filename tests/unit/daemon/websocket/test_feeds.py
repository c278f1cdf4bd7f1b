"""A service that is too slow loses what waits for it and learns that; nothing grows without bound."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from integratedb_companion.common import feed_tokens
from integratedb_companion.daemon.routing.events import Transaction
from integratedb_companion.daemon.stream.pgoutput import Begin
from integratedb_companion.daemon.websocket import feeds
from integratedb_companion.daemon.websocket.feeds import Feed, Feeds, FullError

SECRET = feed_tokens.secret_of(b"k" * 32)
TRANSACTION = Transaction(Begin(100, 86_400_000_001, 731), "/integratedb/shop")


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Connection:
    """A service that sends some frames, and reads when it may."""

    def __init__(self, *frames: str) -> None:
        self.frames = frames
        self.sent: list[Any] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.ends = asyncio.Event()

    async def __aiter__(self) -> Any:
        for frame in self.frames:
            yield frame
        await self.ends.wait()

    async def send(self, data: bytes | str, **_: Any) -> None:
        await self.may_read.wait()
        self.sent.append(orjson.loads(data))


def made(keys: dict[str, bytes] | None = None) -> tuple[Feeds, list[int]]:
    watched: list[int] = []

    async def read() -> dict[str, bytes]:
        return {"one": SECRET} if keys is None else keys

    return Feeds(read, watched.append, lambda: ([731], 100)), watched


def header(name: str = "one") -> str:
    return feed_tokens.sign(name, SECRET, time.time())


@in_loop
async def test_a_feed_tells_changes_in_order_and_confirms_watches() -> None:
    all_feeds, watched = made()
    feed = await all_feeds.admit(header())
    connection = Connection('{"watch":[[1,7,16384,["id"]],[1,7,16384,["id"]]],"mark":2}', '{"unwatch":[1,9]}')
    serving = asyncio.create_task(feed.serve(connection))  # type: ignore[arg-type]  # stands for one
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    feed.change(1, "I", ["5"], TRANSACTION)
    all_feeds.state_changed()
    await asyncio.sleep(0.01)
    assert connection.sent[0] == {"ready": True}
    told = [change for frame in connection.sent[1:] for change in frame["changes"]]
    assert told == [[2, "M", [731], 100], [1, "I", ["5"], 731, 100], [0, "S"]]
    assert watched == [7, 7]
    connection.ends.set()
    await serving
    assert all_feeds.watches.of(7) == []


@in_loop
async def test_a_service_that_does_not_read_loses_changes_and_learns_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_WAITING", 10)
    all_feeds, _ = made()
    feed = await all_feeds.admit(header())
    connection = Connection()
    connection.may_read.clear()
    serving = asyncio.create_task(feed.serve(connection))  # type: ignore[arg-type]  # stands for one
    await asyncio.sleep(0)
    for number in range(100):
        feed.change(1, "I", [str(number)], TRANSACTION)
    connection.may_read.set()
    await asyncio.sleep(0.01)
    feed.change(1, "I", ["after"], TRANSACTION)
    await asyncio.sleep(0.01)
    assert connection.sent == [{"ready": True}, {"lost": True}, {"changes": [[1, "I", ["after"], 731, 100]]}]
    serving.cancel()


@in_loop
async def test_changes_of_schemas_and_confirmations_that_nobody_reads_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "MOST_WAITING", 10)
    all_feeds, _ = made()
    feed = await all_feeds.admit(header())
    all_feeds.begin(feed)
    for _ in range(100):
        all_feeds.state_changed()
    assert len(feed._waiting) <= 10
    assert [feed._take('{"mark":1}') for _ in range(100)].count(True) == 20
    assert len(feed._waiting) <= 20


@in_loop
async def test_a_token_is_used_once_and_services_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    all_feeds, _ = made()
    once = header()
    await all_feeds.admit(once)
    for wrong in (once, header("other"), None):
        with pytest.raises(feed_tokens.FeedTokenError):
            await all_feeds.admit(wrong)
    monkeypatch.setattr(feeds, "MOST_FEEDS", 0)
    with pytest.raises(FullError):
        await all_feeds.admit(header())


@pytest.mark.parametrize(
    "frame",
    [
        "no JSON",
        "[]",
        '{"watch":1}',
        '{"watch":[[1]]}',
        '{"watch":[["a",7,1,["id"]]]}',
        '{"mark":"x"}',
        '{"mark":99999999999999999999}',
        '{"mark":-1}',
        '{"watch":[[99999999999999999999,7,1,["id"]]]}',
        '{"unwatch":[[]]}',
    ],
)
@in_loop
async def test_a_frame_of_another_form_is_refused(frame: str) -> None:
    all_feeds, _ = made()
    feed: Feed = await all_feeds.admit(header())
    assert feed._take(frame) is False
