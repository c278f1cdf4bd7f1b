"""Implements `integratedb preview`, `unmet`, `sync` and `dependents`: the questions around a migration."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from integratedb_companion.common.agreements import allowed_by, reason_of
from integratedb_companion.common.errors import STATUS_REFUSED, STATUS_USAGE, CommandError
from integratedb_companion.common.extension import Extension, connect, opened
from integratedb_companion.common.output import print_json, print_table, say, styled
from integratedb_companion.common.previews import DEALLOCATE, END, GRACE_S, PREPARED, SESSION, UNLOCK, WATCHED
from integratedb_companion.common.sql_text import TransactionError, without_transaction
from integratedb_companion.contracts.reading import read_standard_input, read_text

from .failures import explain, show_failure
from .framework import command, connected, json_output


@command()
@click.argument("file", type=click.Path(allow_dash=True))
@connected
@json_output
def preview(file: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Report the claims that the statements in FILE, or on standard input (-), would break; roll the statements back.

    The statements run with your own privileges, and their locks are held until the end of the preview. They end
    after statement_timeout, or with this command. BEGIN and COMMIT may enclose all statements. Remove statements that
    cannot run in a transaction. Effects that no transaction undoes stay, such as setval() of a sequence.

    Claims that a waiver, or a deprecation that is due, allows to break are listed, and refuse no migration.

    Exit status: 0 no claim would refuse it; 1 a claim would; 2 the preview failed, for example at a statement.

    \b
    Examples:
      integratedb preview migrations/0042_rename_email.sql
      echo 'ALTER TABLE shop.orders DROP COLUMN note' | integratedb preview -
    """
    statements = read_standard_input() if file == "-" else read_text(Path(file))
    try:
        rows = _previewed(without_transaction(statements), dsn, dbname)
    except TransactionError as problem:
        raise CommandError(f"{file}: {problem}", status=STATUS_USAGE) from None
    except (psycopg.Error, CommandError) as problem:
        if (failure := explain(problem)).status != STATUS_REFUSED:
            raise
        # Status 1 means that a claim would break, so a failed preview needs another one.
        raise click.exceptions.Exit(show_failure(replace(failure, status=STATUS_USAGE), as_json=as_json)) from None
    _show_unmet(rows, as_json=as_json, none="Nobody would be hurt.", some="would be hurt")


def _previewed(statements: str, dsn: str, dbname: str | None) -> list[dict[str, Any]]:
    with (
        opened(dsn, dbname) as database,
        # No setting is pinned, so that the statements run with the settings of a migration.
        database.connection.transaction(force_rollback=True),
        _bounded(database, dsn, dbname),
    ):
        try:
            return database.rows("integratedb_preview_migration", ddl=statements)
        finally:
            if database.connection.info.transaction_status == TransactionStatus.INTRANS:
                _undo_remaining(database.connection)


def _undo_remaining(connection: psycopg.Connection[Any]) -> None:
    """Undo what no rollback undoes; settings that the statements have SET are not in force here."""
    connection.execute(UNLOCK)
    if connection.execute(PREPARED).fetchone() is not None:
        connection.execute(DEALLOCATE)


@contextmanager
def _bounded(database: Extension, dsn: str, dbname: str | None) -> Iterator[None]:
    """End the session, and with it the statements of the block, after its timeout, or if the command is interrupted."""
    connection = database.connection
    with connection.cursor(row_factory=dict_row) as cursor:
        session = cursor.execute(SESSION).fetchone()
    assert session is not None
    with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
        connection.execute(WATCHED)

    timeout_s = session["timeout_ms"] / 1000
    # Set before the session is ended, because the error may arrive before end() has returned.
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with suppress(CommandError, psycopg.Error), connect(dsn, dbname) as other:
            other.execute(END, session)

    late = threading.Timer(timeout_s + GRACE_S, end)
    late.daemon = True
    if timeout_s:
        late.start()
    try:
        yield
    except psycopg.errors.AdminShutdown:
        if not ended.is_set():
            raise
        raise CommandError(
            f"the statements went on after statement_timeout ({timeout_s:g} s), so their session was ended",
            hint="They catch the cancellation of a statement (query_canceled, or SQLSTATE 57014): let it through.",
        ) from None
    except KeyboardInterrupt:
        end()
        raise
    finally:
        late.cancel()


@command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The most claims to list.  [all]")
@connected
@json_output
def unmet(limit: int | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the claims that the database does not satisfy. Exit status 1 if there are any.

    Claims that a waiver or a deprecation allows to be unmet are listed, and do not count for the exit status.

    \b
    Example, as a health check:
      integratedb unmet > /dev/null || alert "claims are unmet"
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_unmet_claims", max_results=limit)
    _show_unmet(rows, as_json=as_json, none="Every claim is met.", some="unmet")


@command()
@connected
@json_output
def sync(dsn: str, dbname: str | None, as_json: bool) -> None:
    """Update claims and privileges to the current schema, where the specifications allow it.

    Claims by "*" follow the tables, and revoked privileges are granted again. A named claim never changes: it stays
    unmet, with a warning.

    \b
    Example, after a restore:
      integratedb sync && integratedb unmet
    """
    with opened(dsn, dbname) as database:
        database.rows("integratedb_sync")
    if as_json:
        print_json({"synced": True})
    else:
        say("The claims follow the database as it is now.")


@command()
@click.argument("path")
@click.argument("field", required=False)
@connected
@json_output
def dependents(path: str, field: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the stakeholders that depend on a table, or on one of its columns.

    \b
    Examples:
      integratedb dependents shop.customers
      integratedb dependents shop.customers email
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_dependents", path=path, field=field)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(["stakeholder", "kind", "dependency"], [list(row.values()) for row in rows])
    else:
        say("Nobody.")


def _show_unmet(rows: list[dict[str, Any]], *, as_json: bool, none: str, some: str) -> None:
    allowed = [row for row in rows if allowed_by(row) is not None]
    count = len(rows) - len(allowed)
    if as_json:
        print_json(rows)
    elif not rows:
        say(styled(none, fg="green"))
    else:
        print_unmet(rows)
        say()
        if count:
            say(styled(f"{_claims(count)} {some}.", fg="red", bold=True))
        if allowed:
            say(styled(f"{_claims(len(allowed))} {some}, and allowed: no migration is refused.", fg="yellow"))
    if count:
        raise click.exceptions.Exit(STATUS_REFUSED)


def _claims(count: int) -> str:
    return f"{count} {'claim' if count == 1 else 'claims'}"


def print_unmet(rows: list[dict[str, Any]]) -> None:
    """Print a line for each problem, and below it what each side can do."""
    problems = [(row, problem) for row in rows for problem in row["problems"]]
    has_allowed = any(allowed_by(row) is not None for row in rows)
    print_table(
        ["stakeholder", "kind", "path", "field", "problem", *(["allowed"] if has_allowed else [])],
        [
            [
                row["stakeholder"], row["kind"], problem["path"], problem["field"], problem["message"],
                *([reason_of(problem)] if has_allowed else []),
            ]
            for row, problem in problems
        ],
    )  # fmt: skip
    say()
    for hint in dict.fromkeys(row["hint"] for row in rows):
        say(styled(hint))
