"""Describes rows and values as JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..faces.graphql.names import read_comment
from ..surface import Column, Function, Relation, Surface, Type

Schema = dict[str, Any]

_INTEGERS = {20: "int64", 21: "int32", 23: "int32"}
_NUMBERS = {700: "float", 701: "double", 1700: None}
_BOOLEAN = 16
_FORMATS = {1082: "date", 1114: None, 1184: "date-time", 2950: "uuid", 1083: None, 1266: None}
_JSON = (114, 3802)


def of_type(of: Type) -> Schema:
    """Return the schema of a value, without null."""
    if of.is_array:
        return {"type": "array"}
    if of.labels:
        return {"type": "string", "enum": list(of.labels)}
    oid = _base_oid(of)
    if oid in _INTEGERS:
        return {"type": "integer", "format": _INTEGERS[oid]}
    if oid in _NUMBERS:
        return {"type": "number"} | ({"format": _NUMBERS[oid]} if _NUMBERS[oid] else {})
    if oid == _BOOLEAN:
        return {"type": "boolean"}
    if oid in _JSON or of.to_json is not None:
        return {}
    if of.kind == "composite":
        return {"type": "object"}
    form = _FORMATS.get(oid)
    return {"type": "string"} | ({"format": form} if form else {})


#: The types that a domain may be over, by their names in SQL.
_BY_BASE = {
    "pg_catalog.int8": 20, "pg_catalog.int2": 21, "pg_catalog.int4": 23, "pg_catalog.float4": 700,
    "pg_catalog.float8": 701, "pg_catalog.numeric": 1700, "pg_catalog.bool": 16,
    "pg_catalog.date": 1082, "pg_catalog.timestamptz": 1184,
    "pg_catalog.uuid": 2950, "pg_catalog.json": 114, "pg_catalog.jsonb": 3802,
    "bigint": 20, "smallint": 21, "integer": 23, "real": 700, "double precision": 701, "numeric": 1700, "boolean": 16,
    "date": 1082, "timestamp with time zone": 1184, "uuid": 2950, "json": 114, "jsonb": 3802,
}  # fmt: skip


def _base_oid(of: Type) -> int:
    return _BY_BASE.get(of.base.replace('"', ""), of.oid) if of.is_domain else of.oid


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema:
        return schema
    nullable = schema | {"type": [schema["type"], "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def of_column(column: Column) -> Schema:
    """Return the schema of a column, with null if it is nullable."""
    schema = of_type(column.type)
    if column.nullable:
        schema = _or_null(schema)
    if column.max_length is not None and "string" in str(schema.get("type")):
        schema["maxLength"] = column.max_length
    schema["x-postgres-type"] = column.declared_name or column.type.name
    if column.default is not None:
        schema["x-postgres-default"] = column.default
    if column.generated:
        schema["readOnly"] = True
    return described(schema, column.comment)


def of_row(relation: Relation, surface: Surface) -> Schema:
    """Return the schema of a row that is read: what this role may read, with the keys that it is related by."""
    columns = {name: column for name, column in relation.columns.items() if column.can_select}
    schema: Schema = {"type": "object", "properties": {name: of_column(column) for name, column in columns.items()}}
    for name in relation.primary_key:
        if name in columns:
            _note(schema["properties"][name], "A column of the primary key.")
    for relationship in surface.relationships.get(relation.oid, ()):
        target = surface.by_oid.get(relationship.target)
        if relationship.references and target is not None:
            for own, other in relationship.pairs:
                if own in columns:
                    _note(schema["properties"][own], f"Refers to {target.name}.{other}.")
    return described(schema, relation.comment)


def described(schema: Schema, text: str | None) -> Schema:
    """Add what a comment says to a schema or an operation: a description, and whether it is deprecated."""
    comment = read_comment(text)
    words = [comment.description] if comment.description else []
    if comment.deprecated:
        schema["deprecated"] = True
        words.append(f"Deprecated: {comment.deprecated}")
    if words:
        schema["description"] = "\n\n".join(words)
    return schema


def _note(schema: Schema, text: str) -> None:
    schema["description"] = f"{schema['description']}\n\n{text}" if "description" in schema else text


def of_new_row(relation: Relation) -> Schema:
    """Return the schema of a row that is added: what this role may write, and what it must."""
    columns = {n: c for n, c in relation.columns.items() if c.can_insert and not c.generated}
    required = [
        name
        for name, column in columns.items()
        if not (column.nullable or column.default is not None or column.identity)
    ]
    schema: Schema = {"type": "object", "properties": {name: of_column(column) for name, column in columns.items()}}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def of_changes(relation: Relation) -> Schema:
    """Return the schema of changes of a row."""
    columns = {n: c for n, c in relation.columns.items() if c.can_update and not c.generated}
    properties = {name: of_column(column) for name, column in columns.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}


def of_arguments(function: Function) -> Schema:
    """Return the schema of the named arguments of a function, as one object."""
    named = [argument for argument in function.arguments if argument.name]
    required = [argument.name for argument in named if not argument.has_default and not argument.variadic]
    schema: Schema = {"type": "object", "properties": {argument.name: of_type(argument.type) for argument in named}}
    return schema | ({"required": required} if required else {})


def of_result(function: Function, references: Mapping[int, str]) -> Schema:
    """Return the schema of what a function answers; ``references``: where the schemas of relations are, by oid."""
    if function.relation is not None and function.relation in references:
        one: Schema = {"$ref": references[function.relation]}
    elif function.columns:
        one = {"type": "object", "properties": {name: of_column(column) for name, column in function.columns.items()}}
    else:
        one = _or_null(of_type(function.returns))
    if function.returns_set:
        return {"type": "array", "items": one}
    return {"anyOf": [one, {"type": "null"}]} if "$ref" in one else _or_null(one) if function.columns else one
