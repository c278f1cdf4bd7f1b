"""Makes the mutations: inserts, updates and deletes of relations, and volatile functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from ...surface import Function, Type
from .connections import Connections
from .entities import Fields, Withheld
from .meanings import Entity, Write, meaning
from .names import pascal, read_comment
from .routines import Routines

CLIENT_ID = "clientMutationId"
Verb = Literal["insert", "update", "delete"]


class Mutations:
    """The mutations of one schema."""

    def __init__(
        self,
        entities: Mapping[int, Entity],
        withheld: Withheld,
        scalar: Callable[[Type], Any],
        type_of: Callable[[Entity], GraphQLObjectType],
        connections: Connections,
        routines: Routines,
        taken: set[str],
    ) -> None:
        self._entities = entities
        self._withheld = withheld
        self._scalar = scalar
        self._type_of = type_of
        self._connections = connections
        self._routines = routines
        self._taken = taken

    def type(self) -> GraphQLObjectType | None:
        """Return the type of mutations; None: the role may write nothing."""
        fields: Fields[GraphQLField] = Fields("Mutation", self._withheld)
        for entity in self._entities.values():
            for verb in self._verbs(entity):
                source = f"the {verb} of {entity.relation.schema}.{entity.relation.name}"
                name = f"{verb}{entity.type_name}"
                if verb == "insert" or entity.key:
                    fields.add(name, source, partial(self._single, entity, verb))
                fields.add(f"{name}Nodes", source, partial(self._bulk, entity, verb))
        for name, source, function in self._routines.mutations():
            fields.add(name, source, partial(self._function, name, function))
        made = fields.made()
        return GraphQLObjectType("Mutation", made) if made else None

    @staticmethod
    def _verbs(entity: Entity) -> list[Verb]:
        relation, columns = entity.relation, entity.relation.columns.values()
        allowed: list[tuple[Verb, bool]] = [
            ("insert", relation.can_insert and any(c.can_insert for c in columns)),
            ("update", relation.can_update and any(c.can_update for c in columns)),
            ("delete", relation.can_delete),
        ]
        return [verb for verb, is_allowed in allowed if is_allowed]

    def _write(self, entity: Entity, verb: Verb, *, bulk: bool) -> Write:
        prefix = "new" if verb == "update" else ""
        columns = {
            f"{prefix}{field[:1].upper()}{field[1:]}" if prefix else field: column
            for field, column in entity.fields.items()
            if not column.generated and (column.can_insert if verb == "insert" else column.can_update)
        }
        by_name = {column.name: (field, column) for field, column in entity.fields.items()}
        key = {} if bulk or verb == "insert" else dict(by_name[name] for name in entity.key if name in by_name)
        return Write(entity, verb, bulk, {} if verb == "delete" else columns, key)

    def _inputs(self, write: Write) -> dict[str, GraphQLInputField]:
        fields: dict[str, GraphQLInputField] = {}
        for field, column in write.columns.items():
            scalar = self._scalar(column.type)
            has_default = column.nullable or column.default is not None or column.identity
            needed = write.verb == "insert" and not has_default
            fields[field] = GraphQLInputField(GraphQLNonNull(scalar) if needed else scalar)
        for field, column in write.key.items():
            fields[field] = GraphQLInputField(GraphQLNonNull(self._scalar(column.type)))
        return fields

    def _single(self, entity: Entity, verb: Verb) -> GraphQLField | None:
        write, name = self._write(entity, verb, bulk=False), f"{verb.title()}{entity.type_name}"
        if verb != "insert" and len(write.key) < len(entity.key):
            return None
        input_ = _input(f"{name}Input", self._inputs(write))
        fields = {entity.name: GraphQLField(self._type_of(entity)), **self._edge(entity)}
        if verb == "delete":
            fields[f"deleted{entity.type_name}Id"] = GraphQLField(GraphQLID)
        payload = _payload(f"{name}Payload", fields, entity)
        return GraphQLField(payload, {"input": _required(input_)}, extensions=meaning(write))

    def _edge(self, entity: Entity) -> dict[str, GraphQLField]:
        order = self._connections.order(entity)
        arguments = {"orderBy": GraphQLArgument(order)} if order is not None else {}
        return {f"{entity.name}Edge": GraphQLField(self._connections.edge(entity), arguments)}

    def _bulk(self, entity: Entity, verb: Verb) -> GraphQLField | None:
        write, name = self._write(entity, verb, bulk=True), f"{verb.title()}{entity.type_name}Nodes"
        if verb != "delete" and not write.columns:
            return None
        arguments: dict[str, GraphQLArgument] = {}
        if verb != "insert":
            arguments["filter"] = _required(self._connections.filters.of(entity))
            arguments["atMost"] = GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=1)
        inputs = self._inputs(write)
        if verb == "insert":
            row = GraphQLInputObjectType(f"{name}Row", inputs)
            rows = GraphQLNonNull(GraphQLList(GraphQLNonNull(row)))
            arguments["input"] = _required(_input(f"{name}Input", {"nodes": GraphQLInputField(rows)}))
        elif verb == "update":
            arguments["input"] = _required(_input(f"{name}Input", inputs))
        nodes = GraphQLField(GraphQLList(self._type_of(entity)))
        return GraphQLField(_payload(f"{name}Payload", {"nodes": nodes}, entity), arguments, extensions=meaning(write))

    def _is_free(self, type_name: str) -> bool:
        """Whether the types of a function's mutation have names that nothing else has."""
        names = {f"{type_name}Input", f"{type_name}Payload"}
        is_free = not names & self._taken
        self._taken |= names
        return is_free

    def _function(self, name: str, function: Function) -> GraphQLField | None:
        type_name = pascal(function.name) if read_comment(function.comment).name is None else pascal(name)
        if not self._is_free(type_name):
            return None
        inputs = {field: GraphQLInputField(of) for field, of in self._routines.arguments(function).items()}
        output = self._routines.output(function)
        fields = {"output": GraphQLField(output)} if output is not None else {}
        payload = GraphQLObjectType(f"{type_name}Payload", {CLIENT_ID: GraphQLField(GraphQLString), **fields})
        comment = read_comment(function.comment)
        needed = any(isinstance(each.type, GraphQLNonNull) for each in inputs.values())
        input_ = _input(f"{type_name}Input", inputs)
        return GraphQLField(
            payload,
            {"input": _required(input_) if needed else GraphQLArgument(input_)},
            description=comment.description,
            deprecation_reason=comment.deprecated,
            extensions=meaning(self._routines.called(function)),
        )


def _required(of: Any) -> GraphQLArgument:
    return GraphQLArgument(GraphQLNonNull(of))


def _input(name: str, fields: Mapping[str, GraphQLInputField]) -> GraphQLInputObjectType:
    return GraphQLInputObjectType(name, {**fields, CLIENT_ID: GraphQLInputField(GraphQLString)})


def _payload(name: str, fields: Mapping[str, GraphQLField], entity: Entity) -> GraphQLObjectType:
    means = meaning(entity)
    return GraphQLObjectType(name, {**fields, CLIENT_ID: GraphQLField(GraphQLString)}, extensions=means)
