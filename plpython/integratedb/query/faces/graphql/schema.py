"""Makes the schema of a surface, part by part: what its role may read, with the names of PostGraphQL 1.x."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    GraphQLDeprecatedDirective,
    GraphQLField,
    GraphQLID,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSkipDirective,
    GraphQLSpecifiedByDirective,
    GraphQLString,
)

from ...surface import Column, Function, Relationship, Surface, Type
from .connections import PAGE_INFO, Connections
from .entities import RESERVED, Fields, Withheld, entities_of, name_of, type_names
from .enums import Enums
from .filters import IS, Filters
from .lazy import Argument, Field, Lazy, LazySchema, ObjectType, reached
from .meanings import ById, ByKey, ColumnField, Connection, Entity, GlobalId, Node, Related, Viewer, meaning
from .mutations import Mutations
from .names import by, camel, read_comment
from .routines import Routines
from .scalars import SCALARS, scalar_of
from .subscriptions import Subscriptions, is_followed

_DIRECTIVES = (GraphQLIncludeDirective, GraphQLSkipDirective, GraphQLDeprecatedDirective, GraphQLSpecifiedByDirective)

_ID = GraphQLNonNull(GraphQLID)
BY_ID = Argument(_ID)
ID_FIELD = Field(_ID)


@dataclass(frozen=True, slots=True)
class Makers:
    """What makes the parts of a schema, for whoever writes them without their types."""

    entities: Mapping[int, Entity]
    connections: Connections
    filters: Filters
    mutations: Mutations
    type_of: Callable[[Entity], GraphQLObjectType]
    scalar: Callable[[Type], Any]
    column: Callable[[Column], GraphQLField]
    computed: Callable[[Function], GraphQLField]
    related: Callable[[Entity], Mapping[str, Related]]
    keys: Callable[[Entity], Iterator[tuple[str, list[tuple[str, Column]]]]]


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a surface, and why something that the surface has is not part of it."""

    surface: Surface
    graphql: LazySchema
    aggregates: bool
    subscriptions: bool
    makers: Makers

    def whole(self) -> LazySchema:
        """Return the same schema, to look at all of it: what is made for that is not kept."""
        return build_schema(self.surface, aggregates=self.aggregates, subscriptions=self.subscriptions).graphql

    withheld: Mapping[tuple[str, str], str]


def build_schema(surface: Surface, *, aggregates: bool = True, subscriptions: bool = False) -> Schema:
    """Make the schema of a surface; ``subscriptions``: whether somebody tells of changes."""
    return _Builder(surface, aggregates, subscriptions).build()


class _Builder:
    def __init__(self, surface: Surface, aggregates: bool, subscriptions: bool) -> None:
        self._surface = surface
        self._has_aggregates = aggregates
        self._has_subscriptions = subscriptions
        self._withheld = Withheld()
        self._entities = entities_of(surface, self._withheld)
        #: The relations by the names of their types.
        self._owners = {name: entity for entity in self._entities.values() for name in type_names(entity.type_name)}
        taken = {*self._owners, *RESERVED}
        self._enums = Enums(taken, surface)
        self._filters = Filters(self._enums, self._withheld, self._related)
        self._connections = Connections(self._enums, self._filters, self.type_of, self.scalar, aggregates)
        self._types: dict[int, GraphQLObjectType] = {}
        #: What relations share, because their columns are alike.
        self._columns: dict[tuple[Any, ...], GraphQLField] = {}
        self._node = GraphQLInterfaceType("Node", {"id": Field(_ID)})
        self._routines = Routines(
            surface,
            self._entities,
            self.scalar,
            self.type_of,
            self._connections,
            self._column,
            self._withheld,
            taken,
        )
        self._mutations = Mutations(
            self._entities, self._withheld, self.scalar, self.type_of, self._connections, self._routines, taken
        )
        self._subscriptions = Subscriptions(self._entities, self._withheld, self.type_of, self._connections)

    def build(self) -> Schema:
        """Make what the rest is found by."""
        roots = self._roots()
        self._viewer = ObjectType("Viewer", roots)
        described = "All fields of the query again."
        viewed = Field(GraphQLNonNull(self._viewer), description=described, extensions=meaning(Viewer()))
        fields = {name: partial(roots.__getitem__, name) for name in roots}
        self._query = ObjectType("Query", Lazy({**fields, "viewer": lambda: viewed}))
        self._mutation = self._mutations.type()
        self._subscription = self._subscriptions.type() if self._has_subscriptions else None
        schema = LazySchema(
            self._query, self._mutation, _DIRECTIVES, self._find, self._nodes, self._rows, self._subscription
        )
        makers = Makers(
            self._entities,
            self._connections,
            self._filters,
            self._mutations,
            self.type_of,
            self.scalar,
            self._column,
            self._computed,
            self._related,
            self._keys,
        )
        reasons = self._withheld.reasons
        return Schema(self._surface, schema, self._has_aggregates, self._has_subscriptions, makers, reasons)

    def _rows(self) -> Iterator[GraphQLObjectType]:
        return map(self.type_of, self._entities.values())

    def _nodes(self) -> Iterator[GraphQLObjectType]:
        return (self.type_of(entity) for entity in self._entities.values() if entity.key)

    def _find(self, name: str) -> GraphQLNamedType | None:
        """Return the type with a name; few others are made for that."""
        entity = self._owners.get(name)
        if entity is not None:
            mutations = self._mutation.fields if self._mutation is not None else {}
            fields = [mutations[name] for name in self._mutations.names_of(entity) if name in mutations]
            used = [of for field in fields for of in (field.type, *(each.type for each in field.args.values()))]
            own = (self._connections.type(entity), self._filters.of(entity), self._filters.many(entity))
            if self._has_subscriptions and is_followed(entity):
                used.append(self._subscriptions.payload(entity))
            of_entity = {*type_names(entity.type_name)}
            return reached([*own, self._connections.order(entity), *used], of_entity.__contains__).get(name)
        fixed = (self._query, self._mutation, self._subscription, self._viewer, self._node, PAGE_INFO, IS, *SCALARS)
        found = next((of for of in fixed if of is not None and of.name == name), None)
        return found or self._enums.named(name) or self._filters.named(name, self._surface) or self._of_function(name)

    def _of_function(self, name: str) -> GraphQLNamedType | None:
        row = self._routines.named(name)
        if row is not None:
            return row
        field = self._mutations.field_of(name)
        if self._mutation is None or field is None:
            return None
        found = self._mutation.fields[field]
        return reached([found.type, *(each.type for each in found.args.values())], {name}.__contains__).get(name)

    def _roots(self) -> Lazy[GraphQLField]:
        fields: Fields[GraphQLField] = Fields("Query", self._withheld)
        for entity in self._entities.values():
            self._root_fields(fields, entity)
        entities = {entity.name: entity for entity in self._entities.values() if entity.key}
        node = Field(self._node, {"id": BY_ID}, extensions=meaning(Node(entities)))
        fields.own("node", lambda: node)
        fields.own("viewer", lambda: node)
        for name, source, make in self._routines.queries():
            fields.add(name, source, make)
        makers = fields.makers()
        del makers["viewer"]
        return Lazy(makers)

    def _root_fields(self, fields: Fields[GraphQLField], entity: Entity) -> None:
        source = f"{entity.relation.schema}.{entity.relation.name}"
        fields.add(
            f"{entity.name}Nodes", f"the rows of {source}", lambda: self._connections.field(entity, Connection(entity))
        )
        if entity.key:
            fields.add(entity.name, f"the row of {source} with a global id", partial(self._by_id, entity))
        for name, columns in self._keys(entity):
            listed = ", ".join(column.name for _, column in columns)
            fields.add(name, f"the unique key ({listed}) of {source}", partial(self._by_key, entity, columns))

    @staticmethod
    def _keys(entity: Entity) -> Iterator[tuple[str, list[tuple[str, Column]]]]:
        """Yield the fields of the query that find a row by a unique key, with the columns of the key."""
        by_column = {column.name: (field, column) for field, column in entity.fields.items()}
        for key in dict.fromkeys((entity.relation.primary_key, *entity.relation.keys)):
            if key and all(name in by_column for name in key):
                columns = [by_column[name] for name in key]
                called = by("row_id" if name_of(column) == "id" else name_of(column) for _, column in columns)
                yield camel(f"{entity.called}_by_{called}"), columns

    def _by_id(self, entity: Entity) -> GraphQLField:
        return Field(self.type_of(entity), {"id": BY_ID}, extensions=meaning(ById(entity)))

    def _by_key(self, entity: Entity, columns: list[tuple[str, Column]]) -> GraphQLField:
        arguments = {field: _required(self.scalar(column.type)) for field, column in columns}
        means = ByKey(entity, {field: column.name for field, column in columns})
        return Field(self.type_of(entity), arguments, extensions=meaning(means))

    def scalar(self, of: Type) -> Any:
        """Return the scalar or the enum of a type."""
        return self._enums.of(of) or scalar_of(of)

    def type_of(self, entity: Entity) -> GraphQLObjectType:
        """Return the type of a relation's rows."""
        oid = entity.relation.oid
        if oid not in self._types:
            self._types[oid] = ObjectType(
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
            id_ = Field(ID_FIELD.type, extensions=meaning(GlobalId(entity)))
            fields.own("id", lambda: id_)
        for name, column in entity.fields.items():
            fields.add(name, f"the column {column.name}", partial(self._column, column))
        for function in entity.relation.computed.values():
            fields.add(field_of_function(function), f"the function {function.name}", partial(self._computed, function))
        for name, related in self._related(entity).items():
            fields.add(name, f"the relationship {related.relationship.name}", partial(self._relationship, related))
        # A type needs a field.
        return fields.made() or {"typeName": Field(GraphQLString, description="Its fields collide.")}

    def _computed(self, function: Function) -> GraphQLField:
        comment = read_comment(function.comment)
        means = meaning(self.valued(function.name, function.returns))
        return Field(
            self.scalar(function.returns),
            description=comment.description,
            deprecation_reason=comment.deprecated,
            extensions=means,
        )

    def _column(self, column: Column) -> GraphQLField:
        key = (column.name, column.type.oid, column.nullable, column.comment)
        made = self._columns.get(key)
        if made is None:
            made = self._columns[key] = self._column_field(column)
        return made

    def _column_field(self, column: Column) -> GraphQLField:
        comment, scalar = read_comment(column.comment), self.scalar(column.type)
        of: GraphQLOutputType = scalar if column.nullable else GraphQLNonNull(scalar)
        means = meaning(self.valued(column.name, column.type))
        return Field(of, description=comment.description, deprecation_reason=comment.deprecated, extensions=means)

    def valued(self, name: str, of: Type) -> ColumnField:
        """Return what a field with a value of a type means."""
        enum = self._enums.of(of)
        labels = None if enum is None else {value.value: name for name, value in enum.values.items()}
        return ColumnField(name, of, labels)

    def _relationship(self, related: Related) -> GraphQLField:
        if not related.to_many:
            return Field(self.type_of(related.entity), extensions=meaning(related))
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
            fields.add(name, source, lambda related=related: related)  # type: ignore[misc]  # mypy infers no lambda with a default
        return fields.made()

    def _name_of(self, entity: Entity, target: Entity, relationship: Relationship) -> str:
        if relationship.kind == "computed":
            return camel(relationship.name)
        referencing = entity if relationship.references else target
        position = 0 if relationship.references else 1
        columns = [referencing.relation.columns[pair[position]] for pair in relationship.pairs]
        infix = "_by_" if relationship.to_one else "_nodes_by_"
        return camel(f"{target.called}{infix}{by(name_of(column) for column in columns)}")


def field_of_function(function: Function) -> str:
    """Return the field of a computed column."""
    return camel(read_comment(function.comment).name or function.name)


def _required(of: Any) -> Argument:
    return Argument(GraphQLNonNull(of))
