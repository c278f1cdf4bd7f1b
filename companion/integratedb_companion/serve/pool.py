"""Holds the service's connections: a pool for a login with an admin's privileges, but without those of a superuser.

A pooler may stand between the service and Postgres, such as PgBouncer in transaction mode. Each transaction may then
use another session, which serves other clients next. So nothing is prepared, and settings last for one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from integratedb_companion import __version__
from integratedb_companion.common import versions
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.session import EXTENSION, PIN, notice_lines, read_conninfo

Connection = psycopg.AsyncConnection[DictRow]

CONNECT_TIMEOUT_S = 5
#: How long a request waits for a free connection.
POOL_TIMEOUT_S = 10
#: The defaults, which the options of a connection string may replace.
TIMEOUTS = {"statement_timeout": "60s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
#: Returns which of these the connection string sets.
CHOSEN_TIMEOUTS: LiteralString = """
SELECT s.name
  FROM pg_catalog.pg_settings AS s
 WHERE s.name OPERATOR(pg_catalog.=) ANY (%(names)s::pg_catalog.text[])
   AND s.source OPERATOR(pg_catalog.=) 'client'
"""
#: Sets each value until the end of the transaction.
SET: LiteralString = """
SELECT pg_catalog.set_config(t.name, t.value, true)
  FROM ROWS FROM (pg_catalog.unnest(%(names)s::pg_catalog.text[]), pg_catalog.unnest(%(values)s::pg_catalog.text[]))
    AS t (name, value)
"""

#: Roles whose effects no rollback undoes, because they reach files and programs of the server.
POWERFUL_ROLES: LiteralString = """
SELECT r.rolname::pg_catalog.text AS name, r.rolsuper AS is_superuser
  FROM pg_catalog.pg_roles AS r
 WHERE (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[
         'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files']::pg_catalog.name[]))
   AND pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER')
 ORDER BY r.rolsuper DESC, r.rolname
 LIMIT 1
"""
MISSING_ROLES: LiteralString = """
SELECT r.name
  FROM (VALUES ('integratedb_admin'), ('integratedb_management')) AS r (name)
 WHERE NOT pg_catalog.pg_has_role(SESSION_USER, r.name, 'USAGE')
"""


def conninfo(dsn: str, application: str) -> str:
    """Complete a connection string."""
    fixed = {"client_encoding": "UTF8", "application_name": application, "connect_timeout": CONNECT_TIMEOUT_S}
    return make_conninfo("", **{**read_conninfo(dsn), **fixed})


async def connect(dsn: str) -> Connection:
    """Connect; a transaction begins with the first statement."""
    return await psycopg.AsyncConnection[DictRow].connect(dsn, row_factory=dict_row, prepare_threshold=None)


async def missing_timeouts(connection: Connection, timeouts: dict[str, str]) -> dict[str, str]:
    """Return the timeouts that the connection string does not set."""
    rows = await (await connection.execute(CHOSEN_TIMEOUTS, {"names": list(timeouts)})).fetchall()
    chosen = {row["name"] for row in rows}
    return {name: value for name, value in timeouts.items() if name not in chosen}


async def set_timeouts(connection: Connection, timeouts: dict[str, str]) -> None:
    """Set the timeouts for the transaction."""
    await connection.execute(SET, {"names": list(timeouts), "values": list(timeouts.values())})


async def refuse_powerful(connection: Connection, option: str) -> None:
    """Refuse a login that is or may become a superuser, or that reaches files and programs of the server."""
    row = await (await connection.execute(POWERFUL_ROLES)).fetchone()
    if row is None:
        return
    what = "a superuser, or a member of one" if row["is_superuser"] else f"a member of {row['name']}"
    raise ConfigurationError(f"{option}: the login is {what}: log in as a role that is not, and may do less")


async def schema_of(connection: Connection) -> sql.Identifier:
    """Return the schema of the extension's public functions."""
    row = await (await connection.execute(EXTENSION)).fetchone()
    if row is None:
        raise ConfigurationError(f"database {connection.info.dbname} has no extension integratedb")
    return sql.Identifier(row["schema"])


async def _begins_as_expected(connection: Connection) -> None:
    """Set the properties of new transactions, whatever the login or the database sets."""
    await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
    await connection.set_read_only(False)
    await connection.set_deferrable(False)


class DatabasePool:
    """Calls the extension's functions, each request in a transaction of its own."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._dsn = conninfo(dsn, "integratedb serve")
        self._schema = sql.Identifier("public")
        self._timeouts = TIMEOUTS
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._dsn,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": None},
            configure=_begins_as_expected,
            min_size=1,
            max_size=connections,
            timeout=POOL_TIMEOUT_S,
            max_idle=300,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def open(self) -> None:
        """Connect once, so that a wrong configuration is reported at once; then fill the pool."""
        try:
            async with await psycopg.AsyncConnection.connect(self._dsn, prepare_threshold=None) as first:
                await versions.check(first, __version__)
            async with await connect(self._dsn) as connection:
                await self._check_login(connection)
        except psycopg.Error as problem:
            raise ConfigurationError(" ".join(str(problem).split())) from None
        except UnicodeError:
            raise ConfigurationError("a parameter of the connection is not UTF-8") from None
        await self.pool.open()

    async def _check_login(self, connection: Connection) -> None:
        """Check the login, and find the extension's schema."""
        if await (await connection.execute("SELECT WHERE pg_catalog.pg_is_in_recovery()")).fetchone() is not None:
            raise ConfigurationError("the server is a standby, which is read only: connect to the primary")
        await refuse_powerful(connection, "dsn")
        missing = [row["name"] for row in await (await connection.execute(MISSING_ROLES)).fetchall()]
        if missing:
            user = connection.info.user
            raise ConfigurationError(f"role {user!r} has not the rights of {' and '.join(missing)}: GRANT them to it")
        self._schema = await schema_of(connection)
        self._timeouts = await missing_timeouts(connection, TIMEOUTS)

    async def close(self) -> None:
        """Disconnect."""
        await self.pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run several calls in one transaction."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(PIN.encode())
            await set_timeouts(connection, self._timeouts)
            yield Transaction(connection, self._schema)

    async def rows(self, query: LiteralString, **values: Any) -> list[DictRow]:
        """Run a query in a transaction of its own; `{x}` in it stands for the extension's schema."""
        async with self.transaction() as transaction:
            return await transaction.rows(query, **values)

    async def row(self, query: LiteralString, **values: Any) -> DictRow | None:
        """Return the first row of a query."""
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def value(self, query: LiteralString, **values: Any) -> Any:
        """Return the only column of a query's first row."""
        row = await self.row(query, **values)
        return None if row is None else next(iter(row.values()))


class Transaction:
    """The calls of one transaction."""

    def __init__(self, connection: Connection, schema: sql.Identifier) -> None:
        self._connection = connection
        self._schema = schema

    async def rows(self, query: LiteralString, **values: Any) -> list[DictRow]:
        """Run a query; `{x}` in it stands for the extension's schema."""
        cursor = await self._connection.execute(sql.SQL(query).format(x=self._schema), values)
        return await cursor.fetchall()

    @contextmanager
    def notices(self) -> Iterator[list[str]]:
        """Collect the server's notices during the block, one line each."""
        said: list[str] = []

        def note(notice: psycopg.errors.Diagnostic) -> None:
            said.extend(notice_lines(notice))

        self._connection.add_notice_handler(note)
        try:
            yield said
        finally:
            self._connection.remove_notice_handler(note)

    async def value(self, query: LiteralString, **values: Any) -> Any:
        """Return the only column of a query's first row."""
        rows = await self.rows(query, **values)
        return next(iter(rows[0].values())) if rows else None
