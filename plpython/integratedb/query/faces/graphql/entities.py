"""Names the relations of a surface and their columns; what would have the name of something else is withheld."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ...surface import Column, Relation, Surface
from .meanings import Entity
from .names import camel, field_of_column, is_name, pascal, read_comment
from .scalars import SCALARS

Made = TypeVar("Made")

#: What the types of a relation are called, after its own name.
SUFFIXES: Final = (
    "",
    "Connection",
    "Edge",
    "Ordering",
    "Filter",
    "ToManyFilter",
    "Aggregate",
    "Sum",
    "Avg",
    "Min",
    "Max",
)
#: What a subscription tells of a relation.
TOLD: Final = "{}SubscriptionPayload"
_PAYLOADS: Final = [
    f"{verb}{{}}{bulk}{kind}"
    for verb in ("Insert", "Update", "Delete")
    for bulk in ("", "Nodes")
    for kind in ("Input", "Payload", "Row")
] + [TOLD]
RESERVED: Final = frozenset(
    {
        *(scalar.name for scalar in SCALARS),
        *(f"{name}Filter" for name in ("List", "Range", "String", "Int", "Float", "Boolean")),
        *(f"{scalar.name}Filter" for scalar in SCALARS),
        "Query", "Mutation", "Subscription", "Node", "Viewer", "PageInfo", "Is",
        "String", "Int", "Float", "Boolean", "ID",
    }
)  # fmt: skip


@dataclass(slots=True)
class Withheld:
    """What is not in the schema, by type and field, and why."""

    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, type_name: str, name: str, sources: Iterable[str]) -> None:
        """Note a name that several things would have."""
        listed = " and ".join(sorted(set(sources)))
        self.reasons[type_name, name] = (
            f"it would mean {listed}, so it means nothing. A line '@name other_name' in the comment of one renames it."
        )


class Fields(Generic[Made]):
    """Collects the fields of a type; a name that two things would have, neither gets."""

    def __init__(self, type_name: str, withheld: Withheld) -> None:
        self._type_name = type_name
        self._withheld = withheld
        self._found: dict[str, list[tuple[str, Callable[[], Made]]]] = {}
        self._own: set[str] = set()

    def own(self, name: str, make: Callable[[], Made]) -> None:
        """Add a field that the schema itself needs: nothing else can have its name."""
        self._own.add(name)
        self._found[name] = [(f"{name} of this schema", make)]

    def add(self, name: str, source: str, make: Callable[[], Made]) -> None:
        """Add a field; ``source`` is what it comes from, for whoever misses it."""
        if is_name(name):
            self._found.setdefault(name, []).append((source, make))
        else:
            self._withheld.reasons[self._type_name, name] = f"the name of {source} is no name in GraphQL."

    def makers(self) -> dict[str, Callable[[], Made]]:
        """Return what makes the fields that have their names alone."""
        makers: dict[str, Callable[[], Made]] = {}
        for name, found in self._found.items():
            if len(found) > 1:
                self._withheld.add(self._type_name, name, (source for source, _ in found))
            if len(found) == 1 or name in self._own:
                makers[name] = found[0][1]
        return makers

    def made(self) -> dict[str, Made]:
        """Return the fields."""
        return {name: make() for name, make in self.makers().items()}


def type_names(name: str) -> list[str]:
    """Return the names of all types that a relation may have."""
    return [f"{name}{suffix}" for suffix in SUFFIXES] + [each.format(name) for each in _PAYLOADS]


def entities_of(surface: Surface, withheld: Withheld) -> dict[int, Entity]:
    """Return the relations that the schema has, by oid."""
    seen: set[str] = set()
    twice: set[str] = set()
    named: list[tuple[Relation, str, str, list[str]]] = []
    for relation in surface.relations.values():
        if not relation.can_select:
            continue
        called = read_comment(relation.comment).name or relation.name
        type_name, source = pascal(called), f"{relation.schema}.{relation.name}"
        if not is_name(camel(called)) or not is_name(type_name):
            withheld.reasons["Query", f"{camel(called)}Nodes"] = f"the name of {source} is no name in GraphQL."
            continue
        names = type_names(type_name)
        twice |= seen.intersection(names)
        seen.update(names)
        named.append((relation, called, source, names))
    sources: dict[str, set[str]] = {}
    for _, _, source, names in named:
        for name in twice.intersection(names):
            sources.setdefault(name, set()).add(source)
    found: dict[int, Entity] = {}
    for relation, called, source, names in named:
        clashing = set() if twice.isdisjoint(names) else set().union(*(sources.get(name, ()) for name in names))
        reserved = next((name for name in names if name in RESERVED), None)
        if clashing or reserved is not None:
            clashing |= {source} | ({f"the type {reserved} of this schema"} if reserved else set())
            withheld.add("Query", f"{camel(called)}Nodes", clashing)
            continue
        entity = _entity(relation, called, withheld)
        if entity.fields:
            found[relation.oid] = entity
        else:
            withheld.reasons["Query", f"{entity.name}Nodes"] = f"no column of {source} has a name in GraphQL."
    return found


def _entity(relation: Relation, called: str, withheld: Withheld) -> Entity:
    type_name = pascal(called)
    return Entity(relation, camel(called), type_name, called, _key(relation), _columns(relation, type_name, withheld))


def _columns(relation: Relation, type_name: str, withheld: Withheld) -> Mapping[str, Column]:
    fields: Fields[Column] = Fields(type_name, withheld)
    for column in relation.columns.values():
        if column.can_select:
            fields.add(field_of(column), f"the column {column.name}", lambda column=column: column)  # type: ignore[misc]  # mypy infers no lambda with a default
    return fields.made()


def field_of(column: Column) -> str:
    """Return the field of a column."""
    renamed = read_comment(column.comment).name
    return camel(renamed) if renamed is not None else field_of_column(column.name)


def name_of(column: Column) -> str:
    """Return the name of a column in names of other fields."""
    return read_comment(column.comment).name or column.name


def _key(relation: Relation) -> tuple[str, ...]:
    """Return the primary key, or another unique key without nulls, if the role may read it."""
    for key in (relation.primary_key, *relation.keys):
        columns = [relation.columns.get(name) for name in key]
        if key and all(
            c is not None and c.can_select and not (c.nullable and key != relation.primary_key) for c in columns
        ):
            return key
    return ()
