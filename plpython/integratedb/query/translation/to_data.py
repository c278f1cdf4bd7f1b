"""Writes a plain query as data: maps with the clauses of SQL, as the data face reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..faces.data.operators import CALCULATIONS, COMPARISONS, OTHERS, SEARCHES
from ..request import (
    Array,
    Call,
    Called,
    Case,
    Cast,
    Column,
    Embed,
    Expression,
    Item,
    Logic,
    Not,
    Operation,
    Order,
    Path,
    Routine,
    Select,
    Source,
    Star,
    Subquery,
    Table,
    Value,
)
from ..surface import Surface
from .plain import Plain, UnsayableError

#: The words of operators; of several, the first one.
_WORDS: Final = {
    operator: word
    for words in (COMPARISONS, OTHERS, CALCULATIONS, SEARCHES)
    for word, operator in reversed(words.items())
}


def to_data(given: Plain, surface: Surface, schemas: Sequence[str]) -> dict[str, Any]:
    """Write a query. Error: UnsayableError."""
    return _Writer(surface, schemas).select(given.query)


class _Writer:
    def __init__(self, surface: Surface, schemas: Sequence[str]) -> None:
        self._surface = surface
        self._schemas = schemas

    def select(self, query: Select) -> dict[str, Any]:
        sources = [self._source(source) for source in query.source]
        is_plain = len(sources) == 1 and isinstance(sources[0], str)
        return self._clauses(query, {"from": sources[0] if is_plain else sources})

    def _clauses(self, query: Select, source: dict[str, Any]) -> dict[str, Any]:
        items = [item for item in query.items if not isinstance(item, Embed)]
        embeds = [item for item in query.items if isinstance(item, Embed)]
        written: dict[str, Any] = {}
        if not (len(items) == 1 and isinstance(items[0], Star) and items[0].of is None):
            written["select"] = [self._item(item) for item in items]
        written |= source
        if query.distinct:
            written["modifiers"] = ["distinct"]
        if query.where is not None:
            written["where"] = self._condition(query.where)
        if query.group_by is not None:
            written["group-by"] = [self._named(each) for each in query.group_by]
        if query.having is not None:
            written["having"] = self._condition(query.having)
        if query.order:
            written["order-by"] = [self._order(term) for term in query.order]
        for word, value in (("limit", query.limit), ("offset", query.offset)):
            if value is not None:
                written[word] = value.value
        if embeds:
            written["embed"] = [self._embed(embed) for embed in embeds]
        return written

    def _source(self, source: Source) -> Any:
        match source:
            case Table():
                name = self._path(source.schema, source.name, "relation")
                return name if source.alias is None else [name, source.alias]
            case Routine():
                call = {"call": [self._path(source.schema, source.name, "function"), *self._arguments(source)]}
                return [call, source.alias or source.name]
            case Called():
                return [self._call(source.call), source.alias]
        raise UnsayableError("a sub-query in FROM")

    def _path(self, schema: str | None, name: str, kind: str) -> str:
        known = self._surface.relations if kind == "relation" else self._surface.functions
        first = next((each for each in self._schemas if (each, name) in known), None)
        if "." in name or (schema is not None and "." in schema):
            raise UnsayableError(f"the name {name}, which has a dot")
        return name if schema is None or schema == first else f"{schema}.{name}"

    def _arguments(self, source: Routine) -> list[Any]:
        """Return the arguments in their order: calls as data have no names for them."""
        if source.body is not None:
            raise UnsayableError("a call with a body")
        for function in self._surface.functions.get((source.schema or "", source.name), ()):
            names = [argument.name for argument in function.arguments[: len(source.arguments)]]
            if {*names} == {*source.arguments} and not any(argument.variadic for argument in function.arguments):
                return [self.expression(source.arguments[name]) for name in names]
        raise UnsayableError("a call that leaves out arguments before others")

    def _item(self, item: Any) -> Any:
        if isinstance(item, Star):
            return "*" if item.of is None else f"{item.of}.*"
        if not isinstance(item, Item):
            raise UnsayableError("an object within the row")
        expression = self._named(item.expression)
        if item.alias is None:
            if isinstance(expression, list):
                raise UnsayableError("a condition in the select list")
            return expression
        return [expression, item.alias]

    def _named(self, expression: Expression) -> Any:
        """Write what stands where only names can stand."""
        if isinstance(expression, Column):
            return _column(expression)
        if isinstance(expression, Value):
            return {"value": expression.value}
        return self.expression(expression)

    def _embed(self, embed: Embed) -> Any:
        if embed.spread:
            raise UnsayableError("the spread of related rows (...)")
        head = {"relation": embed.relation, "as": embed.alias, "hint": embed.hint, "inner": embed.inner}
        written = {word: value for word, value in head.items() if value}
        written |= self._clauses(embed.query, {})
        return embed.relation if written == {"relation": embed.relation} else written

    def _order(self, term: Order) -> Any:
        if term.embed is not None:
            raise UnsayableError("an order by related rows")
        words = ["desc"] if term.descending else []
        if term.nulls is not None:
            words.append(f"nulls-{term.nulls}")
        name = self._named(term.expression)
        return [name, *words] if words else name

    def _condition(self, condition: Expression) -> Any:
        match condition:
            case Logic():
                return [condition.operator, *(self._condition(part) for part in condition.parts)]
            case Not():
                return ["not", self._condition(condition.part)]
            case Value(value=bool() as truth):
                return truth
        return self.expression(condition)

    def expression(self, expression: Expression) -> Any:
        match expression:
            case Column():
                return {"field": _column(expression)}
            case Value():
                value = expression.value
                return {"value": value} if isinstance(value, list | dict) else value
            case Path():
                return self._json_path(expression)
            case Cast():
                return {"cast": [self.expression(expression.of), expression.type]}
            case Call():
                return self._call(expression)
            case Array():
                return {"array": [self.expression(each) for each in expression.elements]}
            case Subquery():
                query = {"query": self.select(expression.query)}
                return ["exists", query] if expression.exists else query
            case Case():
                cases = [[self._condition(test), self.expression(result)] for test, result in expression.branches]
                last = expression.otherwise
                return {"case": cases} if last is None else {"case": cases, "else": self.expression(last)}
            case Operation():
                return self._operation(expression)
            case Logic() | Not():
                return self._condition(expression)
        raise UnsayableError("a condition on whether there are related rows")

    def _json_path(self, path: Path) -> Any:
        base = self.expression(path.base)
        if path.as_text:
            return {"path": [base, *path.steps]}
        for step in path.steps:
            base = ["->", base, step]
        return base

    def _call(self, call: Call) -> dict[str, Any]:
        if call.unless_column:
            raise UnsayableError("count without parentheses, which may be a column")
        name = call.function if call.schema is None else f"{call.schema}.{call.function}"
        written: dict[str, Any] = {"call": [name, *(["*"] if call.star else map(self.expression, call.arguments))]}
        if call.distinct:
            written["distinct"] = True
        if call.where is not None:
            written["where"] = self._condition(call.where)
        if call.order:
            written["order-by"] = [self._order(term) for term in call.order]
        return written

    def _operation(self, operation: Operation) -> Any:
        operator, operands = operation.operator, operation.operands
        if operation.quantifier is not None:
            return self._quantified(operation)
        if operator == "is":
            value = operands[1].value if isinstance(operands[1], Value) else None
            tested = self.expression(operands[0])
            if value == "not_null":
                return ["is-not", tested, None]
            return ["is", tested, {"true": True, "false": False}.get(value, value) if value in _TRUE_OR_FALSE else None]
        if operator == "in":
            right = operands[1]
            if isinstance(right, Value) and not right.value:
                return False
            listed = list(right.value) if isinstance(right, Value) else self.expression(right)
            return ["in", self.expression(operands[0]), listed]
        word = "between" if operator == "between" else _WORDS.get(operator)
        if word is None:
            raise UnsayableError(f"the operator {operator}")
        language = [] if operation.language is None else [operation.language]
        return [word, *language, *(self.expression(operand) for operand in operands)]

    def _quantified(self, operation: Operation) -> Any:
        """Write ``like(any).{a,b}`` as conditions: calls as data have no quantifiers."""
        column, listed = operation.operands
        if not isinstance(listed, Value) or not listed.value:
            return operation.quantifier == "all"
        each = (Operation(operation.operator, (column, Value(value))) for value in listed.value)
        return ["or" if operation.quantifier == "any" else "and", *(self._operation(one) for one in each)]


_TRUE_OR_FALSE: Final = (True, False, "true", "false")


def _column(column: Column) -> str:
    if "." in column.name or (column.of is not None and "." in column.of):
        raise UnsayableError(f"the name {column.name}, which has a dot")
    return column.name if column.of is None else f"{column.of}.{column.name}"
