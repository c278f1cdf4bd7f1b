"""Compiles a subscription: the query that reads changed rows again, and the form of what is told of them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from graphql import GraphQLError, OperationDefinitionNode, OperationType

from ...request import Column, Expression, Group, Item, Operation, Select, Table, Value
from ...surface import Type
from .conditions import all_of
from .documents import Document, InvalidError
from .meanings import Changes, Entity, meaning_of
from .reading import Reader, global_id
from .schema import Schema
from .selections import Selections
from .variables import Variables

#: The alias of the relation: no name of GraphQL has a space.
_ROWS: Final = "the rows"
#: The keys of a row of the statement.
ID, NODE = "id", "node"
#: So many rows of a key with one column are read at once. A longer key is read by the values of each column, and what
#: was not asked for is left out.
MOST_KEYS: Final = 500
MOST_LONG_KEYS: Final = 30

_INTEGERS: Final = {"pg_catalog.int2": 1 << 15, "pg_catalog.int4": 1 << 31, "pg_catalog.int8": 1 << 63}
_INTEGER: Final = re.compile("-?[0-9]{1,19}")
_NUMERIC: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|NaN|-?Infinity")
_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Key = tuple[str, ...]
Part = Literal["resync", "nodes", "removed"]


@dataclass(frozen=True, slots=True)
class Following:
    """A compiled subscription."""

    entity: Entity
    #: The name of the field in answers.
    key: str
    #: Reads rows: lines with the global id and what is selected.
    query: Select
    #: The first hole of the values of keys: a list for each column of the key.
    first_hole: int
    #: The fields of an answer, in order: what they are, or their text.
    parts: tuple[tuple[str, Part | bytes], ...]

    @property
    def most_keys(self) -> int:
        """How many rows one statement reads."""
        return MOST_KEYS if len(self.entity.key) == 1 else MOST_LONG_KEYS

    def wants(self, part: Part) -> bool:
        """Whether the document selects a part of an answer."""
        return any(each == part for _, each in self.parts)

    def fits(self, key: Key) -> bool:
        """Whether the columns of the key can have these values, which Postgres has written."""
        columns = self.entity.relation.columns
        types = [columns[name].type for name in self.entity.key]
        return len(key) == len(types) and all(map(_fits, types, key))

    def id_of(self, key: Key) -> bytes:
        """Return the global id of a row, as Postgres writes it."""
        text = json.dumps([self.entity.name, *key], ensure_ascii=False)
        return base64.b64encode(text.encode("utf-8", "surrogatepass"))

    @staticmethod
    def values(keys: Sequence[Key]) -> list[list[str]]:
        """Return the values of the holes of keys."""
        return [list(column) for column in zip(*keys, strict=True)]

    def payload(self, nodes: Iterable[bytes], removed: Iterable[bytes], *, resync: bool) -> bytes:
        """Return the data of one answer, as JSON."""
        written = {
            "resync": b"true" if resync else b"false",
            "nodes": b"[" + b",".join(nodes) + b"]",
            "removed": b"[" + b",".join(b'"' + each + b'"' for each in removed) + b"]",
        }
        fields = (
            json.dumps(name).encode() + b":" + (part if isinstance(part, bytes) else written[part])
            for name, part in self.parts
        )
        return b"{" + json.dumps(self.key).encode() + b":{" + b",".join(fields) + b"}}"


def is_subscription(operation: OperationDefinitionNode) -> bool:
    """Whether an operation is a subscription."""
    return operation.operation is OperationType.SUBSCRIPTION


def compile_subscription(
    document: Document, wanted: OperationDefinitionNode, variables: Variables, schema: Schema, max_rows: int | None
) -> Following:
    """Compile a subscription. Error: InvalidError."""
    selections = Selections(schema.graphql, document.fragments, variables.marked)
    try:
        return _compile(wanted, variables, schema, selections, max_rows)
    except GraphQLError as error:
        raise InvalidError([error]) from None


def _compile(
    wanted: OperationDefinitionNode,
    variables: Variables,
    schema: Schema,
    selections: Selections,
    max_rows: int | None,
) -> Following:
    of = schema.graphql.subscription_type
    if of is None:
        raise GraphQLError("The role has no subscriptions: its stakeholder is notified of no table.", wanted)
    fields = selections.collect(of, [wanted.selection_set], 1)
    means = meaning_of(fields[0].field) if len(fields) == 1 and fields[0].field is not None else None
    if not isinstance(means, Changes):
        raise GraphQLError("A subscription has one field at its root.", wanted)
    [field] = fields
    entity, reader = means.entity, Reader(selections, max_rows)
    parts: list[tuple[str, Part | bytes]] = []
    items: tuple[Item, ...] = (Item(global_id(entity), ID),)
    groups: tuple[Group, ...] = ()
    payload = reader.type_of(field)
    for each in selections.collect(payload, field.sets, 2):
        match each.name:
            case "nodes":
                if groups:
                    raise each.error("'nodes' may be selected once, because each row is read once.")
                inner = reader.items(entity, reader.type_of(each), each.sets, _ROWS, 3, MOST_KEYS)
                groups = (Group(NODE, inner),)
                parts.append((each.key, "nodes"))
            case "resync":
                parts.append((each.key, "resync"))
            case "removedIds":
                parts.append((each.key, "removed"))
            case _:
                parts.append((each.key, json.dumps(payload.name).encode()))
    conditions = reader.selecting(entity, field, _ROWS)
    # The compiler may have added holes.
    first_hole = len(variables.holes)
    pinned: list[Expression] = [
        Operation("eq", (Column(name, _ROWS), Value([], first_hole + number)), quantifier="any")
        for number, name in enumerate(entity.key)
    ]
    query = Select(
        items=(*items, *groups),
        source=(Table(entity.relation.name, entity.relation.schema, _ROWS),),
        where=all_of([*conditions, *pinned]),
    )
    return Following(entity, field.key, query, first_hole, tuple(parts))


def _fits(of: Type, value: str) -> bool:
    base = of.base.replace('"', "")
    if (most := _INTEGERS.get(base)) is not None:
        return _INTEGER.fullmatch(value) is not None and -most <= int(value) < most
    if base == "pg_catalog.numeric":
        return _NUMERIC.fullmatch(value) is not None
    if base == "pg_catalog.uuid":
        return _UUID.fullmatch(value) is not None
    return of.kind != "enum" or value in of.labels
