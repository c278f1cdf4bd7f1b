"""Contains what the fields of the schema mean; each field of it carries its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ...surface import Column, Function, Relation, Relationship, Type

#: The key of a meaning in the extensions of a field, an argument or a type.
MEANING: Final = "integratedb"


@dataclass(frozen=True, slots=True)
class Entity:
    """A relation with its names."""

    relation: Relation
    name: str  #: blogPost
    type_name: str  #: BlogPost
    called: str  #: in the names of other fields: blog_post
    #: The columns that make an order total; without them there are no cursors.
    key: tuple[str, ...]
    #: The columns that the role may read, by field.
    fields: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class ColumnField:
    """The value of a column or of a computed field."""

    name: str
    type: Type
    #: The values of an enum by its labels.
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class GlobalId:
    """The global id of a row."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Related:
    """The one row, or the connection, that a relationship leads to."""

    entity: Entity
    relationship: Relationship
    to_many: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """All rows of a relation."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of the rows of a relation."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class ByKey:
    """The row with these values in a unique key: arguments with their columns."""

    entity: Entity
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ById:
    """The row with a global id."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Node:
    """The row of any relation with a global id."""

    entities: Mapping[str, Entity]


@dataclass(frozen=True, slots=True)
class Viewer:
    """All fields of the query again."""


@dataclass(frozen=True, slots=True)
class Write:
    """A mutation of a relation; ``bulk``: of the rows that satisfy a condition."""

    entity: Entity
    verb: Literal["insert", "update", "delete"]
    bulk: bool
    #: The columns that are written, by field of the input; and those that choose the row.
    columns: Mapping[str, Column]
    key: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a function; ``entity``: what its rows are, or ``has_columns``: they have columns of their own."""

    function: Function
    arguments: Mapping[str, str]
    entity: Entity | None
    labels: Mapping[str, str] | None = None
    has_columns: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What an input field filters by: a column, or a relationship."""

    column: str | None = None
    related: Related | None = None


Meaning: TypeAlias = (
    ColumnField | GlobalId | Related | Connection | Changes | ByKey | ById | Node | Viewer | Write | Called | Condition
)


def meaning_of(of: Any) -> Any:
    """Return what a field, an input field or a type means; None: it has a fixed meaning by its name."""
    return of.extensions.get(MEANING)


def meaning(of: Meaning | Entity) -> dict[str, Any]:
    """Return the extensions that carry a meaning."""
    return {MEANING: of}
