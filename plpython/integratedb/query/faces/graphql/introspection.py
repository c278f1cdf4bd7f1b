"""Answers questions about the schema: a question becomes functions that write JSON, which are called for each type.

graphql-core's executor needs 47 seconds for the usual question about a thousand tables. What would multiply the size of
the schema is refused.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLDirective,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    introspection_types,
    print_ast,
)
from graphql.utilities.get_default_value_ast import get_default_value_ast

from .pieces import Pieces, Question, Template
from .schema import Schema
from .selections import Selected, Selections
from .variables import plain

#: Writes a value of the schema as JSON.
Write: TypeAlias = Callable[[Any], str]
#: An argument, a field or a value of an enum, with its name.
Named: TypeAlias = tuple[str, Any]

_META: Final[Mapping[str, Any]] = introspection_types
#: What has as many elements as the schema, or as a type.
_LISTS: Final = frozenset({"fields", "inputFields", "interfaces", "possibleTypes", "enumValues", "types"})
#: How many such lists may be inside of each other: the usual query has the types and what each of them has.
_MOST_LISTS: Final = 2
#: The most fields, with those of fragments as often as they are used; the usual query has about 200.
_MOST_FIELDS: Final = 600
_QUESTION: Final = re.compile(r"__(?:schema|type)\b")


def asks(text: str) -> bool:
    """Whether a document may ask about the schema, which takes long."""
    return _QUESTION.search(text) is not None


def introspect(
    schema: Schema,
    selected: Selected,
    fragments: Mapping[str, FragmentDefinitionNode],
    selections: Selections,
) -> Iterator[str]:
    """Return what a field says about the schema, as JSON in pieces. Error: GraphQLError."""
    _Check(fragments).walk(selected.nodes, 0)
    if selected.name == "__type":
        found = schema.graphql.type_map.get(plain(selected.arguments["name"]))
        write = _Writer(schema.graphql, selections).object("__Type", selected.sets)
        return iter(["null" if found is None else write(found)])
    usual = _Writer(schema.graphql, selections).usual(schema, selected.sets)
    if usual is not None:
        return usual
    whole = schema.whole()
    try:
        return iter([_Writer(whole, selections).object("__Schema", selected.sets)(whole)])
    finally:
        whole.discard()


class _Writer:
    """Makes the functions that write what one field asks."""

    def __init__(self, schema: GraphQLSchema, selections: Selections) -> None:
        self._schema = schema
        self._selections = selections

    def usual(self, schema: Schema, sets: list[SelectionSetNode]) -> Iterator[str] | None:
        """Yield the answer in pieces, without making the types; None: the question is no usual one."""
        parts = self._selections.collect(_META["__Schema"], sets, 0)
        types = [selected for selected in parts if selected.name == "types"]
        roots = [selected for selected in parts if selected.name.endswith("Type")]
        if len(types) != 1 or not all(self._is_reference(selected.sets) for selected in roots):
            return None
        question = self._question(types[0].sets)
        listed = None if question is None else Pieces(schema, question).types()
        if listed is None:
            return None
        rest = [selected for selected in parts if selected is not types[0]]
        texts: dict[str, Iterable[str]] = {
            selected.key: [self._part("__Schema", selected)(self._schema)] for selected in rest
        }
        texts[types[0].key] = itertools.chain("[", _separated(listed), "]")
        return _object(parts, texts)

    def _question(self, sets: list[SelectionSetNode]) -> Question | None:
        """Return what is asked of each type; None: the types themselves must say it."""
        asked = self._selections.collect(_META["__Type"], sets, 0)
        fields = self._one(asked, "fields")
        inputs, values = self._one(asked, "inputFields"), self._one(asked, "enumValues")
        listed = ("fields", "inputFields", "enumValues", "interfaces", "possibleTypes", "ofType")
        if any(sum(each.name == name for each in asked) > 1 for name in listed):
            return None
        of_field = [] if fields is None else self._selections.collect(_META["__Field"], fields.sets, 0)
        arguments = [each for each in of_field if each.name == "args"]
        if len(arguments) > 1:
            return None
        args = arguments[0].sets if arguments else []
        of_argument = self._selections.collect(_META["__InputValue"], args, 0)
        of_input = self._selections.collect(_META["__InputValue"], [] if inputs is None else inputs.sets, 0)
        of_value = self._selections.collect(_META["__EnumValue"], [] if values is None else values.sets, 0)
        types = [each for each in (*of_field, *of_argument, *of_input) if each.name == "type"]
        types += [each for each in asked if each.name in ("interfaces", "possibleTypes", "ofType")]
        if not all(self._is_reference(each.sets) for each in types):
            return None

        def template(kind: str, parts: list[Selected], fixed: Mapping[str, str]) -> Template:
            typename = {"__typename": f'"{kind}"'}
            return Template([(json.dumps(each.key), each.name) for each in parts], {**typename, **fixed})

        def reference(parts: list[Selected]) -> Write:
            found = [each for each in parts if each.name == "type"]
            return self.object("__Type", found[0].sets) if found else _constant("")

        nothing = dict.fromkeys(_META["__Type"].fields, "null")
        described = {"description": "null", "isDeprecated": "false", "deprecationReason": "null"}
        given = {**described, "defaultValue": "null"}

        def types_of(kind: str) -> Template:
            own = {*_OF_KIND[kind]} - {"isOneOf"}
            fixed = {name: text for name, text in nothing.items() if name not in own}
            one_of = {"isOneOf": "false"} if kind == "INPUT_OBJECT" else {}
            return template("__Type", asked, {**fixed, **one_of, "kind": f'"{kind}"'})

        interfaces = self._one(asked, "interfaces")
        return Question(
            types_of("OBJECT"),
            types_of("INPUT_OBJECT"),
            types_of("ENUM"),
            template("__Field", of_field, described),
            template("__InputValue", of_argument, given),
            template("__InputValue", of_input, given),
            template("__EnumValue", of_value, described),
            self.object("__Type", sets),
            self.object("__Field", [] if fields is None else fields.sets),
            self.object("__InputValue", args),
            self.object("__InputValue", [] if inputs is None else inputs.sets),
            reference(of_field),
            reference(of_argument),
            reference(of_input),
            _constant("") if interfaces is None else self.object("__Type", interfaces.sets),
            fields is None or bool(plain(fields.arguments["includeDeprecated"])),
        )

    @staticmethod
    def _one(parts: list[Selected], name: str) -> Selected | None:
        return next((each for each in parts if each.name == name), None)

    def _is_reference(self, sets: list[SelectionSetNode]) -> bool:
        """Whether what is selected of a type only refers to it."""
        parts = self._selections.collect(_META["__Type"], sets, 0)
        return all(
            each.name in ("kind", "name", "__typename") or (each.name == "ofType" and self._is_reference(each.sets))
            for each in parts
        )

    def object(self, of: str, sets: Iterable[SelectionSetNode]) -> Write:
        """Return what writes the selected fields of an object. Error: GraphQLError."""
        parts = [
            (json.dumps(selected.key), selected.name, self._part(of, selected))
            for selected in self._selections.collect(_META[of], sets, 0)
        ]
        return _by_kind(parts) if of == "__Type" else _filled(parts, None)

    def _part(self, of: str, selected: Selected) -> Write:
        if selected.name == "__typename":
            return _constant(f'"{of}"')
        return self._inner(_META[of].fields[selected.name].type, _FIELDS[of][selected.name], selected)

    def _inner(self, of: Any, get: Any, selected: Selected) -> Write:
        """Return what writes a field of an object."""
        name = get_named_type(of).name
        if name not in _FIELDS:
            return get  # type: ignore[no-any-return]  # _FIELDS has a Write for what is no object
        write = self.object(name, selected.sets)
        if name == "__Directive":
            return _listed(get, write)
        if _is_list(of) and name == "__Type":
            return _listed(get(self._schema), write)
        if _is_list(of):
            return _each(get, write, has_deprecated=plain(selected.arguments["includeDeprecated"]))
        return _optional(get, _remembered(write) if name == "__Type" else write)


def _separated(texts: Iterable[str]) -> Iterator[str]:
    before = ""
    for text in texts:
        yield before
        yield text
        before = ","


def _object(parts: Iterable[Selected], texts: Mapping[str, Iterable[str]]) -> Iterator[str]:
    before = "{"
    for selected in parts:
        yield f"{before}{json.dumps(selected.key)}:"
        yield from texts[selected.key]
        before = ","
    yield "}"


def _constant(text: str) -> Write:
    return lambda _: text


def _filled(parts: Iterable[tuple[str, str, Write]], kind: str | None) -> Write:
    """Return what writes an object; of a type of a kind, only what such types have is written anew."""
    writes: list[Write] = []
    texts: list[str] = []
    for key, name, write in parts:
        if kind is None or name in _OF_KIND[kind]:
            writes.append(write)
            value = "%s"
        else:
            value = f'"{kind}"' if name == "kind" else '"__Type"' if name == "__typename" else "null"
        texts.append(f"{key.replace('%', '%%')}:{value}")
    # Filling a text takes half the time of joining its parts.
    text = f"{{{','.join(texts)}}}"
    match writes:
        case []:
            return _constant(text.replace("%%", "%"))
        case [one]:
            return lambda of: text % one(of)
        case [one, two]:
            return lambda of: text % (one(of), two(of))
        case [one, two, three, four]:
            return lambda of: text % (one(of), two(of), three(of), four(of))
    return lambda of: text % tuple([write(of) for write in writes])


def _by_kind(parts: list[tuple[str, str, Write]]) -> Write:
    by_kind = {kind: _filled(parts, kind) for kind in _OF_KIND}
    by_class: dict[type, Write] = {}

    def write(of: Any) -> str:
        found = by_class.get(type(of))
        if found is None:
            found = by_class[type(of)] = by_kind[_kind(of)]
        return found(of)

    return write


def _is_list(of: Any) -> bool:
    return not hasattr(of.of_type if isinstance(of, GraphQLNonNull) else of, "name")


def _listed(get: Callable[[Any], Iterable[Any] | None], write: Write) -> Write:
    def listed(of: Any) -> str:
        found = get(of)
        return "null" if found is None else f"[{','.join(map(write, found))}]"

    return listed


def _optional(get: Callable[[Any], Any], write: Write) -> Write:
    def optional(of: Any) -> str:
        found = get(of)
        return "null" if found is None else write(found)

    return optional


def _each(get: Callable[[Any], Mapping[str, Any] | None], write: Write, *, has_deprecated: bool) -> Write:
    """Write fields, arguments or values of enums; many of them are parts of several others, and are written once."""
    # All of them live as long as the answer.
    known: dict[tuple[str, int], str] = {}

    def each(of: Any) -> str:
        found = get(of)
        if not found:
            return "null" if found is None else "[]"
        texts = []
        for name, one in found.items():
            if has_deprecated or one.deprecation_reason is None:
                key = (name, id(one))
                text = known.get(key)
                if text is None:
                    text = known[key] = write((name, one))
                texts.append(text)
        return f"[{','.join(texts)}]"

    return each


def _remembered(write: Write) -> Write:
    """Write the name of a type once. The types live as long as the answer."""
    known: dict[int, str] = {}

    def remembered(of: Any) -> str:
        text = known.get(id(of))
        if text is None:
            text = known[id(of)] = write(of)
        return text

    return remembered


def _text(text: str | None) -> str:
    return "null" if text is None else json.dumps(text)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _kind(of: Any) -> str:
    return next(kind for base, kind in _KINDS if isinstance(of, base))


def _fields(of: Any) -> Mapping[str, Any] | None:
    return of.fields if isinstance(of, GraphQLObjectType | GraphQLInterfaceType) else None


def _inputs(of: Any) -> Mapping[str, Any] | None:
    return of.fields if isinstance(of, GraphQLInputObjectType) else None


def _values(of: Any) -> Mapping[str, Any] | None:
    return of.values if isinstance(of, GraphQLEnumType) else None


def _interfaces(_: GraphQLSchema) -> Callable[[Any], Iterable[Any] | None]:
    return lambda of: of.interfaces if isinstance(of, GraphQLObjectType | GraphQLInterfaceType) else None


def _implementations(schema: GraphQLSchema) -> Callable[[Any], Iterable[Any] | None]:
    return lambda of: schema.get_implementations(of).objects if isinstance(of, GraphQLInterfaceType) else None


def _types(_: GraphQLSchema) -> Callable[[Any], Iterable[Any] | None]:
    return lambda schema: schema.type_map.values()


def _one_of(of: Any) -> str:
    return _flag(of.is_one_of) if isinstance(of, GraphQLInputObjectType) else "null"


def _default(of: Named) -> str:
    ast = get_default_value_ast(of[1])
    return "null" if ast is None else json.dumps(print_ast(ast))


def _locations(of: GraphQLDirective) -> str:
    return json.dumps([location.name for location in of.locations])


def _name(of: Named) -> str:
    return f'"{of[0]}"'


def _named_type(of: Any) -> str:
    name = getattr(of, "name", None)
    return "null" if name is None else f'"{name}"'


_KINDS: Final = (
    (GraphQLObjectType, "OBJECT"),
    (GraphQLInputObjectType, "INPUT_OBJECT"),
    (GraphQLEnumType, "ENUM"),
    (GraphQLScalarType, "SCALAR"),
    (GraphQLInterfaceType, "INTERFACE"),
    (GraphQLNonNull, "NON_NULL"),
    (GraphQLList, "LIST"),
)
#: What types of a kind have.
_OF_KIND: Final = {
    "OBJECT": ("name", "description", "fields", "interfaces"),
    "INPUT_OBJECT": ("name", "description", "inputFields", "isOneOf"),
    "ENUM": ("name", "description", "enumValues"),
    "SCALAR": ("name", "description", "specifiedByURL"),
    "INTERFACE": ("name", "description", "fields", "interfaces", "possibleTypes"),
    "NON_NULL": ("ofType",),
    "LIST": ("ofType",),
}
_DESCRIBED: Final[dict[str, Write]] = {
    "name": _name,
    "description": lambda of: _text(of[1].description),
    "isDeprecated": lambda of: _flag(of[1].deprecation_reason is not None),
    "deprecationReason": lambda of: _text(of[1].deprecation_reason),
}
#: The fields of what a schema consists of: those of scalars write them, others return what they are.
_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "__Schema": {
        "description": lambda of: _text(of.description),
        "types": _types,
        "queryType": lambda of: of.query_type,
        "mutationType": lambda of: of.mutation_type,
        "subscriptionType": lambda of: of.subscription_type,
        "directives": lambda of: of.directives,
    },
    "__Type": {
        "kind": lambda of: f'"{_kind(of)}"',
        "name": _named_type,
        "description": lambda of: _text(getattr(of, "description", None)),
        "specifiedByURL": lambda of: _text(getattr(of, "specified_by_url", None)),
        "fields": _fields,
        "interfaces": _interfaces,
        "possibleTypes": _implementations,
        "enumValues": _values,
        "inputFields": _inputs,
        "ofType": lambda of: getattr(of, "of_type", None),
        "isOneOf": _one_of,
    },
    "__Field": {**_DESCRIBED, "args": lambda of: of[1].args, "type": lambda of: of[1].type},
    "__InputValue": {**_DESCRIBED, "type": lambda of: of[1].type, "defaultValue": _default},
    "__EnumValue": _DESCRIBED,
    "__Directive": {
        "name": lambda of: f'"{of.name}"',
        "description": lambda of: _text(of.description),
        "isRepeatable": lambda of: _flag(of.is_repeatable),
        "isDeprecated": lambda of: _flag(of.deprecation_reason is not None),
        "deprecationReason": lambda of: _text(of.deprecation_reason),
        "locations": _locations,
        "args": lambda of: of.args,
    },
}


class _Check:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._count = self._types = 0

    def walk(self, nodes: Iterable[SelectionNode], lists: int) -> None:
        """Refuse what takes too long. Error: GraphQLError."""
        for node in nodes:
            self._count += 1
            if isinstance(node, FragmentSpreadNode):
                self.walk(self._fragments[node.name.value].selection_set.selections, lists)
                continue
            inside = lists
            if isinstance(node, FieldNode) and node.name.value in _LISTS:
                inside += 1
                self._types += node.name.value == "types"
            if inside > _MOST_LISTS or self._types > 1 or self._count > _MOST_FIELDS:
                raise GraphQLError("The question about the schema would have too long an answer.", node)
            within = getattr(node, "selection_set", None)
            if within is not None:
                self.walk(within.selections, inside)


def check_number(fields: Iterable[Selected]) -> None:
    """Refuse several questions about the whole schema. Error: GraphQLError."""
    found = [selected for selected in fields if selected.name.startswith("__") and selected.name != "__typename"]
    if len(found) > _MOST_LISTS:
        raise found[-1].error(f"The operation has more than {_MOST_LISTS} questions about the schema.")
    if sum(selected.name == "__schema" for selected in found) > 1:
        raise found[-1].error("The operation asks for '__schema' twice.")
