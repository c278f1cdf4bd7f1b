"""Drives one connection to Postgres in libpq's pipeline mode: a request is one round trip.

All statements up to a Sync are one transaction. A connection whose state is not known for certain is closed, and never
used again: after a lost connection, a cancelled request, a stream that was not read to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import pq

from integratedb_companion.common.logs import fault

log = logging.getLogger(__name__)

#: Prepared statements of a connection; each takes memory in Postgres.
MOST_PREPARED: Final = 200
#: Rows of a stream that libpq hands over at once, and how many of these portions wait for the client to read.
CHUNK_ROWS: Final = 20
MOST_WAITING: Final = 4
#: A prepared statement is prepared anew after these: its result has other types, or the server has forgotten it.
STALE: Final = frozenset({"0A000", "26000"})

#: For so long a session keeps the role and the settings of a plain statement for the next one.
KEEPS_S: Final = 1.0

#: A parameter that does not exist: by reading it, a statement refuses to begin in a session with temporary objects or
#: open cursors. The name has no dot, so no session can make a setting of it.
UNCLEAN: Final = "integratedb_session_is_not_clean"

#: libpq keeps the largest buffers that it has needed, so a connection that sent or got more is not used again.
LARGE_BYTES: Final = 4 << 20

Values = Sequence[bytes | None]

#: A function may raise texts of any length; a client gets so much of the message, of the detail and of the hint.
MOST_ERROR_BYTES: Final = 64 << 10

# Numbers, because a look-up of an enumeration's member takes longer than what it is compared with.
_SYNC: Final = int(pq.ExecStatus.PIPELINE_SYNC)
_CHUNK: Final = int(pq.ExecStatus.TUPLES_CHUNK)
_TEXTS: Final = (
    pq.DiagnosticField.MESSAGE_PRIMARY, pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.MESSAGE_HINT,
    pq.DiagnosticField.CONTEXT,
)  # fmt: skip
_FAILURES: Final = frozenset(map(int, (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED)))
_IDLE: Final = int(pq.TransactionStatus.IDLE)


#: How a comment begins that says which part of a request a statement is.
_MARKED: Final = b"/* field "


class LostError(Exception):
    """The connection ended, so it is unknown how far the transaction got."""


@dataclass(slots=True)
class DatabaseError(Exception):
    """What Postgres refused."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    #: Which part of the request it is about.
    place: str | None = None
    #: Whether the request cannot run again, because a part of it has run.
    is_final: bool = False
    #: Where it happened, if a statement there says by a comment which part of the request it is.
    context: str | None = None

    @property
    def is_of_session(self) -> bool:
        """Whether the session is not as the service left it, so that a statement could not begin."""
        return self.sqlstate == "26000" or (self.sqlstate == "42704" and UNCLEAN in self.message)

    @classmethod
    def of(cls, result: pq.abc.PGresult) -> DatabaseError:
        """Take an error from a result."""

        def text(code: pq.DiagnosticField) -> str | None:
            value = result.error_field(code)
            if value is not None and len(value) > MOST_ERROR_BYTES:
                # A character that is cut is left out.
                return f"{value[:MOST_ERROR_BYTES].decode(errors='ignore')}..."
            return None if value is None else value.decode(errors="replace")

        sqlstate = text(pq.DiagnosticField.SQLSTATE)
        if sqlstate is None:
            raise LostError
        return cls(
            sqlstate,
            text(pq.DiagnosticField.MESSAGE_PRIMARY) or "",
            text(pq.DiagnosticField.MESSAGE_DETAIL),
            text(pq.DiagnosticField.MESSAGE_HINT),
            context=_context(result),
        )


def _context(result: pq.abc.PGresult) -> str | None:
    for code in (pq.DiagnosticField.CONTEXT, pq.DiagnosticField.INTERNAL_QUERY):
        value = result.error_field(code) or b""
        if _MARKED in value:
            return value.decode(errors="replace")
    return None


@dataclass(slots=True)
class Query:
    """A statement with its values, which does not change; ``prepared``: worth remembering in the server."""

    text: bytes
    values: Values = ()
    prepared: bool = True
    #: Only parsed, not run: the transaction gets the locks on what the statement names.
    only_parsed: bool = False
    _is_large: bool | None = None

    @property
    def is_large(self) -> bool:
        """Whether a value is so large that libpq's buffer should not be kept."""
        if self._is_large is None:
            self._is_large = False
            for value in self.values:
                if value is not None and len(value) > LARGE_BYTES:
                    self._is_large = True
        return self._is_large


#: Settings that code of an earlier request set for the session are not those of the next one. It is not prepared:
#: such code could prepare something else under the name.
_RESET: Final = b"RESET ALL"


def _noticed(connection: weakref.ref[Connection], result: pq.abc.PGresult) -> None:
    """Note how long a notice is; its text is of no use."""
    known = connection()
    if known is not None:
        known.got(map(result.error_field, _TEXTS))


class _Kind(Enum):
    QUERY = 1
    STREAM = 2
    PREPARE = 3
    CLOSE = 4
    PARSE = 5
    RESET = 6


@dataclass(slots=True)
class _Command:
    """A command of a pipeline, and the text of its statement."""

    kind: _Kind
    text: bytes


@dataclass(slots=True)
class _Run:
    """A pipeline under way: its commands, the one whose results come now, and what came."""

    loop: asyncio.AbstractEventLoop
    streams: bool
    queries: Sequence[Query]
    commands: list[_Command] = field(default_factory=list)
    at: int = 0
    results: list[pq.abc.PGresult] = field(default_factory=list)
    error: DatabaseError | None = None
    is_ended: bool = False
    is_lost: bool = False
    #: Portions of a stream that nobody has taken yet.
    portions: deque[pq.abc.PGresult] = field(default_factory=deque)
    waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Wake whoever waits."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def wait(self) -> None:
        """Wait until something has come."""
        self.waiter = self.loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None


class Connection:
    """A connection in pipeline mode, for one request at a time."""

    def __init__(self, opened: psycopg.AsyncConnection[Any], *, prepares: bool, keeps: bool = False) -> None:
        """``keeps``: all transactions are in one session of Postgres, and no pooler is between."""
        self._opened = opened  # it closes the connection when it is collected
        self._pgconn = opened.pgconn
        self._prepares = prepares
        self._keeps = keeps
        self._loop = asyncio.get_running_loop()
        self._fd = self._pgconn.socket
        #: The names of prepared statements, the least recently used first.
        self._names: OrderedDict[bytes, bytes] = OrderedDict()
        self._counter = 0
        self._run: _Run | None = None
        self._is_writing = False
        self._is_reading = False
        self._is_large = False
        self._pgconn.notice_handler = partial(_noticed, weakref.ref(self))
        #: What opened the session, if it is as that left it, and until when that counts.
        self._kept: Query | None = None
        self._kept_until_s = 0.0
        self.is_broken = False
        self.used_at_s = self.opened_at_s = self._loop.time()
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._resume_reading()

    @property
    def backend_pid(self) -> int:
        """The process of the connection in Postgres."""
        return self._pgconn.backend_pid

    @property
    def is_clean(self) -> bool:
        """Whether another request may use the connection: nothing is under way, and no transaction is open."""
        if self.is_broken or self._is_large or self._run is not None:
            return False
        return bool(self._pgconn.transaction_status == _IDLE)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction that began with BEGIN is open, failed or not."""
        return not self.is_broken and self._pgconn.transaction_status in (
            pq.TransactionStatus.INTRANS,
            pq.TransactionStatus.INERROR,
        )

    def got(self, values: Iterable[bytes | None]) -> None:
        """Note how much came as one row, or as one message."""
        for value in values:
            if value is not None and len(value) > LARGE_BYTES:
                self._is_large = True

    @property
    def under_way(self) -> Sequence[Query] | None:
        """The statements that are under way, unless they are a stream."""
        run = self._run
        return None if run is None or run.is_ended or run.streams else run.queries

    def close(self) -> None:
        """Close the connection at once."""
        self._lose()
        with contextlib.suppress(psycopg.Error):
            self._pgconn.finish()

    async def cancel(self) -> None:
        """Ask Postgres to stop the statement; the connection is of no use any more."""
        self.is_broken = True
        with contextlib.suppress(psycopg.Error):
            await asyncio.to_thread(self._pgconn.get_cancel().cancel)

    # A pipeline whose results are taken together.

    async def run(self, queries: Sequence[Query]) -> list[pq.abc.PGresult]:
        """Run statements as one transaction; return a result for each. Errors: DatabaseError, LostError."""
        self._kept = None
        run = self._begin(queries, _Kind.QUERY)
        await self._end(run)
        if run.error is not None:
            raise run.error
        return run.results

    def is_kept(self, opening: Query) -> bool:
        """Whether the session is as this statement has opened it."""
        return self._kept is opening and self._loop.time() < self._kept_until_s

    async def run_plain(self, opening: Query, query: Query) -> pq.abc.PGresult:
        """Run a statement that leaves the session as it is; open the session first, unless that has been done.

        Errors: DatabaseError, LostError.
        """
        is_open = self.is_kept(opening)
        self._kept = None
        run = self._begin((query,) if is_open else (opening, query), _Kind.QUERY, resets=not is_open)
        await self._end(run)
        if run.error is not None:
            raise run.error
        if self._keeps:
            self._kept = opening
            if not is_open:
                self._kept_until_s = self._loop.time() + KEEPS_S
        return run.results[-1]

    async def _end(self, run: _Run) -> None:
        try:
            while not run.is_ended:
                run.waiter = self._loop.create_future()
                await run.waiter
        except BaseException:  # cancelled; what is still to come belongs to nobody
            self.is_broken = True
            raise
        self._run = None
        if run.is_lost:
            raise LostError

    # A pipeline whose last statement is a stream.

    async def stream(self, queries: Sequence[Query]) -> AsyncIterator[pq.abc.PGresult]:
        """Run statements; return the rows of the last one in portions, as they come.

        Errors before the first portion are raised by this call, those after it by the iterator.
        """
        self._kept = None
        run = self._begin(queries, _Kind.STREAM)
        try:
            while not (run.portions or run.is_ended):
                await run.wait()
        except BaseException:
            self.is_broken = True
            raise
        if run.is_ended and not run.portions:
            await self._end(run)
            if run.error is not None:
                raise run.error
        return self._portions(run)

    async def _portions(self, run: _Run) -> AsyncIterator[pq.abc.PGresult]:
        is_complete = False
        try:
            while True:
                while run.portions:
                    portion = run.portions.popleft()
                    if not self._is_reading and len(run.portions) < MOST_WAITING:
                        self._resume_reading()
                        self._process()
                    yield portion
                if run.is_ended:
                    break
                await run.wait()
            is_complete = True
        finally:
            if not is_complete:
                self.is_broken = True
        await self._end(run)
        if run.error is not None:
            raise run.error

    # Sending.

    def _begin(self, queries: Sequence[Query], last: _Kind, *, resets: bool = True) -> _Run:
        if self._run is not None or self.is_broken:
            raise LostError
        run = self._run = _Run(self._loop, last is _Kind.STREAM, queries)
        try:
            if resets and self._pgconn.transaction_status == _IDLE:
                self._pgconn.send_query_params(_RESET, None)
                run.commands.append(_Command(_Kind.RESET, _RESET))
            for query in queries[:-1]:
                self._send(run, query, _Kind.QUERY)
            self._send(run, queries[-1], last)
            self._pgconn.pipeline_sync()
            if last is _Kind.STREAM:
                self._set_mode(run)
            self._flush()
        except psycopg.Error:
            self._lose()
            raise LostError from None
        return run

    def _send(self, run: _Run, query: Query, kind: _Kind) -> None:
        command = _Command(kind, query.text)
        if query.is_large:
            self._is_large = True
        if query.only_parsed:
            self._pgconn.send_prepare(b"", query.text)
            run.commands.append(_Command(_Kind.PARSE, query.text))
            return
        if not (self._prepares and query.prepared):
            self._pgconn.send_query_params(query.text, query.values)
            run.commands.append(command)
            return
        name = self._names.get(query.text)
        if name is None:
            while len(self._names) >= MOST_PREPARED:
                text, old = self._names.popitem(last=False)
                self._pgconn.send_close_prepared(old)
                run.commands.append(_Command(_Kind.CLOSE, text))
            self._counter += 1
            name = b"p%d" % self._counter
            self._pgconn.send_prepare(name, query.text)
            run.commands.append(_Command(_Kind.PREPARE, query.text))
            self._names[query.text] = name
        else:
            self._names.move_to_end(query.text)
        self._pgconn.send_query_prepared(name, query.values)
        run.commands.append(command)

    def _flush(self) -> None:
        unsent = self._pgconn.flush() == 1
        if unsent and not self._is_writing:
            self._loop.add_writer(self._fd, self._writable)
            self._is_writing = True
        elif not unsent and self._is_writing:
            self._loop.remove_writer(self._fd)
            self._is_writing = False

    def _writable(self) -> None:
        try:
            self._flush()
        except psycopg.Error:
            self._lose()

    # Receiving.

    def _resume_reading(self) -> None:
        self._loop.add_reader(self._fd, self._readable)
        self._is_reading = True

    def _readable(self) -> None:
        # Nobody awaits this, so whatever fails here would leave a request without an answer.
        try:
            self._pgconn.consume_input()
            while self._pgconn.notifies() is not None:
                # Code of a request listens, and libpq would keep everything that comes.
                self.is_broken = True
        except Exception as problem:
            self._fail(problem)
            return
        self._process()

    def _process(self) -> None:
        """Take what has come."""
        try:
            self._take_all()
        except Exception as problem:
            self._fail(problem)

    def _fail(self, problem: Exception) -> None:
        """Lose the connection; that the server has gone is no fault of the service."""
        if not isinstance(problem, psycopg.Error | LostError):
            log.error("results of Postgres cannot be read", extra=fault(problem))
        self._lose()

    def _take_all(self) -> None:
        run, pgconn = self._run, self._pgconn
        if run is None or run.is_ended:
            return
        while not pgconn.is_busy():
            if len(run.portions) >= MOST_WAITING:
                self._loop.remove_reader(self._fd)
                self._is_reading = False
                return
            result = pgconn.get_result()
            if result is None:
                if run.at >= len(run.commands):
                    # After an error at the COMMIT of the Sync.
                    if pgconn.status == pq.ConnStatus.BAD:
                        raise LostError
                    continue
                run.at += 1
                if run.streams:
                    self._set_mode(run)
            elif result.status == _SYNC:
                run.is_ended = True
                run.wake()
                return
            else:
                self._take(run, result)

    def _set_mode(self, run: _Run) -> None:
        """Ask for portions where the results of a stream are next."""
        if run.at < len(run.commands) and run.commands[run.at].kind is _Kind.STREAM and run.error is None:
            self._pgconn.set_chunked_rows_mode(CHUNK_ROWS)

    def _take(self, run: _Run, result: pq.abc.PGresult) -> None:
        command = run.commands[run.at] if run.at < len(run.commands) else None
        status = result.status
        if status in _FAILURES:
            self._take_failure(run, command, result)
        elif command is None:
            self.is_broken = True
        elif command.kind is _Kind.QUERY:
            run.results.append(result)
        elif command.kind is _Kind.STREAM and status == _CHUNK:
            run.portions.append(result)
            run.wake()

    def _take_failure(self, run: _Run, command: _Command | None, result: pq.abc.PGresult) -> None:
        is_first = run.error is None
        if is_first:
            run.error = DatabaseError.of(result)
            self.got(map(result.error_field, _TEXTS))
            self.is_broken |= run.error.is_of_session
        if command is None:
            return
        if command.kind is _Kind.PREPARE:
            self._names.pop(command.text, None)
        elif command.kind is _Kind.CLOSE:
            # It still exists in the server; the connection ends before there are many of these.
            self.is_broken = True
        elif is_first and run.error is not None and run.error.sqlstate in STALE:
            # The old statement stays in the server under its name until the connection ends.
            self._names.pop(command.text, None)

    def _lose(self) -> None:
        self.is_broken = True
        if self._is_reading:
            self._loop.remove_reader(self._fd)
            self._is_reading = False
        if self._is_writing:
            self._loop.remove_writer(self._fd)
            self._is_writing = False
        if self._run is not None:
            self._run.is_ended = self._run.is_lost = True
            self._run.wake()
