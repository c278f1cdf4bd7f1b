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
from ...surface import Column, Type
from .enums import Enums, ordering_of
from .filters import Filters
from .lazy import Argument, Field, ObjectType
from .meanings import ColumnField, Entity, Meaning, meaning
from .scalars import BIG_FLOAT, BIG_INT, CURSOR, scalar_of

_FLAG: Final = Field(GraphQLNonNull(GraphQLBoolean))
PAGE_INFO: Final = GraphQLObjectType(
    "PageInfo",
    {
        "hasNextPage": _FLAG,
        "hasPreviousPage": _FLAG,
        "startCursor": Field(CURSOR),
        "endCursor": Field(CURSOR),
    },
)
PAGE: Final = Field(GraphQLNonNull(PAGE_INFO))
TOTAL: Final = Field(GraphQLInt)
COUNT: Final = Field(GraphQLNonNull(BIG_INT))
EDGE_CURSOR: Final = Field(CURSOR)
KEYED_CURSOR: Final = Field(GraphQLNonNull(CURSOR))
NUMBER: Final = Argument(GraphQLInt)
PLACE: Final = Argument(CURSOR)
DESCENDING: Final = Argument(GraphQLBoolean, default_value=False)
AGGREGATES: Final = ("sum", "avg", "min", "max")
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
        #: What relations share, because their columns are alike.
        self._equal: dict[int, GraphQLArgument] = {}
        self._aggregates_of: dict[tuple[str, str, int], GraphQLField | None] = {}
        self._arguments: dict[int, dict[str, GraphQLArgument]] = {}

    def field(self, entity: Entity, means: Meaning, but: Collection[str] = ()) -> GraphQLField:
        """Return a field with a connection; ``but``: columns without an equality argument."""
        return Field(self.type(entity), self.arguments(entity, but), extensions=meaning(means))

    def type(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of connections to a relation."""
        oid = entity.relation.oid
        if oid not in self._types:
            self._types[oid] = ObjectType(f"{entity.type_name}Connection", lambda: self._fields(entity))
        return self._types[oid]

    def edge(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of edges to rows of a relation."""
        oid = entity.relation.oid
        if oid not in self._edges:
            cursor = KEYED_CURSOR if entity.key else EDGE_CURSOR
            fields: dict[str, GraphQLField] = {"cursor": cursor, "node": Field(self._type_of(entity))}
            self._edges[oid] = ObjectType(f"{entity.type_name}Edge", fields)
        return self._edges[oid]

    def _fields(self, entity: Entity) -> dict[str, GraphQLField]:
        fields: dict[str, GraphQLField] = {
            "nodes": Field(GraphQLList(self._type_of(entity))),
            "edges": Field(GraphQLList(self.edge(entity))),
            "pageInfo": PAGE,
            "totalCount": TOTAL,
        }
        if self._aggregates:
            fields["aggregate"] = Field(self._aggregate(entity))
        return fields

    def _aggregate(self, entity: Entity) -> GraphQLObjectType:
        fields = {"count": COUNT}
        for function in AGGREGATES:
            columns = {
                field: made
                for field, column in entity.fields.items()
                if (made := self.aggregated(function, column)) is not None
            }
            if columns:
                fields[function] = Field(ObjectType(f"{entity.type_name}{function.title()}", columns))
        return ObjectType(f"{entity.type_name}Aggregate", fields)

    def aggregated(self, function: str, column: Column) -> GraphQLField | None:
        """Return the field of an aggregate of a column; None: there is none."""
        key = (function, column.name, column.type.oid)
        if key not in self._aggregates_of:
            of = _aggregated(function, column.type)
            means = meaning(ColumnField(column.name, column.type))
            self._aggregates_of[key] = None if of is None else Field(of, extensions=means)
        return self._aggregates_of[key]

    def arguments(self, entity: Entity, but: Collection[str] = ()) -> dict[str, GraphQLArgument]:
        """Return the arguments of a connection; several fields share them."""
        oid = entity.relation.oid
        if oid not in self._arguments:
            self._arguments[oid] = self._all_arguments(entity)
        arguments = self._arguments[oid]
        if not but:
            return arguments
        left_out = {field for field, column in entity.fields.items() if column.name in but} - ARGUMENTS
        return {name: argument for name, argument in arguments.items() if name not in left_out}

    def _all_arguments(self, entity: Entity) -> dict[str, GraphQLArgument]:
        arguments: dict[str, GraphQLArgument] = {"first": NUMBER, "offset": NUMBER}
        if entity.key:
            arguments |= {"last": NUMBER, "before": PLACE, "after": PLACE}
        order = self.order(entity)
        if order is not None:
            arguments |= {"orderBy": Argument(order), "descending": DESCENDING}
        arguments["filter"] = Argument(self.filters.of(entity))
        for field, column in entity.fields.items():
            if field not in ARGUMENTS and not (column.type.is_json or column.type.is_array):
                arguments[field] = self.argument(column.type)
        return arguments

    def argument(self, of: Type) -> GraphQLArgument:
        """Return the argument for equality with a value of a type."""
        if of.oid not in self._equal:
            self._equal[of.oid] = Argument(self._scalar(of))
        return self._equal[of.oid]

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
