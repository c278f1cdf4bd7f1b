"""Reads the catalog as the session sees it; no other module calls plpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .expansion.catalog import Column, Member
from .interrupts import checked_by
from .specification.model import Path


class Plpy(Protocol):
    """The part of PL/Python's module plpy that is used here."""

    def prepare(self, query: str, argtypes: Sequence[str]) -> Any: ...
    def execute(self, plan: Any, arguments: Sequence[Any]) -> Sequence[Mapping[str, Any]]: ...


# OFFSET 0 makes the planner search by schema and name together. Otherwise it would search by name and then filter the
# schemas, of which thousands may have tables of the same names.
_FIND = """
SELECT k.oid, p.schema_name, p.relation_name, k.relnatts
  FROM unnest($1::text[], $2::text[]) AS p (schema_name, relation_name)
  JOIN pg_namespace AS n ON n.nspname = p.schema_name
 CROSS JOIN LATERAL (
   SELECT k.oid, k.relnatts
     FROM pg_class AS k
    WHERE k.relnamespace = n.oid AND k.relname = p.relation_name AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
   OFFSET 0) AS k
"""

_SCHEMAS = "SELECT n.nspname FROM pg_namespace AS n WHERE n.nspname = ANY ($1::text[]::name[])"

_MEMBERS = """
SELECT m.oid, m.schema_name, m.relation_name, m.width
  FROM integratedb.schema_members($1::text[]::name[], $2::oid[]) AS m
 ORDER BY m.schema_name, m.relation_name
"""

_SOME_COLUMNS = """
SELECT c.relid, c.column_name, c.attnum, c.type, c.type_oid, c.type_modifier, c.length_limit, c.is_nullable
  FROM {source}
 ORDER BY c.relid, c.attnum
"""

_COLUMNS = _SOME_COLUMNS.format(source="integratedb.readable_column AS c WHERE c.relid = ANY ($1::text[]::oid[])")


_NAMED_COLUMNS = _SOME_COLUMNS.format(
    source="unnest($1::text[]::oid[], $2::text[]) AS p (relid, column_name)"
    " JOIN integratedb.readable_column AS c ON c.relid = p.relid AND c.column_name = p.column_name"
)

_EXACT_TYPES = "SELECT t.name, integratedb.exact_type(t.name) AS exact FROM unnest($1::text[]) AS t (name)"


#: An empty query: Postgres checks at every statement whether to cancel.
_INTERRUPTS = "SELECT"

#: Plans are kept for the session, like those of PL/pgSQL, because planning takes longer than running.
_plans: dict[str, Any] = {}


def _run(plpy: Plpy, query: str, *arrays: Sequence[Any] | None) -> Sequence[Mapping[str, Any]]:
    if query not in _plans:
        _plans[query] = plpy.prepare(query, ["text[]"] * len(arrays))
    return plpy.execute(_plans[query], arrays)


def interruptible(plpy: Plpy) -> AbstractContextManager[None]:
    """Within the block, Python code can be cancelled like any statement."""
    return checked_by(lambda: _run(plpy, _INTERRUPTS))


class PlpyCatalog:
    """The catalog as the session sees it; of schemas, optionally only some relations (by oid)."""

    def __init__(self, plpy: Plpy, schema_relations: list[int] | None) -> None:
        self._plpy = plpy
        self._schema_relations = schema_relations

    def find(self, paths: Iterable[Path]) -> Mapping[Path, Member]:
        wanted = list(paths)
        rows = self._rows(_FIND, [path.schema for path in wanted], [path.relation for path in wanted])
        found = (Member(int(row["oid"]), _path(row), row["relnatts"]) for row in rows)
        return {member.path: member for member in found}

    def members(self, schemas: Iterable[str]) -> Mapping[str, Sequence[Member]]:
        wanted = list(schemas)
        members: dict[str, list[Member]] = {row["nspname"]: [] for row in self._rows(_SCHEMAS, wanted)}
        for row in self._rows(_MEMBERS, wanted, self._schema_relations):
            members[row["schema_name"]].append(Member(int(row["oid"]), _path(row), row["width"]))
        return members

    def columns(self, relations: Iterable[int]) -> Mapping[int, tuple[Column, ...]]:
        columns: dict[int, list[Column]] = {}
        for row in self._rows(_COLUMNS, sorted(relations)):
            columns.setdefault(int(row["relid"]), []).append(_column(row))
        return {relation: tuple(found) for relation, found in columns.items()}

    def named_columns(self, names: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Column]:
        wanted = list(names)
        rows = self._rows(_NAMED_COLUMNS, [relation for relation, _ in wanted], [name for _, name in wanted])
        return {(int(row["relid"]), row["column_name"]): _column(row) for row in rows}

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = sorted(names)
        return {row["name"]: row["exact"] for row in self._rows(_EXACT_TYPES, wanted) if row["exact"] is not None}

    def _rows(self, query: str, *arrays: Sequence[Any] | None) -> Sequence[Mapping[str, Any]]:
        return _run(self._plpy, query, *arrays) if arrays[0] else ()


def _column(row: Mapping[str, Any]) -> Column:
    return Column(
        name=row["column_name"],
        attnum=row["attnum"],
        type=row["type"],
        type_oid=int(row["type_oid"]),
        type_modifier=row["type_modifier"],
        length_limit=row["length_limit"],
        is_nullable=row["is_nullable"],
    )


def _path(row: Mapping[str, Any]) -> Path:
    return Path(row["schema_name"], row["relation_name"])


# Without CASE, each transaction that writes nothing would read the table.
_OWN_CHANGES = """
SELECT CASE WHEN pg_current_xact_id_if_assigned() IS NULL THEN false
            ELSE EXISTS (SELECT FROM integratedb.surface_change AS c WHERE c.xid = pg_current_xact_id_if_assigned())
       END AS changed
"""


class PlpySurfaces:
    """Reads surfaces as the owner of the extension; only catalogs and tables of the extension are read."""

    def __init__(self, plpy: Plpy) -> None:
        self._plpy = plpy

    def identity(self) -> tuple[str, ...]:
        [row] = _run(self._plpy, "SELECT SESSION_USER::text AS login, current_setting('role') AS acting")
        return row["login"], row["acting"]

    def has_changed_surfaces(self) -> bool:
        [row] = _run(self._plpy, _OWN_CHANGES)
        changed: bool = row["changed"]
        return changed

    def version(self, role: int, schemas: Sequence[str], further: Sequence[int]) -> str:
        query = "SELECT integratedb.surface_version($1[1]::oid, $2::text[], $3::text[]::oid[]) AS version"
        version: str = _run(self._plpy, query, [str(role)], schemas, [str(oid) for oid in further])[0]["version"]
        return version

    def rows(self, role: int, schemas: Sequence[str], saver: int | None = None) -> Sequence[str]:
        query = "SELECT s.s::text AS row FROM integratedb.surface($1[1]::oid, $2::text[], $1[2]::oid) AS s (s)"
        roles = [str(role), None if saver is None else str(saver)]
        return [row["row"] for row in _run(self._plpy, query, roles, schemas)]
