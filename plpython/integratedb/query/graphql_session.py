"""Compiles documents of GraphQL inside Postgres; the only module of the session that needs graphql-core."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError

from .faces.graphql.compiling import Operation, Root, compile_operation, marked, refusal
from .faces.graphql.documents import Documents, InvalidError
from .faces.graphql.schema import Schema, build_schema
from .faces.graphql.variables import Compiled, Variables, size_of
from .problems import ProblemError
from .session import SurfaceReader, surface_of
from .statement import Options, Statement, bind_all, compile_query
from .surface import Surface

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: The schemas of so many roles and lists of schemas are kept.
_KEPT: Final = 4


@dataclass(slots=True)
class Served:
    """A surface with its schema, and the documents that were read for it."""

    surface: Surface
    schema: Schema
    documents: Documents = field(default_factory=Documents)
    compiled: Compiled[tuple[Operation, list[Statement]]] = field(default_factory=Compiled)


_served: list[Served] = []


def compile_graphql(
    reader: SurfaceReader, role: int, schemas: Sequence[str], document: str, variables: str | None, name: str | None
) -> str:
    """Compile an operation of a document.

    Returns JSON: {"errors"}, or what run_queries() takes, with {"pieces", "places"}: the answer in pieces, which are
    texts and the numbers of queries; and where the field of each query stands.
    """
    served = served_of(surface_of(reader, role, schemas))
    try:
        given = json.loads(variables) if variables is not None else {}
        if not isinstance(given, dict | None):
            raise InvalidError([GraphQLError("The variables are no object.")])
        read = served.documents.read(document, served.schema)
        wanted = read.operation(name)
        values = Variables(served.schema.graphql, wanted, given or {})
        key = (read.digest, name, *schemas)
        found = served.compiled.find(key, values)
        if found is None:
            operation = compile_operation(read, wanted, values, served.schema, None)
            names = frozenset(operation.uses.names)
            statements = [_statement(root, served.surface, schemas, names) for root in operation.roots]
            if statements:
                served.compiled.keep(key, values, (operation, statements), size_of(read, statements))
            found = (operation, statements), values.holes
        (operation, statements), holes = found
        return json.dumps(_shown(operation, statements, holes))
    except InvalidError as refused:
        return json.dumps({"errors": [dict(error.formatted) for error in refused.errors]})


def served_of(surface: Surface) -> Served:
    """Return what the session keeps for a surface."""
    found = next((served for served in _served if served.surface is surface), None)
    if found is None:
        found = Served(surface, build_schema(surface))
        _served.append(found)
        del _served[:-_KEPT]
    return found


def _statement(root: Root, surface: Surface, schemas: Sequence[str], names: frozenset[str]) -> Statement:
    first, *further = schemas or ("",)
    options = Options(
        first,
        form=root.form,
        unwraps=root.unwraps,
        further_schemas=tuple(further),
        parameters_in_array=True,
        names=names,
    )
    try:
        return compile_query(root.query, surface, options)
    except ProblemError as problem:
        raise refusal(problem, root) from None


def _shown(operation: Operation, statements: Sequence[Statement], holes: Sequence[Any]) -> dict[str, Any]:
    compiled = []
    try:
        bound = bind_all(statements, filled=holes)
    except ProblemError as problem:
        raise refusal(problem) from None
    for number, (root, statement, texts) in enumerate(zip(operation.roots, statements, bound, strict=True)):
        compiled.append(
            {
                "statement": marked(number, statement.text),
                "params": [_storable(text, root) for text in texts],
                "holes": [],
                "returns_rows": True,
                "least": root.least or None,
                "most": root.most,
                "field": ".".join(root.path),
            }
        )
    return {
        "statements": compiled,
        "is_list": True,
        "explain": False,
        "pieces": operation.pieces(),
        "places": [root.place() for root in operation.roots],
    }


def _storable(text: str | None, root: Root) -> str | None:
    """Return a parameter. Error: InvalidError: no text of Postgres is like that."""
    if text is None or ("\0" not in text and not _SURROGATE.search(text)):
        return text
    raise InvalidError([GraphQLError("A text has a character that Postgres cannot store.", list(root.nodes))])
