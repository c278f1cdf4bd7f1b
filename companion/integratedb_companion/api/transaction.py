"""Builds the first statement of a request: the role, the settings that policies read, and the check of the surface. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import orjson

from .connection import Query
from .tokens import Caller

#: Sessions may have other values from ALTER ROLE of the login, or from another client of a pooler.
PINNED: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"row_security", b"on"),
    (b"standard_conforming_strings", b"on"),
    (b"transform_null_equals", b"off"),
    (b"array_nulls", b"on"),
    (b"bytea_output", b"hex"),
    (b"client_min_messages", b"error"),
)
BEGIN: Final = Query(b"BEGIN", prepared=False)
COMMIT: Final = Query(b"COMMIT", prepared=False)
ROLLBACK: Final = Query(b"ROLLBACK", prepared=False)
_BEGIN_AT: Final = {
    "repeatable read": Query(b"BEGIN ISOLATION LEVEL REPEATABLE READ", prepared=False),
    "serializable": Query(b"BEGIN ISOLATION LEVEL SERIALIZABLE", prepared=False),
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role that requests act as; the settings are those of ALTER ROLE that it may set."""

    name: str
    oid: int
    settings: tuple[tuple[bytes, bytes], ...] = ()
    isolation: str = "read committed"

    @property
    def begin(self) -> Query | None:
        """The statement that begins a transaction at the role's isolation level; None for the usual level."""
        return _BEGIN_AT.get(self.isolation)


@cache
def _text(settings: int, *, reads: bool, checks: bool) -> bytes:
    """Return the statement for so many settings. The role comes first: nothing else is done with the login's rights."""
    calls = ["pg_catalog.set_config('role', $1, true)"]
    if reads:
        calls.append("pg_catalog.set_config('transaction_read_only', 'on', true)")
    calls += [f"pg_catalog.set_config(${2 * n}, ${2 * n + 1}, true)" for n in range(1, settings + 1)]
    if checks:
        last = 2 * settings + 1
        calls.append(
            f"CASE WHEN integratedb.surface_version(${last + 1}::pg_catalog.oid, ${last + 2}::pg_catalog.text[])"
            f" OPERATOR(pg_catalog.=) ${last + 3}::pg_catalog.text THEN NULL ELSE integratedb.surface_changed() END"
        )
    return f"SELECT {', '.join(calls)}".encode()


def opening(
    role: Role,
    settings: Sequence[tuple[bytes, bytes]],
    *,
    reads: bool,
    schemas: bytes = b"{}",
    version: bytes | None = None,
) -> Query:
    """Return the statement that opens the transaction of a request; without a version, nothing is compared."""
    values: list[bytes | None] = [role.name.encode()]
    for name, value in settings:
        values.append(name)
        values.append(value)
    if version is not None:
        values += (str(role.oid).encode(), schemas, version)
    return Query(_text(len(settings), reads=reads, checks=version is not None), values)


def request_settings(
    caller: Caller, method: bytes, path: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Return the settings that tell policies and functions of the request."""
    by_name: dict[str, str] = {}
    cookies: dict[str, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"cookie":
            for part in text.split(";"):
                key, equals, content = part.strip().partition("=")
                if equals:
                    cookies[key] = content
        else:
            by_name[name.decode("latin-1")] = text
    return [
        (b"request.method", method),
        (b"request.path", path),
        (b"request.headers", orjson.dumps(by_name)),
        (b"request.cookies", orjson.dumps(cookies)),
        *caller.settings,
    ]


def array(texts: Sequence[str]) -> bytes:
    """Write an array of texts as Postgres reads it."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return ("{" + ",".join(quoted) + "}").encode()


def search_path(schemas: Sequence[str]) -> bytes:
    """Write the setting search_path."""
    return ", ".join('"' + schema.replace('"', '""') + '"' for schema in dict.fromkeys(schemas)).encode()


def chosen_settings(given: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Encode settings."""
    return [(name.encode(), value.encode()) for name, value in given.items()]
