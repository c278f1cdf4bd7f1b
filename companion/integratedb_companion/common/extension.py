"""Opens the session of a command; every call is a public SQL function in the schema of the extension."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from integratedb_companion.common.errors import STATUS_NO_CONNECTION, STATUS_USAGE, CommandError
from integratedb_companion.common.flags import connection_flags

from .output import say, say_labelled, styled
from .session import EXTENSION, MALFORMED, PIN, call, notice_lines, read_conninfo

CONNECT_TIMEOUT_S = 10


class Extension:
    """A connection that calls the extension's functions, each in a transaction with pinned settings."""

    def __init__(self, connection: psycopg.Connection[TupleRow], schema: str, version: str) -> None:
        self.connection, self.schema, self.version = connection, schema, version

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.connection.info.dbname

    def rows(self, function: str, **arguments: Any) -> list[dict[str, Any]]:
        """Call a function with all of its arguments, documents as objects, and return its rows."""
        query = sql.SQL("SELECT * FROM {}").format(call(self.schema, function, arguments))
        values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in arguments.items()}
        with transaction(self.connection), self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()

    def value(self, function: str, **arguments: Any) -> Any:
        """Call a function that returns one value."""
        [row] = self.rows(function, **arguments)
        return next(iter(row.values()))

    @contextmanager
    def notices(self) -> Iterator[list[str]]:
        """Collect the server's notices during the block, one line each; they are printed too."""
        said: list[str] = []

        def note(notice: psycopg.errors.Diagnostic) -> None:
            said.extend(notice_lines(notice))

        self.connection.add_notice_handler(note)
        try:
            yield said
        finally:
            self.connection.remove_notice_handler(note)


def parameters(dsn: str, dbname: str | None) -> str:
    """Combine the connection options as libpq would. Errors do not repeat the password."""
    try:
        overriding: dict[str, Any] = {}
        if dbname is not None:
            is_conninfo = "=" in dbname or dbname.startswith(("postgresql://", "postgres://"))
            overriding = read_conninfo(dbname) if is_conninfo else {"dbname": dbname}
        given = read_conninfo(dsn, **{**connection_flags(), **overriding})
    except ValueError as problem:
        raise CommandError(f"the connection string cannot be read: {problem}", status=STATUS_USAGE) from None
    defaults = {"application_name": "integratedb"}
    if not os.environ.get("PGCONNECT_TIMEOUT"):
        defaults["connect_timeout"] = str(CONNECT_TIMEOUT_S)
    try:
        # Texts must be UTF-8 from the first answer on, whatever the role or the environment sets.
        return make_conninfo("", **{**defaults, **given, "client_encoding": "UTF8"})
    except UnicodeError:
        raise CommandError("a parameter of the connection is not UTF-8", status=STATUS_USAGE) from None


@contextmanager
def transaction(
    connection: psycopg.Connection[TupleRow],
    *,
    isolation: psycopg.IsolationLevel = psycopg.IsolationLevel.READ_COMMITTED,
    read_only: bool | None = None,
    force_rollback: bool = False,
) -> Iterator[psycopg.Transaction]:
    """Run a transaction with pinned settings; within another transaction, a savepoint.

    A pooler may use another session for each transaction, and give the session to another client next. So settings last
    for one transaction only.
    """
    begins = connection.info.transaction_status == TransactionStatus.IDLE
    if begins:
        connection.isolation_level, connection.read_only, connection.deferrable = isolation, read_only, False
    with connection.transaction(force_rollback=force_rollback) as begun:
        if begins:
            connection.execute(PIN.encode())
        yield begun


def connect(dsn: str, dbname: str | None) -> psycopg.Connection[TupleRow]:
    """Connect; the server's notices are printed to standard error."""
    conninfo = parameters(dsn, dbname)
    try:
        # A prepared statement belongs to a session, and a pooler may use another session the next time.
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as problem:
        said = " ".join(str(problem).split())
        raise CommandError(
            f"cannot connect: {said}",
            status=STATUS_USAGE if MALFORMED.search(said) else STATUS_NO_CONNECTION,
            hint="-h, -p, -U, -d, --dsn, or libpq's variables (PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, "
            "PGSERVICE) say where the database is; ~/.pgpass has passwords.",
        ) from None
    except psycopg.Error as problem:
        raise CommandError(f"the parameters of the connection: {problem}", status=STATUS_USAGE) from None
    except UnicodeError:
        raise CommandError("a parameter of the connection is not UTF-8", status=STATUS_USAGE) from None
    connection.add_notice_handler(_show_notice)
    return connection


def _show_notice(notice: psycopg.errors.Diagnostic) -> None:
    from integratedb_companion.common.masking import masked

    severity = notice.severity_nonlocalized or "NOTICE"
    color = "yellow" if severity == "WARNING" else None
    say(f"{styled(severity, fg=color, bold=True)}: {styled(masked(notice.message_primary or ''))}", err=True)
    for label, text in (("DETAIL", notice.message_detail), ("HINT", notice.message_hint)):
        if text:
            say_labelled(label, masked(text), err=True)


@contextmanager
def opened(dsn: str, dbname: str | None) -> Iterator[Extension]:
    """Open a session on a database that has the extension, for the length of the block."""
    with connect(dsn, dbname) as connection:
        found = connection.execute(EXTENSION).fetchone()
        if found is None:
            raise CommandError(
                f"the extension is not installed in database {connection.info.dbname}",
                hint="integratedb init installs it, or says what is missing.",
            )
        yield Extension(connection, schema=found[0], version=found[1])
