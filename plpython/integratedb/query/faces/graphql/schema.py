"""Makes the schema of a surface: what its role may read, with the names of PostGraphQL 1.x."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLDeprecatedDirective,
    GraphQLField,
    GraphQLID,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLSkipDirective,
    GraphQLSpecifiedByDirective,
    GraphQLString,
)

from ...surface import Column, Relationship, Surface, Type
from .connections import Connections
from .entities import RESERVED, Fields, Withheld, entities_of, name_of, type_names
from .enums import Enums
from .filters import Filters
from .meanings import ById, ByKey, ColumnField, Connection, Entity, GlobalId, Node, Related, Viewer, meaning
from .mutations import Mutations
from .names import by, camel, read_comment
from .routines import Routines
from .scalars import scalar_of

_DIRECTIVES = (GraphQLIncludeDirective, GraphQLSkipDirective, GraphQLDeprecatedDirective, GraphQLSpecifiedByDirective)


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a surface, and why something that the surface has is not part of it."""

    surface: Surface
    graphql: GraphQLSchema
    withheld: Mapping[tuple[str, str], str]


def build_schema(surface: Surface, *, aggregates: bool = True) -> Schema:
    """Make the schema of a surface."""
    return _Builder(surface, aggregates).build()


class _Builder:
    def __init__(self, surface: Surface, aggregates: bool) -> None:
        self._surface = surface
        self._withheld = Withheld()
        self._entities = entities_of(surface, self._withheld)
        self._taken = {name for entity in self._entities.values() for name in type_names(entity.type_name)} | RESERVED
        self._enums = Enums(self._taken)
        self._filters = Filters(self._enums, self._withheld, self._related)
        self._connections = Connections(self._enums, self._filters, self.type_of, self.scalar, aggregates)
        self._types: dict[int, GraphQLObjectType] = {}
        self._node = GraphQLInterfaceType("Node", {"id": GraphQLField(GraphQLNonNull(GraphQLID))})
        self._viewer: GraphQLObjectType | None = None

    def build(self) -> Schema:
        """Make all of it."""
        routines = Routines(self._surface, self._entities, self.scalar, self.type_of, self._connections)
        roots = self._roots(routines)
        query = GraphQLObjectType("Query", lambda: {**roots(), **self._viewed(roots)})
        mutations = Mutations(
            self._entities, self._withheld, self.scalar, self.type_of, self._connections, routines, self._taken
        )
        schema = GraphQLSchema(
            query,
            mutations.type(),
            types=[self.type_of(entity) for entity in self._entities.values()],
            directives=_DIRECTIVES,
        )
        return Schema(self._surface, schema, self._withheld.reasons)

    def _roots(self, routines: Routines) -> Callable[[], dict[str, GraphQLField]]:
        made: dict[str, GraphQLField] = {}

        def roots() -> dict[str, GraphQLField]:
            if not made:
                fields: Fields[GraphQLField] = Fields("Query", self._withheld)
                for entity in self._entities.values():
                    self._root_fields(fields, entity)
                entities = {entity.name: entity for entity in self._entities.values() if entity.key}
                node = GraphQLField(self._node, {"id": _required(GraphQLID)}, extensions=meaning(Node(entities)))
                fields.own("node", lambda: node)
                fields.own("viewer", lambda: None)
                for name, source, make in routines.queries():
                    fields.add(name, source, make)
                made.update(fields.made())
            return made

        return roots

    def _viewed(self, roots: Callable[[], dict[str, GraphQLField]]) -> dict[str, GraphQLField]:
        viewer = GraphQLObjectType("Viewer", roots)
        described = "All fields of the query again."
        return {"viewer": GraphQLField(GraphQLNonNull(viewer), description=described, extensions=meaning(Viewer()))}

    def _root_fields(self, fields: Fields[GraphQLField], entity: Entity) -> None:
        source = f"{entity.relation.schema}.{entity.relation.name}"
        fields.add(
            f"{entity.name}Nodes", f"the rows of {source}", lambda: self._connections.field(entity, Connection(entity))
        )
        if entity.key:
            one = GraphQLField(self.type_of(entity), {"id": _required(GraphQLID)}, extensions=meaning(ById(entity)))
            fields.add(entity.name, f"the row of {source} with a global id", lambda: one)
        by_column = {column.name: (field, column) for field, column in entity.fields.items()}
        for key in dict.fromkeys((entity.relation.primary_key, *entity.relation.keys)):
            if not key or not all(name in by_column for name in key):
                continue
            columns = [by_column[name] for name in key]
            arguments = {field: GraphQLArgument(GraphQLNonNull(self.scalar(c.type))) for field, c in columns}
            called = by("row_id" if name_of(column) == "id" else name_of(column) for _, column in columns)
            means = ByKey(entity, {field: column.name for field, column in columns})
            make = partial(GraphQLField, self.type_of(entity), arguments, extensions=meaning(means))
            fields.add(camel(f"{entity.called}_by_{called}"), f"the unique key ({', '.join(key)}) of {source}", make)

    def scalar(self, of: Type) -> Any:
        """Return the scalar or the enum of a type."""
        return self._enums.of(of) or scalar_of(of)

    def type_of(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of a relation's rows."""
        oid = entity.relation.oid
        if oid not in self._types:
            self._types[oid] = GraphQLObjectType(
                entity.type_name,
                lambda: self._fields(entity),
                interfaces=[self._node] if entity.key else [],
                description=read_comment(entity.relation.comment).description,
                extensions=meaning(entity),
            )
        return self._types[oid]

    def _fields(self, entity: Entity) -> dict[str, GraphQLField]:
        fields: Fields[GraphQLField] = Fields(entity.type_name, self._withheld)
        if entity.key:
            id_ = GraphQLField(GraphQLNonNull(GraphQLID), extensions=meaning(GlobalId(entity)))
            fields.own("id", lambda: id_)
        for name, column in entity.fields.items():
            fields.add(name, f"the column {column.name}", partial(self._column, column))
        for function in entity.relation.computed.values():
            made = GraphQLField(
                self.scalar(function.returns),
                description=read_comment(function.comment).description,
                deprecation_reason=read_comment(function.comment).deprecated,
                extensions=meaning(self.valued(function.name, function.returns)),
            )
            name = camel(read_comment(function.comment).name or function.name)
            fields.add(name, f"the function {function.name}", lambda made=made: made)  # type: ignore[misc]
        for name, related in self._related(entity).items():
            fields.add(name, f"the relationship {related.relationship.name}", partial(self._relationship, related))
        # A type needs a field.
        return fields.made() or {"typeName": GraphQLField(GraphQLString, description="Its fields collide.")}

    def _column(self, column: Column) -> GraphQLField:
        comment, scalar = read_comment(column.comment), self.scalar(column.type)
        of: GraphQLOutputType = scalar if column.nullable else GraphQLNonNull(scalar)
        means = meaning(self.valued(column.name, column.type))
        return GraphQLField(
            of, description=comment.description, deprecation_reason=comment.deprecated, extensions=means
        )

    def valued(self, name: str, of: Type) -> ColumnField:
        """Return what a field with a value of a type means."""
        enum = self._enums.of(of)
        labels = None if enum is None else {value.value: name for name, value in enum.values.items()}
        return ColumnField(name, of, labels)

    def _relationship(self, related: Related) -> GraphQLField:
        if not related.to_many:
            return GraphQLField(self.type_of(related.entity), extensions=meaning(related))
        return self._connections.field(related.entity, related, but={other for _, other in related.relationship.pairs})

    def _related(self, entity: Entity) -> Mapping[str, Related]:
        fields: Fields[Related] = Fields(entity.type_name, self._withheld)
        for relationship in self._surface.relationships.get(entity.relation.oid, ()):
            target = self._entities.get(relationship.target)
            if target is None or relationship.junction is not None:
                continue
            related = Related(target, relationship, not relationship.to_one)
            name = self._name_of(entity, target, relationship)
            source = f"the relationship {relationship.name} with {target.relation.schema}.{target.relation.name}"
            fields.add(name, source, lambda related=related: related)  # type: ignore[misc]
        return fields.made()

    def _name_of(self, entity: Entity, target: Entity, relationship: Relationship) -> str:
        if relationship.kind == "computed":
            return camel(relationship.name)
        referencing = entity if relationship.references else target
        position = 0 if relationship.references else 1
        columns = [referencing.relation.columns[pair[position]] for pair in relationship.pairs]
        infix = "_by_" if relationship.to_one else "_nodes_by_"
        return camel(f"{target.called}{infix}{by(name_of(column) for column in columns)}")


def _required(of: Any) -> GraphQLArgument:
    return GraphQLArgument(GraphQLNonNull(of))
