"""Contains the scalars of the schema, and which one a type of Postgres is."""

from __future__ import annotations

from typing import Any, Final

from graphql import (
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
    ValueNode,
)

from ...surface import Type


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise GraphQLError("expected a text or a number")
    return value if isinstance(value, str) else str(value)


def _literal(node: ValueNode, _variables: Any = None) -> str:
    # The digits as they are written.
    if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        return node.value
    raise GraphQLError("expected a text or a number", node)


def _scalar(name: str, description: str) -> GraphQLScalarType:
    return GraphQLScalarType(name, parse_value=_text, parse_literal=_literal, description=description)


BIG_INT: Final = _scalar("BigInt", "An integer of 64 bits, as a text.")
BIG_FLOAT: Final = _scalar("BigFloat", "A number with all its digits, as a text.")
DATE: Final = _scalar("Date", "A date: 2026-11-29.")
DATETIME: Final = _scalar("Datetime", "A point in time: 2026-11-29T12:00:00+00:00.")
TIME: Final = _scalar("Time", "A time of day.")
INTERVAL: Final = _scalar("Interval", "An interval, in the syntax of Postgres.")
UUID: Final = _scalar("UUID", "A UUID.")
CURSOR: Final = _scalar("Cursor", "The place of a row in an order. It is valid in the same order only.")
JSON: Final = GraphQLScalarType("JSON", parse_value=lambda value: value, description="Any JSON, as JSON.")

SCALARS: Final = (BIG_INT, BIG_FLOAT, DATE, DATETIME, TIME, INTERVAL, UUID, CURSOR, JSON)

#: By the type below all domains.
_BY_TYPE: Final = {
    "pg_catalog.int2": GraphQLInt,
    "pg_catalog.int4": GraphQLInt,
    "pg_catalog.int8": BIG_INT,
    "pg_catalog.numeric": BIG_FLOAT,
    "pg_catalog.float4": GraphQLFloat,
    "pg_catalog.float8": GraphQLFloat,
    "pg_catalog.bool": GraphQLBoolean,
    "pg_catalog.uuid": UUID,
    "pg_catalog.json": JSON,
    "pg_catalog.jsonb": JSON,
    "pg_catalog.date": DATE,
    "pg_catalog.timestamp": DATETIME,
    "pg_catalog.timestamptz": DATETIME,
    "pg_catalog.time": TIME,
    "pg_catalog.timetz": TIME,
    "pg_catalog.interval": INTERVAL,
}
#: Those whose JSON is a number that clients would round.
AS_TEXT: Final = (BIG_INT, BIG_FLOAT)


def scalar_of(of: Type) -> GraphQLScalarType:
    """Return the scalar of a type that is no enum."""
    if of.to_json is not None or of.is_array or of.kind in ("composite", "pseudo"):
        return JSON
    plain = of.base.replace('"', "")
    return _BY_TYPE.get(plain, JSON if of.is_json else GraphQLString)
