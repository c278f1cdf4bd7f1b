"""Previews migrations: runs the statements as the migrations' login, and rolls them back, within a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.previews import AGAIN_S, DEALLOCATE, END, GRACE_S, PREPARED, SESSION, UNLOCK, WATCHED
from integratedb_companion.common.refusals import structured
from integratedb_companion.common.sql_text import TransactionError, without_transaction
from integratedb_companion.http.refusals import RefusalError, invalid

from .errors import LATER, shortened
from .pool import Connection, connect, conninfo, missing_timeouts, refuse_powerful, schema_of, set_timeouts

log = logging.getLogger(__name__)

#: Short lock timeouts, so that a preview blocks nobody for long. Statements use the login's own search_path.
TIMEOUTS = {"statement_timeout": "60s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "60s"}
PREVIEW: LiteralString = "SELECT * FROM {x}.integratedb_preview_migration(ddl => %(ddl)s::pg_catalog.text)"


class Preview:
    """Opens a separate connection for each preview, so that nothing that statements leave in a session remains."""

    def __init__(self, dsn: str) -> None:
        self._dsn = conninfo(dsn, "integratedb serve preview")

    async def _connect(self) -> Connection:
        return await connect(self._dsn)

    async def check(self) -> None:
        """Connect once, so that a wrong configuration is reported at once."""
        try:
            async with await self._connect() as connection:
                await refuse_powerful(connection, "preview-dsn")
                await schema_of(connection)
        except psycopg.Error as problem:
            raise ConfigurationError("preview-dsn: " + " ".join(str(problem).split())) from None
        except UnicodeError:
            raise ConfigurationError("preview-dsn: a parameter of the connection is not UTF-8") from None

    async def run(self, ddl: str) -> list[DictRow]:
        """Return the claims that would be unmet."""
        try:
            # A long text takes seconds to parse; in a thread, other requests are answered meanwhile.
            ddl = await asyncio.to_thread(without_transaction, ddl)
        except TransactionError as problem:
            raise invalid(str(problem), "#") from None
        try:
            async with self.rolled_back() as connection:
                query = sql.SQL(PREVIEW).format(x=await schema_of(connection))
                return await (await connection.execute(query, {"ddl": ddl})).fetchall()
        except psycopg.Error as problem:
            if problem.sqlstate is None or problem.sqlstate in LATER:
                raise
            raise _refusal(problem) from None

    @asynccontextmanager
    async def rolled_back(self) -> AsyncIterator[Connection]:
        """Yield a session whose statements are rolled back, and ended when they take too long."""
        async with await self._connect() as connection:
            # Checked again, because the login may have been granted more since the service started.
            try:
                await refuse_powerful(connection, "preview-dsn")
            except ConfigurationError as problem:
                log.error("no preview", extra={"error": str(problem)})
                raise RefusalError(503) from None
            await connection.rollback()
            async with connection.transaction(force_rollback=True), self._bounded(connection):
                try:
                    # Rolled back in every case, so that no setting of the statements is in force for what follows.
                    async with connection.transaction(force_rollback=True):
                        yield connection
                finally:
                    if connection.info.transaction_status == TransactionStatus.INTRANS:
                        await _undo_remaining(connection)

    @asynccontextmanager
    async def _bounded(self, connection: Connection) -> AsyncIterator[None]:
        """End the session, and with it the statements of the block, when they take too long."""
        await set_timeouts(connection, await missing_timeouts(connection, TIMEOUTS))
        session = await (await connection.execute(SESSION)).fetchone()
        assert session is not None
        with suppress(psycopg.errors.InvalidParameterValue):
            async with connection.transaction():
                await connection.execute(WATCHED)
        ending = asyncio.create_task(self._end_late(session))
        try:
            yield
        except asyncio.CancelledError:  # the service stops
            await self._end(session)
            raise
        finally:
            ending.cancel()

    async def _end_late(self, session: DictRow) -> None:
        if not session["timeout_ms"]:
            return  # the login's configuration sets no limit
        wait_s, ended = session["timeout_ms"] / 1000 + GRACE_S, False
        while not ended:
            await asyncio.sleep(wait_s)
            log.warning("a preview goes on after its timeout: its session is ended", extra={"backend": session["pid"]})
            wait_s, ended = AGAIN_S, await self._end(session)

    async def _end(self, session: DictRow) -> bool:
        """End a session of the same login, if it still exists; returns False if the request failed."""
        try:
            async with await self._connect() as connection:
                await connection.execute(END, session)
        except psycopg.Error as problem:
            log.error(
                "a preview's session was not ended", extra={"backend": session["pid"], "sqlstate": problem.sqlstate}
            )
            return False
        return True


async def _undo_remaining(connection: Connection) -> None:
    """Undo what no rollback undoes; settings that the statements have SET are not in force here."""
    await connection.execute(UNLOCK)
    if await (await connection.execute(PREPARED)).fetchone() is not None:
        await connection.execute(DEALLOCATE)


def _refusal(problem: psycopg.Error) -> RefusalError:
    diagnostic = problem.diag
    if problem.sqlstate == "IDB02":
        # The pointers in the DETAIL refer to a specification in the statements, not to the request.
        faults = structured(diagnostic.message_detail)
        if faults and all("pointer" in fault for fault in faults):
            said = "; ".join(f"{fault['message']} (at {fault['pointer']})" for fault in faults)
            return invalid("invalid specification: " + shortened(said), "#")
    parts = [diagnostic.message_primary, diagnostic.message_detail, diagnostic.message_hint]
    return invalid(". ".join(shortened(part).rstrip(".") for part in parts if part), "#")
