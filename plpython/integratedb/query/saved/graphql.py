"""Compiles saved documents of GraphQL; of the saved queries, the only module that needs graphql-core."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    NonNullTypeNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    type_from_ast,
    validate,
)

from ..faces.data.problems import DocumentError, shown
from ..faces.graphql.compiling import compile_operation, is_mutation, refusal
from ..faces.graphql.documents import Document, InvalidError, digest_of, parse_document, read_document
from ..faces.graphql.names import pascal, read_comment
from ..faces.graphql.schema import build_schema
from ..faces.graphql.variables import Variables, sample_of_variable
from ..plan.reading import Reading
from ..problems import ProblemError
from ..statement import Options, Statement, compile_query
from ..surface import Surface
from .forms import SavedQuery

#: The usual hash of a document: GraphQL over HTTP, appendix A.
SHA256: Final = "sha256:"
#: The scalars whose values are no texts in JSON.
_NO_TEXTS: Final = ("Int", "Float", "Boolean", "JSON")


def compile_graphql(saved: SavedQuery, surface: Surface) -> Iterator[tuple[list[Statement], Reading]]:
    """Compile each operation of a document for any values of its variables. Error: DocumentError."""
    surface = preferred(surface, saved.schemas)
    schema = build_schema(surface)
    options = Options((saved.schemas or ("",))[0], further_schemas=saved.schemas[1:], parameters_in_array=True)
    try:
        document = read_document(saved.text, schema)
        errors = validate(schema.graphql, document.parsed, [NoSchemaIntrospectionCustomRule])
        if errors:
            raise InvalidError(errors)
        for wanted in operations(saved, document):
            _check_defaults(saved, wanted, schema.graphql)
            variables = Variables(schema.graphql, wanted, None)
            # How many rows there may be is limited when the document is run.
            operation = compile_operation(document, wanted, variables, schema, 1)
            statements = []
            for root in operation.roots:
                names = frozenset(operation.uses.names)
                made = replace(options, form=root.form, unwraps=root.unwraps, names=names)
                try:
                    statements.append(compile_query(root.query, surface, made))
                except ProblemError as problem:
                    raise refusal(problem, root) from None
            yield statements, operation.uses.reading(surface)
    except InvalidError as refused:
        raise _worded(refused) from None


def operations(saved: SavedQuery, document: Document) -> list[OperationDefinitionNode]:
    """Return the operations that may be asked for. Errors: DocumentError, InvalidError."""
    named = saved.document.get("operation")
    found = [*document.operations.values()] if named is None else [document.operation(named)]
    for each in found:
        if each.operation is OperationType.SUBSCRIPTION:
            raise DocumentError(("graphql",), "a subscription cannot be saved", None, "0A000")
    if not found:
        raise DocumentError(("graphql",), "the document has no operation")
    return found


def variables_of(saved: SavedQuery) -> dict[str, bool]:
    """Return the names of the variables, and whether a request must have them. Error: DocumentError."""
    try:
        document = Document.of(saved.text, parse_document(saved.text))
        found: dict[str, bool] = {}
        for wanted in operations(saved, document):
            for each in wanted.variable_definitions or ():
                name = each.variable.name.value
                is_required = isinstance(each.type, NonNullTypeNode) and each.default_value is None
                found[name] = found.get(name, False) or (is_required and name not in saved.defaults)
        return found
    except InvalidError as refused:
        raise _worded(refused) from None


def writes(saved: SavedQuery) -> bool:
    """Whether no operation of a document may be sent by GET. Error: DocumentError."""
    try:
        document = Document.of(saved.text, parse_document(saved.text))
        return all(is_mutation(each) for each in operations(saved, document))
    except InvalidError as refused:
        raise _worded(refused) from None


def typed(schema: Any, wanted: OperationDefinitionNode, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of variables that a URL has as texts, as JSON would have them."""
    types = {each.variable.name.value: type_from_ast(schema, each.type) for each in wanted.variable_definitions or ()}
    return {name: _typed(text, types[name]) for name, text in texts.items() if name in types}


def _typed(text: Any, of: Any) -> Any:
    if isinstance(of, GraphQLNonNull):
        return _typed(text, of.of_type)
    if isinstance(of, GraphQLList):
        return [_typed(each, of.of_type) for each in (text if isinstance(text, list) else [text])]
    if isinstance(text, str) and (isinstance(of, GraphQLInputObjectType) or of.name in _NO_TEXTS):
        # What is no JSON is refused as a value of the type.
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return text


def document_id(saved: SavedQuery) -> str:
    """Return the identifier that a client derives from the text of a document."""
    return SHA256 + digest_of(saved.text).hex()


def preferred(surface: Surface, schemas: Sequence[str]) -> Surface:
    """Return a surface in which no two schemas have a relation or a function of one name: the first schema has it."""
    order = {schema: place for place, schema in enumerate(schemas)}
    relations: dict[str, tuple[str, str]] = {}
    functions: dict[str, tuple[str, str]] = {}
    last = len(order)
    for key in sorted(surface.relations, key=lambda key: order.get(key[0], last)):
        relations.setdefault(pascal(read_comment(surface.relations[key].comment).name or key[1]), key)
    for key in sorted(surface.functions, key=lambda key: order.get(key[0], last)):
        functions.setdefault(key[1], key)
    # Two of one schema collide, and the message says so.
    return replace(
        surface,
        relations={
            key: relation
            for key, relation in surface.relations.items()
            if relations[pascal(read_comment(relation.comment).name or key[1])][0] == key[0]
        },
        functions={key: found for key, found in surface.functions.items() if functions[key[1]] == key},
    )


def _check_defaults(saved: SavedQuery, wanted: OperationDefinitionNode, schema: Any) -> None:
    """Refuse values of variables that the operation does not have, or of another type."""
    definitions = {each.variable.name.value: each for each in wanted.variable_definitions or ()}
    for name in saved.defaults:
        if name not in definitions:
            raise DocumentError(("variables", name), f"the operation has no variable {shown(name)}")
    samples = {name: sample_of_variable(schema, each) for name, each in definitions.items()}
    Variables(schema, wanted, {**samples, **saved.defaults})


def _worded(refused: InvalidError) -> DocumentError:
    error: GraphQLError = refused.errors[0]
    place = "".join(f" (line {each.line}, column {each.column})" for each in (error.locations or ())[:1])
    code = "22023" if refused.is_parsed else "42601"
    return DocumentError(("graphql",), f"{error.message.rstrip('.')}{place}", None, code)
