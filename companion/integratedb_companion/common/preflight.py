"""Checks what CREATE EXTENSION integratedb needs of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from integratedb_companion.common.extension import transaction
from integratedb_companion.common.session import EXTENSION

MINIMUM_VERSION = 150000


AVAILABLE = (
    "SELECT default_version FROM pg_catalog.pg_available_extensions "
    "WHERE name OPERATOR(pg_catalog.=) %s::pg_catalog.name"
)


#: Fails where the server's Python has no jsonschema; the transaction is rolled back.
IMPORTS = """
    CREATE EXTENSION IF NOT EXISTS plpython3u;
    DO LANGUAGE plpython3u $python$
    import jsonschema
    $python$;
"""


@dataclass(frozen=True)
class Check:
    """One requirement; `cure` says how to meet it. A warning does not prevent the installation."""

    name: str
    state: Literal["ok", "warning", "missing"]
    found: str
    cure: str | None = None


def preflight(connection: psycopg.Connection[TupleRow]) -> Iterator[Check]:
    """Check the requirements of CREATE EXTENSION, in the order in which one would meet them."""

    def value(query: str, *values: object) -> Any:
        row = connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    number = connection.info.server_version
    major = number // 10000
    version = str(value("SHOW server_version"))
    if number < MINIMUM_VERSION:
        yield Check("PostgreSQL", "missing", version, "PostgreSQL 15 or newer is needed.")
    else:
        yield Check("PostgreSQL", "ok", version)

    if value("SELECT pg_catalog.pg_is_in_recovery()"):
        yield Check("primary", "missing", "a standby, which is read only", "Connect to the primary.")

    installed = connection.execute(EXTENSION).fetchone()
    user = connection.info.user
    is_superuser = connection.info.parameter_status("is_superuser") == "on"
    if is_superuser:
        yield Check("superuser", "ok", user)
    elif not installed:
        cure = (
            f"Connect as a superuser (-d 'dbname={connection.info.dbname} user=postgres'): plpython3u is not trusted."
        )
        yield Check("superuser", "missing", f"{user} is none", cure)

    has_python = value(AVAILABLE, "plpython3u") is not None
    if has_python:
        yield Check("PL/Python", "ok", "plpython3u")
    else:
        yield Check(
            "PL/Python",
            "missing",
            "the server has no plpython3u",
            f"On the server, Debian or Ubuntu: apt-get install postgresql-plpython3-{major}. Red Hat: dnf install "
            f"postgresql{major}-plpython3. A managed Postgres without plpython3u cannot have IntegrateDB.",
        )

    if has_python and is_superuser and not installed:
        yield _module(connection)

    files = value(AVAILABLE, "integratedb")
    if installed and files and installed[1] != files:
        cure = f"In database {connection.info.dbname}: ALTER EXTENSION integratedb UPDATE."
        yield Check("extension", "warning", f"{installed[1]} is installed, the server's files are of {files}", cure)
    elif files or installed:
        yield Check("extension", "ok", str(installed[1] if installed else files))
    else:
        cure = (
            "In the source of IntegrateDB, on the server: make && sudo make install "
            f"PG_CONFIG=/usr/lib/postgresql/{major}/bin/pg_config (which needs make and postgresql-server-dev-{major})."
        )
        yield Check("extension", "missing", "the server has no files of integratedb", cure)

    wal_level = str(value("SHOW wal_level"))
    if wal_level == "logical":
        yield Check("wal_level", "ok", wal_level)
    else:
        cure = "Claims work. For notifications: ALTER SYSTEM SET wal_level = logical, and restart Postgres."
        yield Check("wal_level", "warning", wal_level, cure)


def _module(connection: psycopg.Connection[TupleRow]) -> Check:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(IMPORTS)
    except psycopg.errors.ExternalRoutineException as problem:
        said = (problem.diag.message_primary or "").removeprefix("ModuleNotFoundError: ")
        cure = (
            "On the server, Debian or Ubuntu: apt-get install python3-jsonschema. Elsewhere: pip install jsonschema, "
            "for the Python that plpython3u is built with."
        )
        return Check("jsonschema", "missing", said, cure)
    except psycopg.Error as problem:
        return Check("PL/Python", "missing", f"it cannot be loaded: {problem.diag.message_primary}", "Reinstall it.")
    return Check("jsonschema", "ok", "the server's Python has it")


def install(
    connection: psycopg.Connection[TupleRow], schema: str | None, admins: Iterable[str], *, installed: bool
) -> None:
    """Create the extension unless it is installed, and make roles its admins, in one transaction."""
    with transaction(connection):
        if not installed:
            where = sql.SQL(" SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL("")
            # Without --schema, the search_path of the login determines the schema, as in psql.
            connection.execute("SET LOCAL search_path TO DEFAULT")
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS plpython3u"))
            connection.execute(sql.SQL("CREATE EXTENSION integratedb") + where)
        for role in admins:
            connection.execute(sql.SQL("GRANT integratedb_admin TO {}").format(sql.Identifier(role)))
