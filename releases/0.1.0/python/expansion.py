"""What a specification means in this database: matches become the claim rows that validation reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .catalog import Catalog, Column, Relation
from .identifiers import format_path
from .model import UNLIMITED, Alternative, Field, FieldAlternative, Match, Path
from .type_names import TypeName, parse_type_name

_PLAIN_TYPE = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True)
class ColumnRow:
    """A row of integratedb.claim_column; ``type_oid`` only where the column is known to have the type and length."""

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


@dataclass(frozen=True)
class RelationRow:
    """A row of integratedb.claim_relation with its columns."""

    match: int
    alternative: int
    schema_name: str
    relation_name: str
    path: str
    relid: int | None
    columns: tuple[ColumnRow, ...]


@dataclass(frozen=True)
class ClaimRow:
    """A row of integratedb.claim with its relations."""

    match: int
    optional: bool
    alternatives: int
    path: str
    wildcard_schema: str | None
    relations: tuple[RelationRow, ...]


def expand(matches: Mapping[int, Match], catalog: Catalog) -> list[ClaimRow]:
    """The claim rows of these matches (by their position in the specification) against the present catalog."""
    context = _Context(matches.values(), catalog)
    return [_claim(position, match, context) for position, match in matches.items()]


class _Context:
    """What the matches need of the catalog, asked for at once."""

    def __init__(self, matches: Iterable[Match], catalog: Catalog) -> None:
        alternatives = [alternative for match in matches for alternative in match.alternatives]
        self.schemas = catalog.schemas({a.path.schema for a in alternatives if a.path.relation is None})
        self.relations = catalog.relations({a.path for a in alternatives if a.path.relation is not None})
        types = {
            choice.type: parse_type_name(choice.type)
            for alternative in alternatives
            for field in alternative.fields
            for choice in field.alternatives
            if choice.type is not None
        }
        built_in = catalog.exact_types({name.text for name in types.values() if name.schema is None})
        self.types = {text: built_in.get(name.text) or _type_key(name) for text, name in types.items()}


def _type_key(name: TypeName) -> str:
    """A type that is not built in, as integratedb.type_name spells it: schema.name, name, ARRAY, USER-DEFINED."""
    if name.schema is None and name.text in ("ARRAY", "USER-DEFINED"):
        return name.text
    parts = [name.catalog_name] if name.catalog_schema is None else [name.catalog_schema, name.catalog_name]
    return ".".join(_quote_type(part) for part in parts) + ("[]" if name.array else "")


def _quote_type(part: str) -> str:
    if _PLAIN_TYPE.fullmatch(part):
        return part
    doubled = part.replace('"', '""')
    return f'"{doubled}"'


def _claim(position: int, match: Match, context: _Context) -> ClaimRow:
    first = match.alternatives[0].path
    return ClaimRow(
        match=position,
        optional=match.optional,
        alternatives=len(match.alternatives),
        path=format_path(first),
        wildcard_schema=first.schema if first.relation is None else None,
        relations=tuple(
            relation
            for number, alternative in enumerate(match.alternatives)
            for relation in _relations(position, number, alternative, context)
        ),
    )


def _relations(match: int, number: int, alternative: Alternative, context: _Context) -> Iterator[RelationRow]:
    """The relations of an alternative: the one that it names, or all of a schema."""
    if alternative.path.relation is None:
        for relation in context.schemas.get(alternative.path.schema, ()):
            yield _relation(match, number, relation.path, relation, _all_columns(relation))
        return
    present = context.relations.get(alternative.path)
    if alternative.wildcard:
        columns = _all_columns(present) if present else ()
    else:
        by_name = {column.name: column for column in present.columns} if present else {}
        columns = tuple(
            _column(ordinal, field, choice, by_name.get(spec.name), spec, context)
            for ordinal, field in enumerate(alternative.fields)
            for choice, spec in enumerate(field.alternatives)
        )
    yield _relation(match, number, alternative.path, present, columns)


def _relation(
    match: int, number: int, path: Path, present: Relation | None, columns: tuple[ColumnRow, ...]
) -> RelationRow:
    assert path.relation is not None
    relid = None if present is None else present.oid
    return RelationRow(match, number, path.schema, path.relation, format_path(path), relid, columns)


def _all_columns(relation: Relation) -> tuple[ColumnRow, ...]:
    """``*``: every column, each required as it is; the attribute number keeps its row from one to the next."""
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
        for column in relation.columns
    )


def _column(
    ordinal: int, field: Field, choice: int, present: Column | None, spec: FieldAlternative, context: _Context
) -> ColumnRow:
    """A named column: what the specification leaves out is filled from the column, if there is one."""
    wanted = None if spec.type is None else context.types[spec.type]
    if present is None:
        return ColumnRow(
            ordinal,
            choice,
            len(field.alternatives),
            field.optional,
            spec.name,
            wanted,
            spec.min_length,
            spec.is_nullable,
        )
    type_ = present.type if wanted is None else wanted
    min_length = present.length_limit if spec.min_length is None else spec.min_length
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


def document(claims: Sequence[ClaimRow]) -> dict[str, object]:
    """The claims as expanded, in the grammar of a specification with every property filled in."""
    return {"match": [_match_document(claim) for claim in claims]}


def _match_document(claim: ClaimRow) -> dict[str, object]:
    if claim.wildcard_schema is not None:
        match: dict[str, object] = {
            "path": claim.path,
            "relations": [_alternative_document(relation) for relation in claim.relations],
        }
    elif claim.alternatives == 1:
        match = _alternative_document(claim.relations[0])
    else:
        match = {"alternatives": [_alternative_document(relation) for relation in claim.relations]}
    return {**match, "optional": claim.optional}


def _alternative_document(relation: RelationRow) -> dict[str, object]:
    fields: dict[int, list[ColumnRow]] = {}
    for column in relation.columns:
        fields.setdefault(column.field, []).append(column)
    return {"path": relation.path, "fields": [_field_document(columns) for columns in fields.values()]}


def _field_document(columns: list[ColumnRow]) -> dict[str, object]:
    choices = [_choice_document(column) for column in columns]
    field: dict[str, object] = choices[0] if len(choices) == 1 else {"alternatives": choices}
    return {**field, "optional": columns[0].optional}


def _choice_document(column: ColumnRow) -> dict[str, object]:
    properties = {
        "type": column.type,
        "min_length": "unlimited" if column.min_length == UNLIMITED else column.min_length,
        "is_nullable": column.is_nullable,
    }
    return {"name": column.column_name, **{key: value for key, value in properties.items() if value is not None}}
