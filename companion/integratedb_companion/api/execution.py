"""Runs the statement of a request in its transaction, and again only where it certainly did nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeAlias, TypeVar

from psycopg import pq

from integratedb.query.faces.url.answering import added

from .bodies import GoneError
from .connection import Connection, DatabaseError, Query
from .messages import Response
from .pool import BusyError, Pool
from .surfaces import Entry, Surfaces
from .transaction import BEGIN, COMMIT, ROLLBACK, opening

#: Classes of errors that a changed schema may cause before the version is compared: Postgres prepares the statement,
#: reads constants and checks privileges first. ID is that of IDB08, which integratedb.surface_changed() raises, and
#: which a function of a user may raise, too.
DOUBTFUL: Final = frozenset({"0A", "22", "26", "3F", "42", "ID", "XX"})
#: How long a request goes after a schema that changes all the time. Reading a surface takes as long as a few changes.
PATIENCE_S: Final = 10.0
PAUSE_S: Final = 0.05
#: After so many attempts the next ones hold the locks of the statement while the surface is read.
FREE_ATTEMPTS: Final = 2
#: So many sessions that other code has spoilt may be met; a function that raises the same error is asked no more often.
MOST_SPOILT: Final = 3
#: Shorter than Postgres's deadlock_timeout: of a request and a migration that wait for each other, the request ends.
LOCK_TIMEOUT: Final = (b"lock_timeout", b"500ms")
LOCK_NOT_AVAILABLE: Final = "55P03"
#: The first statements of so many requests are remembered.
MOST_OPENINGS: Final = 500

#: So many threads make slow plans at once: each may need much memory, and all share one processor.
_SLOW: Final = asyncio.Semaphore(2)

Row = Sequence[bytes | None]
Made = TypeVar("Made", covariant=True)


class SurfaceUnstableError(Exception):
    """The surface changed at each attempt."""

    def __init__(self, attempts: int) -> None:
        super().__init__(attempts)
        self.attempts = attempts


class RequestError(Exception):
    """The request cannot become a plan of this surface."""


class RefusedError(Exception):
    """The answer is an error; what the transaction did is undone."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(slots=True)
class Plan:
    """What a request becomes: a statement, and what to make of its row."""

    query: Query
    reads: bool
    #: The settings of the request, when they are needed.
    settings: Callable[[], list[tuple[bytes, bytes]]]
    #: Makes the response of the row. Raises RefusedError.
    respond: Callable[[Row], Response]
    #: Whether the rows are passed on one by one, each as a line.
    is_stream: bool = False
    #: Whether the rows are lines of one text, which is the answer.
    is_text: bool = False
    #: Whether the lines of a stream still need their ends.
    ends_lines: bool = False
    #: Whether ``respond`` decides about COMMIT or ROLLBACK; otherwise the transaction ends in the same round trip.
    decides: bool = False
    rolls_back: bool = False
    #: Returns what runs after the statement, in the same transaction, until there is nothing more.
    following: Callable[[], Awaitable[Query | None]] | None = None
    #: Which part of the request the statement is about that runs at the moment.
    place: Callable[[], str] = str
    #: A statement that is asked first, and what it makes of the plan. Raises RefusedError.
    examine: Query | None = None
    examined: Callable[[bytes], Plan] | None = None
    #: What requests with the same settings have in common; None: nobody will ask again.
    alike: Hashable = None
    #: What opens a session for a statement that runs no code of others, and leaves the session as it is.
    opening: Query | None = None


@dataclass(frozen=True, slots=True)
class Slow(Generic[Made]):
    """What needs time before the database is asked: it is made in a thread, so that other requests go on."""

    make: Callable[[], Made]


Make: TypeAlias = Callable[[Entry], "Plan | Response | Slow[Plan | Response]"]


@dataclass(slots=True)
class Watch:
    """The connection that a request uses at the moment, so that a client that hangs up can cancel it."""

    connection: Connection | None = None
    is_gone: bool = False

    async def cancel(self) -> None:
        """Stop what the request does."""
        self.is_gone = True
        if self.connection is not None:
            await self.connection.cancel()


@dataclass(slots=True)
class Executor:
    """Runs plans on connections of a pool."""

    pool: Pool
    surfaces: Surfaces
    #: Settings of each transaction, which those of the role may replace.
    before_role: Sequence[tuple[bytes, bytes]] = ()
    pre_request: Query | None = None
    #: Is told of each session that gets a role and settings.
    opened: Callable[[], None] = lambda: None
    #: How many streams and long bodies are under way at once.
    _long: asyncio.Semaphore = field(init=False)
    _openings: dict[Hashable, Query] = field(default_factory=dict)
    _plain_openings: dict[Hashable, Query] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave half of the connections for short requests."""
        self._long = asyncio.Semaphore(max(1, self.pool.size // 2))

    async def execute(self, role: str, make: Make, watch: Watch) -> Response:
        """Answer a request. Errors: those of the pool, RoleError, DatabaseError, LostError, SurfaceUnstableError."""
        entry = await self.surfaces.of(role)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        attempts = spoilt = 0
        while True:
            attempts += 1
            try:
                plan = make(entry)
                if isinstance(plan, Slow):
                    plan = await _made(plan)
                if not isinstance(plan, Response):
                    if plan.examine is not None and plan.examined is not None:
                        plan = plan.examined(await self._examine(entry, plan, plan.examine, watch))
                    is_free = attempts <= FREE_ATTEMPTS or plan.is_stream or plan.following is not None
                    if not is_free and entry.role.begin is None:
                        return await self._run_held(entry, plan, make, watch)
                    return await self._run(entry, plan, watch)
                # What this surface does not have, a newer one may.
                if not await self.surfaces.has_changed(entry):
                    return plan
            except RequestError:
                if not await self.surfaces.has_changed(entry):
                    raise
            except RefusedError as refused:
                return refused.response
            except DatabaseError as error:
                if error.is_final:
                    raise
                if error.is_of_session and spoilt < MOST_SPOILT:
                    # Its connection is closed by now.
                    spoilt, attempts = spoilt + 1, attempts - 1
                    continue
                is_held = attempts > FREE_ATTEMPTS and error.sqlstate == LOCK_NOT_AVAILABLE
                if not is_held and not (error.sqlstate[:2] in DOUBTFUL and await self.surfaces.has_changed(entry)):
                    if error.sqlstate in ("22023", "42501"):
                        # The role may be another one by now, or may no longer be acted for. Mostly it is the same:
                        # such errors are cheap to cause, and reading a surface is not cheap.
                        await self.surfaces.compare(entry)
                    raise
            if loop.time() > until_s:
                raise SurfaceUnstableError(attempts)
            if attempts > FREE_ATTEMPTS:
                # Requests that fail together would keep Postgres from what they wait for.
                await asyncio.sleep(random.uniform(0, PAUSE_S))
            entry = await self.surfaces.renewed(entry)

    async def _examine(self, entry: Entry, plan: Plan, query: Query, watch: Watch) -> bytes:
        """Return the answer to a statement that changes nothing, as the request would get it."""
        async with self._lend(watch) as connection:
            try:
                queries = [BEGIN, *self._queries(entry, replace(plan, query=query)), ROLLBACK]
                row = (await self._run_explicit(connection, queries))[-2]
            finally:
                watch.connection = None
        return row.get_value(0, 0) or b""

    def _queries(self, entry: Entry, plan: Plan) -> list[Query]:
        self.opened()
        first = self._openings.get(plan.alike)
        if first is None:
            settings = [*self.before_role, *entry.role.settings, *plan.settings()]
            first = opening(entry.role, settings, reads=plan.reads)
            if plan.alike is not None:
                self._openings[plan.alike] = first
                while len(self._openings) > MOST_OPENINGS:
                    del self._openings[next(iter(self._openings))]
        return [first, plan.query] if self.pre_request is None else [first, self.pre_request, plan.query]

    async def _run(self, entry: Entry, plan: Plan, watch: Watch) -> Response:
        if plan.is_stream:
            return await self._stream(entry, plan, watch)
        if plan.opening is not None:
            return await self._run_plain(plan, plan.opening, watch)
        queries = self._queries(entry, plan)
        begin = entry.role.begin or BEGIN
        if plan.following is not None:
            async with self._room_for_long():
                return await self._run_following([begin, *queries], plan, plan.following, watch)
        connection = watch.connection = self.pool.take_idle() or await self._take(watch)
        try:
            if plan.decides:
                return await self._run_deciding(connection, [begin, *queries], plan)
            if plan.rolls_back:
                results = await self._run_explicit(connection, [begin, *queries, ROLLBACK])
                row = _row(results[-2], plan, connection)
            elif entry.role.begin is not None:
                results = await self._run_explicit(connection, [begin, *queries, COMMIT])
                row = _row(results[-2], plan, connection)
            else:
                row = _row((await connection.run(queries))[-1], plan, connection)
        finally:
            watch.connection = None
            self.pool.give_back(connection)
        return plan.respond(row)

    def opening_of(self, entry: Entry, settings: Sequence[tuple[bytes, bytes]]) -> Query | None:
        """Return what opens a session for plain statements with these settings; None: sessions are opened each time.

        Plain statements see no setting of the request, so those of all requests of a role have the same one.
        """
        if self.pre_request is not None or entry.role.begin is not None:
            return None
        key = (entry.role, tuple(settings))
        opened = self._plain_openings.get(key)
        if opened is None:
            every = [*self.before_role, *entry.role.settings, *settings]
            opened = self._plain_openings[key] = opening(entry.role, every, reads=False, stays=True)
            while len(self._plain_openings) > MOST_OPENINGS:
                del self._plain_openings[next(iter(self._plain_openings))]
        return opened

    async def _run_plain(self, plan: Plan, opened: Query, watch: Watch) -> Response:
        connection = watch.connection = self.pool.take_idle(opened) or await self._take(watch)
        if not connection.is_kept(opened):
            self.opened()
        try:
            row = _row(await connection.run_plain(opened, plan.query), plan, connection)
        finally:
            watch.connection = None
            self.pool.give_back(connection)
        return plan.respond(row)

    async def _run_held(self, entry: Entry, plan: Plan, make: Make, watch: Watch) -> Response:
        """Run in a transaction that has the locks of the statement before the surface is read.

        So the relations cannot change between. Their surface may have changed already: the statement is made anew.
        """
        async with self._lend(watch) as connection:
            try:
                opened = opening(entry.role, [LOCK_TIMEOUT], reads=plan.reads)
                await connection.run([BEGIN, opened, Query(plan.query.text, only_parsed=True)])
                entry = await self.surfaces.read_by(connection, entry.role.name)
                made = make(entry)
                if isinstance(made, Slow):
                    made = await _made(made)
                if isinstance(made, Response):
                    return made
                if made.examine is not None and made.examined is not None:
                    # By this connection: others may wait for one with locks of theirs.
                    found = (await connection.run(self._queries(entry, replace(made, query=made.examine))))[-1]
                    made = made.examined(found.get_value(0, 0) or b"")
                results = await connection.run(self._queries(entry, made))
                response = made.respond(_row(results[-1], made, connection))
                await connection.run([ROLLBACK if made.rolls_back else COMMIT])
                return response
            finally:
                await self._roll_back(connection)
                watch.connection = None

    async def _take(self, watch: Watch) -> Connection:
        """Lend a connection, unless the client has gone meanwhile. Errors: those of the pool, GoneError."""
        connection = await self.pool.take()
        if watch.is_gone:
            self.pool.give_back(connection)
            raise GoneError
        return connection

    @asynccontextmanager
    async def _lend(self, watch: Watch) -> AsyncIterator[Connection]:
        """Lend a connection that the client can cancel. Errors: those of the pool, GoneError."""
        connection = watch.connection = await self._take(watch)
        try:
            yield connection
        finally:
            watch.connection = None
            self.pool.give_back(connection)

    async def _run_explicit(self, connection: Connection, queries: list[Query]) -> list[pq.abc.PGresult]:
        try:
            return await connection.run(queries)
        except DatabaseError:
            await self._roll_back(connection)
            raise

    async def _run_deciding(self, connection: Connection, queries: list[Query], plan: Plan) -> Response:
        results = await self._run_explicit(connection, queries)
        row = results[-1]
        try:
            response = plan.respond(_row(row, plan, connection))
        except BaseException:
            await self._roll_back(connection)
            raise
        await connection.run([ROLLBACK if plan.rolls_back else COMMIT])
        return response

    @asynccontextmanager
    async def _room_for_long(self) -> AsyncIterator[None]:
        """Leave connections for others, however many clients read streams or send long bodies. Error: BusyError."""
        try:
            async with asyncio.timeout(self.pool.wait_s):
                await self._long.acquire()
        except TimeoutError:
            raise BusyError from None
        try:
            yield
        finally:
            self._long.release()

    async def _run_following(
        self, queries: list[Query], plan: Plan, following: Callable[[], Awaitable[Query | None]], watch: Watch
    ) -> Response:
        """Run a statement, and those that follow it, as one transaction; all or nothing."""
        async with self._lend(watch) as connection:
            is_begun = is_ended = False
            try:
                row = _row((await connection.run(queries))[-1], plan, connection)
                is_begun = True
                while (query := await following()) is not None:
                    row = added(row, _row((await connection.run([query]))[-1], plan, connection))
                is_ended = True
                response = plan.respond(row)
                await connection.run([ROLLBACK if plan.rolls_back else COMMIT])
            except DatabaseError as error:
                error.place, error.is_final = None if is_ended else plan.place(), is_begun
                raise
            finally:
                await self._roll_back(connection)
                watch.connection = None
        return response

    async def _roll_back(self, connection: Connection) -> None:
        """Roll back; where that fails, the pool closes the connection."""
        if connection.is_in_transaction:
            with contextlib.suppress(DatabaseError):
                await connection.run([ROLLBACK])

    async def _stream(self, entry: Entry, plan: Plan, watch: Watch) -> Response:
        """Begin a stream; the connection is occupied until it ends."""
        ending = AsyncExitStack()
        try:
            await ending.enter_async_context(self._room_for_long())
            connection = await ending.enter_async_context(self._lend(watch))
            portions = await connection.stream(self._queries(entry, plan))
            response = plan.respond(())
        except BaseException:
            await ending.aclose()
            raise

        async def lines() -> AsyncGenerator[bytes, None]:
            try:
                yield b""
                async for portion in portions:
                    rows = [portion.get_value(row, 0) or b"" for row in range(portion.ntuples)]
                    connection.got(rows)
                    yield b"\n".join([*rows, b""]) if plan.ends_lines else b"".join(rows)
            finally:
                watch.connection = None
                if not connection.is_clean:
                    await asyncio.shield(connection.cancel())
                await asyncio.shield(ending.aclose())

        response.stream = begun = lines()
        # A generator that has not begun gives nothing back when it is closed.
        await anext(begun)
        response.cancel = watch.cancel
        return response


def _row(result: pq.abc.PGresult, plan: Plan, connection: Connection) -> Row:
    if plan.is_text:
        return [b"\n".join(result.get_value(row, 0) or b"" for row in range(result.ntuples))]
    row = [result.get_value(0, column) for column in range(result.nfields)]
    connection.got(row)
    return row


async def _made(slow: Slow[Plan | Response]) -> Plan | Response:
    """Make what takes long beside other requests."""
    async with _SLOW:
        return await asyncio.to_thread(slow.make)
