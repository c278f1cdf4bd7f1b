"""Keeps the connection to the daemon, which tells the keys of changed rows of the tables that are watched."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from integratedb_companion.common import feed_tokens
from integratedb_companion.common.logs import fault

log = logging.getLogger(__name__)

PATH: Final = "/v1/feed"
OPEN_TIMEOUT_S: Final = 5.0
RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 2.0
LOG_EVERY_S: Final = 30.0
#: Watches in one frame: the daemon takes frames of 64 kB.
MOST_AT_ONCE: Final = 100
#: The daemon's frames have up to 1,000 keys.
MOST_FRAME_BYTES: Final = 16 << 20
#: Frames that wait to be handled; then the daemon waits, and drops what it cannot keep.
MOST_WAITING: Final = 64

#: A change: the watch, the kind, the key, the transaction, and the position of its commit.
Change = Sequence[Any]


class AwayError(Exception):
    """The daemon is not connected."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A table that is watched for a role, and the columns of its key."""

    relid: int
    role: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """How far the daemon is: the last transactions, and the commit of the last one."""

    xids: tuple[int, ...]
    lsn: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the daemon has told: changes, or None where changes are missing; and on which connection."""

    changes: list[Change] | None
    connection: int


class Feed:
    """The connection of one worker to the daemon, while something is watched."""

    def __init__(self, url: str, key: Callable[[], tuple[str, bytes] | None]) -> None:
        """``key`` returns the name and the secret of the key that the extension keeps; None: this login has none."""
        self._url = feed_url(url)
        self._key = key
        self._numbers = itertools.count(1)
        self._watches: dict[int, Watch] = {}
        self._is_wanted = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._is_open = asyncio.Event()
        self._marks: dict[int, asyncio.Future[Position]] = {}
        #: What the daemon tells.
        self._told: asyncio.Queue[Told] = asyncio.Queue(MOST_WAITING)
        self._held: Told | None = None
        #: The number of the connection, and the last one on which all watches were in force.
        self._connections = 0
        self.opened = 0
        #: Is set, and replaced, where ``opened`` changes.
        self._has_opened = asyncio.Event()
        self.away_since_s: float | None = None
        self._logged_at_s = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether the daemon is connected."""
        return self._is_open.is_set()

    def is_past(self, told: Told) -> bool:
        """Whether the daemon was connected anew since: what was committed before that is read anew."""
        return told.connection < self.opened

    async def past(self, told: Told) -> None:
        """Wait until that is so."""
        while not self.is_past(told):
            await self._has_opened.wait()

    async def take(self) -> list[Told]:
        """Return what was told on one connection and waits, at least one frame."""
        first = self._held or await self._told.get()
        self._held = None
        frames = [first]
        while not self._told.empty():
            following = self._told.get_nowait()
            if following.connection != first.connection:
                self._held = following
                break
            frames.append(following)
        return frames

    def watch(self, watch: Watch) -> int:
        """Watch a table; return the number of the watch. confirm() tells when that is in force."""
        number = next(self._numbers)
        self._watches[number] = watch
        self._is_wanted.set()
        return number

    async def unwatch(self, number: int) -> None:
        """Watch a table no longer."""
        self._watches.pop(number, None)
        if not self._watches:
            self._is_wanted.clear()
        await self._send({"unwatch": [number]})

    async def confirm(self, number: int) -> Position:
        """Let the daemon confirm a watch; return how far it was then. Error: AwayError."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                while True:
                    await self._is_open.wait()
                    try:
                        return await self._confirmed({number: self._watches[number]})
                    except AwayError:
                        await asyncio.sleep(RETRY_S)
        except TimeoutError:
            raise AwayError from None

    async def _confirmed(self, watches: dict[int, Watch]) -> Position:
        entries = [[number, each.relid, each.role, list(each.columns)] for number, each in watches.items()]
        for start in range(0, len(entries), MOST_AT_ONCE):
            await self._send({"watch": entries[start : start + MOST_AT_ONCE]})
        mark = next(self._numbers)
        self._marks[mark] = asyncio.get_running_loop().create_future()
        try:
            await self._send({"mark": mark})
            return await self._marks[mark]
        finally:
            self._marks.pop(mark, None)

    async def _send(self, message: dict[str, Any]) -> None:
        connection = self._connection
        if connection is not None:
            try:
                await connection.send(orjson.dumps(message).decode())
            except WebSocketException:
                raise AwayError from None

    async def run(self, on_open: Callable[[Position], None]) -> None:
        """Stay connected while something is watched; ``on_open`` is called when all watches are in force (again)."""
        pause_s = RETRY_S
        while True:
            await self._is_wanted.wait()
            self.away_since_s = self.away_since_s or time.monotonic()
            try:
                await self._serve(on_open)
                pause_s = RETRY_S
            except (OSError, TimeoutError, WebSocketException, AwayError, ValueError) as problem:
                self._log(problem)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))
            pause_s = min(pause_s * 2, LONGEST_RETRY_S)

    def _log(self, problem: BaseException) -> None:
        if time.monotonic() >= self._logged_at_s + LOG_EVERY_S:
            self._logged_at_s = time.monotonic()
            if self._key() is None:
                log.error("subscriptions need a login that is a member of integratedb_authenticator")
            else:
                log.warning("the daemon is away", extra=fault(problem))

    async def _serve(self, on_open: Callable[[Position], None]) -> None:
        key = self._key()
        if key is None:
            raise AwayError
        header = feed_tokens.sign(key[0], feed_tokens.secret_of(key[1]), time.time())
        async with connect(
            self._url,
            additional_headers={"Authorization": header},
            open_timeout=OPEN_TIMEOUT_S,
            max_size=MOST_FRAME_BYTES,
            compression=None,
            proxy=None,
            ping_interval=10,
            ping_timeout=20,
        ) as connection:
            self._connection = connection
            self._connections += 1
            reading = asyncio.create_task(self._read(connection))
            try:
                opening = asyncio.create_task(self._open(on_open))
                await asyncio.wait((reading, opening), return_when=asyncio.FIRST_COMPLETED)
                if opening.done():
                    opening.result()
                    await reading
                opening.cancel()
                if reading.done():
                    reading.result()
            finally:
                reading.cancel()
                self._connection = None
                self._is_open.clear()
                self.away_since_s = time.monotonic()
                for mark in self._marks.values():
                    if not mark.done():
                        mark.set_exception(AwayError())

    async def _open(self, on_open: Callable[[Position], None]) -> None:
        position = await self._confirmed({**self._watches})
        self._is_open.set()
        self.away_since_s = None
        self.opened = self._connections
        self._has_opened.set()
        self._has_opened = asyncio.Event()
        log.info("the daemon is connected")
        on_open(position)

    async def _read(self, connection: ClientConnection) -> None:
        number = self._connections
        async for frame in connection:
            is_lossy, changes = read_frame(frame)
            if is_lossy:
                await self._told.put(Told(None, number))
            for change in changes:
                if change[1] == "M" and (mark := self._marks.get(change[0])) is not None and not mark.done():
                    mark.set_result(Position(tuple(change[2]), change[3]))
            if changes:
                await self._told.put(Told(changes, number))


def read_frame(frame: str | bytes) -> tuple[bool, list[Change]]:
    """Return whether changes are missing before a frame, and its changes. Error: ValueError.

    Whoever answers at the address may be no daemon, and must not end the worker.
    """
    message = orjson.loads(frame)
    changes = message.get("changes", []) if isinstance(message, dict) else None
    if not (isinstance(changes, list) and all(map(_is_change, changes))):
        raise ValueError("the frame has no form of the daemon's")
    return "lost" in message, changes


def _is_change(change: Any) -> bool:
    match change:
        case [int(), "S"]:
            return True
        case [int(), "M", [*xids], int()]:
            return all(isinstance(xid, int) for xid in xids)
        case [int(), "I" | "U" | "D" | "T", None, int(), int()]:
            return True
        case [int(), "I" | "U" | "D" | "T", [*key], int(), int()]:
            return all(isinstance(value, str) for value in key)
    return False


def feed_url(url: str) -> str:
    """Return the address of the feed of a daemon, whose URL may be of HTTP."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    return urlunsplit((scheme, parts.netloc, path if path.endswith(PATH) else path + PATH, "", ""))
