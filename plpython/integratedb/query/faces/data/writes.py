"""Reads queries that write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ...request import (
    Computed,
    Conflict,
    Delete,
    Expression,
    Insert,
    Item,
    Place,
    Query,
    Rows,
    Select,
    Selected,
    Star,
    Update,
    Value,
    With,
)
from .expressions import Expressions
from .names import listed, only
from .problems import DocumentError, shown
from .tables import JOINS, Tables

WRITES: Final = {
    "insert-into": {"insert-into", "columns", "values", "query", "on-conflict", "returning"},
    "update": {"update", "set", "from", *JOINS, "where", "returning"},
    "delete-from": {"delete-from", "where", "returning"},
}
WITH: Final = {"with", "with-recursive"}


class Writes:
    """Reads the writes of one document; ``item`` reads what is selected, ``query`` a sub-query."""

    def __init__(
        self,
        expressions: Expressions,
        tables: Tables,
        item: Callable[[Any, Place], Star | Item],
        query: Callable[[Any, Place], Select],
    ) -> None:
        self._expressions = expressions
        self._tables = tables
        self._item = item
        self._query = query

    def write(self, word: str, given: Mapping[str, Any], place: Place, queries: tuple[With, ...]) -> Query:
        """Read a query that has the key ``word``. Error: DocumentError."""
        only(dict(given), WRITES[word] | WITH, place)
        target = self._tables.table(given[word], (*place, word))
        where = None
        if given.get("where") is not None:
            where = self._expressions.condition(given["where"], (*place, "where"))
        returning = None
        if "returning" in given:
            items = listed(given["returning"], (*place, "returning"))
            returning = Select(items=tuple(self._item(item, (*place, "returning", n)) for n, item in enumerate(items)))
        if word == "delete-from":
            return Delete(target, where, returning, with_queries=queries)
        if word == "update":
            row = self._row(given.get("set"), (*place, "set"))
            rows = _rows([row], (*place, "set"), self._expressions.fix, is_array=False)
            source = self._tables.sources(given["from"], (*place, "from")) if given.get("from") is not None else ()
            joins = self._tables.joins(given, place)
            if joins and not source:
                raise DocumentError(place, 'a join of an update needs "from"')
            return Update(target, rows, where, returning, with_queries=queries, source=source, joins=joins)
        conflict = self._conflict(given.get("on-conflict"), (*place, "on-conflict"))
        return Insert(target, self._inserted(given, place), conflict, returning, with_queries=queries)

    def _inserted(self, given: Mapping[str, Any], place: Place) -> Rows | Computed | Selected:
        columns = None
        if "columns" in given:
            columns = self._expressions.names.names(given["columns"], (*place, "columns"))
        if "query" in given:
            if columns is None or "values" in given:
                raise DocumentError(place, 'an insert from a query needs "columns", and no "values"')
            return Selected(columns, self._query(given["query"], (*place, "query")))
        at = (*place, "values")
        rows = listed(given.get("values"), at)
        if not rows:
            raise DocumentError(at, "expected at least one row")
        if columns is None:
            return _rows(
                [self._row(row, (*at, n)) for n, row in enumerate(rows)], at, self._expressions.fix, is_array=True
            )
        return _rows(
            [self._tuple(row, columns, (*at, n)) for n, row in enumerate(rows)],
            at,
            self._expressions.fix,
            is_array=True,
        )

    def _tuple(self, given: Any, columns: tuple[str, ...], place: Place) -> dict[str, Expression]:
        if not isinstance(given, list) or len(given) != len(columns):
            raise DocumentError(place, f"expected a list of {len(columns)} values, found {shown(given)}")
        values = (self._expressions.expression(value, (*place, n)) for n, value in enumerate(given))
        return dict(zip(columns, values, strict=True))

    def _row(self, given: Any, place: Place) -> dict[str, Expression]:
        if not isinstance(given, dict) or not given:
            raise DocumentError(place, f"expected an object with columns and values, found {shown(given)}")
        return {str(name): self._expressions.expression(value, (*place, name)) for name, value in given.items()}

    def _conflict(self, given: Any, place: Place) -> Conflict | None:
        if given is None:
            return None
        if not isinstance(given, dict) or given.get("do") not in ("update", "nothing"):
            raise DocumentError(
                place, f'expected {{"columns": [...], "do": "update" or "nothing"}}, found {shown(given)}'
            )
        only(given, {"columns", "do", "set"}, place)
        columns = None
        if given.get("columns") is not None:
            columns = self._expressions.names.names(given["columns"], (*place, "columns"))
        changes = None
        if "set" in given:
            if given["do"] != "update":
                raise DocumentError((*place, "set"), '"set" needs "do": "update"')
            changes = tuple(self._row(given["set"], (*place, "set")).items())
        return Conflict("merge" if given["do"] == "update" else "ignore", columns, changes)


def _rows(
    rows: list[dict[str, Expression]], place: Place, fix: Callable[[Value], None], *, is_array: bool
) -> Rows | Computed:
    """Return rows of plain values as one JSON text, however many there are; others as expressions."""
    keys = tuple(dict.fromkeys(key for row in rows for key in row))
    plain = [
        {key: value.value for key, value in row.items() if isinstance(value, Value) and value.hole is None}
        for row in rows
    ]
    if any(len(some) < len(row) for some, row in zip(plain, rows, strict=True)):
        return Computed(keys, tuple(tuple(row.get(key) for key in keys) for row in rows))
    for row in rows:
        for value in row.values():
            assert isinstance(value, Value)
            fix(value)
    document = json.dumps(plain if is_array else plain[0], ensure_ascii=False).encode("utf-8", "surrogatepass")
    missing = any(len(row) < len(keys) for row in rows)
    return Rows(Value(document, place=place), keys, is_array, missing_default=missing)
