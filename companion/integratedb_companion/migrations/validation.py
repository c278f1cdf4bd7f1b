"""Calls integratedb_validate_migration() over the connection of a migration, and converts its refusal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

#: Returns the call, with the schema and the type of the argument, so that no other function of that name is called. It
#: contains neither % nor a colon, which some drivers take for parameters.
FIND = """SELECT pg_catalog.concat(
    'SELECT ', pg_catalog.quote_ident(n.nspname), '.integratedb_validate_migration(CAST(100 AS pg_catalog.int4))')
  FROM pg_catalog.pg_extension AS x
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
 WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb'"""
#: Fails with 42883, even if a schema of the search_path has a function of that name.
MISSING = "SELECT pg_catalog.integratedb_validate_migration()"
#: Printed where there is no connection to the database.
GUARDED_CALL = f"""DO $$
DECLARE
  validation CONSTANT pg_catalog.text DEFAULT (
    {FIND.replace(chr(10), chr(10) + "    ")});
BEGIN
  IF validation IS NOT NULL THEN
    EXECUTE validation;
  END IF;
END $$"""
CALL = GUARDED_CALL.replace(
    "  END IF;",
    """  ELSE
    RAISE undefined_function USING MESSAGE = 'the extension integratedb is not installed in this database';
  END IF;""",
)


class InvalidMigration(Exception):  # noqa: N818 -- the words of the server's message
    """The migration breaks claims (SQLSTATE IDB01). Its text names the stakeholders, and what each side can do.

    ``claims`` are the lines of the server's DETAIL, one for each unmet claim; ``remedies`` are those of its HINT.
    """

    def __init__(self, message: str, claims: list[str], remedies: list[str]) -> None:
        self.claims = claims
        self.remedies = remedies
        super().__init__("\n".join([message, *(f"  {claim}" for claim in claims), *remedies]))


def validate(connection: Any, *, missing_ok: bool = False) -> None:
    """Do what COMMIT does, but now, in the open transaction: refuse the migration when any claim is unmet.

    connection: SQLAlchemy's (Alembic: ``op.get_bind()``), Django's, or any DB-API connection, such as psycopg's. Under
    ``alembic upgrade --sql`` the call is printed.
    missing_ok: do nothing in a database without the extension, such as a test database.
    Raises InvalidMigration (IDB01), and every other error of the server as the driver raises it. Among these are 40001,
    40P01 and 55P03, after which the migration must be repeated, and 42883 where the extension is missing.
    """
    if not hasattr(connection, "cursor") and not hasattr(connection, "exec_driver_sql"):
        connection.execute(GUARDED_CALL if missing_ok else CALL)  # Alembic's offline connection, which prints
        return
    call = _value(connection, FIND)
    if call is None and missing_ok:
        return
    try:
        _value(connection, call or MISSING)
    except Exception as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        # The driver's error is suppressed, because its text is the same, and its frames lead into this file.
        raise refusal from None


def _value(connection: Any, query: str) -> Any:
    """Return the first column of the only row; None without a row."""
    if hasattr(connection, "exec_driver_sql"):
        return connection.exec_driver_sql(query).scalar()
    with closing(connection.cursor()) as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        return None if row is None else row[0]


def _refusal(error: BaseException) -> InvalidMigration | None:
    """Convert an IDB01; return None for any other error."""
    refusal = None
    for cause in _causes(error):
        code, message, detail, hint = _fields(cause)
        if code == "IDB01":  # the innermost error is the driver's own, and has all fields
            refusal = _style()(message, detail.splitlines(), hint.splitlines())
    return refusal


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return the error and its causes: SQLAlchemy (orig) and Django (__cause__) wrap the driver's error."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__


def _fields(error: BaseException) -> tuple[str, ...]:
    """Return code, message, detail and hint of an error of psycopg, psycopg2, pg8000 or asyncpg."""
    diagnostics = getattr(error, "diag", None)
    found: tuple[str | None, ...]
    if diagnostics is not None:
        found = diagnostics.sqlstate, diagnostics.message_primary, diagnostics.message_detail, diagnostics.message_hint
    elif error.args and isinstance(error.args[0], dict):
        found = tuple(error.args[0].get(key) for key in "CMDH")
    else:
        found = tuple(getattr(error, name, None) for name in ("sqlstate", "message", "detail", "hint"))
    return tuple(value or "" for value in found)


def _style() -> type[InvalidMigration]:
    """Return the exception class: Alembic prints its own CommandError as one message, and others as a traceback."""
    command_error = getattr(sys.modules.get("alembic.util.exc"), "CommandError", None)
    if command_error is None:
        return InvalidMigration
    return type("InvalidMigration", (InvalidMigration, command_error), {"__doc__": InvalidMigration.__doc__})
