"""Builds the first statement of a request: its role and its settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .connection import UNCLEAN, Query
from .messages import Head
from .settings import Settings
from .tokens import Caller

#: Sessions may have other values from ALTER ROLE of the login.
PINNED: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"row_security", b"on"),
    (b"standard_conforming_strings", b"on"),
    (b"transform_null_equals", b"off"),
    (b"array_nulls", b"on"),
    (b"bytea_output", b"hex"),
    (b"client_min_messages", b"error"),
)
MOST_ARGUMENTS: Final = 90
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


#: Locks that code of an earlier request left are released. Its temporary tables would hide others, and contain rows; so
#: do its cursors WITH HOLD.
_CLEAN: Final = (
    "pg_catalog.pg_advisory_unlock_all()",
    "CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) '0'::pg_catalog.oid"
    " OR EXISTS (SELECT FROM pg_catalog.pg_cursor() AS c WHERE c.is_holdable)"
    f" THEN pg_catalog.current_setting('{UNCLEAN}') END",
)
#: For statements that the service runs as its login: a role that code has set for the session would see other claims.
AS_LOGIN: Final = Query(f"SELECT pg_catalog.set_config('role', 'none', true), {', '.join(_CLEAN)}".encode())


_OPENS: Final = b"SELECT pg_catalog.num_nulls(pg_catalog.set_config('role'"
_DURATION: Final = re.compile(rb" *([0-9]+(?:\.[0-9]*)?) *(us|ms|s|min|h|d)? *")
_UNITS_S: Final = {b"us": 1e-6, None: 1e-3, b"ms": 1e-3, b"s": 1.0, b"min": 60.0, b"h": 3600.0, b"d": 86400.0}


@cache
def _text(settings: int, *, reads: bool, stays: bool = False) -> bytes:
    """Return the statement for so many settings. The role comes first: nothing else is done with the login's rights."""
    is_local = "false" if stays else "true"
    calls = [f"pg_catalog.set_config('role', $1, {is_local})", *_CLEAN]
    if reads:
        calls.append("pg_catalog.set_config('transaction_read_only', 'on', true)")
    calls += [f"pg_catalog.set_config(${2 * n}, ${2 * n + 1}, {is_local})" for n in range(1, settings + 1)]
    # Arguments are evaluated in their order, and nothing of them is sent back. A function has 100 arguments at most.
    groups = [calls[start : start + MOST_ARGUMENTS] for start in range(0, len(calls), MOST_ARGUMENTS)]
    return f"SELECT {', '.join('pg_catalog.num_nulls(' + ', '.join(group) + ')' for group in groups)}".encode()


def opening(role: Role, settings: Sequence[tuple[bytes, bytes]], *, reads: bool, stays: bool = False) -> Query:
    """Return the statement that opens the transaction of a request; the next one compares the surface.

    ``stays``: its role and settings hold for the session, until something else opens it.
    """
    values: list[bytes | None] = [role.name.encode()]
    for name, value in settings:
        values.append(name)
        values.append(value)
    return Query(_text(len(settings), reads=reads, stays=stays), values)


def most_s(queries: Sequence[Query], commit_s: float | None) -> float | None:
    """Return how long statements and their COMMIT may take together; None: as long as they want.

    Postgres limits each statement, but not COMMIT with its deferred triggers: it gets the time of a statement.
    ``commit_s`` is that of a COMMIT by itself.
    """
    if len(queries) == 1 and queries[0] is COMMIT:
        return commit_s
    opened = next((query for query in queries if query.text.startswith(_OPENS)), None)
    given = [] if opened is None else list(opened.values)
    timeout = dict(zip(given[1::2], given[2::2], strict=True)).get(b"statement_timeout")
    found = None if timeout is None else _DURATION.fullmatch(timeout)
    return len(queries) * float(found[1]) * _UNITS_S[found[2]] or None if found is not None else None


def request_settings(caller: Caller, method: bytes, path: bytes, head: Head) -> list[tuple[bytes, bytes]]:
    """Return the settings that tell policies and functions of the request."""
    return [(b"request.method", method), (b"request.path", path), *head.settings, *caller.settings]


def array(texts: Sequence[str]) -> bytes:
    """Write an array of texts as Postgres reads it."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return ("{" + ",".join(quoted) + "}").encode()


def search_path(schemas: Sequence[str]) -> bytes:
    """Write the setting search_path."""
    return ", ".join('"' + schema.replace('"', '""') + '"' for schema in dict.fromkeys(schemas)).encode()


def service_settings(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return the settings of every transaction; those of the role may replace them."""
    path = search_path((settings.schemas[0], *settings.extra_search_path))
    return [
        *PINNED,
        (b"search_path", path),
        *((name.encode(), value.encode()) for name, value in settings.app_settings),
        *(() if settings.statement_timeout_s is None else ((b"statement_timeout", _ms(settings.statement_timeout_s)),)),
    ]


def _ms(seconds: float) -> bytes:
    return f"{round(seconds * 1000)}ms".encode()


def pre_request(function: str | None) -> Query | None:
    """Return the call of the function that runs before each request: its name, with a schema or without one."""
    if function is None:
        return None
    name = ".".join('"' + part.replace('"', '""') + '"' for part in function.split("."))
    return Query(f"SELECT {name}()".encode())
