"""Reads the replication stream of a slot through psycopg, when its socket is readable, and confirms positions."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.outside_text import plain
from integratedb_companion.common.session import read_conninfo

from .pgoutput import format_lsn, parse_lsn, status_update
from .timelines import TimelineError, Timelines, parse_history

log = logging.getLogger(__name__)

CONTROL_PUBLICATION = "integratedb_control"
PUBLICATIONS = f"integratedb,integratedb_append,{CONTROL_PUBLICATION}"
#: How many messages are read from the connection before other tasks run.
BATCH_MESSAGES = 250
BATCH_BYTES = 256 << 10
#: Reading goes on for the same batch after at least this many messages.
FEW_MESSAGES = 20
#: The first version of Postgres that copies slots to standbys.
FIRST_TO_CARRY_SLOTS = 170_000
#: The time limit for cancelling a command.
CANCEL_TIMEOUT_S = 3.0

CONNECT_TIMEOUT_S = 5
#: A connection over a cut link ends after about ten seconds.
SILENCE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}

#: Settings for which a role or a database may have another default.
PINNED_SETTINGS = {
    # These fix the text form of values; search_path and quote_all_identifiers do so for regclass and similar types.
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "xmlbinary": "base64",
    # No object of another schema replaces one that is named without its schema.
    "search_path": "pg_catalog,pg_temp",
    # These determine how texts are parsed.
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # A position may be confirmed only after the database has stored everything before it durably.
    "synchronous_commit": "on",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_deferrable": "off",
    # A call that times out would be repeated for ever.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}


#: The daemon's role as a quoted identifier, whether it may be the daemon, and the server process of the connection.
LOGIN: Final[LiteralString] = """
SELECT pg_catalog.quote_ident(r.rolname),
       pg_catalog.pg_has_role(r.oid, 'integratedb_daemon', 'USAGE'),
       r.rolreplication OR r.rolsuper,
       pg_catalog.pg_backend_pid()
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname OPERATOR(pg_catalog.=) SESSION_USER
"""


class StreamEndedError(Exception):
    """The server closed the stream, or the connection was lost."""


class UnsendableError(StreamEndedError):
    """The server cannot send a change, and never will: as text it has more than 1 GB."""


class SlotInUseError(Exception):
    """Another session reads the slot."""


class SlotUnusableError(Exception):
    """The slot does not exist, or the server has removed WAL that the slot needs."""


@dataclass(frozen=True, slots=True)
class System:
    """The identifier of the server, and its timeline."""

    identifier: str
    timeline: int

    def __str__(self) -> str:
        return f"timeline {self.timeline} of system {self.identifier}"

    def require(self, found: System) -> None:
        """Check that another connection leads to this server; raises ServerChangedError, or OperationalError."""
        if found == self:
            return
        if found.identifier == self.identifier and found.timeline < self.timeline:
            raise psycopg.OperationalError(
                f"this server is on timeline {found.timeline}, but the primary was on {self.timeline} already"
            )
        raise ServerChangedError(f"the server was {self}, and is now {found}")


class ServerChangedError(Exception):
    """The server or its timeline has changed, so the state in memory does not apply to it."""


def conninfo(dsn: str, encoding: str = "UTF8") -> str:
    """Complete a connection string with the settings that every connection pins."""
    options = " ".join(f"-c {name}={value}" for name, value in PINNED_SETTINGS.items())
    given = read_conninfo(dsn)
    if given.get("options"):
        options = f"{given['options']} {options}"
    pinned = {"options": options, "client_encoding": encoding, "application_name": "integratedb daemon"}
    return make_conninfo("", **{**_timeouts(given), **given, **pinned})


def _timeouts(given: Mapping[str, object]) -> dict[str, int]:
    """Return the time limits of the network, for a connection string that has none."""
    # They would replace the values of a service and of the environment.
    connect = {"connect_timeout": CONNECT_TIMEOUT_S}
    if given.get("service") or {"PGSERVICE", "PGCONNECT_TIMEOUT"} & set(os.environ):
        connect = {}
    return {**connect, **SILENCE}


async def check_login(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
    """Check that the login has the daemon's privileges, and a direct connection. Error: ConfigurationError."""
    row = await (await connection.execute(LOGIN)).fetchone()
    assert row is not None
    name, is_daemon, replicates, backend_pid = row
    cures = []
    if not is_daemon:
        cures.append(f"GRANT integratedb_daemon TO {name}")
    if not replicates:
        cures.append(f"ALTER ROLE {name} REPLICATION")
    if cures:
        raise ConfigurationError(f"the login {name} may not do what the daemon does: {'; '.join(cures)}")
    if backend_pid != connection.info.backend_pid:
        raise ConfigurationError("a pooler is in between: the daemon reads the WAL, name the server itself in --dsn")


def break_off(connection: pq.abc.PGconn) -> None:
    """Shut down the socket of a connection, so that whoever waits for an answer gets an error at once."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.socket)) as shared:
        shared.shutdown(socket.SHUT_RDWR)


class ReplicationConnection:
    """A connection in replication mode."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn

    @classmethod
    async def open(cls, dsn: str, encoding: str = "UTF8") -> ReplicationConnection:
        """Connect; texts of the stream arrive in this encoding."""
        connection = await psycopg.AsyncConnection.connect(
            conninfo(dsn, encoding), autocommit=True, replication="database"
        )
        return cls(connection)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    def break_off(self) -> None:
        """Shut down the socket, so that the reader notices the end of the stream at once; any task may call this."""
        break_off(self._pgconn)

    async def system(self) -> System:
        """Return the identity of the server."""
        [row] = await self._rows(b"IDENTIFY_SYSTEM")
        return System(str(row[0]), int(row[1]))

    async def timelines(self, current: int) -> Timelines:
        """Return the timelines of the server, which is on `current`."""
        if current == 1:
            return Timelines(1)
        try:
            [row] = await self._rows(b"TIMELINE_HISTORY %d" % current)
            return parse_history(current, row[1])
        except (psycopg.OperationalError, TimelineError) as problem:
            log.warning("no history of the timeline", extra={"timeline": current, "error": plain(str(problem))})
            return Timelines(current)

    @property
    def backend_pid(self) -> int:
        """The server process of this connection."""
        return self._pgconn.backend_pid

    async def create_slot(self, slot: str) -> tuple[int, str]:
        """Create the slot; returns its first position, and the name of a snapshot at exactly that position."""
        carried = b", FAILOVER true" if self._can_carry else b""
        command = b"CREATE_REPLICATION_SLOT \"%b\" LOGICAL pgoutput (SNAPSHOT 'export'%b)"
        [row] = await self._rows(command % (slot.encode(), carried))
        return parse_lsn(row[1]), row[2]

    async def carry_slot(self, slot: str) -> None:
        """Have the server copy a slot to its standbys, where it can."""
        if self._can_carry:
            await self._rows(b'ALTER_REPLICATION_SLOT "%b" (FAILOVER true)' % slot.encode())

    @property
    def _can_carry(self) -> bool:
        return self._pgconn.server_version >= FIRST_TO_CARRY_SLOTS

    async def drop_slot(self, slot: str) -> None:
        """Drop the slot."""
        await self._rows(b'DROP_REPLICATION_SLOT "%b"' % slot.encode())

    async def start(self, slot: str, lsn: int, publications: str = PUBLICATIONS) -> None:
        """Start streaming."""
        command = (
            f'START_REPLICATION SLOT "{slot}" LOGICAL {format_lsn(lsn)} '
            f"(proto_version '1', publication_names '{publications}')"
        )
        result = await asyncio.to_thread(self._pgconn.exec_, command.encode())
        if result.status != pq.ExecStatus.COPY_BOTH:
            state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
            message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode(
                errors="replace"
            )
            if state == "55006":
                raise SlotInUseError(message)
            if state in ("42704", "55000", "58P01"):
                raise SlotUnusableError(message)
            raise StreamEndedError(message)

    async def read(self) -> list[bytes]:
        """Wait for messages and return those that have arrived."""
        pgconn = self._pgconn
        messages: list[bytes] = []
        get_copy_data, append = pgconn.get_copy_data, messages.append
        before, looked = 0, False
        try:
            while True:
                while len(messages) < BATCH_MESSAGES:
                    length, data = get_copy_data(1)
                    if length <= 0:
                        break
                    append(bytes(data))
                if length < 0:
                    raise self._servers_error()
                enough = len(messages) == BATCH_MESSAGES or sum(map(len, messages)) > BATCH_BYTES
                # libpq reads a few kB at a time. While many messages arrive, more of them share the cost of a batch.
                if enough or 0 < len(messages) < before + FEW_MESSAGES:
                    return messages
                if looked and not messages:
                    await self._readable()
                before, looked = len(messages), True  # the first attempt to read is cheaper than waiting for the socket
                pgconn.consume_input()
        except psycopg.Error as problem:
            raise StreamEndedError(str(problem).strip()) from None

    def _servers_error(self) -> StreamEndedError | SlotUnusableError:
        """Return the error that ended the stream, as the server reported it."""
        result = None if self._pgconn.is_busy() else self._pgconn.get_result()
        said = "" if result is None else result.error_message.decode(errors="replace").strip()
        state = b"" if result is None else result.error_field(pq.DiagnosticField.SQLSTATE)
        if state == b"54000" or (state == b"XX000" and "invalid memory alloc request size" in said):
            return UnsendableError(said)
        if state == b"58P01":
            return SlotUnusableError(said)
        return StreamEndedError(said or "the server ended the stream")

    async def _readable(self) -> None:
        # The socket is watched only while waiting: otherwise unread data would wake the event loop again and again.
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        descriptor = self._pgconn.socket
        loop.add_reader(descriptor, _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)

    def confirm(self, lsn: int, received_lsn: int, *, reply_requested: bool = False) -> None:
        """Confirm to the server that it may forget everything up to `lsn`, and report how much has been received."""
        update = status_update(lsn, time.time(), written_lsn=received_lsn, reply_requested=reply_requested)
        try:
            self._pgconn.put_copy_data(update)
            self._pgconn.flush()
        except psycopg.Error as problem:
            raise StreamEndedError(str(problem).strip()) from None

    async def _break(self, running: asyncio.Future[pq.abc.PGresult]) -> None:
        """Cancel a running command: otherwise the server would continue, and this process would wait for its thread."""
        with suppress(psycopg.Error, OSError):
            await self._connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
        await asyncio.wait((running,), timeout=CANCEL_TIMEOUT_S)
        if not running.done():
            self.break_off()
            await asyncio.wait((running,))

    async def _rows(self, command: bytes) -> list[list[str]]:
        running = asyncio.ensure_future(asyncio.to_thread(self._pgconn.exec_, command))
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            await self._break(running)
            raise
        if result.status != pq.ExecStatus.TUPLES_OK and result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace").strip())
        return [
            [(result.get_value(row, column) or b"").decode(errors="replace") for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
