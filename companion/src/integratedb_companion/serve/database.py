"""The service's connections: a pool of logins that may do what an admin may, and nothing that a superuser may."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from .. import __version__, versions
from ..config import ConfigurationError
from ..session import EXTENSION, PINNED_SETTINGS, notice_lines, read_conninfo

Connection = psycopg.AsyncConnection[DictRow]

CONNECT_TIMEOUT_S = 5
#: How long a request waits for a free connection.
POOL_TIMEOUT_S = 10
#: What every connection has, whatever its login or database has. Times are written in UTC.
PINNED = PINNED_SETTINGS | {"TimeZone": "UTC"}
#: What a connection string may have otherwise, by its own options.
TIMEOUTS = {"statement_timeout": "60s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}

#: Roles whose rights no rollback takes back: they reach files and programs of the server.
POWERS: LiteralString = """
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
  FROM (VALUES ('integratedb_admin'), ('integratedb_api')) AS r (name)
 WHERE NOT pg_catalog.pg_has_role(SESSION_USER, r.name, 'USAGE')
"""


def conninfo(dsn: str, application: str, defaults: dict[str, str], pinned: dict[str, str]) -> str:
    """Complete a connection string with settings: defaults before its own options, which they may change, others after."""

    def options(settings: dict[str, str]) -> str:
        return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())

    given = read_conninfo(dsn)
    given_options = str(given.get("options") or os.environ.get("PGOPTIONS", ""))
    fixed = {
        "options": " ".join(part for part in (options(defaults), given_options, options(pinned)) if part),
        "client_encoding": "UTF8",
        "application_name": application,
        "connect_timeout": CONNECT_TIMEOUT_S,
    }
    return make_conninfo("", **{**given, **fixed})


async def refuse_powers(connection: Connection, option: str) -> None:
    """Refuse a login that is a superuser, or may act as one, or reaches files and programs of the server."""
    row = await (await connection.execute(POWERS)).fetchone()
    if row is None:
        return
    what = "a superuser, or a member of one" if row["is_superuser"] else f"a member of {row['name']}"
    raise ConfigurationError(f"{option}: the login is {what}: log in as a role that is not, and may do less")


async def schema_of(connection: Connection) -> sql.Identifier:
    """Give the schema that the extension's functions for users are in."""
    row = await (await connection.execute(EXTENSION)).fetchone()
    if row is None:
        raise ConfigurationError(f"database {connection.info.dbname} has no extension integratedb")
    return sql.Identifier(row["schema"])


class Database:
    """Calls of the extension's functions, each request in a transaction of its own."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._dsn = conninfo(dsn, "integratedb serve", TIMEOUTS, PINNED)
        self._schema = sql.Identifier("public")
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._dsn,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=connections,
            timeout=POOL_TIMEOUT_S,
            max_idle=300,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def open(self) -> None:
        """Connect once, so that a wrong configuration is told at once; then fill the pool."""
        try:
            async with await psycopg.AsyncConnection.connect(self._dsn) as first:
                await versions.check(first, __version__)
            async with await psycopg.AsyncConnection[DictRow].connect(self._dsn, row_factory=dict_row) as connection:
                await self._look(connection)
        except psycopg.Error as problem:
            raise ConfigurationError(" ".join(str(problem).split())) from None
        await self.pool.open()

    async def _look(self, connection: Connection) -> None:
        """Whether this is the right login; and where the extension is."""
        await refuse_powers(connection, "dsn")
        missing = [row["name"] for row in await (await connection.execute(MISSING_ROLES)).fetchall()]
        if missing:
            user = connection.info.user
            raise ConfigurationError(f"role {user!r} has not the rights of {' and '.join(missing)}: GRANT them to it")
        self._schema = await schema_of(connection)

    async def close(self) -> None:
        """Disconnect."""
        await self.pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Run several calls in one transaction."""
        async with self.pool.connection() as connection, connection.transaction():
            yield Transaction(connection, self._schema)

    async def rows(self, query: LiteralString, **values: Any) -> list[DictRow]:
        """Run a query in a transaction of its own; `{x}` in it stands for the extension's schema."""
        async with self.transaction() as transaction:
            return await transaction.rows(query, **values)

    async def row(self, query: LiteralString, **values: Any) -> DictRow | None:
        """Give its first row."""
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def value(self, query: LiteralString, **values: Any) -> Any:
        """Give the only column of its first row."""
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
        """Collect what the server says beside the results of the block, one line each."""
        said: list[str] = []

        def note(notice: psycopg.errors.Diagnostic) -> None:
            said.extend(notice_lines(notice))

        self._connection.add_notice_handler(note)
        try:
            yield said
        finally:
            self._connection.remove_notice_handler(note)

    async def value(self, query: LiteralString, **values: Any) -> Any:
        """Give the only column of its first row."""
        rows = await self.rows(query, **values)
        return next(iter(rows[0].values())) if rows else None
