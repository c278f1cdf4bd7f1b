"""Feeds services of the data API: which rows changed, by key and without their values, in the order of the stream.

A feed is live. It keeps nothing in the database and holds up neither the stream nor the slot. A service that is too
slow loses what waits for it, and learns that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from integratedb_companion.common.feed_tokens import LIFETIME_S, FeedTokenError, check, key_of
from integratedb_companion.daemon.routing.events import Transaction
from integratedb_companion.daemon.routing.watches import Key, Kind, Watch, Watches

from .clients import dismiss

log = logging.getLogger(__name__)

MOST_FEEDS: Final = 64
MOST_WATCHES: Final = 10_000
MOST_COLUMNS: Final = 32
#: Numbers of watches and confirmations, which are written as JSON again.
MOST_NUMBER: Final = (1 << 53) - 1
#: The most changes that wait for a service.
MOST_WAITING: Final = 20_000
#: Changes in one frame.
MOST_AT_ONCE: Final = 1_000
BAD_FRAME: Final = 4002
DISMISS_S: Final = 3.0
#: Keys are read again after this time, and for a key that is not known at most once in the other.
KEYS_AGE_S: Final = 20.0
KEYS_AT_MOST_EVERY_S: Final = 1.0


class FullError(Exception):
    """As many services are connected as may be."""


class Feeds:
    """The connected services, and what they watch."""

    def __init__(
        self,
        read_keys: Callable[[], Awaitable[dict[str, bytes]]],
        on_watched: Callable[[int], None],
        position: Callable[[], tuple[list[int], int]],
    ) -> None:
        """`on_watched` is called with the table whose watches have changed.

        `position` returns the last transactions that were routed, and the commit LSN of the last one.
        """
        self.position = position
        self.watches = Watches()
        self._read_keys = read_keys
        self._on_watched = on_watched
        self._keys: dict[str, bytes] = {}
        self._read_at_s = float("-inf")
        self._reading = asyncio.Lock()
        #: The tokens that were used, with the time when they can be forgotten.
        self._used: dict[str, float] = {}
        self._feeds: set[Feed] = set()

    async def admit(self, header: str | None) -> Feed:
        """Return the feed of a service that shows a token. Errors: FeedTokenError, FullError."""
        await self._refresh(key_of(header))
        nonce = check(header, self._keys, time.time())
        now_s = time.monotonic()
        self._used = {used: until_s for used, until_s in self._used.items() if until_s > now_s}
        if nonce in self._used:
            raise FeedTokenError
        if len(self._feeds) >= MOST_FEEDS:
            raise FullError
        self._used[nonce] = now_s + 2 * LIFETIME_S
        return Feed(self)

    async def _refresh(self, key_id: str) -> None:
        async with self._reading:
            age_s = time.monotonic() - self._read_at_s
            if age_s > KEYS_AGE_S or (key_id not in self._keys and age_s > KEYS_AT_MOST_EVERY_S):
                self._keys = await self._read_keys()
                self._read_at_s = time.monotonic()

    def state_changed(self) -> None:
        """Tell all services, at this point of the stream, that claims or tables of stakeholders have changed."""
        for feed in self._feeds:
            feed.mark("S")

    def lost(self) -> None:
        """Tell all services that changes are missing."""
        for feed in self._feeds:
            feed.lose()

    def begin(self, feed: Feed) -> None:
        """Feed a service."""
        self._feeds.add(feed)

    def end(self, feed: Feed) -> None:
        """Forget a service, and what it watched."""
        self._feeds.discard(feed)
        for watch in feed.watches.values():
            self.watches.remove(watch)
            self._on_watched(watch.relid)

    def add(self, watch: Watch) -> None:
        """Watch a table."""
        self.watches.add(watch)
        self._on_watched(watch.relid)

    def remove(self, watch: Watch) -> None:
        """Watch it no longer."""
        self.watches.remove(watch)
        self._on_watched(watch.relid)


class Feed:
    """The connection of one service."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self.watches: dict[int, Watch] = {}
        self._waiting: list[Any] = []
        self._is_lossy = False
        self._may_send = asyncio.Event()

    async def serve(self, connection: ServerConnection) -> None:
        """Feed a service until it disconnects."""
        log.info("data API connected")
        self._feeds.begin(self)
        sending = asyncio.create_task(self._send(connection))
        try:
            async for frame in connection:
                if not self._take(frame):
                    await dismiss(connection, BAD_FRAME, 'expected {"watch": ...} or {"unwatch": ...}', DISMISS_S)
                    return
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._feeds.end(self)
            log.info("data API gone")

    def mark(self, kind: str) -> None:
        """Add something that is no change of a row."""
        if self._is_lossy:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.lose()
            return
        self._waiting.append([0, kind])
        self._may_send.set()

    def lose(self) -> None:
        """Drop what waits: the service is told that changes are missing."""
        self._waiting = [each for each in self._waiting if each[1] == "M"]
        self._is_lossy = True
        self._may_send.set()

    def change(self, number: int, kind: Kind, key: Key | None, transaction: Transaction) -> None:
        """Add a change of a row."""
        if self._is_lossy:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.lose()
            return
        self._waiting.append([number, kind, key, transaction.xid, transaction.commit_lsn])
        self._may_send.set()

    async def _send(self, connection: ServerConnection) -> None:
        await connection.send('{"ready":true}')
        while True:
            await self._may_send.wait()
            if self._is_lossy:
                # What comes from now on follows the loss. The service compares all surfaces then.
                self._is_lossy = False
                await connection.send('{"lost":true}')
                continue
            sent, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not self._waiting:
                self._may_send.clear()
            if sent:
                text = orjson.dumps({"changes": sent}, default=str)
                await connection.send(text, text=True)

    def _take(self, frame: str | bytes) -> bool:
        """Add or remove watches; returns whether the frame has the form for that."""
        try:
            message = orjson.loads(frame)
            for number, relid, role, columns in message.get("watch", ()):
                is_full = len(self.watches) >= MOST_WATCHES or len(columns) > MOST_COLUMNS
                if is_full or not 0 <= int(number) <= MOST_NUMBER:
                    return False
                names = tuple(str(column) for column in columns)
                watch = Watch(int(number), int(relid), int(role), names, self.change)
                if watch.number in self.watches:
                    continue
                self.watches[watch.number] = watch
                self._feeds.add(watch)
            for number in message.get("unwatch", ()):
                removed = self.watches.pop(int(number), None)
                if removed is not None:
                    self._feeds.remove(removed)
            if "mark" in message:
                # The service learns that what it sent before this is in force, and how far the stream is.
                # One that asks and never reads is dismissed.
                mark = int(message["mark"])
                if len(self._waiting) >= 2 * MOST_WAITING or not 0 <= mark <= MOST_NUMBER:
                    return False
                self._waiting.append([mark, "M", *self._feeds.position()])
                self._may_send.set()
        except (ValueError, TypeError, AttributeError):
            return False
        return True
