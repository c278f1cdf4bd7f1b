"""Reads what stands in FROM: tables, sub-queries, and their joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from ...request import Called, Combined, Derived, Join, Place, Select, Source, Table
from .expressions import Expressions
from .names import listed
from .problems import DocumentError, shown

Kind = Literal["inner", "left", "right", "full", "cross"]
JOINS: Final[dict[str, Kind]] = {
    "join": "inner", "left-join": "left", "right-join": "right", "full-join": "full", "cross-join": "cross",
}  # fmt: skip
_EXPECTED: Final = 'a table: "people", ["people", "p"], [{"query": {...}}, "p"] or [{"call": [...]}, "p"]'


class Tables:
    """Reads the sources of one query; ``query`` reads a sub-query or a union."""

    def __init__(self, expressions: Expressions, query: Callable[[Any, Place], Select | Combined]) -> None:
        self._expressions = expressions
        self._names = expressions.names
        self._query = query

    def sources(self, given: Any, place: Place) -> tuple[Source, ...]:
        """Read FROM: one table, or a list of tables. Error: DocumentError."""
        tables = given if isinstance(given, list) else [given]
        if not tables:
            raise DocumentError(place, "the query names no table")
        return tuple(self.source(each, (*place, n)) for n, each in enumerate(tables))

    def source(self, given: Any, place: Place) -> Source:
        """Read a table, or a sub-query with an alias. Error: DocumentError."""
        if isinstance(given, list) and len(given) == 2 and isinstance(given[0], dict):
            alias = self._names.name(given[1], (*place, 1), "an alias")
            inner, at = given[0], (*place, 0)
            if {*inner} == {"call"}:
                return Called(self._expressions.call(inner, at), alias, at)
            for word in ("query", "lateral"):
                if {*inner} == {word}:
                    query = self._query(inner[word], (*at, word))
                    return Derived(query, alias, lateral=word == "lateral", place=at)
            return Derived(self._query(inner, at), alias, place=at)
        return self.table(given, place)

    def table(self, given: Any, place: Place) -> Table:
        """Read the name of a table, with or without an alias. Error: DocumentError."""
        alias = None
        if isinstance(given, list) and len(given) == 2:
            given, alias = given[0], self._names.name(given[1], (*place, 1), "an alias")
        if not self._names.is_name(given):
            raise DocumentError(place, f"expected {_EXPECTED}, found {shown(given)}")
        schema, _, name = str(given).rpartition(".")
        return Table(name, schema or None, alias, place)

    def joins(self, given: Mapping[str, Any], place: Place) -> tuple[Join, ...]:
        """Read all joins of a query. Error: DocumentError."""
        return tuple(join for word, kind in JOINS.items() for join in self._joins(given, word, kind, (*place, word)))

    def _joins(self, given: Mapping[str, Any], word: str, kind: Kind, place: Place) -> Iterator[Join]:
        parts = listed(given.get(word, []), place)
        if kind == "cross":
            for n, part in enumerate(parts):
                yield Join(kind, self.source(part, (*place, n)))
            return
        if len(parts) % 2:
            raise DocumentError(place, 'expected pairs of a table and a condition: ["b", ["=", ...], ...]')
        for n in range(0, len(parts), 2):
            source = self.source(parts[n], (*place, n))
            yield Join(kind, source, self._expressions.condition(parts[n + 1], (*place, n + 1)))
