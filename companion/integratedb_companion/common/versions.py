"""Checks whether the companion and the extension of a database fit, and says which one to update, and how."""

from __future__ import annotations

import re
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from .configuration import ConfigurationError

#: Returns the extension's version in this database, that of its files on the server, and the name of the database.
_QUERY: Final = b"""
SELECT (SELECT x.extversion FROM pg_catalog.pg_extension AS x WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb'),
       (SELECT a.default_version FROM pg_catalog.pg_available_extensions AS a
         WHERE a.name OPERATOR(pg_catalog.=) 'integratedb'),
       pg_catalog.current_database()
"""


class VersionMismatchError(ConfigurationError):
    """The extension is missing, or its version does not fit the companion; the message says what to do."""


async def check(connection: psycopg.AsyncConnection[TupleRow], companion: str) -> None:
    """Raise VersionMismatchError unless the extension in the database fits this version of the companion."""
    cursor = await connection.execute(_QUERY)
    row = await cursor.fetchone()
    assert row is not None
    extension, installed, database = row
    problem = mismatch(companion, extension, installed, database)
    if problem is not None:
        raise VersionMismatchError(problem)


def mismatch(companion: str, extension: str | None, installed: str | None, database: str) -> str | None:
    """Return one line that says what does not fit and what to do, or None.

    extension: the version in the database, None without the extension; installed: the version of the server's files,
    None without files.
    """
    wanted = f"{_series(companion)}.x"
    if extension is None:
        return (
            f"database {database} has no extension integratedb: "
            f"{_install(companion, installed, wanted)}CREATE EXTENSION integratedb CASCADE in it, as a superuser"
        )
    if fits(companion, extension):
        return None
    told = f"companion {companion} does not fit the extension integratedb {extension} of database {database}: "
    if _numbers(companion) < _numbers(extension):
        return f"{told}update the companion to {_series(extension)}.x (pip install, from that release's companion/)"
    return (
        f"{told}update the extension to {wanted}: "
        f"{_install(companion, installed, wanted)}ALTER EXTENSION integratedb UPDATE in {database}, as a superuser"
    )


def fits(companion: str, extension: str) -> bool:
    """Whether the two versions fit.

    Before 1.0 both need the same major and minor version. Later they need the same major version, and the extension's
    minor version must not be older than the companion's. A version that cannot be parsed fits nothing.
    """
    ours, theirs = _numbers(companion), _numbers(extension)
    if not ours or not theirs or ours[0] != theirs[0]:
        return False
    return ours[1] == theirs[1] if ours[0] == 0 else ours[1] <= theirs[1]


def _install(companion: str, installed: str | None, wanted: str) -> str:
    """Return the first step where the server's files have another version."""
    if installed is not None and fits(companion, installed):
        return ""
    return f"make install of {wanted} on the server, then "


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def _series(version: str) -> str:
    return ".".join(map(str, _numbers(version))) or version
