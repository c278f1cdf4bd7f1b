"""Table paths: from ``shop."Order Items"`` to schema and relation and back, and the schemas nobody may claim."""

from __future__ import annotations

import re

from .model import Path

#: NAMEDATALEN - 1 of every Postgres that was not recompiled for longer names.
MAX_BYTES = 63

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class PathError(ValueError):
    """A text is not a table path; the message says what is wrong with it, without repeating the text."""


def parse_path(text: str) -> Path:
    """``schema.table`` or ``schema.*``; either part may be double-quoted the SQL way. Raises PathError."""
    schema, position = _part(text, 0, "schema")
    if position == len(text):
        raise PathError("the schema is missing: a path is schema.table")
    if text[position] != ".":
        raise PathError("only a dot may follow the schema: a path is schema.table")
    if text[position + 1 :] == "*":
        return Path(schema, None)
    relation, position = _part(text, position + 1, "table")
    if position < len(text):
        if text[position] == ".":
            raise PathError("it has more than two parts: a path is schema.table")
        raise PathError("something follows the table: a path is schema.table")
    return Path(schema, relation)


def format_path(path: Path) -> str:
    """The canonical text of a path: quotes only where a part needs them."""
    return f"{_format_part(path.schema)}.{'*' if path.relation is None else _format_part(path.relation)}"


def name_problem(name: str) -> str | None:
    """Why no column, table, schema or type can bear this name; None when one can."""
    if not name:
        return "a name cannot be empty"
    if "\0" in name:
        return "a name cannot contain the character NUL"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"a name has at most {MAX_BYTES} bytes in Postgres"
    return None


def schema_problem(schema: str) -> str | None:
    """Why nobody may claim anything in this schema; None when one may."""
    if schema == "integratedb":
        return "schema integratedb is the extension's own"
    if re.match(r"pg_(toast_)?temp(_|$)", schema):
        return f"schema {schema} is temporary: it ends with a session"
    if schema.startswith("pg_") or schema == "information_schema":
        return f"{schema} is a system schema"
    return None


def _part(text: str, start: int, what: str) -> tuple[str, int]:
    """One part of a path beginning at ``start``, and the position after it."""
    if text.startswith('"', start):
        quoted = _QUOTED.match(text, start)
        if quoted is None:
            raise PathError(f"the quote that opens the {what} is not closed")
        name = quoted[0][1:-1].replace('""', '"')
        if (problem := name_problem(name)) is not None:
            raise PathError(f"the {what} is no possible name: {problem}")
        return name, quoted.end()
    end = start
    while end < len(text) and text[end] not in '."':
        end += 1
    name = text[start:end]
    if not name:
        raise PathError(f"the {what} is empty: a path is schema.table")
    if not _PLAIN.fullmatch(name):
        problem = name_problem(name)
        raise PathError(
            f"the {what} is no possible name: {problem}"
            if problem
            else f'the {what} must be double-quoted, as in SQL: only letters a to z, digits and "_" go without quotes'
        )
    return name, end


def _format_part(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
