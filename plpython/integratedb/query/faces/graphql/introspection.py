"""Answers questions about the schema, by graphql-core; those that would multiply its size are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    execute_sync,
)

from .selections import Selected

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
    schema: GraphQLSchema,
    selected: Selected,
    wanted: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Any:
    """Return what a field says about the schema. Error: GraphQLError."""
    check = _Check(selected, fragments)
    check.walk(selected.nodes, 0)
    definition = OperationDefinitionNode(
        operation=OperationType.QUERY,
        selection_set=SelectionSetNode(selections=tuple(selected.nodes)),
        variable_definitions=wanted.variable_definitions,
        directives=(),
    )
    document = DocumentNode(definitions=(definition, *fragments.values()))
    result = execute_sync(schema, document, variable_values=dict(variables))
    if result.errors:
        raise result.errors[0]
    return (result.data or {}).get(selected.key)


class _Check:
    def __init__(self, selected: Selected, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._selected = selected
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
