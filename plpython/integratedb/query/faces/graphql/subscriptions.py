"""Makes the subscriptions: changes of the rows of relations that the stakeholder is notified of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from graphql import GraphQLBoolean, GraphQLField, GraphQLID, GraphQLList, GraphQLNonNull, GraphQLObjectType

from .connections import ARGUMENTS, Connections
from .entities import TOLD, Fields, Withheld
from .lazy import Field, Lazy, ObjectType
from .meanings import Changes, Entity, meaning

#: Types of columns of keys. The stream of the daemon has the same texts for their values as every session has.
KEY_TYPES: Final = frozenset(
    f"pg_catalog.{name}" for name in ("int2", "int4", "int8", "numeric", "text", "varchar", "name", "uuid")
)
_RESYNC = Field(
    GraphQLNonNull(GraphQLBoolean),
    description="True in the first message, and where changes may be missing before it: read what you need anew.",
)
_REMOVED = Field(
    GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLID))),
    description="The global ids of rows that are deleted, or that the subscription does not select any more.",
)
#: The arguments of a connection that a subscription has, beside those of columns.
_KEPT: Final = frozenset({"filter"})


def is_followed(entity: Entity) -> bool:
    """Whether changes of a relation can be told: the stakeholder is notified of it, and a key names its rows."""
    relation = entity.relation
    return bool(relation.notified and entity.key) and all(
        column.type.kind == "enum" or column.type.base.replace('"', "") in KEY_TYPES
        for column in (relation.columns[name] for name in entity.key)
    )


class Subscriptions:
    """The subscriptions of one schema."""

    def __init__(
        self,
        entities: Mapping[int, Entity],
        withheld: Withheld,
        type_of: Callable[[Entity], GraphQLObjectType],
        connections: Connections,
    ) -> None:
        self._entities = entities
        self._withheld = withheld
        self._type_of = type_of
        self._connections = connections
        self._payloads: dict[int, GraphQLObjectType] = {}

    def type(self) -> GraphQLObjectType | None:
        """Return the type of subscriptions; None: the stakeholder is notified of nothing."""
        fields: Fields[GraphQLField] = Fields("Subscription", self._withheld)
        for entity in filter(is_followed, self._entities.values()):
            source = f"the changes of {entity.relation.schema}.{entity.relation.name}"
            fields.add(f"{entity.name}Nodes", source, partial(self._field, entity))
        makers = fields.makers()
        return ObjectType("Subscription", Lazy(makers)) if makers else None

    def payload(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of what a subscription tells of a relation."""
        oid = entity.relation.oid
        if oid not in self._payloads:
            nodes = Field(
                GraphQLNonNull(GraphQLList(GraphQLNonNull(self._type_of(entity)))),
                description="The rows that were inserted or changed, as they are now, in the order of their changes.",
            )
            fields = {"resync": _RESYNC, "nodes": nodes, "removedIds": _REMOVED}
            self._payloads[oid] = ObjectType(TOLD.format(entity.type_name), fields)
        return self._payloads[oid]

    def _field(self, entity: Entity) -> GraphQLField:
        arguments = self._connections.arguments(entity)
        kept = {name: argument for name, argument in arguments.items() if name in _KEPT or name not in ARGUMENTS}
        events = ", ".join(sorted(entity.relation.notified))
        return Field(
            GraphQLNonNull(self.payload(entity)),
            kept,
            description=f"Changes of rows: {events}.",
            extensions=meaning(Changes(entity)),
        )
