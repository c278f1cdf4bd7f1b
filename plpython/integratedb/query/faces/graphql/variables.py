"""Marks the values of variables: what an operation was compiled to serves other values of the same shape, too.

The compiler passes marked values on to statements, where they are holes. What it must look at (a number of rows, an
order, a condition of @include) is noted, and only requests with the same value there share the result.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    type_from_ast,
)
from graphql.execution.values import get_variable_values

from ...request import Value
from ...statement import Statement
from ...surface import Type
from .documents import Document, InvalidError, forget
from .scalars import JSON
from .tokens import read_token

Made = TypeVar("Made")

#: The most values of all variables.
MOST_VALUES: Final = 50_000
#: So many operations of a schema are remembered, each with one shape of variables.
MOST_COMPILED: Final = 1_000
#: The characters of their statements together. A document that only they have counts ten times, as its tree does.
MOST_CHARACTERS: Final = 4 << 20
TREE: Final = 10
_MOST_ERRORS: Final = 10
#: Stands for a text, or for what is written as one: it is in the input syntax of most types.
SAMPLE: Final = "1"
_SMALLINT: Final = "pg_catalog.int2"


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A value of a variable, and its hole."""

    value: Any
    hole: int
    owner: Variables


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a token, whose hole is ``hole``; they have the next holes."""

    hole: int
    first: str
    are_null: tuple[bool, ...]

    def read(self, token: Any) -> list[str | None] | None:
        """Return the parts of another token; None: another statement serves it."""
        parts = read_token(token, self.first, len(self.are_null)) if isinstance(token, str) else None
        return parts if parts is not None and tuple(part is None for part in parts) == self.are_null else None


class Variables:
    """The values of the variables of one request. Error: InvalidError."""

    def __init__(self, schema: GraphQLSchema, wanted: OperationDefinitionNode, given: Mapping[str, Any] | None) -> None:
        """Without ``given`` the values are not known: all of them are there, whatever they are."""
        self.are_known = given is not None
        definitions = wanted.variable_definitions or ()
        if given is None:
            given = {each.variable.name.value: sample_of_variable(schema, each) for each in definitions}
        if not _is_small(given):
            raise InvalidError([GraphQLError(f"The variables have more than {MOST_VALUES} values.")])
        values: Any = get_variable_values(schema, definitions, dict(given), _MOST_ERRORS)
        if isinstance(values, list):
            raise InvalidError(values)
        self.holes: list[Any] = []
        #: The holes that the compiler has looked into.
        self.seen: set[int] = set()
        self.parts: list[Parts] = []
        types = {each.variable.name.value: type_from_ast(schema, each.type) for each in definitions}
        shapes: list[tuple[str, Hashable]] = []
        marked: dict[str, Any] = {}
        for name, value in values.coerced.items():
            marked[name], shape = self._mark(value, types[name])
            shapes.append((name, shape))
        self.shape: Hashable = tuple(shapes)
        self.marked = values._replace(coerced=marked)

    def _mark(self, value: Any, of: Any) -> tuple[Any, Hashable]:
        """Return a value with marks in it, and its shape."""
        if isinstance(of, GraphQLNonNull):
            of = of.of_type
        if value is None:
            return None, None
        if isinstance(of, GraphQLInputObjectType):
            parts = {name: self._mark(part, of.fields[name].type) for name, part in value.items()}
            shape = tuple((name, shape) for name, (_, shape) in parts.items())
            return {name: part for name, (part, _) in parts.items()}, shape
        if isinstance(of, GraphQLList) and isinstance(_element(of), GraphQLInputObjectType):
            items = [self._mark(item, of.of_type) for item in value]
            return [item for item, _ in items], ("list", tuple(shape for _, shape in items))
        self.holes.append(value)
        is_special = value < 0 if isinstance(value, int | float) else not value
        return Held(value, len(self.holes) - 1, self), (type(value).__name__, is_special)

    def split(self, held: Held, first: str, parts: Sequence[str | None]) -> list[Value | None]:
        """Return the parts of a token as values with holes of their own; None for null."""
        place = len(self.holes)
        self.parts.append(Parts(held.hole, first, tuple(part is None for part in parts)))
        self.holes.extend(parts)
        return [None if part is None else Value(part, place + number) for number, part in enumerate(parts)]


def _element(of: Any) -> Any:
    return of.of_type.of_type if isinstance(of.of_type, GraphQLNonNull) else of.of_type


def _is_small(variables: Mapping[str, Any]) -> bool:
    """Whether variables have a bounded number of values: each is coerced to its type."""
    open_: list[Any] = [variables]
    count = 0
    while open_:
        value = open_.pop()
        inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        count += len(inside)
        if count > MOST_VALUES:
            return False
        open_.extend(each for each in inside if isinstance(each, dict | list))
    return True


def is_unknown(value: Any) -> bool:
    """Whether a value only stands for those that requests will have."""
    return isinstance(value, Held) and not value.owner.are_known


def sample_of_variable(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Any:
    """Return a value of the type of a variable, as a request would have it."""
    return _sample_of(type_from_ast(schema, definition.type))


def _sample_of(of: Any) -> Any:
    if isinstance(of, GraphQLNonNull):
        return _sample_of(of.of_type)
    if isinstance(of, GraphQLList):
        return [_sample_of(of.of_type)]
    if isinstance(of, GraphQLInputObjectType):
        if not of.name.endswith("Filter"):
            return {name: _sample_of(each.type) for name, each in of.fields.items()}
        if _has_operators(of):
            return {"is": "NULL"}
        # What the filter of a relation has is not known: it may name what the rest of the document names.
        return {"some": {}} if of.name.endswith("ToManyFilter") else {"and": [{}]}
    if isinstance(of, GraphQLEnumType):
        return next(iter(of.values))
    return {"Int": 1, "Float": 1.0, "Boolean": True}.get(of.name, SAMPLE)


def _has_operators(of: GraphQLInputObjectType) -> bool:
    return "is" in of.fields and getattr(of.fields["is"].type, "name", None) == "Is"


def plain(value: Any) -> Any:
    """Return a value that the compiler looks at."""
    match value:
        case Held():
            value.owner.seen.add(value.hole)
            return value.value
        case dict():
            return {name: plain(part) for name, part in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def is_special(value: Any) -> bool:
    """Whether a number is negative, or a list or a text empty: that is part of the shape."""
    content = value.value if isinstance(value, Held) else value
    return bool(content < 0 if isinstance(content, int | float) else not content)


def value_of(value: Any, of: Type | None = None) -> Value:
    """Return a value for a place, of a type."""
    is_document = of is not None and of.is_json
    if isinstance(value, Value):
        return replace(value, is_document=is_document)
    # A number beside a smallint may be too wide for it.
    if isinstance(value, Held) and (of is None or of.base != _SMALLINT):
        return Value(value.value, value.hole, is_document=is_document)
    return Value(plain(value), is_document=is_document)


def values_of(token: Any, first: str, count: int) -> list[Value | None] | None:
    """Return what a token has behind its first part; None: it is not such a token."""
    if isinstance(token, Held) and not token.owner.are_known:
        return token.owner.split(token, first, [SAMPLE] * count)
    text = token.value if isinstance(token, Held) else token
    parts = read_token(text, first, count)
    if isinstance(token, Held):
        if parts is not None:
            return token.owner.split(token, first, parts)
        token.owner.seen.add(token.hole)
    return None if parts is None else [None if part is None else Value(part) for part in parts]


@dataclass(frozen=True, slots=True)
class Plain:
    """Values of scalars that need no coercion: what Variables would say of them."""

    shape: Hashable
    holes: list[Any]


class Signature:
    """The variables of an operation, for values that JSON already has as their types want them."""

    def __init__(self, schema: GraphQLSchema, wanted: OperationDefinitionNode) -> None:
        self._types: list[tuple[str, str | None, bool, bool]] = []
        for each in wanted.variable_definitions or ():
            of: Any = type_from_ast(schema, each.type)
            is_needed = isinstance(of, GraphQLNonNull)
            of = of.of_type if is_needed else of
            kind = of.name if isinstance(of, GraphQLScalarType) and of is not JSON else None
            self._types.append((each.variable.name.value, kind, is_needed, each.default_value is not None))

    def read(self, given: Mapping[str, Any]) -> Plain | None:
        """Return the values; None: Variables must look at them."""
        if len(given) > len(self._types):
            return None
        shapes: list[tuple[str, Hashable]] = []
        holes: list[Any] = []
        for name, kind, is_needed, has_default in self._types:
            value = given.get(name)
            if value is None:
                if is_needed or has_default or name in given:
                    return None
                continue
            if kind is None or not _is_plain(value, kind):
                return None
            holes.append(value)
            special = value < 0 if isinstance(value, int) else not value
            shapes.append((name, (type(value).__name__, special)))
        return Plain(tuple(shapes), holes)


def _is_plain(value: Any, kind: str) -> bool:
    match kind:
        case "Int":
            return type(value) is int and -(2**31) <= value < 2**31
        case "Boolean":
            return isinstance(value, bool)
        case "Float":
            return False
    return isinstance(value, str)


def size_of(document: Document, statements: Iterable[Statement]) -> int:
    """Return about how many characters the statements of a document take, and its tree."""
    return TREE * document.size + sum(len(statement.text) for statement in statements)


@dataclass(slots=True)
class _Kept(Generic[Made]):
    made: Made
    size: int
    holes: int
    parts: tuple[Parts, ...]

    def filled(self, holes: list[Any]) -> list[Any] | None:
        """Return the values of all holes; None: another statement serves these."""
        found = [*holes]
        for each in self.parts:
            parts = each.read(found[each.hole])
            if parts is None:
                return None
            found.extend(parts)
        return found


@dataclass(slots=True)
class Compiled(Generic[Made]):
    """What operations were compiled to, by document, operation and the shape of variables."""

    most: int = MOST_COMPILED
    _kept: OrderedDict[Hashable, _Kept[Made]] = field(default_factory=OrderedDict)
    #: Which holes the compiler has looked into, by document, operation and shape.
    _seen: OrderedDict[Hashable, frozenset[int]] = field(default_factory=OrderedDict)

    def find(self, operation: Hashable, variables: Variables | Plain) -> tuple[Made, list[Any]] | None:
        """Return what was made for an operation, and the values of its holes; None: it must be compiled."""
        shape = (operation, variables.shape)
        key = self._key(shape, variables.holes)
        kept = self._kept.get(key)
        holes = kept.filled(variables.holes) if kept is not None else None
        if kept is None or holes is None:
            return None
        # Another thread may have forgotten them meanwhile.
        with suppress(KeyError):
            self._kept.move_to_end(key)
            self._seen.move_to_end(shape)
        return kept.made, holes

    def keep(self, operation: Hashable, variables: Variables, made: Made, size: int) -> None:
        """Remember what was made for an operation with these variables; ``size``: about how many characters it has."""
        shape = (operation, variables.shape)
        # Two threads may compile the same operation.
        self._seen[shape] = self._seen.get(shape, frozenset()) | variables.seen
        self._kept[self._key(shape, variables.holes)] = _Kept(made, size, len(variables.holes), tuple(variables.parts))
        forget(self._kept, self.most, MOST_CHARACTERS)
        while len(self._seen) > self.most:
            self._seen.popitem(last=False)

    def _key(self, shape: Hashable, holes: Sequence[Any]) -> Hashable:
        seen = sorted(self._seen.get(shape, ()))
        return (shape, tuple((hole, repr(holes[hole])) for hole in seen))
