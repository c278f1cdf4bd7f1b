"""Contains the types that do not come from a surface: those of what a statement computes itself."""

from __future__ import annotations

from ..surface import Type


def _type(oid: int, name: str, sql: str, category: str, is_json: bool = False) -> Type:
    return Type(oid, name, sql, sql, category, "base", is_json=is_json)


TEXT = _type(25, "text", "pg_catalog.text", "S")
BOOLEAN = _type(16, "boolean", "pg_catalog.bool", "B")
INTEGER = _type(23, "integer", "pg_catalog.int4", "N")
BIGINT = _type(20, "bigint", "pg_catalog.int8", "N")
NUMERIC = _type(1700, "numeric", "pg_catalog.numeric", "N")
DOUBLE = _type(701, "double precision", "pg_catalog.float8", "N")
DATE = _type(1082, "date", "pg_catalog.date", "D")
TIMESTAMP = _type(1114, "timestamp without time zone", "pg_catalog.timestamp", "D")
INTERVAL = _type(1186, "interval", "pg_catalog.interval", "T")
JSON = _type(114, "json", "pg_catalog.json", "U", is_json=True)
JSONB = _type(3802, "jsonb", "pg_catalog.jsonb", "U", is_json=True)

#: Other names that Postgres's grammar has for its types.
SYNONYMS = {
    "bool": "boolean",
    "char": "character",
    "dec": "numeric",
    "decimal": "numeric",
    "float": "double precision",
    "float4": "real",
    "float8": "double precision",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    "varchar": "character varying",
}

_FLOATS, _INTERVALS = (700, 701), (1186, 1083)
_SMALL_INTEGERS = (21, 23)


def of_aggregate(function: str, argument: Type | None) -> Type:
    """Return the type of an aggregate's result."""
    if function == "count" or argument is None:
        return BIGINT
    if function in ("max", "min"):
        return argument
    if argument.oid in _FLOATS:
        return DOUBLE
    if argument.oid in _INTERVALS:
        return INTERVAL
    if function == "sum" and argument.oid in _SMALL_INTEGERS:
        return BIGINT
    return argument if argument.category != "N" else NUMERIC


#: The wider of two types is that of a calculation with both.
_WIDTHS = (21, 23, 20, 1700, 700, 701)
_MOMENTS = (1114, 1184)


def of_calculation(operator: str, left: Type, right: Type) -> Type:
    """Return the type of a sum, a difference, a product or a quotient."""
    if left.oid in _WIDTHS and right.oid in _WIDTHS:
        return max(left, right, key=lambda of: _WIDTHS.index(of.oid))
    if left.oid == DATE.oid:
        if right.oid == DATE.oid:
            return INTEGER
        return TIMESTAMP if right.oid == INTERVAL.oid else left
    if left.oid in _MOMENTS and right.oid in _MOMENTS and operator == "sub":
        return INTERVAL
    if left.oid in _WIDTHS or (left.oid == INTERVAL.oid and operator == "add"):
        return right
    return left
