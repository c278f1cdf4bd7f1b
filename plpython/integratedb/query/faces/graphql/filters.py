"""Makes the inputs of filters: the operators of each type, and conditions on related rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from ...surface import Type
from .entities import Fields, Withheld
from .enums import Enums
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

    def of(self, entity: Entity) -> GraphQLInputObjectType:
        """Return the input that filters rows of a relation."""
        oid = entity.relation.oid
        if oid not in self._conditions:
            self._conditions[oid] = GraphQLInputObjectType(f"{entity.type_name}Filter", lambda: self._fields(entity))
        return self._conditions[oid]

    def _fields(self, entity: Entity) -> dict[str, GraphQLInputField]:
        own, name = self.of(entity), f"{entity.type_name}Filter"
        fields: Fields[GraphQLInputField] = Fields(name, self._withheld)
        for word in ("and", "or"):
            fields.own(word, lambda: GraphQLInputField(GraphQLList(GraphQLNonNull(own))))
        fields.own("not", lambda: GraphQLInputField(own))
        for field, column in entity.fields.items():
            made = GraphQLInputField(self._operators_of(column.type), extensions=meaning(Condition(column.name)))
            fields.add(field, f"the column {column.name}", lambda made=made: made)  # type: ignore[misc]
        for field, related in self._related(entity).items():
            if not related.relationship.pairs:
                continue
            target = self._many(related.entity) if related.to_many else self.of(related.entity)
            made = GraphQLInputField(target, extensions=meaning(Condition(related=related)))
            fields.add(field, f"the relationship {related.relationship.name}", lambda made=made: made)  # type: ignore[misc]
        return fields.made()

    def _many(self, entity: Entity) -> GraphQLInputObjectType:
        oid = entity.relation.oid
        if oid not in self._to_many:
            one = GraphQLInputField(self.of(entity))
            fields = dict.fromkeys(("some", "every", "none"), one)
            self._to_many[oid] = GraphQLInputObjectType(f"{entity.type_name}ToManyFilter", fields)
        return self._to_many[oid]

    def _operators_of(self, of: Type) -> GraphQLInputObjectType:
        enum = self._enums.of(of)
        scalar: GraphQLNamedInputType = enum or scalar_of(of)
        kind = "List" if of.is_array else "Range" if of.kind == "range" else scalar.name
        if kind not in self._operators:
            fields = {word: GraphQLInputField(scalar) for word in _words(of, scalar)}
            if scalar is not JSON and kind != "Range":
                fields["in"] = GraphQLInputField(GraphQLList(GraphQLNonNull(scalar)))
            fields["is"] = GraphQLInputField(IS)
            self._operators[kind] = GraphQLInputObjectType(f"{kind}Filter", fields)
        return self._operators[kind]


def _words(of: Type, scalar: GraphQLNamedInputType) -> tuple[str, ...]:
    if of.kind == "range":
        return (*_COMPARED, *_RANGES)
    if scalar is JSON:
        return ("eq", "neq", "cs", "cd", "ov") if of.is_array else ("eq", "neq", "cs", "cd")
    if scalar is GraphQLString:
        return (*_COMPARED, *_PATTERNS)
    return ("eq", "neq", "isdistinct") if scalar is GraphQLBoolean else _COMPARED
