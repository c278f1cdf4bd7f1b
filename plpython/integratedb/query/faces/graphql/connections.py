"""Makes connections: their types, the facts and aggregates that they have, and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ...plan.types import of_aggregate
from ...surface import Type
from .enums import Enums, ordering_of
from .filters import Filters
from .meanings import ColumnField, Entity, Meaning, meaning
from .scalars import BIG_FLOAT, BIG_INT, CURSOR, scalar_of

_FLAG: Final = GraphQLField(GraphQLNonNull(GraphQLBoolean))
PAGE_INFO: Final = GraphQLObjectType(
    "PageInfo",
    {
        "hasNextPage": _FLAG,
        "hasPreviousPage": _FLAG,
        "startCursor": GraphQLField(CURSOR),
        "endCursor": GraphQLField(CURSOR),
    },
)
#: Arguments that an equality argument of a column does not replace.
ARGUMENTS: Final = frozenset({"first", "last", "before", "after", "offset", "orderBy", "descending", "filter"})


class Connections:
    """The connections of one schema."""

    def __init__(
        self,
        enums: Enums,
        filters: Filters,
        type_of: Callable[[Entity], GraphQLObjectType],
        scalar: Callable[[Type], Any],
        aggregates: bool,
    ) -> None:
        self.enums = enums
        self.filters = filters
        self._type_of = type_of
        self._scalar = scalar
        self._aggregates = aggregates
        self._types: dict[int, GraphQLObjectType] = {}
        self._edges: dict[int, GraphQLObjectType] = {}
        self._orders: dict[int, Any] = {}

    def field(self, entity: Entity, means: Meaning, but: Collection[str] = ()) -> GraphQLField:
        """Return a field with a connection; ``but``: columns without an equality argument."""
        return GraphQLField(self.type(entity), self.arguments(entity, but), extensions=meaning(means))

    def type(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of connections to a relation."""
        oid = entity.relation.oid
        if oid not in self._types:
            self._types[oid] = GraphQLObjectType(f"{entity.type_name}Connection", lambda: self._fields(entity))
        return self._types[oid]

    def edge(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of edges to rows of a relation."""
        oid = entity.relation.oid
        if oid not in self._edges:
            cursor: Any = GraphQLNonNull(CURSOR) if entity.key else CURSOR
            fields = {"cursor": GraphQLField(cursor), "node": GraphQLField(self._type_of(entity))}
            self._edges[oid] = GraphQLObjectType(f"{entity.type_name}Edge", fields)
        return self._edges[oid]

    def _fields(self, entity: Entity) -> dict[str, GraphQLField]:
        fields = {
            "nodes": GraphQLField(GraphQLList(self._type_of(entity))),
            "edges": GraphQLField(GraphQLList(self.edge(entity))),
            "pageInfo": GraphQLField(GraphQLNonNull(PAGE_INFO)),
            "totalCount": GraphQLField(GraphQLInt),
        }
        if self._aggregates:
            fields["aggregate"] = GraphQLField(self._aggregate(entity))
        return fields

    def _aggregate(self, entity: Entity) -> GraphQLObjectType:
        fields = {"count": GraphQLField(GraphQLNonNull(BIG_INT))}
        for function in ("sum", "avg", "min", "max"):
            columns = {
                field: GraphQLField(of, extensions=meaning(ColumnField(column.name, column.type)))
                for field, column in entity.fields.items()
                if (of := _aggregated(function, column.type)) is not None
            }
            if columns:
                fields[function] = GraphQLField(GraphQLObjectType(f"{entity.type_name}{function.title()}", columns))
        return GraphQLObjectType(f"{entity.type_name}Aggregate", fields)

    def arguments(self, entity: Entity, but: Collection[str] = ()) -> dict[str, GraphQLArgument]:
        """Return the arguments of a connection."""
        arguments = {"first": GraphQLArgument(GraphQLInt), "offset": GraphQLArgument(GraphQLInt)}
        if entity.key:
            arguments["last"] = GraphQLArgument(GraphQLInt)
            arguments |= {word: GraphQLArgument(CURSOR) for word in ("before", "after")}
        order = self.order(entity)
        if order is not None:
            arguments["orderBy"] = GraphQLArgument(order)
            arguments["descending"] = GraphQLArgument(GraphQLBoolean, default_value=False)
        arguments["filter"] = GraphQLArgument(self.filters.of(entity))
        for field, column in entity.fields.items():
            if field not in ARGUMENTS and column.name not in but and not (column.type.is_json or column.type.is_array):
                arguments[field] = GraphQLArgument(self._scalar(column.type))
        return arguments

    def order(self, entity: Entity) -> Any:
        """Return the enum of orders."""
        oid = entity.relation.oid
        if oid not in self._orders:
            self._orders[oid] = ordering_of(entity)
        return self._orders[oid]


def _aggregated(function: str, of: Type) -> Any:
    """Return the scalar of an aggregate; None: the type has no such aggregate here."""
    if of.to_json is not None or of.kind != "base" or of.is_array or of.operators != "pg_catalog":
        return None
    if of.category != "N" and (function in ("sum", "avg") or of.category not in ("D", "S")):
        return None
    if of.category == "N" and scalar_of(of) is GraphQLString:
        return None
    scalar = scalar_of(of_aggregate(function, of))
    return scalar if scalar in (BIG_INT, BIG_FLOAT, GraphQLFloat, GraphQLInt) or function in ("min", "max") else None
