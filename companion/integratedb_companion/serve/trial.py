"""Tries statements: runs them one by one as the previews' login, shows what they return, and rolls them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import psycopg
from psycopg import postgres
from psycopg.rows import tuple_row
from psycopg.types.string import TextLoader

from integratedb_companion.common.session import notice_lines
from integratedb_companion.common.sql_text import TransactionError, statements, without_transaction
from integratedb_companion.http.refusals import invalid

from .console_responses import Failed, Trial, Tried
from .errors import LATER, shortened
from .pool import Connection
from .preview import Preview

MAX_STATEMENTS = 50
#: So many rows of a result are shown; a statement that returns more than MAX_READ ends with an error.
MAX_SHOWN, MAX_READ = 100, 10_000
MAX_VALUE = 1000
#: So many notices of a statement are shown, and so many characters of all statements together.
MAX_NOTICES, MAX_CHARACTERS = 100, 4_000_000
LEFT_OUT = "further notices are not shown"


class _Shown:
    """What may still be shown of all statements together."""

    def __init__(self) -> None:
        self._left = MAX_CHARACTERS

    def row(self, values: tuple[Any, ...]) -> list[str | None] | None:
        """Return a row as text with cut values; None where it would be too much."""
        cells = [None if value is None else _cut(str(value)) for value in values]
        return cells if self._take(cells) else None

    def notice(self, line: str) -> str | None:
        """Return a cut line of a notice; None where it would be too much."""
        cut = _cut(line)
        return cut if self._take([cut]) else None

    def _take(self, texts: list[str | None]) -> bool:
        needed = sum(len(text or "") + 8 for text in texts)
        if needed > self._left:
            return False
        self._left -= needed
        return True


async def run(preview: Preview, text: str) -> Trial:
    """Run the statements of a text; the first that fails ends the trial. Error: 422 for COMMIT and similar."""
    if "\0" in text:  # libpq would send what stands before it
        raise invalid("it holds what Postgres cannot store", "#")
    try:
        text = await asyncio.to_thread(without_transaction, text)
        found = await asyncio.to_thread(lambda: list(statements(text)))
    except TransactionError as problem:
        raise invalid(str(problem), "#") from None
    if len(found) > MAX_STATEMENTS:
        raise invalid(f"it has {len(found)} statements; at most {MAX_STATEMENTS} are tried at once", "#")
    if any(part.words.startswith("COPY ") for part in found):
        raise invalid("COPY moves data to or from a client, which a trial is not", "#")
    # The service's own savepoint undoes what the statements have SET, before it releases the locks that they have left.
    if any(part.words.startswith(("SAVEPOINT ", "RELEASE ")) for part in found):
        raise invalid("a trial has no savepoints: a DO block with EXCEPTION undoes a part of it", "#")
    tried: list[Tried] = []
    shown = _Shown()
    try:
        async with preview.rolled_back() as connection:
            for part in found:  # not a comprehension: what ran before an error is shown
                command = " ".join(part.words.split()[:2])
                tried.append(await _run_one(connection, text[part.begin : part.end], command, shown))
    except (UnicodeError, psycopg.NotSupportedError) as problem:
        if isinstance(problem, psycopg.NotSupportedError) and problem.sqlstate is not None:
            return Trial(results=tried, error=_failed(problem))
        # Python does not know the encoding, or the server has sent bytes without converting them.
        raise invalid("its answer is not text in the client_encoding that it sets", "#") from None
    except psycopg.Error as problem:
        if problem.sqlstate is None or problem.sqlstate in LATER:
            raise
        return Trial(results=tried, error=_failed(problem))
    return Trial(results=tried, error=None)


async def _run_one(connection: Connection, statement: str, command: str, shown: _Shown) -> Tried:
    """Run a statement in the extended protocol, in which the server refuses several statements at once."""
    notices: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        for line in notice_lines(notice):
            if notices[-1:] == [LEFT_OUT]:
                return
            notices.append((shown.notice(line) if len(notices) < MAX_NOTICES else None) or LEFT_OUT)

    connection.add_notice_handler(note)
    try:
        async with connection.cursor(row_factory=tuple_row) as cursor:
            for kind in postgres.types:
                cursor.adapters.register_loader(kind.oid, TextLoader)
                cursor.adapters.register_loader(kind.array_oid, TextLoader)
            rows: list[list[str | None]] = []
            read = 0
            # Single rows, so that a large result does not fill the memory. The text is the user's, as in any client.
            result = cast("AsyncGenerator[tuple[Any, ...], None]", cursor.stream(statement.encode()))
            async with aclosing(result) as stream:
                try:
                    async for row in stream:
                        read += 1
                        if read > MAX_READ:
                            raise invalid(f"a statement returns more than {MAX_READ} rows: give it a LIMIT", "#")
                        # Rows that are shown follow one another: after one that is too much, there are no others.
                        if len(rows) == read - 1 < MAX_SHOWN and (cells := shown.row(row)) is not None:
                            rows.append(cells)
                except psycopg.ProgrammingError as problem:
                    if problem.sqlstate is not None:
                        raise
                    # A statement without a result, such as CREATE TABLE.
            columns = [column.name for column in cursor.description or ()]
            return Tried(command=command, columns=columns, rows=rows, more=read - len(rows), notices=notices)
    finally:
        connection.remove_notice_handler(note)


def _cut(value: str) -> str:
    return value if len(value) <= MAX_VALUE else value[:MAX_VALUE] + "…"


def _failed(problem: psycopg.Error) -> Failed:
    said = problem.diag
    return Failed(
        code=problem.sqlstate or "",
        message=shortened(said.message_primary or ""),
        detail=said.message_detail and shortened(said.message_detail),
        hint=said.message_hint and shortened(said.message_hint),
    )
