"""Collects the fields that an operation selects, in bounded time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    TypeMetaFieldDef,
    is_abstract_type,
    print_ast,
)
from graphql.execution.values import get_argument_values, get_directive_values

from .variables import is_unknown, plain

#: The most fields of an operation, with those of fragments as often as they are used.
MOST_FIELDS: Final = 2_000
#: How deep fields may be nested.
MAX_DEPTH: Final = 15


@dataclasses.dataclass(slots=True)
class Selected:
    """A field of the answer; ``nodes`` are all its places in the document."""

    key: str
    name: str
    nodes: list[FieldNode]
    field: GraphQLField | None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sets(self) -> list[SelectionSetNode]:
        """What is selected of it."""
        return [node.selection_set for node in self.nodes if node.selection_set is not None]

    def error(self, message: str) -> GraphQLError:
        """Return an error at this field."""
        return GraphQLError(message, self.nodes)


class Selections:
    """Collects the fields of one operation."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Any) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._count = 0

    def collect(self, of: GraphQLObjectType, sets: Iterable[SelectionSetNode], depth: int) -> list[Selected]:
        """Return the fields of an object, in order, each key once. Error: GraphQLError."""
        found: dict[str, Selected] = {}
        seen: set[str] = set()
        for each in sets:
            self._collect(of, each.selections, found, seen)
        if depth > MAX_DEPTH:
            nodes = [node for selected in found.values() for node in selected.nodes]
            raise GraphQLError(f"Fields are nested more than {MAX_DEPTH} levels deep.", nodes[:1])
        for selected in found.values():
            if selected.field is not None:
                selected.arguments = get_argument_values(selected.field, selected.nodes[0], self._variables)
        return [*found.values()]

    def types_of(self, sets: Iterable[SelectionSetNode]) -> set[str]:
        """Return the types that fragments are for, also those inside of fragments."""
        found: set[str] = set()
        seen: set[str] = set()
        open_ = [*sets]
        while open_:
            for node in open_.pop().selections:
                if isinstance(node, InlineFragmentNode):
                    found |= {node.type_condition.name.value} if node.type_condition is not None else set()
                    open_.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    seen.add(node.name.value)
                    fragment = self._fragments[node.name.value]
                    found.add(fragment.type_condition.name.value)
                    open_.append(fragment.selection_set)
        return found

    def _collect(
        self, of: GraphQLObjectType, selections: Iterable[SelectionNode], found: dict[str, Selected], seen: set[str]
    ) -> None:
        for node in selections:
            self._count += 1
            if self._count > MOST_FIELDS:
                raise GraphQLError(f"The operation has more than {MOST_FIELDS} fields.", node)
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                self._add(of, node, found)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(of, node.type_condition.name.value):
                    self._collect(of, node.selection_set.selections, found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(of, fragment.type_condition.name.value):
                    self._collect(of, fragment.selection_set.selections, found, seen)

    def _add(self, of: GraphQLObjectType, node: FieldNode, found: dict[str, Selected]) -> None:
        name = node.name.value
        key = node.alias.value if node.alias is not None else name
        before = found.get(key)
        if before is None:
            field = TypeMetaFieldDef if name == "__type" else of.fields.get(name)
            found[key] = Selected(key, name, [node], field)
            return
        # graphql-core's own rule compares each pair of fields. Here each field is compared with the first one.
        if before.name != name or _arguments(before.nodes[0]) != _arguments(node):
            message = f"Fields '{key}' conflict: they are different fields, or have different arguments. Use aliases."
            raise GraphQLError(message, [before.nodes[0], node])
        before.nodes.append(node)

    def _is_included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        # What may be selected counts as selected.
        is_skipped = skip is not None and not is_unknown(skip["if"]) and plain(skip["if"])
        return not is_skipped and (include is None or bool(plain(include["if"])))

    def _applies(self, of: GraphQLObjectType, condition: str) -> bool:
        if of.name == condition:
            return True
        named = self._schema.type_map.get(condition)
        return named is not None and is_abstract_type(named) and self._schema.is_sub_type(named, of)


def _arguments(node: FieldNode) -> list[str]:
    return sorted(print_ast(argument) for argument in node.arguments or ())
