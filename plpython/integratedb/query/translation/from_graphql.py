"""Reads a document of GraphQL for translation: one query field, without variables."""

from __future__ import annotations

from ..faces.graphql.compiling import compile_operation, is_mutation
from ..faces.graphql.documents import InvalidError
from ..faces.graphql.schema import Schema
from ..faces.graphql.variables import Variables
from ..graphql_session import served_of
from ..request import Query
from ..surface import Surface

#: What the rows of a document may be multiplied to is no matter here, because nothing is run.
_FEW_ROWS = 10


class UnreadableError(Exception):
    """Why a document is none that is translated."""


def schema_of(surface: Surface) -> Schema:
    """Return the schema of a surface, which the session keeps."""
    return served_of(surface).schema


def read(surface: Surface, text: str) -> Query:
    """Read the only field of a document. Error: UnreadableError."""
    served = served_of(surface)
    try:
        document = served.documents.read(text, served.schema)
        wanted = document.operation(None)
        if is_mutation(wanted):
            raise UnreadableError("a mutation is not translated: only queries that read are")
        variables = Variables(served.schema.graphql, wanted, {})
        operation = compile_operation(document, wanted, variables, served.schema, _FEW_ROWS)
    except InvalidError as refused:
        raise UnreadableError("; ".join(error.message for error in refused.errors[:3])) from None
    if len(operation.roots) != 1:
        raise UnreadableError(f"the document asks {len(operation.roots)} queries, and one is translated at a time")
    return operation.roots[0].query
