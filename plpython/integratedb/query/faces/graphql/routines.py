"""Makes the fields of functions: volatile ones are mutations, others fields of the query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from graphql import GraphQLArgument, GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType

from ...surface import Column, Function, Surface, Type
from .connections import ARGUMENTS, Connections
from .entities import Fields, Withheld, field_of
from .lazy import Argument, Field, ObjectType
from .meanings import Called, Entity, meaning
from .names import camel, is_name, pascal, read_comment

Named = tuple[str, str, Callable[[], GraphQLField]]


class Routines:
    """The functions of one schema that GraphQL can call: with named arguments, and rows or values as their result."""

    def __init__(
        self,
        surface: Surface,
        entities: Mapping[int, Entity],
        scalar: Callable[[Type], Any],
        type_of: Callable[[Entity], GraphQLObjectType],
        connections: Connections,
        column: Callable[[Column], GraphQLField],
        withheld: Withheld,
        taken: set[str],
    ) -> None:
        """``column`` makes the field of a column; ``taken`` are the names of other types."""
        self._column = column
        self._withheld = withheld
        self._surface = surface
        self._entities = entities
        self._scalar = scalar
        self._type_of = type_of
        self._connections = connections
        #: The types of rows that are no rows of a relation, by oid and by name.
        self._rows: dict[int, ObjectType] = {}
        self._functions: dict[str, Function] = {}
        for overloads in surface.functions.values():
            for function in overloads:
                name = f"{pascal(read_comment(function.comment).name or function.name)}Row"
                if function.columns and function.relation is None and is_name(name) and name not in taken:
                    self._functions[name] = function
        taken |= {*self._functions}

    def named(self, name: str) -> ObjectType | None:
        """Return the type of a function's rows."""
        function = self._functions.get(name)
        return None if function is None else self._row(name, function)

    def _row(self, name: str, function: Function) -> ObjectType:
        if function.oid not in self._rows:
            fields: Fields[GraphQLField] = Fields(name, self._withheld)
            for column in function.columns.values():
                fields.add(field_of(column), f"the column {column.name}", partial(self._column, column))
            self._rows[function.oid] = ObjectType(name, fields.made())
        return self._rows[function.oid]

    def _row_of(self, function: Function) -> ObjectType | None:
        name = f"{pascal(read_comment(function.comment).name or function.name)}Row"
        return self._row(name, function) if self._functions.get(name) is function else None

    def queries(self) -> Iterator[Named]:
        """Yield the names, sources and makers of fields of the query."""
        for name, source, function in self._named(volatile=False):
            if not function.is_void:
                yield name, source, partial(self._query, function)

    def mutations(self) -> Iterator[tuple[str, str, Function]]:
        """Yield the names and sources of volatile functions, with the functions."""
        yield from self._named(volatile=True)

    def _named(self, *, volatile: bool) -> Iterator[tuple[str, str, Function]]:
        for overloads in self._surface.functions.values():
            for function in overloads:
                if (function.volatility == "volatile") == volatile and self._is_shown(function):
                    name = camel(read_comment(function.comment).name or function.name)
                    yield name, f"the function {function.schema}.{function.name}", function

    def _is_shown(self, function: Function) -> bool:
        fields = [camel(argument.name) for argument in function.arguments]
        if not all(map(is_name, fields)) or len({*fields}) < len(fields):
            return False
        if any(argument.variadic or argument.type.kind == "pseudo" for argument in function.arguments):
            return False
        if function.relation is not None:
            return function.relation in self._entities and not {*fields} & ARGUMENTS
        if function.columns:
            row = self._row_of(function)
            return row is not None and len(row.fields) > 0
        return function.is_void or function.returns.kind not in ("pseudo", "composite")

    def arguments(self, function: Function) -> dict[str, Any]:
        """Return the scalars of the arguments, by field; those without a default must be given."""
        return {
            camel(argument.name): self._scalar(argument.type)
            if argument.has_default
            else GraphQLNonNull(self._scalar(argument.type))
            for argument in function.arguments
        }

    def output(self, function: Function) -> Any:
        """Return the type of what a function returns; None: nothing."""
        if function.is_void:
            return None
        entity = self._entities.get(function.relation) if function.relation is not None else None
        of = self._type_of(entity) if entity is not None else self._row_of(function) or self._scalar(function.returns)
        return GraphQLList(of) if function.returns_set else of

    def called(self, function: Function) -> Called:
        """Return what the field of a function means."""
        entity = self._entities.get(function.relation) if function.relation is not None else None
        enum = self._connections.enums.of(function.returns)
        labels = None if enum is None else {value.value: name for name, value in enum.values.items()}
        arguments = {camel(argument.name): argument.name for argument in function.arguments}
        return Called(function, arguments, entity, labels, entity is None and bool(function.columns))

    def _query(self, function: Function) -> GraphQLField:
        arguments: dict[str, GraphQLArgument] = {name: Argument(of) for name, of in self.arguments(function).items()}
        means, comment = self.called(function), read_comment(function.comment)
        output = self.output(function)
        if means.entity is not None and function.returns_set:
            output = self._connections.type(means.entity)
            own = self._connections.arguments(means.entity)
            arguments = {**{name: each for name, each in own.items() if name in ARGUMENTS}, **arguments}
        return Field(
            output,
            arguments,
            description=comment.description,
            deprecation_reason=comment.deprecated,
            extensions=meaning(means),
        )
