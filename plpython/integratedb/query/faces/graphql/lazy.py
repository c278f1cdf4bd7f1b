"""Makes the types and fields of graphql-core when somebody looks at them: a document touches few of them.

Everything is made once, under one lock: graphql-core compares types by their identity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from threading import RLock
from typing import Any, Final, TypeAlias, TypeVar

from graphql import (
    GraphQLArgument,
    GraphQLDirective,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    introspection_types,
    specified_scalar_types,
)
from graphql.type.schema import InterfaceImplementations

Made = TypeVar("Made")
Makers: TypeAlias = Mapping[str, Callable[[], Made]]

_LOCK: Final = RLock()
_WITH_FIELDS: Final = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)
_KNOWN: Final[Mapping[str, GraphQLNamedType]] = {**introspection_types, **specified_scalar_types}


class Lazy(Mapping[str, Made]):
    """Values by their names."""

    def __init__(self, makers: Makers[Made]) -> None:
        self._makers = makers
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        """Return a value, which may be made only now."""
        made = self._made.get(name)
        if made is None:
            make = self._makers[name]
            with _LOCK:
                made = self._made.get(name)
                if made is None:
                    made = self._made[name] = make()
        return made

    def __contains__(self, name: object) -> bool:
        """Whether there is a value of this name; makes nothing."""
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        """Yield the names; makes nothing."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._makers)


class Field(GraphQLField):
    """A field whose parts are as graphql-core would make them."""

    def __init__(
        self,
        type_: Any,
        args: Mapping[str, GraphQLArgument] | None = None,
        description: str | None = None,
        deprecation_reason: str | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Unlike its base, look at no name again."""
        self.type = type_
        self.args = dict(args) if args else {}
        self.resolve = self.subscribe = None
        self.description = description
        self.deprecation_reason = deprecation_reason
        self.extensions = extensions or {}
        self.ast_node = None


class Argument(GraphQLArgument):
    """An argument."""

    def __init__(self, type_: Any, default_value: Any = Undefined) -> None:
        """Make the parts of an argument."""
        self.type = type_
        self.default_value = default_value
        self.default = self.description = self.deprecation_reason = self.out_name = self.ast_node = None
        self.extensions = {}


class InputField(GraphQLInputField):
    """A field of an input."""

    def __init__(self, type_: Any, extensions: dict[str, Any] | None = None) -> None:
        """Make the parts of a field."""
        self.type = type_
        self.default_value = Undefined
        self.default = self.description = self.deprecation_reason = self.out_name = self.ast_node = None
        self.extensions = extensions or {}


class _Type(GraphQLNamedType):
    """A type whose parts are made when somebody looks at them."""

    def __init__(self, name: str, parts: Any, description: str | None, extensions: dict[str, Any] | None) -> None:
        self.name = name
        self.description = description
        self.extensions = extensions or {}
        self.ast_node = None
        self.extension_ast_nodes = ()
        self._parts = parts
        self._made: Any = None

    def _all_parts(self) -> Any:
        if self._made is None:
            with _LOCK:
                if self._made is None:
                    self._made = self._parts() if callable(self._parts) else self._parts
        return self._made


class ObjectType(_Type, GraphQLObjectType):
    """An object type."""

    def __init__(
        self,
        name: str,
        fields: Any,
        interfaces: Iterable[GraphQLInterfaceType] = (),
        description: str | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Unlike its base, look at no name again."""
        _Type.__init__(self, name, fields, description, extensions)
        self.is_type_of = None
        self.__dict__["interfaces"] = tuple(interfaces)

    @property
    def fields(self) -> Any:
        """The fields by their names."""
        return self._all_parts()


class InputType(_Type, GraphQLInputObjectType):
    """An input."""

    def __init__(self, name: str, fields: Any) -> None:
        """Unlike its base, look at no name again."""
        _Type.__init__(self, name, fields, None, None)
        self.is_one_of = False

    @property
    def fields(self) -> Any:
        """The fields by their names."""
        return self._all_parts()


class EnumType(_Type, GraphQLEnumType):
    """An enum."""

    def __init__(self, name: str, values: Any) -> None:
        """Unlike its base, look at no name again."""
        _Type.__init__(self, name, values, None, None)

    @property
    def values(self) -> Any:
        """The values by their names."""
        return self._all_parts()


class LazySchema(GraphQLSchema):
    """A schema that makes of its types those that are looked at."""

    def __init__(
        self,
        query: GraphQLObjectType,
        mutation: GraphQLObjectType | None,
        directives: Collection[GraphQLDirective],
        find: Callable[[str], GraphQLNamedType | None],
        nodes: Callable[[], Iterable[GraphQLObjectType]],
        types: Callable[[], Iterable[GraphQLNamedType]],
        subscription: GraphQLObjectType | None = None,
    ) -> None:
        """``find`` knows most types by name; ``nodes`` have a global id; ``types`` may be reached from no root."""
        super().__init__(directives=directives, assume_valid=True)
        self.query_type = query
        self.mutation_type = mutation
        self.subscription_type = subscription
        self.type_map: Any = _Types(self, find, types)
        self._nodes = nodes

    def get_type(self, name: str) -> GraphQLNamedType | None:
        """Return a type by its name."""
        found: GraphQLNamedType | None = self.type_map.get(name)
        return found

    def discard(self) -> None:
        """Forget all parts of the types, which refer to each other: memory is freed without a search for it."""
        for of in self.type_map.values():
            if isinstance(of, _Type):
                of._parts = of._made = None
        self.type_map = {}

    def get_implementations(self, interface_type: GraphQLInterfaceType) -> InterfaceImplementations:
        """Return the types that have a global id: there is no other interface."""
        objects = [of for of in self._nodes() if interface_type in of.interfaces]
        return InterfaceImplementations(objects=objects, interfaces=[])

    def is_sub_type(self, abstract_type: Any, maybe_sub_type: Any) -> bool:
        """Whether a type implements the interface."""
        return isinstance(maybe_sub_type, GraphQLObjectType) and abstract_type in maybe_sub_type.interfaces


class _Types(Mapping[str, GraphQLNamedType]):
    """The types of a schema by name; only who asks for all of them has all of them made."""

    def __init__(
        self,
        schema: LazySchema,
        find: Callable[[str], GraphQLNamedType | None],
        types: Callable[[], Iterable[GraphQLNamedType]],
    ) -> None:
        self._schema = schema
        self._find = find
        self._types = types
        self._found: dict[str, GraphQLNamedType] = {**_KNOWN}
        self._all: dict[str, GraphQLNamedType] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return a type, or None."""
        found = self._found.get(name)
        if found is None:
            with _LOCK:
                found = self._find(name)
            if found is not None:
                self._found[name] = found
        return default if found is None else found

    def __getitem__(self, name: str) -> GraphQLNamedType:
        """Return a type."""
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found  # type: ignore[no-any-return]  # dict.get() is declared to return anything

    def __contains__(self, name: object) -> bool:
        """Whether there is a type."""
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all types."""
        return iter(self._whole())

    def __len__(self) -> int:
        """Return the number of all types."""
        return len(self._whole())

    def values(self) -> Any:
        """Return all types."""
        return self._whole().values()

    def _whole(self) -> dict[str, GraphQLNamedType]:
        if self._all is None:
            schema = self._schema
            operations = [schema.query_type, schema.mutation_type, schema.subscription_type]
            roots = [*operations, *self._types(), introspection_types["__Schema"]]
            arguments = (argument.type for one in schema.directives for argument in one.args.values())
            self._all = reached([*roots, *arguments])
        return self._all


def reached(roots: Iterable[Any], wanted: Callable[[str], bool] | None = None) -> dict[str, GraphQLNamedType]:
    """Return the types that some types lead to, by name; ``wanted``: only by way of types with such names."""
    found: dict[str, GraphQLNamedType] = {}
    # Types share most of their fields and arguments.
    seen: set[int] = set()
    open_ = [*roots]
    while open_:
        of = open_.pop()
        while of is not None and not isinstance(of, GraphQLNamedType):
            of = of.of_type
        if of is None or of.name in found or (wanted is not None and not wanted(of.name)):
            continue
        found[of.name] = of
        if not isinstance(of, _WITH_FIELDS):
            continue
        new = [field for field in of.fields.values() if id(field) not in seen]
        seen.update(map(id, new))
        open_.extend([field.type for field in new])
        if isinstance(of, GraphQLInputObjectType):
            continue
        open_.extend(of.interfaces)
        for field in new:
            if field.args:
                arguments = [argument for argument in field.args.values() if id(argument) not in seen]
                seen.update(map(id, arguments))
                open_.extend([argument.type for argument in arguments])
    return found
