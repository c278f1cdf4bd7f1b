"""The spellings of a type: which of them are one type, and which one people write.

The companion program has a link to this file: it needs nothing but Python.
"""

from __future__ import annotations

import re

#: What ``pg_type.typname`` is for the names that SQL has besides; unquoted, and without a schema.
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

#: What people write for a ``typname``, as format_type() does.
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

#: The types of pg_catalog that a column may well have: by these, two spellings are known to be one type without asking.
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

#: The types whose modifier is a least length or precision and nothing else, and the most that Postgres takes for it.
LARGEST_LENGTH = {"bpchar": 10485760, "varchar": 10485760, "bit": 83886080, "varbit": 83886080, "numeric": 1000}

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def folded_type_name(name: str) -> str:
    """The ``typname`` that a name without quotes and schema stands for."""
    folded = name.lower()
    return _ALIASES.get(folded, folded)


def type_key(schema: str | None, name: str, array: bool) -> str:
    """The one spelling of a type that the catalog knows by these names, as integratedb.type_name has it.

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
    """A type as people write it, by its exact name: ``bigint`` for ``pg_catalog.int8``; others keep their schema."""
    element, brackets = (exact[:-2], "[]") if exact.endswith("[]") else (exact, "")
    name = element.removeprefix("pg_catalog.")
    return (_WRITTEN.get(name, name) if name != element else element) + brackets


def in_quotes(name: str) -> str:
    """A name in double quotes."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
