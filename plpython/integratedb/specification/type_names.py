"""Parses the ``type`` of a field into a type name that Postgres can look up."""

from __future__ import annotations

import re
from typing import NamedTuple

from .identifiers import name_problem
from .type_spellings import LARGEST_LENGTH, folded_type_name, in_quotes, type_key

#: The only type names of several words; a user-defined type with a space in its name must be quoted.
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

#: What information_schema.columns.data_type contains for an array, and for an enum, a composite or a range.
_INFORMATION_SCHEMA = frozenset({"ARRAY", "USER-DEFINED"})

_PART = re.compile(r'"((?:[^"]|"")*)"|([^\W\d][\w$]*)')
_SEPARATOR = re.compile(r"\s*\.\s*")


class TypeNameError(ValueError):
    """A text is not the name of a type; the message says why, without repeating the text."""


class TypeName(NamedTuple):
    """A parsed type name; ``schema`` and ``name`` are as written, but without quotes.

    ``length`` is the number in parentheses: the column's minimum length or precision, like ``min_length``.
    """

    schema: str | None
    name: str
    array: bool
    quoted: bool
    schema_quoted: bool
    length: int | None = None

    @property
    def text(self) -> str:
        """The written name, with normalised blanks and brackets."""
        return self._text("" if self.length is None else f"({self.length})")

    @property
    def without_length(self) -> str:
        """The text of the type without its length."""
        return self._text("")

    def _text(self, modifier: str) -> str:
        name = (in_quotes(self.name) if self.quoted else self.name) + modifier + ("[]" if self.array else "")
        if self.schema is None:
            return name
        return f"{in_quotes(self.schema) if self.schema_quoted else self.schema}.{name}"

    @property
    def catalog_name(self) -> str:
        """The name as in ``pg_type.typname``: Postgres folds unquoted names to lower case."""
        if self.quoted:
            return self.name
        return folded_type_name(self.name) if self.schema is None else self.name.lower()

    @property
    def catalog_schema(self) -> str | None:
        """The schema as in ``pg_namespace.nspname``."""
        return self.schema if self.schema is None or self.schema_quoted else self.schema.lower()

    @property
    def key(self) -> str:
        """The type in its canonical spelling, as far as the name alone determines it."""
        if self.schema is None and not self.quoted and self.name in _INFORMATION_SCHEMA:
            return self.name
        return type_key(self.catalog_schema, self.catalog_name, self.array)


def parse_type_name(text: str) -> TypeName:
    """Parse ``text``, ``varchar(40)``, ``shop.order_status[]``, ``ARRAY`` and similar. Raises TypeNameError."""
    written = text.strip()
    if written.upper() in _INFORMATION_SCHEMA:
        return TypeName(None, written.upper(), array=False, quoted=False, schema_quoted=False)
    element, array = _without_array(written)
    element, modifier = _without_modifier(element)
    name = _parse_element(element, array)
    return name if modifier is None else name._replace(length=_length(name, modifier))


def _parse_element(element: str, array: bool) -> TypeName:
    words = " ".join(element.split())
    if words.lower() in _WORDS:
        return TypeName(None, words, array=array, quoted=False, schema_quoted=False)
    if "(" in re.sub(r'"(?:[^"]|"")*"', "", element):
        raise TypeNameError(_NO_LENGTH)

    first = _part(element, 0)
    name, quoted = _unquote(first)
    separator = _SEPARATOR.match(element, first.end())
    if separator is None:
        _end(element, first.end())
        return TypeName(None, name, array, quoted, schema_quoted=False)
    second = _part(element, separator.end())
    _end(element, second.end())
    schema, schema_quoted = name, quoted
    name, quoted = _unquote(second)
    return TypeName(schema, name, array, quoted, schema_quoted)


_NO_LENGTH = (
    "it has a modifier in parentheses that is no length; leave that out, and claim a precision with 'min_length'"
)


def _without_modifier(element: str) -> tuple[str, list[str] | None]:
    """Return the type, and the numbers in parentheses after it: ``varchar (40)``, ``numeric(10, 2)``."""
    opened = element.rfind("(") if element.endswith(")") else -1
    if opened < 0:
        return element, None
    return element[:opened].rstrip(), [number.strip() for number in element[opened + 1 : -1].split(",")]


def _length(name: TypeName, modifier: list[str]) -> int:
    built_in = name.catalog_schema in (None, "pg_catalog")
    largest = LARGEST_LENGTH.get(name.catalog_name) if built_in else None
    if largest is None or not (modifier[0].isascii() and modifier[0].isdecimal()):
        raise TypeNameError(_NO_LENGTH)
    length = int(modifier[0])
    if not 1 <= length <= largest:
        raise TypeNameError(f"a length of it is 1 to {largest}")
    if modifier[1:] not in ([], ["0"]) or (modifier[1:] and name.catalog_name != "numeric"):
        raise TypeNameError(f"its scale cannot be claimed; leave that out: {name.without_length}({length})")
    return length


def _without_array(written: str) -> tuple[str, bool]:
    """Return the element type, and whether ``[]``, ``[3][4]``, ``ARRAY`` or ``ARRAY[3]`` follows it.

    The function reads from the end and without a regular expression. An expression with repeated optional digits
    between blanks would try every distribution of the blanks. A text of 100 pairs of brackets would take years.
    """
    element, brackets = written, 0
    while element.endswith("]") and (opened := element.rfind("[")) >= 0:
        size = element[opened + 1 : -1].strip()
        if size and not size.isdecimal():
            break
        element = element[:opened].rstrip()
        brackets += 1
    if brackets <= 1 and element[-5:].lower() == "array" and element[-6:-5].isspace():
        return element[:-5].rstrip(), True
    return element, brackets > 0


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
