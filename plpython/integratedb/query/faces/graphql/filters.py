"""Makes the inputs of filters: the operators of each type, and conditions on related rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedInputType,
    GraphQLNonNull,
    GraphQLString,
)

from ...surface import Column, Surface, Type
from .entities import Fields, Withheld
from .enums import Enums
from .lazy import InputField, InputType
from .meanings import Condition, Entity, Related, meaning
from .scalars import JSON, scalar_of

_COMPARED: Final = ("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct")
_PATTERNS: Final = ("like", "ilike", "match", "imatch", "fts", "plfts", "phfts", "wfts")
_RANGES: Final = ("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
IS: Final = GraphQLEnumType(
    "Is",
    {"NULL": "null", "NOT_NULL": "not_null"},
    description="The only way to ask for null.",
)


class Filters:
    """The inputs of one schema."""

    def __init__(self, enums: Enums, withheld: Withheld, related: Callable[[Entity], Mapping[str, Related]]) -> None:
        self._enums = enums
        self._withheld = withheld
        self._related = related
        self._operators: dict[str, GraphQLInputObjectType] = {}
        self._conditions: dict[int, GraphQLInputObjectType] = {}
        self._to_many: dict[int, GraphQLInputObjectType] = {}
        #: What relations share, because their columns are alike.
        self._shared: dict[tuple[str, int], InputField] = {}
        self._columns: Iterator[Column] | None = None

    def of(self, entity: Entity) -> GraphQLInputObjectType:
        """Return the input that filters rows of a relation."""
        oid = entity.relation.oid
        if oid not in self._conditions:
            self._conditions[oid] = InputType(f"{entity.type_name}Filter", lambda: self._fields(entity))
        return self._conditions[oid]

    def named(self, name: str, surface: Surface) -> GraphQLInputObjectType | None:
        """Return the input with the operators of some type."""
        kind = name.removesuffix("Filter")
        if kind == name:
            return None
        if self._columns is None:
            self._columns = (column for relation in surface.relations.values() for column in relation.columns.values())
        # Of all columns, each is looked at once.
        while kind not in self._operators and (column := next(self._columns, None)) is not None:
            if column.can_select:
                self._operators_of(column.type)
        return self._operators.get(kind)

    def _fields(self, entity: Entity) -> dict[str, GraphQLInputField]:
        own, name = self.of(entity), f"{entity.type_name}Filter"
        fields: Fields[GraphQLInputField] = Fields(name, self._withheld)
        for word in ("and", "or"):
            fields.own(word, lambda: InputField(GraphQLList(GraphQLNonNull(own))))
        fields.own("not", lambda: InputField(own))
        for field, column in entity.fields.items():
            fields.add(field, f"the column {column.name}", partial(self.column, column))
        for field, related in self._related(entity).items():
            if not related.relationship.pairs:
                continue
            target = self.many(related.entity) if related.to_many else self.of(related.entity)
            made = InputField(target, extensions=meaning(Condition(related=related)))
            fields.add(field, f"the relationship {related.relationship.name}", lambda made=made: made)  # type: ignore[misc]  # mypy infers no lambda with a default
        return fields.made()

    def column(self, column: Column) -> GraphQLInputField:
        """Return the field that filters by a column."""
        key = (column.name, column.type.oid)
        if key not in self._shared:
            means = meaning(Condition(column.name))
            self._shared[key] = InputField(self._operators_of(column.type), extensions=means)
        return self._shared[key]

    def many(self, entity: Entity) -> GraphQLInputObjectType:
        """Return the input that filters by related rows of a relation."""
        oid = entity.relation.oid
        if oid not in self._to_many:
            one = InputField(self.of(entity))
            fields = dict.fromkeys(("some", "every", "none"), one)
            self._to_many[oid] = InputType(f"{entity.type_name}ToManyFilter", fields)
        return self._to_many[oid]

    def _operators_of(self, of: Type) -> GraphQLInputObjectType:
        enum = self._enums.of(of)
        scalar: GraphQLNamedInputType = enum or scalar_of(of)
        kind = "List" if of.is_array else "Range" if _is_range(of, scalar) else scalar.name
        if kind not in self._operators:
            fields = {word: InputField(scalar) for word in _words(of, scalar)}
            if scalar is not JSON and kind != "Range":
                fields["in"] = InputField(GraphQLList(GraphQLNonNull(scalar)))
            fields["is"] = InputField(IS)
            self._operators[kind] = InputType(f"{kind}Filter", fields)
        return self._operators[kind]


def _is_range(of: Type, scalar: GraphQLNamedInputType) -> bool:
    return of.kind == "range" and scalar is GraphQLString


def _words(of: Type, scalar: GraphQLNamedInputType) -> tuple[str, ...]:
    if _is_range(of, scalar):
        return (*_COMPARED, *_RANGES)
    if scalar is JSON:
        return ("eq", "neq", "cs", "cd", "ov") if of.is_array else ("eq", "neq", "cs", "cd")
    if scalar is GraphQLString:
        return (*_COMPARED, *_PATTERNS)
    return ("eq", "neq", "isdistinct") if scalar is GraphQLBoolean else _COMPARED
