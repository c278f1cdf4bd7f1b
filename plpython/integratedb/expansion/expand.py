"""Expands a specification in this database: turns matches into the claim rows that validation reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..interrupts import steps
from ..specification.identifiers import format_path
from ..specification.model import UNLIMITED, Alternative, Field, FieldAlternative, Match, Path
from ..specification.type_names import parse_type_name
from ..specification.type_spellings import written_type
from .catalog import Catalog, Column, Member


class ColumnRow(NamedTuple):
    """A row of integratedb.claim_column; ``type_oid`` only where the column has the claimed type and length."""

    field: int
    field_alternative: int
    choices: int
    optional: bool
    column_name: str
    type: str | None = None
    min_length: int | None = None
    is_nullable: bool | None = None
    attnum: int | None = None
    type_oid: int | None = None
    type_modifier: int | None = None


class KeyRow(NamedTuple):
    """A row of integratedb.claim_key; ``to_fields`` is None where the primary key of the table is referenced."""

    key: int
    kind: str
    optional: bool
    fields: tuple[str, ...]
    to_schema_name: str | None = None
    to_relation_name: str | None = None
    to_path: str | None = None
    to_fields: tuple[str, ...] | None = None
    to_relid: int | None = None


class RelationRow(NamedTuple):
    """A row of integratedb.claim_relation with its columns and keys."""

    match: int
    alternative: int
    schema_name: str
    relation_name: str
    path: str
    relid: int | None
    columns: tuple[ColumnRow, ...]
    keys: tuple[KeyRow, ...] = ()


class ClaimRow(NamedTuple):
    """A row of integratedb.claim."""

    match: int
    optional: bool
    alternatives: int
    path: str
    wildcard_schema: str | None
    until: str | None = None


class Batch(NamedTuple):
    """A part of an expansion: its new claims, and relations of these and of earlier claims, in order."""

    claims: list[ClaimRow]
    relations: list[RelationRow]


#: The approximate columns of a batch: enough that a query costs little, and few enough to be stored together.
BATCH_COLUMNS = 5000


def expand(matches: Mapping[int, Match], catalog: Catalog) -> Iterator[Batch]:
    """Return the rows of these matches (by their position in the specification) for the current catalog.

    The rows come in batches, because ``schema.*`` may stand for hundreds of thousands of columns.
    """
    context = _Context(matches.values(), catalog)
    batch: list[ClaimRow | _Place] = []
    columns = 0
    for row in _rows(matches, context):
        batch.append(row)
        columns += row.width if isinstance(row, _Place) else 1
        if columns >= BATCH_COLUMNS:
            yield _fill(batch, catalog, context)
            batch, columns = [], 0
    if batch:
        yield _fill(batch, catalog, context)


class _Place(NamedTuple):
    """An alternative of a match, with the relation that it names, or with one relation of its schema."""

    match: int
    number: int
    alternative: Alternative
    path: Path
    present: Member | None

    @property
    def width(self) -> int:
        if self.alternative.wildcard:
            return 1 + (self.present.width if self.present else 0) + self._keys
        return 1 + sum(len(field.alternatives) for field in self.alternative.fields) + self._keys

    @property
    def _keys(self) -> int:
        return len(self.alternative.unique) + len(self.alternative.references)


class _Context:
    """What the matches need of the catalog, queried together; except the columns, which may be many."""

    def __init__(self, matches: Iterable[Match], catalog: Catalog) -> None:
        alternatives = [alternative for match in matches for alternative in steps(match.alternatives)]
        self.schemas = catalog.members({a.path.schema for a in alternatives if a.path.relation is None})
        targets = {reference.to for a in alternatives for reference in steps(a.references)}
        self.relations = catalog.find({a.path for a in alternatives if a.path.relation is not None} | targets)
        types = {
            choice.type: parse_type_name(choice.type)
            for alternative in alternatives
            for field in alternative.fields
            for choice in steps(field.alternatives)
            if choice.type is not None
        }
        built_in = catalog.exact_types({name.without_length for name in types.values() if name.schema is None})
        self.types = {text: built_in.get(name.without_length) or name.key for text, name in types.items()}
        self.lengths = {text: name.length for text, name in types.items()}


def _rows(matches: Mapping[int, Match], context: _Context) -> Iterator[ClaimRow | _Place]:
    """Return each claim, followed by its places."""
    for position, match in matches.items():
        first = match.alternatives[0].path
        wildcard_schema = first.schema if first.relation is None else None
        yield ClaimRow(
            position, match.optional, len(match.alternatives), format_path(first), wildcard_schema, match.until
        )
        for number, alternative in enumerate(steps(match.alternatives)):
            if alternative.path.relation is None:
                for member in steps(context.schemas.get(alternative.path.schema, ())):
                    yield _Place(position, number, alternative, member.path, member)
            else:
                present = context.relations.get(alternative.path)
                yield _Place(position, number, alternative, alternative.path, present)


def _fill(batch: list[ClaimRow | _Place], catalog: Catalog, context: _Context) -> Batch:
    places = [row for row in batch if isinstance(row, _Place)]
    # If columns are named, only those are read, because thousands of matches may each name one column of wide tables.
    wholes = catalog.columns({place.present.oid for place in places if place.present and place.alternative.wildcard})
    named = catalog.named_columns(
        {
            (place.present.oid, spec.name)
            for place in places
            if place.present is not None
            for field in place.alternative.fields
            for spec in steps(field.alternatives)
        }
    )
    return Batch(
        claims=[row for row in batch if isinstance(row, ClaimRow)],
        relations=[_relation(place, wholes, named, context) for place in places],
    )


def _relation(
    place: _Place,
    wholes: Mapping[int, tuple[Column, ...]],
    named: Mapping[tuple[int, str], Column],
    context: _Context,
) -> RelationRow:
    assert place.path.relation is not None
    relid = None if place.present is None else place.present.oid
    if place.alternative.wildcard:
        rows = () if relid is None else _all_columns(wholes.get(relid, ()))
    else:
        rows = tuple(
            _column(ordinal, field, choice, None if relid is None else named.get((relid, spec.name)), spec, context)
            for ordinal, field in enumerate(place.alternative.fields)
            for choice, spec in enumerate(steps(field.alternatives))
        )
    schema, relation = place.path.schema, place.path.relation
    keys = tuple(_keys(place.alternative, context))
    return RelationRow(place.match, place.number, schema, relation, format_path(place.path), relid, rows, keys)


def _keys(alternative: Alternative, context: _Context) -> Iterator[KeyRow]:
    """Return the unique keys, then the references. A key is optional when one of its fields is."""
    if not alternative.unique and not alternative.references:
        return
    optional = {field.alternatives[0].name for field in steps(alternative.fields) if field.optional}
    for number, names in enumerate(steps(alternative.unique)):
        yield KeyRow(number, "unique", not optional.isdisjoint(names), names)
    for number, reference in enumerate(steps(alternative.references), len(alternative.unique)):
        target = context.relations.get(reference.to)
        yield KeyRow(
            number,
            "references",
            not optional.isdisjoint(reference.fields),
            reference.fields,
            reference.to.schema,
            reference.to.relation,
            format_path(reference.to),
            reference.to_fields or None,
            None if target is None else target.oid,
        )


def _all_columns(columns: Iterable[Column]) -> tuple[ColumnRow, ...]:
    """Expand ``*``: every column is required as it is; the attribute number keeps its row between expansions."""
    return tuple(
        ColumnRow(
            field=column.attnum,
            field_alternative=0,
            choices=1,
            optional=False,
            column_name=column.name,
            type=column.type,
            min_length=column.length_limit,
            is_nullable=column.is_nullable,
            attnum=column.attnum,
            type_oid=column.type_oid,
            type_modifier=column.type_modifier,
        )
        for column in steps(columns)
    )


def _column(
    ordinal: int, field: Field, choice: int, present: Column | None, spec: FieldAlternative, context: _Context
) -> ColumnRow:
    """Expand a named column: omitted properties are filled from the column, if it exists."""
    wanted = None if spec.type is None else context.types[spec.type]
    least = context.lengths[spec.type] if spec.min_length is None and spec.type is not None else spec.min_length
    if present is None:
        return ColumnRow(
            ordinal,
            choice,
            len(field.alternatives),
            field.optional,
            spec.name,
            wanted,
            least,
            spec.is_nullable,
        )
    type_ = present.type if wanted is None else wanted
    min_length = present.length_limit if least is None else least
    fits = type_ == present.type and min_length <= present.length_limit
    return ColumnRow(
        field=ordinal,
        field_alternative=choice,
        choices=len(field.alternatives),
        optional=field.optional,
        column_name=spec.name,
        type=type_,
        min_length=min_length,
        is_nullable=present.is_nullable if spec.is_nullable is None else spec.is_nullable,
        attnum=present.attnum,
        type_oid=present.type_oid if fits else None,
        type_modifier=present.type_modifier if fits else None,
    )


class ExpandedDocument:
    """Builds the expanded claims as JSON text, in the grammar of a specification with every property filled in.

    The claims are kept as text, because objects need five times as much memory.
    """

    def __init__(self) -> None:
        self._claims: dict[int, tuple[ClaimRow, list[str]]] = {}

    def add(self, batch: Batch) -> None:
        for claim in batch.claims:
            self._claims[claim.match] = (claim, [])
        for relation in batch.relations:
            self._claims[relation.match][1].append(json.dumps(_alternative_document(relation)))

    def text(self) -> str:
        return '{"match": [' + ", ".join(_match_text(*claim) for claim in self._claims.values()) + "]}"


def _match_text(claim: ClaimRow, relations: list[str]) -> str:
    """Return a match as text; ``relations`` are the JSON objects of its alternatives."""
    listed = "[" + ", ".join(relations) + "]"
    rest = f'"optional": {json.dumps(claim.optional)}' + (f', "until": "{claim.until}"' if claim.until else "")
    if claim.wildcard_schema is not None:
        return f'{{"path": {json.dumps(claim.path)}, "relations": {listed}, {rest}}}'
    if claim.alternatives == 1:
        return f"{relations[0][:-1]}, {rest}}}"
    return f'{{"alternatives": {listed}, {rest}}}'


def _alternative_document(relation: RelationRow) -> dict[str, object]:
    fields: dict[int, list[ColumnRow]] = {}
    for column in steps(relation.columns):
        fields.setdefault(column.field, []).append(column)
    document: dict[str, object] = {
        "path": relation.path,
        "fields": [_field_document(columns) for columns in fields.values()],
    }
    unique = [key.fields for key in relation.keys if key.kind == "unique"]
    references = [_reference_document(key) for key in relation.keys if key.kind == "references"]
    return document | ({"unique": unique} if unique else {}) | ({"references": references} if references else {})


def _reference_document(key: KeyRow) -> dict[str, object]:
    document: dict[str, object] = {"fields": key.fields, "to": key.to_path}
    return document | ({"to_fields": key.to_fields} if key.to_fields else {})


def _field_document(columns: list[ColumnRow]) -> dict[str, object]:
    choices = [_choice_document(column) for column in columns]
    field: dict[str, object] = choices[0] if len(choices) == 1 else {"alternatives": choices}
    return {**field, "optional": columns[0].optional}


def _choice_document(column: ColumnRow) -> dict[str, object]:
    properties = {
        "type": None if column.type is None else written_type(column.type),
        "min_length": "unlimited" if column.min_length == UNLIMITED else column.min_length,
        "is_nullable": column.is_nullable,
    }
    return {"name": column.column_name, **{key: value for key, value in properties.items() if value is not None}}
