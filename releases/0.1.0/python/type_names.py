"""The ``type`` of a field: from the text that somebody wrote to a type name that Postgres can look up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .identifiers import name_problem

#: The only type names of several words; a type of one's own with a space in its name is written in quotes.
_WORDS = frozenset(
    {
        "double precision",
        "character varying",
        "char varying",
        "national character",
        "national character varying",
        "national char",
        "national char varying",
        "nchar varying",
        "bit varying",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
    }
)

#: What information_schema.columns.data_type says for an array, and for an enum, a composite or a range.
_INFORMATION_SCHEMA = frozenset({"ARRAY", "USER-DEFINED"})

_ARRAY = re.compile(r"(?:\s+array\s*(?:\[\s*\d*\s*\])?|(?:\s*\[\s*\d*\s*\])+)\Z", re.IGNORECASE)
_PART = re.compile(r'"((?:[^"]|"")*)"|([^\W\d][\w$]*)')
_SEPARATOR = re.compile(r"\s*\.\s*")


class TypeNameError(ValueError):
    """A text is not the name of a type; the message says what is wrong with it, without repeating the text."""


@dataclass(frozen=True)
class TypeName:
    """A type name taken apart; ``schema`` and ``name`` are as written, but without quotes."""

    schema: str | None
    name: str
    array: bool
    quoted: bool
    schema_quoted: bool
    text: str

    @property
    def catalog_name(self) -> str:
        """The name as ``pg_type.typname`` would have it: Postgres folds what is not quoted to lower case."""
        return self.name if self.quoted else self.name.lower()

    @property
    def catalog_schema(self) -> str | None:
        """The schema as ``pg_namespace.nspname`` would have it."""
        return self.schema if self.schema is None or self.schema_quoted else self.schema.lower()


def parse_type_name(text: str) -> TypeName:
    """``text``, ``double precision``, ``shop.order_status[]``, ``"Order Status"``, ``ARRAY``. Raises TypeNameError."""
    written = text.strip()
    if written.upper() in _INFORMATION_SCHEMA:
        return _type_name(None, written.upper(), array=False)
    suffix = _ARRAY.search(written)
    element = written[: suffix.start()] if suffix else written
    array = suffix is not None

    words = " ".join(element.split())
    if words.lower() in _WORDS:
        return _type_name(None, words, array=array)
    if "(" in re.sub(r'"(?:[^"]|"")*"', "", element):
        raise TypeNameError(
            'it has a modifier in parentheses; leave that out, and claim a length or precision with "min_length"'
        )

    first = _part(element, 0)
    separator = _SEPARATOR.match(element, first.end())
    if separator is None:
        _end(element, first.end())
        return _type_name(None, *_unquote(first), array=array)
    second = _part(element, separator.end())
    _end(element, second.end())
    schema, schema_quoted = _unquote(first)
    return _type_name(schema, *_unquote(second), array=array, schema_quoted=schema_quoted)


def _part(element: str, start: int) -> re.Match[str]:
    part = _PART.match(element, start)
    if part is None:
        raise TypeNameError("it is not a type name such as text, timestamp with time zone, shop.order_status or text[]")
    return part


def _end(element: str, end: int) -> None:
    if end < len(element):
        if _SEPARATOR.match(element, end):
            raise TypeNameError("it has more than two parts: a type name is type or schema.type")
        raise TypeNameError("it is not the name of one type; a name with a space or a sign in it is double-quoted")


def _unquote(part: re.Match[str]) -> tuple[str, bool]:
    quoted = part[1] is not None
    name = part[1].replace('""', '"') if quoted else part[2]
    if (problem := name_problem(name)) is not None:
        raise TypeNameError(problem)
    return name, quoted


def _type_name(
    schema: str | None, name: str, quoted: bool = False, *, array: bool, schema_quoted: bool = False
) -> TypeName:
    text = _written(name, quoted) + ("[]" if array else "")
    if schema is not None:
        text = f"{_written(schema, schema_quoted)}.{text}"
    return TypeName(schema, name, array, quoted, schema_quoted, text)


def _written(name: str, quoted: bool) -> str:
    if not quoted:
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
