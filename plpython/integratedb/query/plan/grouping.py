"""Finds columns that a query with groups selects beside them, as Postgres's error 42803 would, with their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from ..problems import ProblemError
from ..request import Call, Column, Expression, Order, Place, Subquery, Value, Window
from .functions import is_aggregate
from .scope import Scope

_AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})


class Groups:
    """The terms of a GROUP BY."""

    def __init__(self, terms: Sequence[Expression], scope: Scope) -> None:
        self._scope = scope
        self._terms = {repr(term) for term in terms}
        self._columns = {scope.find(term).sql for term in terms if isinstance(term, Column)}
        #: A grouped primary key has one row a group.
        self._whole = {
            source.alias: source
            for source in scope.sources
            if source.relation is not None
            and source.relation.primary_key
            and all(
                f"{source.alias}.{source.relation.columns[name].sql}" in self._columns
                for name in source.relation.primary_key
            )
        }

    def check(self, expression: Expression | Order, place: Place = ()) -> None:
        """Refuse an expression with a column that has many values in a group. Error: ProblemError."""
        if isinstance(expression, Value | Subquery) or repr(expression) in self._terms:
            return
        if isinstance(expression, Column):
            self.check_column(self._scope.find(expression).sql, expression.name, expression.place or place)
        elif isinstance(expression, Window):
            # Here an aggregate takes the groups, so its arguments are grouped.
            for part in (*expression.call.arguments, *expression.partition_by, *expression.order_by):
                self.check(part, place)
        elif not (isinstance(expression, Call) and _is_aggregate(expression)):
            for part in _parts(expression):
                self.check(part, place)

    def check_column(self, sql: str, name: str, place: Place) -> None:
        """Refuse a column of a source, unless it has one value in a group."""
        alias = sql.split(".")[0]
        is_own = any(source.alias == alias for source in self._scope.sources)
        if not is_own or sql in self._columns:
            return
        if alias not in self._whole:
            raise ProblemError("not grouped", place, name=name)
        source = self._whole[alias]
        assert source.relation is not None
        source.keys.add(source.relation.primary_key)


def _is_aggregate(call: Call) -> bool:
    return (call.schema is None and call.function in _AGGREGATES) or is_aggregate(call)


def _parts(part: Any) -> Iterator[Any]:
    """Yield the expressions that an expression is made of."""
    for each in fields(part):
        yield from _expressions(getattr(part, each.name))


def _expressions(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for each in value:
            yield from _expressions(each)
    elif is_dataclass(value):
        yield value
