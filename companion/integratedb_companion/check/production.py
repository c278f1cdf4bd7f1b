"""Copies production as the base: its schema, its contracts in force, and the records of its migration tool."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import connect, transaction
from integratedb_companion.common.session import defaults_with, read_conninfo

from .model import UnableError
from .process import ENCODING

#: The tables where migration tools record what has run, in any schema. Without them all migrations would run again.
RECORDS = (
    "__diesel_schema_migrations", "__drizzle_migrations", "__efmigrationshistory", "_prisma_migrations",
    "_sqlx_migrations", "_yoyo_migration", "_yoyo_version", "alembic_version", "ar_internal_metadata",
    "atlas_schema_revisions", "databasechangelog", "databasechangeloglock", "django_content_type",
    "django_migrations", "doctrine_migration_versions", "drizzle_migrations", "flyway_schema_history",
    "goose_db_version", "knex_migrations", "knex_migrations_lock", "kysely_migration", "kysely_migration_lock",
    "migrations", "mikro_orm_migrations", "pgmigrations", "phinxlog", "refinery_schema_history", "schema_migrations",
    "schema_version", "sequelizemeta", "typeorm_metadata",
)  # fmt: skip
#: Sqitch keeps everything in a schema of its own.
RECORDING_SCHEMAS = ("sqitch", "yoyo")

#: The tables whose rows are not copied: those of neither a migration tool nor an extension, and not requested. Filling
#: a table runs the functions of its constraints, domains, generated columns and partitions, as a superuser on this
#: machine. Any role can name a table migrations; those of tools use only Postgres's own objects, which pg_depend does
#: not list.
EXCLUDED_TABLES = """
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog."char"[])
   AND (NOT pg_catalog.lower(c.relname::pg_catalog.text) OPERATOR(pg_catalog.=) ANY (%(records)s::pg_catalog.text[])
        AND NOT n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (%(schemas)s::pg_catalog.text[])
        OR c.relispartition
        OR EXISTS (
             SELECT FROM pg_catalog.pg_depend AS d
              WHERE d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.pg_proc', 'pg_catalog.pg_operator',
                      'pg_catalog.pg_type']::pg_catalog.regclass[]::pg_catalog.oid[])
                AND (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                     AND d.objid OPERATOR(pg_catalog.=) c.oid
                     OR d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
                        AND d.objid OPERATOR(pg_catalog.=) ANY (
                              SELECT k.oid FROM pg_catalog.pg_constraint AS k
                               WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid)
                     OR d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                        AND d.objid OPERATOR(pg_catalog.=) ANY (
                              SELECT g.oid
                                FROM pg_catalog.pg_attrdef AS g
                                JOIN pg_catalog.pg_attribute AS a
                                  ON a.attrelid OPERATOR(pg_catalog.=) g.adrelid
                                 AND a.attnum OPERATOR(pg_catalog.=) g.adnum
                               WHERE g.adrelid OPERATOR(pg_catalog.=) c.oid
                                 AND a.attgenerated OPERATOR(pg_catalog.<>) ''::pg_catalog."char"))))
   AND NOT pg_catalog.concat(n.nspname, '.', c.relname) OPERATOR(pg_catalog.=) ANY (%(kept)s::pg_catalog.text[])
   AND n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog', 'information_schema', 'pg_toast']::pg_catalog.name[])
   AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.objid OPERATOR(pg_catalog.=) c.oid
            AND d.deptype OPERATOR(pg_catalog.=) 'e')
"""


#: The secret parameters of libpq. Only the password can be passed in an environment variable.
SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


@dataclass(frozen=True)
class Production:
    """What is copied from production."""

    name: str
    sql: str
    search_path: str


def is_conninfo(text: str) -> bool:
    """Whether a text is a connection string and not a command: a URI, or libpq's keywords with values."""
    if text.startswith(("postgresql://", "postgres://")):
        return True
    try:
        return bool(conninfo_to_dict(text)) and "=" in text
    except psycopg.Error:
        return False


def take_over(conninfo: str, programs: Path | None, kept: Collection[str]) -> Production:
    """Dump production, with the rows that the migration tool and the extensions need. Error: UnableError."""
    try:
        with connect(conninfo, None) as connection:
            row = connection.execute("SHOW search_path").fetchone()
            with transaction(connection, read_only=True):
                asked = {"records": list(RECORDS), "schemas": list(RECORDING_SCHEMAS), "kept": list(kept)}
                excluded = connection.execute(EXCLUDED_TABLES.encode(), asked).fetchall()
            name = f"database {connection.info.dbname}"
    except CommandError as problem:
        raise UnableError(problem.message, problem.hint) from None
    assert row is not None
    return Production(name, _dump(conninfo, programs, excluded), str(row[0]))


def _dump(conninfo: str, programs: Path | None, excluded: list[tuple[Any, ...]]) -> str:
    given = read_conninfo(conninfo)
    with _without_secrets(given, dict(os.environ)) as environment:
        return _run_dump(make_conninfo("", **given), programs, excluded, environment)


@contextmanager
def _without_secrets(given: dict[str, Any], environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Move the secrets out of the parameters: into the environment, or into a file that exists during the block.

    A command line would show them, because everybody can see the command line of a process.
    """
    secrets = {name: str(given.pop(name)) for name in SECRETS if name in given}
    password = secrets.pop("password", None)
    if password is not None:
        environment["PGPASSWORD"] = password
    if not secrets:
        yield environment
        return
    # Only a service can hold the other secrets. A connection uses one service, so the user's own is merged into it.
    if service := given.pop("service", None):
        environment["PGSERVICE"] = str(service)
    lines = {**_service_parameters(environment.get("PGSERVICE")), **secrets}
    for name, value in lines.items():
        if value != value.rstrip() or not value.isprintable():
            raise UnableError(f"pg_dump cannot be given {name}: it ends with a space, or has a control character in it")
    with tempfile.NamedTemporaryFile("w", prefix="integratedb-", suffix=".conf", encoding="utf-8") as file:  # mode 0600
        file.write("[integratedb]\n" + "".join(f"{name}={value}\n" for name, value in lines.items()))
        file.flush()
        yield environment | {"PGSERVICE": "integratedb", "PGSERVICEFILE": file.name}


def _service_parameters(service: str | None) -> dict[str, str]:
    """Return the parameters of a service."""
    if not service:
        return {}
    without, with_it = (
        {option.keyword.decode(): (option.val or b"").decode() for option in defaults_with(name)}
        for name in (None, service)
    )
    return {name: value for name, value in with_it.items() if value != without.get(name) and name != "service"}


def _run_dump(dbname: str, programs: Path | None, excluded: list[tuple[Any, ...]], environment: dict[str, str]) -> str:
    if programs is not None:
        environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    command = ["pg_dump", "--no-password", "-B", f"--dbname={dbname}"]
    command += [f"--exclude-table-data={_quoted(schema)}.{_quoted(table)}" for schema, table in excluded]
    try:
        done = subprocess.run(command, check=False, capture_output=True, env=environment, **ENCODING)
    except FileNotFoundError:
        raise UnableError("there is no program pg_dump", "Debian, Ubuntu: apt-get install postgresql-client.") from None
    except OSError as problem:
        raise UnableError(f"pg_dump cannot be run: {problem.strerror}") from None
    if done.returncode:
        raise UnableError(f"pg_dump: {done.stderr.strip()}")
    return str(done.stdout)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
