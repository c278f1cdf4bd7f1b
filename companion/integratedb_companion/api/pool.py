"""Lends connections to requests, at most so many at once; a connection in doubt is closed, never lent again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.logs import fault
from integratedb_companion.common.session import read_conninfo
from integratedb_companion.http.own_server import Parameters, parameters_of

from .connection import Connection, Query
from .transaction import most_s

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 5
#: After this a connection is replaced: Postgres's memory for its catalog caches and plans grows.
MAX_AGE_S: Final = 1800.0
MAX_IDLE_S: Final = 60.0
CHECK_EVERY_S: Final = 1.0
#: A request that finds Postgres unreachable waits this long for it: longer than a restart of a pooler takes.
PATIENCE_S: Final = 2.0
RETRY_EVERY_S: Final = 0.25


class UnreachableError(Exception):
    """Postgres cannot be reached."""


class BusyError(Exception):
    """All connections stay occupied for too long."""


class Pool:
    """The connections of one process."""

    def __init__(
        self, dsn: str, size: int, wait_s: float, *, prepares: bool, commit_timeout_s: float | None = None
    ) -> None:
        self._conninfo = conninfo(dsn)
        self.size = size
        self.wait_s = wait_s
        self._prepares = prepares
        self._idle: deque[Connection] = deque()
        self._lent = 0
        self._opening = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        self._commit_timeout_s = commit_timeout_s
        #: What each connection did when it was looked at last, and since when.
        self._seen: WeakKeyDictionary[Connection, tuple[Sequence[Query] | None, float]] = WeakKeyDictionary()
        self.server: Parameters | None = None
        self.last_reached_s = float("-inf")

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._idle) + self._lent

    @property
    def idle(self) -> int:
        """The number of connections that wait for a request."""
        return len(self._idle)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend a connection. Errors: UnreachableError, BusyError."""
        connection = await self.take()
        try:
            yield connection
        finally:
            self.give_back(connection)

    def give_back(self, connection: Connection) -> None:
        """Take a lent connection back."""
        self._lent -= 1
        if connection.is_clean and not self._is_closed:
            connection.used_at_s = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()
        if self._waiters:
            self._wake()

    def take_idle(self, opening: Query | None = None) -> Connection | None:
        """Lend a connection until it is given back, if one waits; rather one that this statement has opened."""
        if opening is not None:
            for place, connection in enumerate(self._idle):
                if connection.is_kept(opening) and connection.is_clean:
                    del self._idle[place]
                    self._lent += 1
                    return connection
        while self._idle:
            connection = self._idle.pop()
            if connection.is_clean:
                self._lent += 1
                return connection
            connection.close()
        return None

    async def take(self) -> Connection:
        """Lend a connection until it is given back. Errors: UnreachableError, BusyError."""
        # Room is counted before anything is awaited, so that a cancelled request does not take it along.
        until_s: float | None = None
        while True:
            idle = self.take_idle()
            if idle is not None:
                return idle
            if self._lent + self._opening < self.size:
                self._opening += 1
                try:
                    connection = await self._open_patiently()
                    self._lent += 1
                    return connection
                finally:
                    self._opening -= 1
                    self._wake()
            # Others may be faster than who was woken. It waits at the front then, and not longer in all.
            is_first_wait = until_s is None
            until_s = asyncio.get_running_loop().time() + self.wait_s if until_s is None else until_s
            await self._wait(until_s, at_front=not is_first_wait)

    async def _wait(self, until_s: float, *, at_front: bool) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if at_front:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        goes_on = False
        try:
            async with asyncio.timeout_at(until_s):
                await waiter
                goes_on = True
        except TimeoutError:
            raise BusyError from None
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not goes_on:
                self._wake()  # it was woken, but its time was over or it was cancelled: the next one can go on

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _open_patiently(self) -> Connection:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while True:
            try:
                return await self._open()
            except psycopg.OperationalError as problem:
                if loop.time() >= until_s:
                    log.error("Postgres cannot be reached", extra=fault(problem))
                    raise UnreachableError from None
            await asyncio.sleep(RETRY_EVERY_S)

    async def _open(self) -> Connection:
        opened: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        self.server = parameters_of(opened.pgconn)
        self.last_reached_s = asyncio.get_running_loop().time()
        # A pooler has numbers of its own, because a cancellation must reach it first.
        answer = await opened.execute("SELECT pg_catalog.pg_backend_pid()")
        is_direct = await answer.fetchone() == (opened.pgconn.backend_pid,)
        connection = Connection(opened, prepares=self._prepares, keeps=is_direct)
        self._seen[connection] = (None, 0.0)
        return connection

    async def keep(self) -> None:
        """Close idle and old connections, and end long COMMITs, at intervals."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            now_s = loop.time()
            await self._end_commits(now_s)
            kept: deque[Connection] = deque()
            while self._idle:
                connection = self._idle.popleft()
                is_old = now_s > connection.opened_at_s + MAX_AGE_S or now_s > connection.used_at_s + MAX_IDLE_S
                if is_old or not connection.is_clean:
                    connection.close()
                else:
                    kept.append(connection)
            self._idle = kept

    async def _end_commits(self, now_s: float) -> None:
        """Cancel what takes too long at COMMIT."""
        for connection, (known, since_s) in list(self._seen.items()):
            present = connection.under_way
            if present is not known:
                self._seen[connection] = (present, now_s)
            elif present is not None:
                most = most_s(present, self._commit_timeout_s)
                if most is not None and now_s - since_s > most:
                    await connection.cancel()

    def close(self) -> None:
        """Close the idle connections, and lent ones when they come back."""
        self._is_closed = True
        while self._idle:
            with contextlib.suppress(psycopg.Error):
                self._idle.pop().close()


def conninfo(dsn: str) -> str:
    """Complete a connection string."""
    fixed = {"client_encoding": "UTF8", "application_name": "integratedb api"}
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S}
    return make_conninfo("", **{**defaults, **read_conninfo(dsn), **fixed})
