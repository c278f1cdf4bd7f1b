"""Makes the enums of the schema: those of Postgres, and the orders of relations."""

from __future__ import annotations

from graphql import GraphQLEnumType, GraphQLEnumValue

from ...surface import Type
from .entities import RESERVED
from .meanings import Entity
from .names import is_name, pascal, upper_snake

_UNORDERED = frozenset({"C", "G"})  # composites and geometric types
_XML = 142


class Enums:
    """The enums of one schema. ``taken``: the names that types of relations have."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._made: dict[int, GraphQLEnumType | None] = {}

    def of(self, of: Type) -> GraphQLEnumType | None:
        """Return the enum of a type; None: it is none, or its labels or name would be ambiguous."""
        if of.kind != "enum" or of.is_domain or of.is_array:
            return None
        if of.oid not in self._made:
            self._made[of.oid] = self._make(of)
        return self._made[of.oid]

    def _make(self, of: Type) -> GraphQLEnumType | None:
        name = pascal(of.name.rpartition(".")[2].strip('"'))
        values = {upper_snake(label): label for label in of.labels}
        fits = len(values) == len(of.labels) > 0 and all(map(is_name, values))
        reserved = {"TRUE", "FALSE", "NULL"} & {value.upper() for value in values}
        if not fits or reserved or not is_name(name) or name in self._taken or name in RESERVED:
            return None
        self._taken |= {name, f"{name}Filter"}
        return GraphQLEnumType(name, {value: GraphQLEnumValue(label) for value, label in values.items()})


def ordering_of(entity: Entity) -> GraphQLEnumType | None:
    """Return the orders of a relation; None: no column has an order."""
    values: dict[str, list[str]] = {}
    for field, column in entity.fields.items():
        of = column.type
        if not (of.is_json or of.kind in ("composite", "pseudo") or of.category in _UNORDERED or of.oid == _XML):
            values.setdefault(upper_snake(field), []).append(column.name)
    # Of two columns that would have one name, neither gives an order.
    unique = {
        value: GraphQLEnumValue(names[0]) for value, names in values.items() if len(names) == 1 and is_name(value)
    }
    return GraphQLEnumType(f"{entity.type_name}Ordering", unique) if unique else None
