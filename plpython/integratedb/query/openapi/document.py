"""Writes the OpenAPI 3.1 document of a surface: what its role may do, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..surface import Function, Relation, Surface
from . import saved, schemas

Document = dict[str, Any]

_DESCRIPTION = "The tables, views and functions that this role may use."
_ERROR = {"$ref": "#/components/responses/Error"}


def _query(name: str, description: str, schema: Document | None = None) -> Document:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema or {"type": "string"},
    }


def _header(name: str, description: str, values: Iterable[str] = ()) -> Document:
    schema: Document = {"type": "string"}
    if values:
        schema["enum"] = list(values)
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


PARAMETERS: dict[str, Document] = {
    "select": _query("select", "The columns and related rows of the answer: `id,name,client:clients(*)`."),
    "order": _query("order", "The order of the rows: `name.desc.nullslast,id`."),
    "limit": _query("limit", "The most rows of the answer.", {"type": "integer", "minimum": 0}),
    "offset": _query("offset", "How many rows to leave out first.", {"type": "integer", "minimum": 0}),
    "or": _query("or", "Conditions of which one must hold: `(age.gte.18,student.is.true)`."),
    "and": _query("and", "Conditions that must all hold."),
    "columns": _query("columns", "The columns to write; other keys of the body are ignored."),
    "on_conflict": _query("on_conflict", "The columns that tell whether a row exists, for `Prefer: resolution=...`."),
    "range": _header("Range", "The first and the last row, from 0: `0-24`."),
    "preferRead": _header("Prefer", "How to answer.", ["count=exact", "count=planned", "count=estimated"]),
    "preferInsert": _header(
        "Prefer",
        "How to write and answer; several preferences are separated by commas.",
        [
            "return=minimal",
            "return=headers-only",
            "return=representation",
            "resolution=merge-duplicates",
            "resolution=ignore-duplicates",
            "missing=default",
        ],
    ),
    "preferWrite": _header(
        "Prefer", "How to answer.", ["return=minimal", "return=headers-only", "return=representation"]
    ),
}


def describe(
    surface: Surface,
    schema: str,
    *,
    version: str,
    server: str = "/",
    secured: bool = True,
    path: str | None = None,
    saved_only: bool = False,
) -> Document:
    """Return the document of one exposed schema.

    ``server`` is the URL of the service, ``version`` that of the extension. ``secured``: requests carry a token.
    ``path`` limits the document to one path, ``saved_only`` to saved queries.
    """
    relations = [r for (its_schema, _), r in sorted(surface.relations.items()) if its_schema == schema]
    functions = [f[0] for (its_schema, _), f in sorted(surface.functions.items()) if its_schema == schema]
    names = component_names(relations)
    references = {relation.oid: f"#/components/schemas/{names[relation.oid]}" for relation in relations}
    paths: Document = {"/": {"get": _root()}}
    for relation in relations:
        operations = _operations(relation, names[relation.oid])
        if operations:
            paths[f"/{relation.name}"] = operations
    for function in functions:
        paths[f"/rpc/{function.name}"] = _call(function, references)
    if saved_only:
        relations, paths = [], {"/": paths["/"]}
    for row in surface.saved.values():
        operations = saved.operations(row, _ERROR)
        if operations:
            paths[f"/queries/{row['name']}"] = operations
    if path is not None:
        paths = {known: operations for known, operations in paths.items() if known == path}
        relations = [relation for relation in relations if f"/{relation.name}" in paths]
    document: Document = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": schema, "version": version, "description": surface.comments.get(schema) or _DESCRIPTION},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _error_schema()}
            | {
                name: each
                for relation in relations
                for name, each in _components(relation, names[relation.oid], surface)
            },
            "parameters": dict(PARAMETERS),
            "responses": {
                "Error": {
                    "description": "The request was refused; nothing was changed.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
    }
    if secured:
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        document["security"] = [{}, {"token": []}]
    return document


def component_names(relations: Iterable[Relation]) -> Mapping[int, str]:
    """Return a name for each relation's schema, of the signs that OpenAPI allows there; two never get one name."""
    names: dict[int, str] = {}
    taken = {"Error"}
    for relation in relations:
        base = name = _safe(relation.name)
        number = 2
        while not taken.isdisjoint({name, f"{name}.insert", f"{name}.update"}):
            name = f"{base}_{number}"
            number += 1
        taken |= {name, f"{name}.insert", f"{name}.update"}
        names[relation.oid] = name
    return names


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _components(relation: Relation, name: str, surface: Surface) -> list[tuple[str, Document]]:
    found = [(name, schemas.of_row(relation, surface))]
    if relation.can_insert:
        found.append((f"{name}.insert", schemas.of_new_row(relation)))
    if relation.can_update:
        found.append((f"{name}.update", schemas.of_changes(relation)))
    return found


def _error_schema() -> Document:
    text = {"type": ["string", "null"]}
    return {
        "type": "object",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "details": {}, "hint": text},
        "required": ["code", "message", "details", "hint"],
    }


def _root() -> Document:
    return {
        "summary": "This document",
        "operationId": "describe",
        "responses": {
            "200": {
                "description": "OpenAPI 3.1, or Swagger 2.0 by Accept.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def _operations(relation: Relation, name: str) -> Document:
    row = {"$ref": f"#/components/schemas/{name}"}
    rows = {"type": "array", "items": row}
    filters = [
        _filter(column.name, column.declared_name or column.type.name)
        for column in relation.columns.values()
        if column.can_select
    ]
    read = [_ref(key) for key in ("select", "order", "limit", "offset", "or", "and", "range", "preferRead")]
    written = {"description": "Written.", "content": {"application/json": {"schema": rows}}}
    operations: Document = {}
    if relation.can_select:
        operations["get"] = {
            "tags": [relation.name],
            "summary": f"Read {relation.name}",
            "operationId": f"read_{name}",
            "parameters": [*filters, *read],
            "responses": {
                "200": {
                    "description": "The rows.",
                    "content": {
                        "application/json": {"schema": rows},
                        "text/csv": {"schema": {"type": "string"}},
                        "application/vnd.pgrst.object+json": {"schema": row},
                    },
                },
                "206": {
                    "description": "A part of the rows; Content-Range tells which.",
                    "content": {"application/json": {"schema": rows}},
                },
                "default": _ERROR,
            },
        }
        schemas.described(operations["get"], relation.comment)
    if relation.can_insert:
        new = {"$ref": f"#/components/schemas/{name}.insert"}
        operations["post"] = {
            "tags": [relation.name],
            "summary": f"Add rows to {relation.name}",
            "operationId": f"add_{name}",
            "parameters": [_ref(key) for key in ("select", "columns", "on_conflict", "preferInsert")],
            "requestBody": _body({"oneOf": [new, {"type": "array", "items": new}]}),
            # Rows are in the answer with Prefer: return=representation only.
            "responses": {
                "200": {"description": "Written; every row existed already."},
                "201": {"description": "Written."},
                "default": _ERROR,
            },
        }
    if relation.can_insert and relation.can_update and relation.primary_key:
        operations["put"] = {
            "tags": [relation.name],
            "summary": f"Add or replace one row of {relation.name}",
            "operationId": f"put_{name}",
            "parameters": [
                *(each for each in filters if each["name"] in relation.primary_key),
                *(_ref(key) for key in ("select", "preferWrite")),
            ],
            "requestBody": _body({"$ref": f"#/components/schemas/{name}.insert"}),
            "responses": {
                "200": written,
                "201": {"description": "Added."},
                "204": {"description": "Replaced."},
                "default": _ERROR,
            },
        }
    if relation.can_update:
        operations["patch"] = {
            "tags": [relation.name],
            "summary": f"Change rows of {relation.name}",
            "operationId": f"change_{name}",
            "parameters": [*filters, *(_ref(key) for key in ("select", "or", "and", "columns", "preferWrite"))],
            "requestBody": _body({"$ref": f"#/components/schemas/{name}.update"}),
            "responses": {"200": written, "204": {"description": "Changed."}, "default": _ERROR},
        }
    if relation.can_delete:
        operations["delete"] = {
            "tags": [relation.name],
            "summary": f"Remove rows of {relation.name}",
            "operationId": f"remove_{name}",
            "parameters": [*filters, *(_ref(key) for key in ("select", "or", "and", "preferWrite"))],
            "responses": {"200": written, "204": {"description": "Removed."}, "default": _ERROR},
        }
    if operations.get("get", {}).get("deprecated"):
        for operation in operations.values():
            operation["deprecated"] = True
    return operations


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/parameters/{name}"}


def _filter(name: str, of: str) -> Document:
    return _query(name, f"A condition on {name} ({of}): an operator and a value, `eq.42`, `in.(1,2)`, `not.is.null`.")


def _body(schema: Document) -> Document:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _call(function: Function, references: Mapping[int, str]) -> Document:
    answers: Document
    if function.is_void:
        answers = {"204": {"description": "Done."}, "default": _ERROR}
    else:
        result = {"application/json": {"schema": schemas.of_result(function, references)}}
        answers = {"200": {"description": "The result.", "content": result}, "default": _ERROR}
    name = _safe(function.name)
    general: Document = {"tags": [f"(rpc) {function.name}"], "summary": f"Call {function.name}", "responses": answers}
    schemas.described(general, function.comment)
    arguments = schemas.of_arguments(function)
    operations: Document = {
        "post": general
        | {
            "operationId": f"call_{name}",
            "requestBody": _body(arguments) | {"required": bool(arguments.get("required"))},
        }
    }
    if function.volatility != "volatile":
        parameters = [
            _query(argument.name, f"The argument {argument.name} ({argument.type.name}).")
            | {"required": not argument.has_default and not argument.variadic}
            for argument in function.arguments
            if argument.name
        ]
        operations["get"] = general | {"operationId": f"get_{name}", "parameters": parameters}
    return operations
