"""Calls the extension's functions for the daemon, on one connection that is reopened after a loss.

Every call names the schema of its function and casts every argument to the declared type. So no other function of that
name can take the call. This module alone replaces the control characters in texts that came from outside.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

from integratedb_companion.common.logs import fault
from integratedb_companion.common.outside_text import plain
from integratedb_companion.http.own_server import Parameters, parameters_of

from . import arrays
from .delivery.queue import ChannelQueue
from .model import Backlog, Report
from .routing.events import Event
from .stream.encodings import UTF8, Encoding
from .stream.pgoutput import format_lsn, parse_lsn
from .stream.replication import System, break_off, conninfo
from .stream.timelines import Timelines

log = logging.getLogger(__name__)

T = TypeVar("T")
Connection = psycopg.AsyncConnection[TupleRow]

#: The SQLSTATE class for values that are too large for the server.
PROGRAM_LIMIT = "54"

RETRY_S = 1.0
LOG_EVERY_S = 30.0
PAUSE_RETRY_S = 10.0


class UnreachableError(Exception):
    """The server accepts no connection."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The slot as the server and the extension know it."""

    exists: bool
    usable: bool
    active_pid: int | None
    confirmed_lsn: int
    known: str | None
    ceiling_lsn: int
    same_system: bool
    #: The timeline of the record; None: recorded by an earlier version.
    timeline: int | None = None
    #: Whether Postgres copies the slot to standbys.
    is_carried: bool = False

    def is_of_earlier_timeline(self, timelines: Timelines) -> bool:
        """Whether the slot was last read before the server became the primary."""
        return self.timeline is not None and self.timeline != timelines.current


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped from a queue.

    `reported_behind`: the event that reports the loss is stored before the position from which the queue loads.
    """

    events: int
    bytes: int
    reported_behind: bool


class Database:
    """The daemon's connection to the database; calls wait for a server that is restarting."""

    def __init__(self, dsn: str, on_unreachable: Callable[[], None] = lambda: None) -> None:
        """`on_unreachable` is called whenever the server accepts no connection."""
        self._dsn = conninfo(dsn)
        self._on_unreachable = on_unreachable
        self._connection: Connection | None = None
        self._watching: Connection | None = None
        self._system: System | None = None
        self._lock = asyncio.Lock()
        self._logged_at_s = float("-inf")

    def require(self, system: System) -> None:
        """From now on, accept connections to this server only: each later one raises ServerChangedError otherwise."""
        self._system = system

    async def connect(self) -> Connection:
        """Open a separate connection. Errors: OperationalError, ServerChangedError."""
        connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        try:
            arrays.register(connection.adapters)
            if self._system is not None:
                # Before any call: what the daemon has in memory must not be written to another timeline.
                self._system.require(await _system_of(connection))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Disconnect."""
        for connection in (self._connection, self._watching):
            if connection is not None:
                await connection.close()

    def break_off(self) -> None:
        """End the connection of the calls at once, from another task: the server does not answer."""
        if self._connection is not None and not self._connection.closed:
            break_off(self._connection.pgconn)

    def server(self) -> Parameters | None:
        """Return the parameters that lead to the connected server; None while the daemon is not connected."""
        if self._connection is None or self._connection.closed:
            return None
        return parameters_of(self._connection.pgconn)

    async def call(self, function: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a piece of SQL, and repeat it on a new connection when the old one breaks."""
        losses = 0
        while True:
            try:
                async with self._lock:
                    return await function(await self._connected())
            except UnreachableError as problem:
                self._log_unreachable(problem)
                self._on_unreachable()
                await asyncio.sleep(RETRY_S)
            except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
                if (problem.sqlstate or "").startswith(PROGRAM_LIMIT):
                    raise  # a repetition would fail in the same way
                log.warning("connection to the database lost", extra={"error": plain(str(problem).strip())})
                if self._connection is not None:
                    await self._connection.close()
                losses += 1
                if losses > 1:
                    await asyncio.sleep(RETRY_S)

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = await self.connect()
            except psycopg.OperationalError as problem:
                raise UnreachableError(plain(str(problem).strip())) from None
        return self._connection

    def _log_unreachable(self, problem: UnreachableError) -> None:
        """Log that the database is unreachable, at most once in COMPLAIN_EVERY_S."""
        now_s = time.monotonic()
        if now_s >= self._logged_at_s + LOG_EVERY_S:
            self._logged_at_s = now_s
            log.warning("database unreachable", extra={"error": str(problem)})

    async def _rows(self, query: str, arguments: Mapping[str, Any]) -> list[TupleRow]:
        async def run(connection: Connection) -> list[TupleRow]:
            cursor = await connection.execute(query.encode(), arguments)
            return await cursor.fetchall()

        return await self.call(run)

    async def name(self) -> str:
        """Return the name of the database."""
        [row] = await self._rows("SELECT pg_catalog.current_database()", {})
        return str(row[0])

    async def encoding(self) -> Encoding:
        """Return the encoding of texts in the stream."""
        [row] = await self._rows("SELECT pg_catalog.getdatabaseencoding()", {})
        name = str(row[0])
        if name == "UTF8":
            return UTF8
        try:
            async with await psycopg.AsyncConnection.connect(conninfo(self._dsn, name)) as connection:
                # SQL_ASCII stores any bytes; bytes that are valid UTF-8 are most likely UTF-8.
                return Encoding(name, "utf-8" if name == "SQL_ASCII" else connection.info.encoding)
        except psycopg.NotSupportedError:  # Python does not know the encoding: only ASCII can be read
            return Encoding("SQL_ASCII", "ascii")

    async def sender_timeout_s(self) -> float:
        """Return how long the server waits for the reader of its stream; infinite when it waits for ever."""
        query = (
            "SELECT pg_catalog.date_part('epoch', "
            "pg_catalog.current_setting('wal_sender_timeout')::pg_catalog.interval)"
        )
        [row] = await self._rows(query, {})
        return float(row[0]) or math.inf

    async def blockers(self, backend_pid: int) -> list[int]:
        """Return the processes that a process waits for; 0 stands for a prepared transaction."""
        [row] = await self._rows("SELECT pg_catalog.pg_blocking_pids(%(pid)s::pg_catalog.int4)", {"pid": backend_pid})
        return sorted({int(pid) for pid in row[0]})

    async def slot(self, name: str) -> Slot:
        """Read the state of the slot."""
        [row] = await self._rows("SELECT * FROM integratedb.daemon_slot(%(slot)s::pg_catalog.text)", {"slot": name})
        exists, usable, active_pid, confirmed, known, ceiling, same_system, timeline, is_carried = row
        return Slot(
            exists=exists,
            usable=usable,
            active_pid=active_pid,
            confirmed_lsn=parse_lsn(confirmed or "0/0"),
            known=known,
            ceiling_lsn=parse_lsn(ceiling or "0/0"),
            same_system=same_system,
            timeline=timeline,
            is_carried=is_carried,
        )

    async def follow_timeline(self, slot: str, confirmed_lsn: int, fork_lsn: int) -> int:
        """Record that the slot is read on this timeline; returns how many events of lost commits were dropped."""
        [row] = await self._rows(
            "SELECT integratedb.daemon_follow_timeline(%(slot)s::pg_catalog.text, "
            "%(confirmed)s::pg_catalog.pg_lsn, %(fork)s::pg_catalog.pg_lsn)",
            {"slot": slot, "confirmed": format_lsn(confirmed_lsn), "fork": format_lsn(fork_lsn)},
        )
        return int(row[0])

    async def replicated(self) -> tuple[int, int | None]:
        """Return up to where the server has flushed its WAL, and the synchronous standbys; None: there are none."""
        [row] = await self._rows("SELECT r.* FROM integratedb.daemon_replicated() AS r", {})
        return parse_lsn(row[0]), None if row[1] is None else parse_lsn(row[1])

    async def feed_keys(self) -> dict[str, bytes]:
        """Return the secrets by which services of the data API are recognised, by the names of their keys."""
        rows = await self._rows("SELECT k.id, k.secret FROM integratedb.daemon_feed_keys() AS k", {})
        return {str(name): bytes(secret) for name, secret in rows}

    async def slot_announced(self, name: str) -> None:
        """Record that the slot is about to be created."""
        await self._rows("SELECT integratedb.daemon_slot_announced(%(slot)s::pg_catalog.text)", {"slot": name})

    async def slot_created(self, name: str, lsn: int, control_ids: Sequence[int]) -> None:
        """Record that the slot begins at `lsn`, with these control rows already in force."""
        await self._rows(
            "SELECT integratedb.daemon_slot_created("
            "%(slot)s::pg_catalog.text, %(lsn)s::pg_catalog.pg_lsn, %(ids)s::pg_catalog.int8[])",
            {"slot": name, "lsn": format_lsn(lsn), "ids": list(control_ids)},
        )

    async def control_ids_in(self, snapshot: str) -> list[int]:
        """Return the ids of the control rows that an exported snapshot sees."""
        connection = await self.connect()
        async with connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await connection.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
            cursor = await connection.execute("SELECT * FROM integratedb.daemon_control_ids()")
            ids = [int(row[0]) for row in await cursor.fetchall()]
            await connection.execute("COMMIT")
            return ids

    async def control_in_force(self, lsn: int) -> list[dict[str, Any]]:
        """Return the states in force at a position."""
        rows = await self._rows(
            "SELECT c.body FROM integratedb.daemon_control(%(lsn)s::pg_catalog.pg_lsn) AS c (body)",
            {"lsn": format_lsn(lsn)},
        )
        return [row[0] for row in rows]

    async def until_visible(self, xid: int) -> None:
        """Wait until the rows of a transaction of the stream are visible.

        The stream sends a commit before the transaction ends. An update of its rows changes nothing until then.
        """
        pause_s = 0.001
        query = "SELECT integratedb.daemon_transaction_is_over(%(xid)s::pg_catalog.int8)"
        while not (await self._rows(query, {"xid": xid}))[0][0]:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.25)

    async def control_passed(self, ids: Sequence[int], lsn: int) -> None:
        """Record durably that control rows take effect at `lsn`."""
        await self._rows(
            "SELECT integratedb.daemon_control_passed(%(ids)s::pg_catalog.int8[], %(lsn)s::pg_catalog.pg_lsn)",
            {"ids": list(ids), "lsn": format_lsn(lsn)},
        )

    async def reserve(self, slot: str, lsn: int) -> None:
        """Record durably that the slot may be confirmed up to `lsn` from now on, and no further."""
        await self._rows(
            "SELECT integratedb.daemon_reserve(%(slot)s::pg_catalog.text, %(lsn)s::pg_catalog.pg_lsn)",
            {"slot": slot, "lsn": format_lsn(lsn)},
        )

    async def backlog(self) -> dict[int, Backlog]:
        """Return what the delivery table stores, by channel."""
        rows = await self._rows("SELECT * FROM integratedb.daemon_backlog()", {})
        return {
            int(channel_id): Backlog(waiting, int(bytes_), (parse_lsn(last_lsn), int(last_position)))
            for channel_id, waiting, bytes_, last_lsn, last_position in rows
        }

    async def failures(self) -> dict[int, int]:
        """Return, for each failing channel, how many attempts at its oldest event alone have failed."""
        rows = await self._rows("SELECT channel_id, attempts FROM integratedb.daemon_failures()", {})
        return {int(channel_id): int(attempts) for channel_id, attempts in rows}

    async def remind(self) -> bool:
        """Have the extension send what is due, such as reminders; return whether catch_up() has something to do."""
        [row] = await self._rows("SELECT integratedb.daemon_remind()", {})
        return bool(row[0])

    async def catch_up(self) -> None:
        """End the leases that are over, and tell dependents what they were not told.

        The calls may have to wait for a lock, or for sessions to end. So they use a separate connection.
        """
        for query in (b"SELECT integratedb.daemon_tell_dependents()", b"SELECT integratedb.daemon_end_leases()"):
            try:
                async with await self.connect() as connection:
                    await connection.execute(query)
            except psycopg.Error as problem:
                log.warning("leases not ended, or dependents not told yet", extra=fault(problem))

    async def wal_position(self, timeout_s: float) -> int:
        """Return the position up to which the server has written WAL.

        It has a connection of its own, so that it waits for no lock. Errors: TimeoutError, OperationalError,
        ServerChangedError.
        """
        asking = asyncio.ensure_future(self._ask_for_position())
        try:
            await asyncio.wait((asking,), timeout=timeout_s)
            if not asking.done():
                raise TimeoutError
            return asking.result()
        finally:
            if not asking.done():
                # Cancelling alone would ask the server, which does not answer, to cancel the query.
                if self._watching is not None:
                    break_off(self._watching.pgconn)
                asking.cancel()

    async def _ask_for_position(self) -> int:
        if self._watching is None or self._watching.closed:
            self._watching = None
            self._watching = await self.connect()
        cursor = await self._watching.execute(b"SELECT pg_catalog.pg_current_wal_lsn()")
        [row] = await cursor.fetchall()
        return parse_lsn(row[0])

    async def enforce_limits(self, queue: ChannelQueue) -> Dropped:
        """Drop some of a channel's events beyond its limits."""

        async def run(connection: Connection) -> Dropped:
            # The cursor is read here, while nothing is being loaded: the table must not drop events that were loaded.
            lsn, position = queue.cursor
            cursor = await connection.execute(
                "SELECT * FROM integratedb.daemon_enforce_limits(%(channel)s::pg_catalog.int8, "
                "%(lsn)s::pg_catalog.pg_lsn, %(position)s::pg_catalog.int8, %(kept)s::pg_catalog.int8)",
                {"channel": queue.channel_id, "lsn": format_lsn(lsn), "position": position, "kept": queue.kept_bytes},
            )
            [(lost, freed_bytes, reported_behind)] = await cursor.fetchall()
            return Dropped(int(lost), int(freed_bytes), reported_behind or not queue.spilled)

        return await self.call(run)

    async def pause(self, channel_id: int, reason: str) -> None:
        """Pause a channel whose receiver wants no more events.

        The call may have to wait for a lock of another session, and the other calls must not wait with it. So it uses a
        separate connection, and is repeated until the database accepts it.
        """
        arguments = {"channel": channel_id, "reason": plain(reason)}
        while True:
            try:
                async with await self.connect() as connection:
                    await connection.execute(
                        b"SELECT integratedb.daemon_pause(%(channel)s::pg_catalog.int8, %(reason)s::pg_catalog.text)",
                        arguments,
                    )
                return
            except psycopg.Error as problem:
                log.warning("channel not paused yet", extra={"channel_id": channel_id, **fault(problem)})
            await asyncio.sleep(PAUSE_RETRY_S)

    async def save(self, events: Sequence[tuple[int, Event]]) -> None:
        """Store events, each with the id of its channel, in the delivery table."""
        arguments = {
            "channels": arrays.bigints([channel_id for channel_id, _ in events]),
            "lsns": arrays.lsns([event.commit_lsn for _, event in events]),
            "positions": arrays.bigints([event.position for _, event in events]),
            "keys": arrays.byteas([event.key for _, event in events]),
            "events": arrays.texts([event.payload for _, event in events]),
            "times": arrays.doubles([event.committed_at_s for _, event in events]),
        }
        query = (
            "SELECT integratedb.delivery_save(%(channels)s::pg_catalog.int8[], %(lsns)s::pg_catalog.pg_lsn[], "
            "%(positions)s::pg_catalog.int8[], %(keys)s::pg_catalog.bytea[], %(events)s::pg_catalog.text[], "
            "%(times)s::pg_catalog.float8[])"
        )
        try:
            await self._rows(query, arguments)
        except psycopg.errors.UniqueViolation:
            # The server was still storing the same events for the lost connection. Now it has, and this call sees them.
            await self._rows(query, arguments)

    async def load(self, channel_id: int, after: tuple[int, int], limit: int) -> list[Event]:
        """Load events from the delivery table."""
        rows = await self._rows(
            "SELECT * FROM integratedb.delivery_load(%(channel)s::pg_catalog.int8, %(lsn)s::pg_catalog.pg_lsn, "
            "%(position)s::pg_catalog.int8, %(limit)s::pg_catalog.int4)",
            {"channel": channel_id, "lsn": format_lsn(after[0]), "position": after[1], "limit": limit},
        )
        return [
            Event(parse_lsn(lsn), position, key, payload.encode(), committed_at_s)
            for lsn, position, key, payload, committed_at_s in rows
        ]

    async def settle(self, channel_id: int, keys: Sequence[tuple[int, int]]) -> None:
        """Delete delivered events."""
        await self._rows(
            "SELECT integratedb.delivery_settle(%(channel)s::pg_catalog.int8, %(lsns)s::pg_catalog.pg_lsn[], "
            "%(positions)s::pg_catalog.int8[])",
            {"channel": channel_id, **_keys(keys)},
        )

    async def dead_letter(self, channel_id: int, keys: Sequence[tuple[int, int]], error: str) -> None:
        """Move events to the dead letters."""
        await self._rows(
            "SELECT integratedb.delivery_dead(%(channel)s::pg_catalog.int8, %(lsns)s::pg_catalog.pg_lsn[], "
            "%(positions)s::pg_catalog.int8[], %(error)s::pg_catalog.text)",
            {"channel": channel_id, "error": plain(error), **_keys(keys)},
        )

    async def report(self, channel_id: int, report: Report) -> None:
        """Report the state of a channel."""
        await self._rows(
            "SELECT integratedb.daemon_report(%(channel)s::pg_catalog.int8, %(state)s::pg_catalog.text, "
            "%(error)s::pg_catalog.text, %(attempts)s::pg_catalog.int4, %(retry)s::pg_catalog.float8)",
            {
                "channel": channel_id,
                "state": report.state,
                "error": None if report.error is None else plain(report.error),
                "attempts": report.attempts,
                "retry": report.retry_in_s,
            },
        )


async def _system_of(connection: Connection) -> System:
    """Return the server of a connection, and the timeline that it writes; a standby raises OperationalError."""
    cursor = await connection.execute(
        b"SELECT c.system_identifier::pg_catalog.text, "
        b"pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) FROM pg_catalog.pg_control_system() AS c"
    )
    [(identifier, file_name)] = await cursor.fetchall()
    return System(identifier, int(file_name[:8], 16))


def _keys(keys: Sequence[tuple[int, int]]) -> dict[str, arrays.BinaryArray]:
    return {
        "lsns": arrays.lsns([lsn for lsn, _ in keys]),
        "positions": arrays.bigints([position for _, position in keys]),
    }
