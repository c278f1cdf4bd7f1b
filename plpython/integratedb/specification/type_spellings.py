"""Knows the spellings of types: which spellings mean the same type, and which spelling people write.

The companion imports this module, so it imports nothing else of the package.
"""

from __future__ import annotations

import re

#: The ``pg_type.typname`` of SQL's other names, unquoted and without a schema.
_ALIASES = {
    "bigint": "int8",
    "bit varying": "varbit",
    "boolean": "bool",
    "char": "bpchar",
    "char varying": "varchar",
    "character": "bpchar",
    "character varying": "varchar",
    "dec": "numeric",
    "decimal": "numeric",
    "double precision": "float8",
    "float": "float8",
    "int": "int4",
    "integer": "int4",
    "national char": "bpchar",
    "national char varying": "varchar",
    "national character": "bpchar",
    "national character varying": "varchar",
    "nchar": "bpchar",
    "nchar varying": "varchar",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}

#: The usual spelling of a ``typname``, as format_type() returns it.
_WRITTEN = {
    "bit": "bit",
    "bool": "boolean",
    "bpchar": "character",
    "char": '"char"',
    "float4": "real",
    "float8": "double precision",
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

#: Types of pg_catalog that a column may have; two spellings of these are known to be equal without a query.
_BUILT_IN = frozenset(
    {
        *_WRITTEN,
        *("aclitem", "box", "bytea", "cid", "cidr", "circle", "date", "inet", "interval", "json", "jsonb", "jsonpath"),
        *(
            "line",
            "lseg",
            "macaddr",
            "macaddr8",
            "money",
            "name",
            "numeric",
            "oid",
            "path",
            "pg_lsn",
            "point",
            "polygon",
        ),
        *("refcursor", "regclass", "regconfig", "regdictionary", "regnamespace", "regproc", "regprocedure", "regrole"),
        *(
            "regtype",
            "text",
            "tid",
            "tsquery",
            "tsvector",
            "uuid",
            "xid",
            "xid8",
            "xml",
            "pg_snapshot",
            "txid_snapshot",
        ),
        *("datemultirange", "daterange", "int4multirange", "int4range", "int8multirange", "int8range"),
        *("nummultirange", "numrange", "tsmultirange", "tsrange", "tstzmultirange", "tstzrange"),
    }
)

#: Types whose modifier is only a minimum length or precision, with the maximum that Postgres accepts.
LARGEST_LENGTH = {"bpchar": 10485760, "varchar": 10485760, "bit": 83886080, "varbit": 83886080, "numeric": 1000}

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def folded_type_name(name: str) -> str:
    """Return the ``typname`` of an unquoted name without schema."""
    folded = name.lower()
    return _ALIASES.get(folded, folded)


def type_key(schema: str | None, name: str, array: bool) -> str:
    """Return the canonical spelling of a type with these names in the catalog, like integratedb.type_name.

    A built-in type is ``pg_catalog.int8``, with or without its schema; any other is ``schema.name`` or ``name``.
    """
    if schema in (None, "pg_catalog"):
        if not array and name.startswith("_") and name[1:] in _BUILT_IN:
            name, array = name[1:], True
        if name in _BUILT_IN:
            schema = "pg_catalog"
    parts = [name] if schema is None else [schema, name]
    return ".".join(part if _PLAIN.fullmatch(part) else in_quotes(part) for part in parts) + ("[]" if array else "")


def written_type(exact: str) -> str:
    """Return the usual spelling for an exact name: ``bigint`` for ``pg_catalog.int8``; others keep their schema."""
    element, brackets = (exact[:-2], "[]") if exact.endswith("[]") else (exact, "")
    name = element.removeprefix("pg_catalog.")
    return (_WRITTEN.get(name, name) if name != element else element) + brackets


def in_quotes(name: str) -> str:
    """Return a name in double quotes."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
