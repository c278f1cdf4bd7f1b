"""Makes the mutations: inserts, updates and deletes of relations, and volatile functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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

from ...surface import Column, Function, Type
from .connections import Connections
from .entities import Fields, Withheld
from .lazy import Argument, Field, InputField, InputType, Lazy, ObjectType
from .meanings import Entity, Write, meaning
from .names import pascal, read_comment
from .routines import Routines

CLIENT_ID = "clientMutationId"
CLIENT_INPUT = InputField(GraphQLString)
CLIENT_FIELD = Field(GraphQLString)
AT_MOST = Argument(GraphQLNonNull(GraphQLInt), default_value=1)
DELETED = Field(GraphQLID)
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
        #: What relations share, because their columns are alike.
        self._values: dict[tuple[int, bool], GraphQLInputField] = {}
        self._fields_of = self._named(taken)

    def type(self) -> GraphQLObjectType | None:
        """Return the type of mutations; None: the role may write nothing."""
        fields: Fields[GraphQLField] = Fields("Mutation", self._withheld)
        for entity in self._entities.values():
            has_key = {*entity.key} <= {column.name for column in entity.fields.values()}
            for verb in self.verbs(entity):
                source = f"the {verb} of {entity.relation.schema}.{entity.relation.name}"
                name = f"{verb}{entity.type_name}"
                if verb == "insert" or (entity.key and has_key):
                    fields.add(name, source, partial(self._single, entity, verb))
                if verb == "delete" or any(self._written(entity, verb)):
                    fields.add(f"{name}Nodes", source, partial(self._bulk, entity, verb))
        callable_ = {*self._fields_of.values()}
        for name, source, function in self._routines.mutations():
            if name in callable_:
                fields.add(name, source, partial(self._function, name, function))
        makers = fields.makers()
        return ObjectType("Mutation", Lazy(makers)) if makers else None

    @staticmethod
    def names_of(entity: Entity) -> list[str]:
        """Return the fields that the mutations of a relation may have."""
        return [f"{verb}{entity.type_name}{bulk}" for verb in ("insert", "update", "delete") for bulk in ("", "Nodes")]

    def field_of(self, type_name: str) -> str | None:
        """Return the field of a function whose input or payload has a name."""
        return self._fields_of.get(type_name)

    def _named(self, taken: set[str]) -> dict[str, str]:
        """Return the fields of functions, by the types that only they have."""
        found: dict[str, str] = {}
        for name, _, function in self._routines.mutations():
            type_name = _type_name(name, function)
            names = {f"{type_name}Input", f"{type_name}Payload"}
            if not names & taken:
                found.update(dict.fromkeys(names, name))
                taken |= names
        return found

    @staticmethod
    def verbs(entity: Entity) -> list[Verb]:
        """Return what may be done with the rows of a relation."""
        relation, columns = entity.relation, entity.relation.columns.values()
        allowed: list[tuple[Verb, bool]] = [
            ("insert", relation.can_insert and any(c.can_insert for c in columns)),
            ("update", relation.can_update and any(c.can_update for c in columns)),
            ("delete", relation.can_delete),
        ]
        return [verb for verb, is_allowed in allowed if is_allowed]

    def write(self, entity: Entity, verb: Verb, *, bulk: bool) -> Write:
        """Return what a mutation of a relation means."""
        columns = {
            new_field(field) if verb == "update" else field: column for field, column in self._written(entity, verb)
        }
        by_name = {column.name: (field, column) for field, column in entity.fields.items()}
        key = {} if bulk or verb == "insert" else dict(by_name[name] for name in entity.key if name in by_name)
        return Write(entity, verb, bulk, {} if verb == "delete" else columns, key)

    @staticmethod
    def _written(entity: Entity, verb: Verb) -> Iterator[tuple[str, Column]]:
        for field, column in entity.fields.items():
            if not column.generated and (column.can_insert if verb == "insert" else column.can_update):
                yield field, column

    def _inputs(self, write: Write) -> dict[str, GraphQLInputField]:
        return dict(self.inputs(write))

    def inputs(self, write: Write) -> Iterator[tuple[str, GraphQLInputField]]:
        """Yield the fields of the input of a mutation."""
        for field, column in write.columns.items():
            has_default = column.nullable or column.default is not None or column.identity
            yield field, self.value(column.type, needed=write.verb == "insert" and not has_default)
        for field, column in write.key.items():
            yield field, self.value(column.type, needed=True)

    def value(self, of: Type, *, needed: bool) -> GraphQLInputField:
        """Return the field of an input for a value of a type."""
        key = (of.oid, needed)
        if key not in self._values:
            scalar = self._scalar(of)
            self._values[key] = InputField(GraphQLNonNull(scalar) if needed else scalar)
        return self._values[key]

    def _single(self, entity: Entity, verb: Verb) -> GraphQLField:
        write, name = self.write(entity, verb, bulk=False), f"{verb.title()}{entity.type_name}"
        input_ = _input(f"{name}Input", self._inputs(write))
        fields = {entity.name: Field(self._type_of(entity)), **self._edge(entity)}
        if verb == "delete":
            fields[f"deleted{entity.type_name}Id"] = DELETED
        payload = _payload(f"{name}Payload", fields, entity)
        return Field(payload, {"input": _required(input_)}, extensions=meaning(write))

    def _edge(self, entity: Entity) -> dict[str, GraphQLField]:
        order = self._connections.order(entity)
        arguments = {"orderBy": Argument(order)} if order is not None else {}
        return {f"{entity.name}Edge": Field(self._connections.edge(entity), arguments)}

    def _bulk(self, entity: Entity, verb: Verb) -> GraphQLField:
        write, name = self.write(entity, verb, bulk=True), f"{verb.title()}{entity.type_name}Nodes"
        arguments: dict[str, GraphQLArgument] = {}
        if verb != "insert":
            arguments["filter"] = _required(self._connections.filters.of(entity))
            arguments["atMost"] = AT_MOST
        inputs = self._inputs(write)
        if verb == "insert":
            row = InputType(f"{name}Row", inputs)
            rows = GraphQLNonNull(GraphQLList(GraphQLNonNull(row)))
            arguments["input"] = _required(_input(f"{name}Input", {"nodes": InputField(rows)}))
        elif verb == "update":
            arguments["input"] = _required(_input(f"{name}Input", inputs))
        nodes = Field(GraphQLList(self._type_of(entity)))
        return Field(_payload(f"{name}Payload", {"nodes": nodes}, entity), arguments, extensions=meaning(write))

    def _function(self, name: str, function: Function) -> GraphQLField:
        type_name = _type_name(name, function)
        inputs = {field: InputField(of) for field, of in self._routines.arguments(function).items()}
        output = self._routines.output(function)
        fields = {"output": Field(output)} if output is not None else {}
        payload = ObjectType(f"{type_name}Payload", {CLIENT_ID: CLIENT_FIELD, **fields})
        comment = read_comment(function.comment)
        needed = any(isinstance(each.type, GraphQLNonNull) for each in inputs.values())
        input_ = _input(f"{type_name}Input", inputs)
        return Field(
            payload,
            {"input": _required(input_) if needed else Argument(input_)},
            description=comment.description,
            deprecation_reason=comment.deprecated,
            extensions=meaning(self._routines.called(function)),
        )


def new_field(field: str) -> str:
    """Return the field of an input that is the new value of a column."""
    return f"new{field[:1].upper()}{field[1:]}"


def _type_name(name: str, function: Function) -> str:
    return pascal(function.name) if read_comment(function.comment).name is None else pascal(name)


def _required(of: Any) -> GraphQLArgument:
    return Argument(GraphQLNonNull(of))


def _input(name: str, fields: Mapping[str, GraphQLInputField]) -> GraphQLInputObjectType:
    return InputType(name, {**fields, CLIENT_ID: CLIENT_INPUT})


def _payload(name: str, fields: Mapping[str, GraphQLField], entity: Entity) -> GraphQLObjectType:
    means = meaning(entity)
    return ObjectType(name, {**fields, CLIENT_ID: CLIENT_FIELD}, extensions=means)
