"""The sessions of the commands and of the management API: pinned settings, and calls that no other function can capture."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from typing import Any, Final, LiteralString

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic

#: Any role may have other values by ALTER ROLE or ALTER DATABASE. The statements and the answers must not depend on them.
PINNED_SETTINGS: Final = {
    "search_path": "pg_catalog",
    # These say how values are written, and read.
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "quote_all_identifiers": "off",
    "client_encoding": "UTF8",
    # What is kept when a stakeholder is dropped comes in a NOTICE.
    "client_min_messages": "notice",
    # Both off is how the extension knows a restore, which is not checked.
    "check_function_bodies": "on",
    "row_security": "on",
}

#: Pins them until the end of the transaction. Not by the option `options` of the connection: poolers refuse that. And not
#: for the session: behind a pooler it serves others next.
PIN: Final = "SELECT " + ", ".join(
    f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in PINNED_SETTINGS.items()
)

#: Where the functions for users are, and their version. Every name is qualified: previews keep their login's search_path.
EXTENSION: Final[LiteralString] = """
SELECT n.nspname AS schema, x.extversion AS version
  FROM pg_catalog.pg_extension AS x
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
 WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb'
"""

#: What libpq says of a parameter that it cannot use; of what it can use and does not reach, it says something else.
MALFORMED: Final = re.compile(
    "connection is bad: (invalid |missing |syntax error in service file|definition of service|service file|line .* too long)"
    "|could not match .* hosts|could not parse network address"
)

#: The arguments of the functions for users. Whoever may create functions in the extension's schema could add another one
#: of the same name: a call that leaves an argument or its type open may then reach that one.
SIGNATURES: Final[dict[str, dict[str, LiteralString]]] = {
    "integratedb_create_stakeholder": {"stakeholder": "text", "valid_until": "timestamptz"},
    "integratedb_rename_stakeholder": {"stakeholder": "text", "new_name": "text"},
    "integratedb_rotate_password": {"stakeholder": "text", "valid_until": "timestamptz"},
    "integratedb_drop_stakeholder": {"stakeholder": "text"},
    "integratedb_adopt_role": {"stakeholder": "text"},
    "integratedb_end_lock_holder": {},
    "integratedb_stakeholders": {},
    "integratedb_claim": {"stakeholder": "text", "spec": "jsonb"},
    "integratedb_notify": {"stakeholder": "text", "spec": "jsonb"},
    "integratedb_specification": {"stakeholder": "text", "kind": "text"},
    "integratedb_check_spec": {"spec": "jsonb", "kind": "text"},
    "integratedb_sync": {},
    "integratedb_unmet_claims": {"max_results": "int4"},
    "integratedb_validate_migration": {"max_results": "int4"},
    "integratedb_preview_migration": {"ddl": "text"},
    "integratedb_dependents": {"path": "text", "field": "text"},
    "integratedb_access": {"stakeholder": "text"},
    "integratedb_ddl_events": {"since": "timestamptz", "max_results": "int4"},
    "integratedb_configure": {"setting": "text", "value": "text"},
    "integratedb_status": {},
}


def call(schema: str, function: str, arguments: Collection[str]) -> sql.Composed:
    """Give the call of a function by named parameters: with every argument, each of its exact type."""
    types = SIGNATURES[function]
    if set(arguments) != set(types):
        raise TypeError(f"{function} takes {', '.join(types) or 'nothing'}, not {', '.join(arguments) or 'nothing'}")
    return sql.SQL("{}({})").format(
        sql.Identifier(schema, function),
        sql.SQL(", ").join(
            sql.SQL("{} => {}::{}").format(
                sql.Identifier(name), sql.Placeholder(name), sql.Identifier("pg_catalog", type_name)
            )
            for name, type_name in types.items()
        ),
    )


def read_conninfo(dsn: str, **overriding: Any) -> dict[str, Any]:
    """Give the parameters of a connection string. Error: ValueError, in words that repeat nothing of it."""
    try:
        given = conninfo_to_dict(dsn, **overriding)
    except psycopg.Error as problem:
        said = re.sub(r'".*"', '"..."', str(problem), flags=re.DOTALL).strip()
        raise ValueError(said) from None
    # What follows an @ or a : of the password is read as the host and the port, and errors would show it.
    hosts = f"{given.get('host') or ''},{given.get('hostaddr') or ''}"
    ports = str(given.get("port") or "")
    if "@" in hosts.removeprefix("@") or not set(ports) <= set("0123456789,"):
        raise ValueError(
            "the host or the port is none: in a URI, @ : / and % of a password are written as %40 %3A %2F %25"
        )
    return {**_place_of_service(given), **given}


def _place_of_service(given: dict[str, Any]) -> dict[str, Any]:
    """Give the host, address and port that a service says.

    libpq prefers them to PGHOST. psycopg looks at PGHOST only, and would connect there.
    """
    service = given.get("service") or os.environ.get("PGSERVICE")
    if not service:
        return {}
    return {
        name: option.val.decode()
        for option in defaults_with(str(service))
        if option.val and (name := option.keyword.decode()) in ("host", "hostaddr", "port")
    }


def defaults_with(service: str | None) -> list[pq.ConninfoOption]:
    """Give what libpq takes where a connection string says nothing: with a service, or without one."""
    before = os.environ.pop("PGSERVICE", None)
    try:
        if service is not None:
            os.environ["PGSERVICE"] = service
        return pq.Conninfo.get_defaults()
    finally:
        os.environ.pop("PGSERVICE", None)
        if before is not None:
            os.environ["PGSERVICE"] = before


def notice_lines(notice: Diagnostic) -> list[str]:
    """Give what the server reports beside a result: the lines of the DETAIL where they are the list, else the message."""
    if notice.severity_nonlocalized not in ("NOTICE", "WARNING"):
        return []
    return (notice.message_detail or notice.message_primary or "").splitlines()
