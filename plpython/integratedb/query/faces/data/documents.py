"""Reads whole documents: a query or a list of queries, with params beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...request import Query
from ...sql.writer import is_large
from .expressions import Result
from .names import only
from .problems import DocumentError, shown
from .queries import Reader

#: Queries of one transaction.
MOST_QUERIES: Final = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One query, and the values of earlier answers that fill its holes."""

    query: Query
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The queries of a document; ``is_list``: the answer is a list of answers; ``explain``: nothing is run."""

    steps: tuple[Step, ...]
    is_list: bool = False
    explain: bool = False
    #: How many lists and objects all queries have together, each as often as it is used.
    nodes: int = 0
    #: Whether other values of the parameters, of the same kinds, would make other queries.
    is_fixed: bool = False


def read_document(given: Any, params: Mapping[str, Any] | None = None, *, marked_names: bool = False) -> Document:
    """Read a document; ``marked_names``: names are Name, as in EDN. Error: DocumentError."""
    explain = False
    place: tuple[str, ...] = ()
    if isinstance(given, dict) and "query" in given and "insert-into" not in given:
        only(given, {"query", "params", "explain"}, ())
        params = given.get("params") if params is None else params
        explain = given.get("explain", False)
        if not isinstance(explain, bool):
            raise DocumentError(("explain",), f"expected true or false, found {shown(explain)}")
        given, place = given["query"], ("query",)
    if not isinstance(params, dict | None):
        raise DocumentError(("params",), f"expected an object, found {shown(params)}")
    queries = given if isinstance(given, list) else [given]
    if not 0 < len(queries) <= MOST_QUERIES:
        raise DocumentError(place, f"expected 1 to {MOST_QUERIES} queries, found {len(queries)}")
    steps: list[Step] = []
    nodes, is_fixed = 0, False
    for number, query in enumerate(queries):
        reader = Reader(params or {}, marked_names=marked_names, before=number, nodes=nodes)
        read = reader.query(query, (*place, number) if isinstance(given, list) else place)
        steps.append(Step(read, reader.results))
        nodes, is_fixed = reader.nodes, is_fixed or reader.is_fixed
    return Document(tuple(steps), isinstance(given, list), explain, nodes, is_fixed)


def kind_of(value: Any) -> Any:
    """Return what of a value a statement depends on: values of the same kinds have the same statement."""
    match value:
        case None | bool():
            return type(value)
        case int():
            return next((bits for bits in (15, 31, 63) if -(2**bits) <= value < 2**bits), 64)
        case str():
            return (str, value == "", is_large(value))
        case list():
            return (list, not value, frozenset(map(kind_of, value)))
        case _:
            return type(value)
