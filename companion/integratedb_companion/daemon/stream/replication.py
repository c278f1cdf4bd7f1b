"""Reads the replication stream of a slot through psycopg, when its socket is readable, and confirms positions."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.session import read_conninfo

from .pgoutput import format_lsn, parse_lsn, status_update

log = logging.getLogger(__name__)

CONTROL_PUBLICATION = "integratedb_control"
PUBLICATIONS = f"integratedb,integratedb_append,{CONTROL_PUBLICATION}"
#: How many messages are read from the connection before other tasks run.
BATCH_MESSAGES = 250
#: The time limit for cancelling a command.
CANCEL_TIMEOUT_S = 3.0

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


def conninfo(dsn: str, encoding: str = "UTF8") -> str:
    """Complete a connection string with the settings that every connection pins."""
    options = " ".join(f"-c {name}={value}" for name, value in PINNED_SETTINGS.items())
    given = read_conninfo(dsn)
    if given.get("options"):
        options = f"{given['options']} {options}"
    pinned = {
        "options": options,
        "client_encoding": encoding,
        "application_name": "integratedb daemon",
        "keepalives_idle": 30,
        "tcp_user_timeout": 60_000,
    }
    return make_conninfo("", **{**given, **pinned})


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
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self._pgconn.socket)) as connection:
            connection.shutdown(socket.SHUT_RDWR)

    async def system(self) -> System:
        """Return the identity of the server."""
        [row] = await self._rows(b"IDENTIFY_SYSTEM")
        return System(str(row[0]), int(row[1]))

    @property
    def backend_pid(self) -> int:
        """The server process of this connection."""
        return self._pgconn.backend_pid

    async def create_slot(self, slot: str) -> tuple[int, str]:
        """Create the slot; returns its first position, and the name of a snapshot at exactly that position."""
        name = slot.encode()
        [row] = await self._rows(b"CREATE_REPLICATION_SLOT \"%b\" LOGICAL pgoutput (SNAPSHOT 'export')" % name)
        return parse_lsn(row[1]), row[2]

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

    async def read(self) -> list[memoryview]:
        """Wait for messages and return those that have arrived."""
        pgconn = self._pgconn
        messages: list[memoryview] = []
        looked = False
        try:
            while True:
                while len(messages) < BATCH_MESSAGES:
                    length, data = pgconn.get_copy_data(1)
                    if length > 0:
                        messages.append(data)
                    elif length == 0:
                        break
                    else:
                        raise self._servers_error()
                if messages:
                    return messages
                if looked:
                    await self._readable()
                looked = True  # the first attempt to read is cheaper than waiting for the socket
                pgconn.consume_input()
        except psycopg.Error as problem:
            raise StreamEndedError(str(problem).strip()) from None

    def _servers_error(self) -> StreamEndedError:
        """Return the error that ended the stream, as the server reported it."""
        result = None if self._pgconn.is_busy() else self._pgconn.get_result()
        said = "" if result is None else result.error_message.decode(errors="replace").strip()
        state = b"" if result is None else result.error_field(pq.DiagnosticField.SQLSTATE)
        if state == b"54000" or (state == b"XX000" and "invalid memory alloc request size" in said):
            return UnsendableError(said)
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

    def confirm(self, lsn: int, received_lsn: int) -> None:
        """Confirm to the server that it may forget everything up to `lsn`, and report how much has been received."""
        try:
            self._pgconn.put_copy_data(status_update(lsn, time.time(), written_lsn=received_lsn))
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
            [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
