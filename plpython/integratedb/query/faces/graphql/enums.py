"""Makes the enums of the schema: those of Postgres, and the orders of relations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from graphql import GraphQLEnumType, GraphQLEnumValue

from ...surface import Column, Surface, Type
from .entities import RESERVED
from .lazy import EnumType
from .meanings import Entity
from .names import is_name, pascal, upper_snake

_UNORDERED = frozenset({"C", "G"})  # composites and geometric types
_XML = 142


class Enums:
    """The enums of one schema. ``taken``: the names that types of relations have."""

    def __init__(self, taken: set[str], surface: Surface) -> None:
        self._by_oid: dict[int, tuple[str, dict[str, str]]] = {}
        self._made: dict[str, GraphQLEnumType] = {}
        for of in {of.oid: of for of in _types(surface) if _is_enum(of)}.values():
            named = _named(of)
            if named is not None and named[0] not in taken:
                self._by_oid[of.oid] = named
                taken |= {named[0], f"{named[0]}Filter"}

    def of(self, of: Type) -> GraphQLEnumType | None:
        """Return the enum of a type; None: it is none, or its labels or name would be ambiguous."""
        named = self._by_oid.get(of.oid) if _is_enum(of) else None
        return None if named is None else self._enum(*named)

    def named(self, name: str) -> GraphQLEnumType | None:
        """Return the enum with a name."""
        found = next((named for named in self._by_oid.values() if named[0] == name), None)
        return None if found is None else self._enum(*found)

    def _enum(self, name: str, values: dict[str, str]) -> GraphQLEnumType:
        if name not in self._made:
            made = {value: GraphQLEnumValue(label) for value, label in values.items()}
            self._made[name] = EnumType(name, made)
        return self._made[name]


def _is_enum(of: Type) -> bool:
    return of.kind == "enum" and not of.is_domain and not of.is_array


def _types(surface: Surface) -> Iterator[Type]:
    for relation in surface.relations.values():
        for column in relation.columns.values():
            yield column.type
        for function in relation.computed.values():
            yield function.returns
    for functions in surface.functions.values():
        for function in functions:
            yield function.returns
            for argument in function.arguments:
                yield argument.type


def _named(of: Type) -> tuple[str, dict[str, str]] | None:
    """Return the name and the values of an enum; None: they would be ambiguous, or no names."""
    name = pascal(of.name.rpartition(".")[2].strip('"'))
    values = {upper_snake(label): label for label in of.labels}
    fits = len(values) == len(of.labels) > 0 and all(map(is_name, values))
    reserved = {"TRUE", "FALSE", "NULL"} & {value.upper() for value in values}
    return (name, values) if fits and not reserved and is_name(name) and name not in RESERVED else None


@lru_cache(20_000)
def _value(of: str) -> GraphQLEnumValue:
    return GraphQLEnumValue(of)


def order_of(field: str, column: Column) -> str | None:
    """Return the value of an order for a column; None: the column has no order."""
    of, value = column.type, upper_snake(field)
    is_unordered = of.is_json or of.kind in ("composite", "pseudo") or of.category in _UNORDERED or of.oid == _XML
    return None if is_unordered or not is_name(value) else value


def ordering_of(entity: Entity) -> GraphQLEnumType | None:
    """Return the orders of a relation; None: no column has an order."""
    values: dict[str, list[str]] = {}
    for field, column in entity.fields.items():
        value = order_of(field, column)
        if value is not None:
            values.setdefault(value, []).append(column.name)
    # Of two columns that would have one name, neither gives an order.
    unique = {value: _value(names[0]) for value, names in values.items() if len(names) == 1}
    return EnumType(f"{entity.type_name}Ordering", unique) if unique else None
