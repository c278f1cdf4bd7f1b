"""Pins the settings of the companion's sessions, and builds calls that no other function can capture."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from typing import Any, Final, LiteralString

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic

#: ALTER ROLE or ALTER DATABASE may set other values, but statements and answers must not depend on them.
PINNED_SETTINGS: Final = {
    "search_path": "pg_catalog",
    # These determine how values are written and read.
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
    # When a stakeholder is dropped, a NOTICE lists what is kept.
    "client_min_messages": "notice",
    # The extension recognises a restore by both being off, and checks nothing then.
    "check_function_bodies": "on",
    "row_security": "on",
}

#: Pins the settings until the end of the transaction. Poolers refuse the connection's `options`, and give the session
#: to another client next, so neither the connection nor the session can pin them.
PIN: Final = "SELECT " + ", ".join(
    f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in PINNED_SETTINGS.items()
)

#: Finds the schema of the public functions, and their version. Names are qualified, because a preview keeps its login's
#: search_path.
EXTENSION: Final[LiteralString] = """
SELECT n.nspname AS schema, x.extversion AS version
  FROM pg_catalog.pg_extension AS x
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
 WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb'
"""

#: libpq's messages about unusable parameters; it has other messages for servers that cannot be reached.
MALFORMED: Final = re.compile(
    "connection is bad: (invalid |missing |syntax error in service file|definition of service|service file|"
    "line .* too long)"
    "|could not match .* hosts|could not parse network address"
)

#: The arguments of the public functions. A user who may create functions in the extension's schema could add another
#: function of the same name. A call that omits an argument or its type could then reach that function.
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
    "integratedb_save_query": {"stakeholder": "text", "name": "text", "query": "jsonb"},
    "integratedb_drop_query": {"stakeholder": "text", "name": "text"},
    "integratedb_queries": {"stakeholder": "text"},
    "integratedb_sync": {},
    "integratedb_unmet_claims": {"max_results": "int4"},
    "integratedb_validate_migration": {"max_results": "int4"},
    "integratedb_preview_migration": {"ddl": "text"},
    "integratedb_dependents": {"path": "text", "field": "text"},
    "integratedb_access": {"stakeholder": "text"},
    "integratedb_ddl_events": {"since": "timestamptz", "max_results": "int4"},
    "integratedb_configure": {"setting": "text", "value": "text"},
    "integratedb_status": {},
    "integratedb_advice": {"with_muted": "bool", "adviser": "text"},
    "integratedb_advisers": {},
    "integratedb_mute_advice": {"cache_key": "text", "reason": "text", "until": "timestamptz"},
    "integratedb_unmute_advice": {"cache_key": "text"},
    "integratedb_monitor_locks": {},
    "integratedb_monitor_sessions": {},
    "integratedb_monitor_xmin": {},
    "integratedb_monitor_connections": {},
    "integratedb_monitor_statements": {"max_results": "int4"},
    "integratedb_monitor_replication": {},
    "integratedb_monitor_slots": {},
    "integratedb_monitor_wraparound": {"max_results": "int4"},
    "integratedb_monitor_wal": {},
    "integratedb_monitor_cache": {},
    "integratedb_monitor_channels": {},
    "integratedb_deprecations": {},
    "integratedb_deprecate": {"path": "text", "field": "text", "remove_after": "timestamptz", "message": "text"},
    "integratedb_undeprecate": {"path": "text", "field": "text"},
    "integratedb_waivers": {},
    "integratedb_waive": {
        "stakeholder": "text",
        "path": "text",
        "field": "text",
        "until": "timestamptz",
        "reason": "text",
    },
    "integratedb_end_waiver": {"id": "int8"},
    "integratedb_requests": {"state": "text"},
    "integratedb_request_claim": {"stakeholder": "text", "spec": "jsonb", "kind": "text", "reason": "text"},
    "integratedb_approve_request": {"id": "int8", "note": "text"},
    "integratedb_reject_request": {"id": "int8", "note": "text"},
    "integratedb_withdraw_request": {"id": "int8"},
    "integratedb_lease": {"stakeholder": "text", "ttl": "interval", "note": "text"},
    "integratedb_leases": {},
    "integratedb_renew_lease": {"id": "int8", "ttl": "interval"},
    "integratedb_revoke_lease": {"id": "int8"},
    "integratedb_cancel": {"pid": "int4", "terminate": "bool"},
}


def call(schema: str, function: str, arguments: Collection[str]) -> sql.Composed:
    """Build the call of a function by named parameters: with every argument, each of its exact type."""
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
    """Parse a connection string. Error: ValueError, which repeats nothing of it."""
    try:
        given = conninfo_to_dict(dsn, **overriding)
    except psycopg.Error as problem:
        said = re.sub(r'".*"', '"..."', str(problem), flags=re.DOTALL).strip()
        raise ValueError(said) from None
    # The part of a password after an @ or a : is parsed as the host and the port, and errors would show it.
    hosts = f"{given.get('host') or ''},{given.get('hostaddr') or ''}"
    ports = str(given.get("port") or "")
    if "@" in hosts.removeprefix("@") or not set(ports) <= set("0123456789,"):
        raise ValueError(
            "the host or the port is none: in a URI, @ : / and % of a password are written as %40 %3A %2F %25"
        )
    return {**_place_of_service(given), **given}


def _place_of_service(given: dict[str, Any]) -> dict[str, Any]:
    """Return the host, address and port of a service.

    libpq prefers them to PGHOST. psycopg considers PGHOST only, and would connect there.
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
    """Return libpq's defaults for what a connection string omits: with a service, or without one."""
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
    """Return the lines of a notice: of the DETAIL if it has a list, otherwise the message."""
    if notice.severity_nonlocalized not in ("NOTICE", "WARNING"):
        return []
    return (notice.message_detail or notice.message_primary or "").splitlines()
