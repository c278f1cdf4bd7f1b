"""Remembers the surface of each role, and reads one anew, beside the old one, when it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from integratedb.query.surface import Surface

from .connection import Connection, DatabaseError, LostError, Query
from .pool import BusyError, Pool, UnreachableError
from .transaction import AS_LOGIN, Role, array, opening

#: Surfaces of so many roles are remembered; the least recently used one is dropped.
MOST_SURFACES: Final = 1000
#: Statements of one surface.
MOST_STATEMENTS: Final = 2000

#: The version does not count memberships and attributes of roles: after this age, they are compared beside requests.
MAX_AGE_S: Final = 30.0

#: What the login may become, and the settings of ALTER ROLE that SET ROLE does not apply. A role that does not exist, a
#: powerful one, and one that the login may not become give no row.
ROLE: Final = b"""
SELECT r.oid::text,
       coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.name, s.value))::text
          FROM (SELECT DISTINCT ON (c.name) c.name, c.value
                  FROM pg_catalog.pg_db_role_setting AS d
                 CROSS JOIN pg_catalog.unnest(d.setconfig) AS e (entry)
                 CROSS JOIN LATERAL (
                   SELECT pg_catalog.lower(pg_catalog.split_part(e.entry, '=', 1)),
                          pg_catalog.substr(e.entry, pg_catalog.strpos(e.entry, '=') OPERATOR(pg_catalog.+) 1)
                 ) AS c (name, value)
                  LEFT JOIN pg_catalog.pg_settings AS g ON pg_catalog.lower(g.name) OPERATOR(pg_catalog.=) c.name
                 WHERE d.setrole OPERATOR(pg_catalog.=) r.oid
                   AND (d.setdatabase OPERATOR(pg_catalog.=) 0
                        OR d.setdatabase OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database AS b
                             WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))
                   AND (g.context IS NULL OR g.context OPERATOR(pg_catalog.=) 'user'
                        OR pg_catalog.has_parameter_privilege(r.oid, g.name, 'SET'))
                 ORDER BY c.name, d.setdatabase DESC) AS s (name, value)), '[]')
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
   AND NOT r.rolsuper
   AND NOT r.rolbypassrls
   AND r.rolname OPERATOR(pg_catalog.<>) SESSION_USER
   AND pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER')
"""
#: The roles whose privileges a role has.
GROUPS: Final = b"""
SELECT pg_catalog.array_agg(r.oid ORDER BY r.oid)::text
  FROM pg_catalog.pg_roles AS r
 WHERE pg_catalog.pg_has_role($1::pg_catalog.oid, r.oid, 'USAGE')
"""
SURFACE: Final = b"SELECT s::text FROM integratedb.surface($1::pg_catalog.oid, $2::pg_catalog.text[]) AS s"

#: The role that initdb made, which may do everything.
_SUPERUSER: Final = b"10"
_VERSION: Final = b"SELECT integratedb.surface_version($1::pg_catalog.oid, $2::pg_catalog.text[], $3::pg_catalog.oid[])"

#: What SET ROLE raises: the role does not exist, or the login is no member of it.
ROLE_ERRORS: Final = ("22023", "42501")

#: These are the request's own, or protect it.
OWN_SETTINGS: Final = frozenset(
    {
        "role", "session_authorization", "search_path", "client_encoding", "row_security",
        "standard_conforming_strings", "transform_null_equals", "array_nulls", "transaction_read_only",
        "default_transaction_read_only",
        "transaction_isolation", "transaction_deferrable", "client_min_messages", "session_replication_role",
    }
)  # fmt: skip

WHY: Final = b"""
SELECT w.answer, w.message, w.claim::text
  FROM integratedb.why_not_visible(
         $1::pg_catalog.oid, $2::pg_catalog.text, $3::pg_catalog.text, $4::pg_catalog.text) AS w
"""


class RoleError(Exception):
    """The service may not act for the role, or the role does not exist."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a name is not part of a surface, and the match that would cure it."""

    answer: str
    message: str
    claim: dict[str, Any] | None


@dataclass(slots=True)
class Entry:
    """What one role may do, at one version."""

    role: Role
    surface: Surface
    version: bytes
    #: The arguments of surface_version(): the role, the schemas, and other schemas that the surface depends on.
    subjects: tuple[bytes, ...]
    #: The roles whose privileges the role has.
    groups: bytes
    #: Statements by the shape of their requests.
    statements: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    read_at_s: float = field(default_factory=time.monotonic)
    #: The schema of GraphQL and its documents, once somebody has asked.
    graphql: Any = None

    def remember(self, shape: Any, statement: Any) -> None:
        """Remember a statement."""
        self.statements[shape] = statement
        while len(self.statements) > MOST_STATEMENTS:
            self.statements.popitem(last=False)


class Surfaces:
    """The surfaces of one process, all of the same schemas."""

    def __init__(self, pool: Pool, schemas: tuple[str, ...], read: Callable[[Any], Surface]) -> None:
        """``read`` makes a surface of the rows that the database gives."""
        self._pool = pool
        self._read = read
        self.schemas = schemas
        self.schemas_value = array(schemas)
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._everything: Entry | None = None
        self._reading: dict[str, asyncio.Task[Entry]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def of(self, role: str) -> Entry:
        """Return the surface of a role. Error: RoleError, and those of the pool."""
        entry = self._entries.get(role)
        if entry is not None:
            self._entries.move_to_end(role)
            if time.monotonic() - entry.read_at_s > MAX_AGE_S:
                self._look_again(entry)
            return entry
        return await self._fetch(role)

    async def of_everything(self) -> Entry:
        """Return the surface that a superuser has: all of the schemas, in the names of the tables."""
        async with self._pool.lend() as connection:
            given = (_SUPERUSER, self.schemas_value)
            entry = self._everything
            if entry is not None:
                result = (await connection.run([Query(_VERSION, entry.subjects)]))[0]
                if result.get_value(0, 0) == entry.version:
                    return entry
            [rows] = await connection.run([Query(SURFACE, given)])
            surface = await self._surface(rows)
            further = ("{" + ",".join(map(str, surface.further)) + "}").encode()
            role = Role("", int(_SUPERUSER))
            entry = self._everything = Entry(role, surface, surface.version.encode(), (*given, further), b"")
            return entry

    async def _surface(self, rows: Any) -> Surface:
        # A large surface takes long, and other requests go on meanwhile.
        given = [rows.get_value(row, 0) or b"null" for row in range(rows.ntuples)]
        return await asyncio.to_thread(lambda: self._read(list(map(orjson.loads, given))))

    def _look_again(self, entry: Entry) -> None:
        entry.read_at_s = time.monotonic()
        task = asyncio.create_task(self.compare(entry))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def compare(self, entry: Entry) -> None:
        """Read a surface anew if its role, or what that is a member of, has changed."""
        # Where the database cannot be asked now, the requests say so themselves.
        with contextlib.suppress(RoleError, DatabaseError, LostError, UnreachableError, BusyError):
            async with self._pool.lend() as connection:
                role, groups, _ = await self._read_role(connection, entry.role.name)
            if (role, groups) != (entry.role, entry.groups):
                await self.renewed(entry)

    async def renewed(self, old: Entry) -> Entry:
        """Return a surface that is newer than this one."""
        current = self._entries.get(old.role.name)
        if current is not None and current is not old:
            return current
        return await self._fetch(old.role.name)

    async def has_changed(self, entry: Entry) -> bool:
        """Whether the version in the database is another one. Error: RoleError: the role may not be acted for now."""
        kinds = ("oid", "text[]", "oid[]")[: len(entry.subjects)]
        given = ", ".join(f"${n}::pg_catalog.{kind}" for n, kind in enumerate(kinds, 1))
        query = Query(f"SELECT integratedb.surface_version({given})".encode(), entry.subjects)
        async with self._pool.lend() as connection:
            try:
                result = (await connection.run([opening(entry.role, (), reads=True), query]))[-1]
            except DatabaseError as error:
                if error.sqlstate not in ROLE_ERRORS:
                    raise
                self.forget(entry.role.name)
                raise RoleError from None
        return result.get_value(0, 0) != entry.version

    async def why_not_visible(self, entry: Entry, schema: str, relation: str, column: str | None) -> Reason | None:
        """Return why a name is not part of a surface, as its role may know; None: it does not exist."""
        values = [str(entry.role.oid).encode(), *(_bytes(one) for one in (schema, relation, column))]
        async with self._pool.lend() as connection:
            found = (await connection.run([opening(entry.role, (), reads=True), Query(WHY, values)]))[-1]
        if found.ntuples == 0:
            return None
        answer, message, claim = (found.get_value(0, column) for column in range(3))
        return Reason((answer or b"").decode(), (message or b"").decode(), orjson.loads(claim or b"null"))

    def forget(self, role: str) -> None:
        """Forget a surface, because the role is not what it was."""
        self._entries.pop(role, None)

    async def _fetch(self, role: str) -> Entry:
        """Read a surface; requests that need the same one meanwhile share it."""
        task = self._reading.get(role)
        if task is None:
            task = self._reading[role] = asyncio.create_task(self._read_one(role))
            task.add_done_callback(lambda _: self._reading.pop(role, None))
        return await asyncio.shield(task)

    async def _read_role(self, connection: Connection, name: str, *more: Query) -> tuple[Role, bytes, Any]:
        """Read a role, its groups, and more by its oid. Error: RoleError: it may not be acted for."""
        # SET ROLE none is the login itself.
        found = None if name == "none" else (await connection.run([AS_LOGIN, Query(ROLE, (name.encode(),))]))[-1]
        if found is None or found.ntuples != 1:
            self.forget(name)
            raise RoleError
        role = _role(name, found)
        oid = str(role.oid).encode()
        further = [Query(each.text, (oid, *each.values)) for each in more]
        _, groups, *results = await connection.run([AS_LOGIN, Query(GROUPS, (oid,)), *further])
        return role, groups.get_value(0, 0) or b"", results

    async def _read_one(self, name: str) -> Entry:
        async with self._pool.lend() as connection:
            return await self.read_by(connection, name)

    async def read_by(self, connection: Connection, name: str) -> Entry:
        """Read a surface by a connection, perhaps in a transaction that holds locks."""
        role, groups, [rows] = await self._read_role(connection, name, Query(SURFACE, (self.schemas_value,)))
        surface = await self._surface(rows)
        subjects = [str(role.oid).encode(), self.schemas_value]
        if surface.further:
            subjects.append(("{" + ",".join(map(str, surface.further)) + "}").encode())
        entry = self._entries[name] = Entry(role, surface, surface.version.encode(), tuple(subjects), groups)
        self._entries.move_to_end(name)
        while len(self._entries) > MOST_SURFACES:
            self._entries.popitem(last=False)
        return entry


def _role(name: str, found: Any) -> Role:
    given = {setting: value for setting, value in orjson.loads(found.get_value(0, 1)) if setting not in OWN_SETTINGS}
    isolation = given.pop("default_transaction_isolation", "read committed")
    settings = tuple((setting.encode(), value.encode()) for setting, value in given.items())
    return Role(name, int(found.get_value(0, 0)), settings, isolation)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "replace").replace(b"\0", b"?")
