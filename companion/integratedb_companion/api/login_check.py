"""Refuses a login of the service that may do more than act for the roles that it serves."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg

from integratedb_companion import __version__
from integratedb_companion.common import versions
from integratedb_companion.common.configuration import ConfigurationError

#: What is wrong with the login, the worst first: the kind, and the role or relation that shows it.
PROBLEMS: Final[LiteralString] = """
SELECT p.kind, p.name
  FROM (
    SELECT 1, CASE WHEN r.rolsuper THEN 'superuser' WHEN r.rolbypassrls THEN 'bypassrls'
                   WHEN r.rolcreaterole THEN 'createrole' WHEN r.rolreplication THEN 'replication' END, r.rolname::text
      FROM pg_catalog.pg_roles AS r
     WHERE r.rolname OPERATOR(pg_catalog.=) SESSION_USER
       AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication)
    UNION ALL
    SELECT 2, 'member', r.rolname::text
      FROM pg_catalog.pg_roles AS r
     WHERE r.rolname OPERATOR(pg_catalog.<>) SESSION_USER
       AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication
            OR r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[
                 'integratedb_admin', 'integratedb_daemon', 'integratedb_management', 'pg_execute_server_program',
                 'pg_read_server_files', 'pg_write_server_files']::pg_catalog.name[]))
       AND pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER')
    UNION ALL
    SELECT 3, 'owner', k.oid::pg_catalog.regclass::text
      FROM pg_catalog.pg_roles AS r
      -- The owners of all objects, by an index: pg_class would be read as a whole.
      JOIN pg_catalog.pg_shdepend AS d
        ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
       AND d.refobjid OPERATOR(pg_catalog.=) r.oid
       AND d.deptype OPERATOR(pg_catalog.=) 'o'
       AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      JOIN pg_catalog.pg_database AS b
        ON b.oid OPERATOR(pg_catalog.=) d.dbid
       AND b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
      JOIN pg_catalog.pg_class AS k ON k.oid OPERATOR(pg_catalog.=) d.objid
     WHERE r.rolname OPERATOR(pg_catalog.=) SESSION_USER
       AND k.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'v', 'm', 'f', 'p', 'S']::pg_catalog."char"[])
  ) AS p (place, kind, name)
 ORDER BY p.place, p.name
 LIMIT 1
"""
ANONYMOUS: Final[LiteralString] = """
SELECT r.oid IS NOT NULL, coalesce(pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER'), false)
  FROM (VALUES (%s::text)) AS v (name)
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname OPERATOR(pg_catalog.=) v.name::pg_catalog.name
"""
SCHEMAS: Final[LiteralString] = """
SELECT s.name
  FROM pg_catalog.unnest(%s::text[]) AS s (name)
 WHERE NOT EXISTS (
   SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) s.name::pg_catalog.name)
"""


async def check(dsn: str, schemas: tuple[str, ...], anonymous: str | None) -> None:
    """Refuse to serve with this login, or for what does not exist. Error: ConfigurationError, which says the cure."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    except psycopg.OperationalError as problem:
        raise ConfigurationError(f"dsn: {_first_line(problem)}") from None
    async with connection:
        await versions.check(connection, __version__)
        row = await (await connection.execute(PROBLEMS)).fetchone()
        if row is not None:
            raise ConfigurationError(f"dsn: {_refusal(connection.info.user, row[0], row[1])}")
        if anonymous is not None:
            await _check_anonymous(connection, anonymous)
        missing = await (await connection.execute(SCHEMAS, [list(schemas)])).fetchall()
        if missing:
            raise ConfigurationError(f"schemas: schema {missing[0][0]} does not exist in {connection.info.dbname}")


async def _check_anonymous(connection: psycopg.AsyncConnection[Any], anonymous: str) -> None:
    row = await (await connection.execute(ANONYMOUS, [anonymous])).fetchone()
    assert row is not None
    if not row[0]:
        raise ConfigurationError(f"anonymous: role {anonymous} does not exist")
    if not row[1]:
        login = connection.info.user
        raise ConfigurationError(f"anonymous: {login} may not become {anonymous}: GRANT {anonymous} TO {login};")


def _refusal(login: str, kind: str, name: str) -> str:
    make = "log in as a role of its own: CREATE ROLE api LOGIN NOINHERIT; GRANT integratedb_authenticator TO api;"
    match kind:
        case "superuser":
            return f"{login} is a superuser; {make}"
        case "bypassrls":
            return f"{login} bypasses row security; ALTER ROLE {login} NOBYPASSRLS;"
        case "createrole":
            return f"{login} may create roles; ALTER ROLE {login} NOCREATEROLE;"
        case "replication":
            return f"{login} may read everything by replication; ALTER ROLE {login} NOREPLICATION;"
        case "owner":
            return f"{login} owns {name}, whose row security it could switch off; {make}"
        case _:
            return f"{login} may become {name}; REVOKE {name} FROM {login}; or {make}"


def _first_line(problem: psycopg.Error) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
