"""Writes a plain query as a document of GraphQL, with the names of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import GraphQLBoolean, GraphQLEnumType, GraphQLFloat, GraphQLInt, GraphQLList, GraphQLNonNull

from ..faces.graphql.meanings import Entity, Related
from ..faces.graphql.names import is_name
from ..faces.graphql.scalars import JSON
from ..faces.graphql.schema import Schema, field_of_function
from ..plan.relationships import find_relationship
from ..request import Call, Column, Embed, Expression, Item, Logic, Not, Operation, Select, Star, Table, Value
from .plain import Plain, UnsayableError, conjuncts

_INDENT: Final = "  "
_AGGREGATES: Final = frozenset({"sum", "avg", "min", "max"})


def to_graphql(given: Plain, schema: Schema) -> str:
    """Write a query. Error: UnsayableError."""
    query, relation = given.query, given.relation
    if relation is None or not query.source or not isinstance(query.source[0], Table):
        raise UnsayableError("functions, joins, WITH and sub-queries")
    entity = schema.makers.entities.get(relation.oid)
    if entity is None:
        raise UnsayableError(f"{relation.schema}.{relation.name}, which has no name in GraphQL")
    writer = _Writer(schema)
    lines = writer.connection(f"{entity.name}Nodes", query, entity)
    return "\n".join(["{", *_indented(lines), "}"])


def _indented(lines: Iterable[str]) -> list[str]:
    return [_INDENT + line for line in lines]


def _block(head: str, lines: Iterable[str]) -> list[str]:
    return [f"{head} {{", *_indented(lines), "}"]


class _Writer:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._makers = schema.makers

    def connection(self, head: str, query: Select, entity: Entity) -> list[str]:
        """Write a field with a connection, and what is selected of it."""
        if query.distinct or query.group_by or query.having:
            raise UnsayableError("DISTINCT, GROUP BY and HAVING")
        if query.joins or query.with_queries:
            raise UnsayableError("joins and WITH")
        arguments = self._arguments(query, entity)
        head += f"({', '.join(f'{name}: {value}' for name, value in arguments)})" if arguments else ""
        if any(isinstance(item, Item) and isinstance(item.expression, Call) for item in query.items):
            return _block(head, self._aggregates(query, entity))
        return _block(head, _block("nodes", self._fields(query, entity)))

    def _arguments(self, query: Select, entity: Entity) -> list[tuple[str, str]]:
        arguments: list[tuple[str, str]] = []
        for word, number in (("first", query.limit), ("offset", query.offset)):
            if number is not None:
                arguments.append((word, str(number.value)))
        arguments += self._order(query, entity)
        if query.where is not None:
            arguments.append(("filter", _literal(self._filter(query.where, entity))))
        return arguments

    def _order(self, query: Select, entity: Entity) -> list[tuple[str, str]]:
        """Write the order. That of GraphQL goes on with the key, so a query may name the key or leave it out."""
        terms = query.order
        if not terms:
            return []
        for term in terms:
            default = "first" if term.descending else "last"
            if not isinstance(term.expression, Column) or term.embed or term.nulls not in (None, default):
                raise UnsayableError("an order by something else than a column")
        if len({term.descending for term in terms}) > 1:
            raise UnsayableError("an order with two directions")
        names = [term.expression.name for term in terms if isinstance(term.expression, Column)]
        descending = [("descending", "true")] if terms[0].descending else []
        if names == [*entity.key]:
            return descending
        rest = [name for name in entity.key if name != names[0]]
        if names[1:] not in ([], rest):
            raise UnsayableError("an order by several columns")
        orders = self._makers.connections.order(entity)
        for value, of in (orders.values if orders is not None else {}).items():
            if of.value == names[0]:
                return [("orderBy", value), *descending]
        raise UnsayableError(f"an order by {names[0]}")

    def _fields(self, query: Select, entity: Entity) -> list[str]:
        known = self._makers.type_of(entity).fields
        lines: list[str] = []
        for item in query.items:
            if isinstance(item, Star):
                lines += [name for name in entity.fields if name in known]
            elif isinstance(item, Embed):
                lines += self._embed(item, entity)
            elif isinstance(item, Item) and isinstance(item.expression, Column):
                name = self._field_of(item.expression.name, entity)
                if name not in known:
                    raise UnsayableError(f"the column {item.expression.name}, which has no name in GraphQL")
                lines.append(_aliased(item.alias, name))
            else:
                raise UnsayableError("a cast, a path in JSON or a calculation")
        if not lines:
            raise UnsayableError("rows without columns")
        return lines

    @staticmethod
    def _field_of(column: str, entity: Entity) -> str:
        for name, of in entity.fields.items():
            if of.name == column:
                return name
        computed = entity.relation.computed.get(column)
        if computed is None:
            raise UnsayableError(f"the column {column}, which has no name in GraphQL")
        return field_of_function(computed)

    def _embed(self, embed: Embed, entity: Entity) -> list[str]:
        if embed.spread or embed.inner:
            raise UnsayableError("inner and spread related rows")
        by = find_relationship(self._schema.surface, entity.relation, embed)
        name, related = self._related(by, entity)
        head = _aliased(embed.alias, name)
        if related.to_many:
            return self.connection(head, embed.query, related.entity)
        query = embed.query
        if query.where is not None or query.order or query.limit is not None or query.offset is not None:
            raise UnsayableError("conditions on the one related row")
        return _block(head, self._fields(query, related.entity))

    def _related(self, by: Any, entity: Entity) -> tuple[str, Related]:
        for name, related in self._makers.related(entity).items():
            if related.relationship is by:
                return name, related
        raise UnsayableError(f"the relationship {by.name}")

    def _aggregates(self, query: Select, entity: Entity) -> list[str]:
        """Write aggregates over all rows."""
        if query.order or query.limit is not None or query.offset is not None:
            raise UnsayableError("an order and limits of aggregates")
        lines: list[str] = []
        for item in query.items:
            call = item.expression if isinstance(item, Item) else None
            if not isinstance(call, Call):
                raise UnsayableError("aggregates by groups")
            if call.function == "count" and call.star and not call.unless_column:
                lines.append(_aliased(item.alias if isinstance(item, Item) else None, "count"))
                continue
            column = call.arguments[0] if len(call.arguments) == 1 else None
            is_plain = not (call.distinct or call.where or call.order or call.schema)
            if call.function not in _AGGREGATES or not isinstance(column, Column) or not is_plain:
                raise UnsayableError(f"the call of {call.function}")
            name = self._field_of(column.name, entity)
            of = entity.relation.columns.get(column.name)
            if of is None or self._makers.connections.aggregated(call.function, of) is None:
                raise UnsayableError(f"{call.function} of {column.name}")
            lines += _block(call.function, [_aliased(item.alias if isinstance(item, Item) else None, name)])
        return _block("aggregate", lines)

    def _filter(self, condition: Expression, entity: Entity) -> dict[str, Any]:
        match condition:
            case Not():
                return {"not": self._filter(condition.part, entity)}
            case Logic(operator="or"):
                return {"or": [self._filter(part, entity) for part in condition.parts]}
            case Logic():
                parts = [self._filter(part, entity) for part in conjuncts(condition)]
                names = [name for part in parts for name in part]
                if len({*names}) == len(names):
                    return {name: value for part in parts for name, value in part.items()}
                return {"and": parts}
            case Operation():
                return self._operation(condition, entity)
        raise UnsayableError("a condition on related rows")

    def _operation(self, operation: Operation, entity: Entity) -> dict[str, Any]:
        column, values = operation.operands[0], operation.operands[1:]
        if not isinstance(column, Column) or not all(isinstance(value, Value) for value in values):
            raise UnsayableError("a condition that is no comparison of a column with a value")
        given = [value.value for value in values if isinstance(value, Value)]
        if operation.quantifier is not None:
            inner = (Operation(operation.operator, (column, Value(value))) for value in given[0])
            return self._filter(Logic("or" if operation.quantifier == "any" else "and", tuple(inner)), entity)
        if operation.language is not None:
            raise UnsayableError("the language of a text search")
        name = self._field_of(column.name, entity)
        field = self._makers.filters.of(entity).fields.get(name)
        if field is None:
            raise UnsayableError(f"a condition on {column.name}")
        operators: Mapping[str, Any] = getattr(field.type, "fields", {})
        if operation.operator == "between":
            low, high = (
                _written(value, operators[word].type) for word, value in zip(("gte", "lte"), given, strict=True)
            )
            return {name: {"gte": low, "lte": high}}
        if operation.operator == "is":
            return {name: _tested(given[0])}
        if operation.operator not in operators:
            raise UnsayableError(f"the operator {operation.operator} for {column.name}")
        of = operators[operation.operator].type
        if operation.operator == "in":
            if not given[0]:
                raise UnsayableError("an empty list")
            return {name: {"in": [_written(value, of) for value in given[0]]}}
        return {name: {operation.operator: _written(given[0], of)}}


class _Raw(str):
    """A value as it stands in a document."""

    __slots__ = ()


def _tested(value: Any) -> dict[str, Any]:
    if value in (None, "null", "unknown"):
        return {"is": _Raw("NULL")}
    if value == "not_null":
        return {"is": _Raw("NOT_NULL")}
    return {"eq": _Raw("true" if value in (True, "true") else "false")}


def _written(value: Any, of: Any) -> _Raw:
    """Write a value of a type."""
    while isinstance(of, GraphQLNonNull | GraphQLList):
        of = of.of_type
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(of, GraphQLEnumType):
        for name, each in of.values.items():
            if each.value == value:
                return _Raw(name)
        raise UnsayableError(f"the value {text}, which the enum does not have")
    if value is None or isinstance(value, list | dict) or of is JSON:
        raise UnsayableError("null, a list or an object as a value")
    if of in (GraphQLInt, GraphQLFloat):
        try:
            return _Raw(json.dumps(int(text) if of is GraphQLInt else float(text), allow_nan=False))
        except ValueError:
            raise UnsayableError(f"{text} as a number") from None
    if of is GraphQLBoolean:
        return _Raw("true" if text in ("true", "t", "yes", "on", "1") else "false")
    return _Raw(json.dumps(text, ensure_ascii=False))


def _literal(value: Any) -> str:
    match value:
        case _Raw():
            return value
        case dict():
            return "{" + ", ".join(f"{name}: {_literal(each)}" for name, each in value.items()) + "}"
    return f"[{', '.join(_literal(each) for each in value)}]"


def _aliased(alias: str | None, name: str) -> str:
    if alias is None or alias == name:
        return name
    if not is_name(alias):
        raise UnsayableError(f"the name {alias}, which is none in GraphQL")
    return f"{alias}: {name}"
