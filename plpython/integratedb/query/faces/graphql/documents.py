"""Reads documents: parses and validates them, in bounded time, and remembers the last ones by their hash."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    parse,
    specified_rules,
    validate,
)

from .schema import Schema

MOST_CHARACTERS: Final = 256 << 10
MOST_TOKENS: Final = 10_000
MOST_DEFINITIONS: Final = 100
#: How deep braces, brackets and parentheses may be nested: the parser calls itself for each.
MOST_NESTING: Final = 64
MOST_ERRORS: Final = 10
#: So many documents are remembered for a schema, each up to a size, and all of them together: a character becomes about
#: 130 bytes of memory.
MOST_DOCUMENTS: Final = 500
MOST_REMEMBERED: Final = 32 << 10
MOST_TOGETHER: Final = 512 << 10

#: Selections compare fields that may be merged, in linear time; graphql-core's rule needs quadratic time.
_RULES: Final = tuple(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule)
_NO_STRUCTURE: Final = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+"""|"(?:[^"\\\n\r]++|\\.)*+"|#[^\n\r]*+', re.DOTALL
)
_BRACKET: Final = re.compile(r"[{}()\[\]]")
_UNKNOWN: Final = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")


class InvalidError(Exception):
    """A document is refused: it cannot be parsed, or is not valid for the schema."""

    def __init__(self, errors: list[GraphQLError], *, is_parsed: bool = True) -> None:
        super().__init__(errors[0].message)
        self.errors = errors
        self.is_parsed = is_parsed


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document, and the digest and the number of characters of its text."""

    digest: bytes
    size: int
    parsed: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]

    @classmethod
    def of(cls, text: str, parsed: DocumentNode) -> Document:
        """Return a parsed document."""
        operations: dict[str | None, OperationDefinitionNode] = {}
        fragments: dict[str, FragmentDefinitionNode] = {}
        for definition in parsed.definitions:
            if isinstance(definition, OperationDefinitionNode):
                operations[definition.name.value if definition.name is not None else None] = definition
            elif isinstance(definition, FragmentDefinitionNode):
                fragments[definition.name.value] = definition
        return cls(digest_of(text), len(text), parsed, operations, fragments)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation with a name, or the only one. Error: InvalidError."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name) if name is not None else None
        if found is not None:
            return found
        if name is None:
            message = "The document has several operations. Name one of them by 'operationName'."
        else:
            message = f"The document has no operation named '{name[:80]}'."
        raise InvalidError([GraphQLError(message)])


class Documents:
    """Remembers the documents of one schema."""

    def __init__(self, *, introspection: bool = True) -> None:
        self._known: OrderedDict[bytes, Document] = OrderedDict()
        self._rules: Any = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
        # Suggestions would name what introspection hides.
        self._hides = not introspection

    def known(self, text: str) -> Document | None:
        """Return a document that was valid before."""
        digest = digest_of(text)
        found = self._known.get(digest)
        if found is not None:
            self._known.move_to_end(digest)
        return found

    def read(self, text: str, schema: Schema) -> Document:
        """Parse and validate a document. Error: InvalidError."""
        found = self.known(text)
        if found is not None:
            return found
        document = read_document(text, schema, self._rules, hides=self._hides)
        if document.size <= MOST_REMEMBERED:
            self._known[document.digest] = document
            forget(self._known, MOST_DOCUMENTS, MOST_TOGETHER)
        return document


def forget(known: OrderedDict[Any, Any], most: int, together: int) -> None:
    """Forget what was used longest ago, until the rest is no more than so many things, of a size together."""
    total = sum(one.size for one in [*known.values()])
    while len(known) > most or total > together:
        total -= known.popitem(last=False)[1].size


def read_document(text: str, schema: Schema, rules: Any = _RULES, *, hides: bool = False) -> Document:
    """Parse and validate a document; ``hides``: without suggestions. Error: InvalidError."""
    parsed = parse_document(text)
    try:
        errors = validate(schema.graphql, parsed, rules, max_errors=MOST_ERRORS, hide_suggestions=hides)
    except RecursionError:
        errors = [GraphQLError("The document is nested too deeply.")]
    if errors:
        raise InvalidError([_explained(error, schema) for error in errors])
    return Document.of(text, parsed)


def parse_document(text: str) -> DocumentNode:
    """Parse a document. Error: InvalidError."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidError([GraphQLError(f"The document is longer than {MOST_CHARACTERS} characters.")])
    if _nesting(text) > MOST_NESTING:
        raise InvalidError([GraphQLError(f"The document is nested more than {MOST_NESTING} levels deep.")])
    try:
        parsed = parse(text, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        raise InvalidError([error], is_parsed=False) from None
    except RecursionError:
        raise InvalidError([GraphQLError("The document is nested too deeply.")]) from None
    if len(parsed.definitions) > MOST_DEFINITIONS:
        raise InvalidError([GraphQLError(f"The document has more than {MOST_DEFINITIONS} definitions.")])
    return parsed


def _nesting(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_NO_STRUCTURE.sub("", text)):
        depth += 1 if bracket in "{([" else -1
        deepest = max(deepest, depth)
    return deepest


def digest_of(text: str) -> bytes:
    """Return the hash of a document."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _explained(error: GraphQLError, schema: Schema) -> GraphQLError:
    """Return an error with the reason why the surface's name is not part of the schema."""
    unknown = _UNKNOWN.match(error.message)
    reason = None
    if unknown is not None:
        owner = "Query" if unknown[2] == "Viewer" else unknown[2]
        reason = schema.withheld.get((owner, unknown[1]))
    if reason is None:
        return error
    return GraphQLError(f"{error.message} The name is withheld: {reason}", error.nodes)
