"""The seam: what SQL calls, and the only module that sees plpy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from . import expansion, scram
from .catalog import Column, Relation
from .model import Path, Specification
from .short_form import shorten


class Plpy(Protocol):
    """What we use of the module that PL/Python gives to a function."""

    def prepare(self, query: str, argtypes: Sequence[str]) -> Any: ...
    def execute(self, plan: Any, arguments: Sequence[Any]) -> Sequence[Mapping[str, Any]]: ...


# One row a column, and one without a column for a relation that has none.
_COLUMNS = """
SELECT r.oid, r.schema_name, r.relation_name, c.column_name, c.attnum, c.type, c.type_oid, c.type_modifier,
       c.length_limit, c.is_nullable
  FROM {source}
  LEFT JOIN integratedb.readable_column AS c ON c.relid = r.oid
 ORDER BY r.schema_name, r.relation_name, c.attnum
"""

_RELATIONS = _COLUMNS.format(
    source="unnest($1::text[], $2::text[]) AS p (schema_name, relation_name)"
    " JOIN integratedb.readable_relation AS r ON r.schema_name = p.schema_name AND r.relation_name = p.relation_name"
)

_SCHEMA_RELATIONS = _COLUMNS.format(
    source="unnest($1::text[]) AS p (schema_name)"
    " JOIN integratedb.readable_relation AS r ON r.schema_name = p.schema_name AND NOT r.relispartition"
    " AND ($2::oid[] IS NULL OR r.oid = ANY ($2::oid[]))"
)

_SCHEMAS = "SELECT n.nspname FROM pg_namespace AS n WHERE n.nspname = ANY ($1::text[])"

_EXACT_TYPES = "SELECT t.name, integratedb.exact_type(t.name) AS exact FROM unnest($1::text[]) AS t (name)"


#: Plans live as long as the session, as those of PL/pgSQL do; planning takes longer than running.
_plans: dict[str, Any] = {}


class PlpyCatalog:
    """The catalog as the server's own session sees it; of a schema, perhaps only some relations (by identifier)."""

    def __init__(self, plpy: Plpy, schema_relations: list[int] | None) -> None:
        self._plpy = plpy
        self._schema_relations = schema_relations

    def relations(self, paths: Iterable[Path]) -> Mapping[Path, Relation]:
        wanted = sorted(paths, key=lambda path: (path.schema, path.relation or ""))
        found = self._read(_RELATIONS, [path.schema for path in wanted], [path.relation for path in wanted])
        return {relation.path: relation for relation in found}

    def schemas(self, names: Iterable[str]) -> Mapping[str, tuple[Relation, ...]]:
        wanted = sorted(names)
        if not wanted:
            return {}
        content: dict[str, list[Relation]] = {row["nspname"]: [] for row in self._rows(_SCHEMAS, wanted)}
        for relation in self._read(_SCHEMA_RELATIONS, list(content), self._schema_relations):
            content[relation.path.schema].append(relation)
        return {name: tuple(relations) for name, relations in content.items()}

    def exact_types(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = sorted(names)
        return {row["name"]: row["exact"] for row in self._rows(_EXACT_TYPES, wanted) if row["exact"] is not None}

    def _rows(self, query: str, *arrays: list[Any] | None) -> Sequence[Mapping[str, Any]]:
        if not arrays[0]:
            return ()
        if query not in _plans:
            _plans[query] = self._plpy.prepare(query, ["text[]"] * len(arrays))
        return self._plpy.execute(_plans[query], arrays)

    def _read(self, query: str, *arrays: list[Any] | None) -> list[Relation]:
        columns: dict[tuple[int, Path], list[Column]] = {}
        for row in self._rows(query, *arrays):
            key = (int(row["oid"]), Path(row["schema_name"], row["relation_name"]))
            of_relation = columns.setdefault(key, [])
            if row["attnum"] is not None:
                of_relation.append(
                    Column(
                        name=row["column_name"],
                        attnum=row["attnum"],
                        type=row["type"],
                        type_oid=int(row["type_oid"]),
                        type_modifier=row["type_modifier"],
                        length_limit=row["length_limit"],
                        is_nullable=row["is_nullable"],
                    )
                )
        return [Relation(oid, path, tuple(found)) for (oid, path), found in columns.items()]


def parse_specification(document: str | None, kind: str) -> str | None:
    """Stage one for SQL: the refusals, or the short document with the relations and schemas that it names, as JSON."""
    from .spec import parse_text  # the only way to jsonschema, whose import costs more than all of ours

    if document is None:
        return None
    parsed = parse_text(document, kind)
    if isinstance(parsed, list):
        return json.dumps({"refusals": [[refusal.message, refusal.pointer] for refusal in parsed]})
    paths = dict.fromkeys(alternative.path for match in parsed.match for alternative in match.alternatives)
    return json.dumps(
        {
            "document": shorten(parsed),
            "relations": [[path.schema, path.relation] for path in paths if path.relation is not None],
            "schemas": [path.schema for path in paths if path.relation is None],
        }
    )


def expand(plpy: Plpy, document: str, kind: str, positions: Sequence[int], schema_relations: list[int] | None) -> str:
    """Stage two for SQL: claims, relations with their columns, and the expanded document, as JSON.

    The document holds the matches in question only; ``positions`` are theirs in the whole specification. Of a schema,
    only ``schema_relations`` (identifiers) are looked up, unless that is None.
    """
    matches = dict(zip(positions, _stored(document, kind).match, strict=True))
    claims = expansion.expand(matches, PlpyCatalog(plpy, schema_relations))
    return json.dumps(
        {
            "claims": [{key: value for key, value in vars(claim).items() if key != "relations"} for claim in claims],
            "relations": [_relation(relation) for claim in claims for relation in claim.relations],
            "document": expansion.document(claims),
        }
    )


def _relation(relation: expansion.RelationRow) -> dict[str, Any]:
    return {**vars(relation), "columns": [vars(column) for column in relation.columns]}


def is_weaker(old_document: str, new_document: str, kind: str, relations: str) -> bool:
    """Whether the new short document asks for no more than the old one, whose ``schema.*`` means these relations."""
    from .weakening import is_weaker as weaker

    known = {Path(schema, relation) for schema, relation in json.loads(relations)}
    return weaker(_stored(old_document, kind), _stored(new_document, kind), known)


def new_password() -> tuple[str, str]:
    """A password and its SCRAM-SHA-256 verifier."""
    password = scram.generate_password()
    return password, scram.scram_sha_256_verifier(password)


def _stored(document: str, kind: str) -> Specification:
    from .short_form import read

    return read(json.loads(document), kind)
