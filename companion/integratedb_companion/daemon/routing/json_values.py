"""Converts column values from Postgres's text form into JSON, as to_jsonb() does, without losing digits.

A converter takes the text of one value and returns a fragment of JSON. Numbers keep their text, so a bigint or numeric
keeps every digit; json is passed through. The text form is fixed, because the connection pins DateStyle, IntervalStyle,
TimeZone, bytea_output and extra_float_digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from orjson import dumps

Converter = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """An array of another type."""

    element: int
    delimiter: bytes = b","


@dataclass(frozen=True, slots=True)
class CompositeType:
    """A row type: names and types of its attributes, in order."""

    attributes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DomainType:
    """A domain: its values have the form of its base type."""

    base: int


@dataclass(frozen=True, slots=True)
class TextType:
    """A type of any kind whose form is too large to be told: values are sent as their text."""


TypeStructure = ArrayType | CompositeType | DomainType | TextType

BOOL: Final = 16
INT8, INT2, INT4, FLOAT4, FLOAT8, NUMERIC = 20, 21, 23, 700, 701, 1700
TIMESTAMP, TIMESTAMPTZ = 1114, 1184
DATE, TIME, TIMETZ, INTERVAL, UUID = 1082, 1083, 1266, 1186, 2950
JSON, JSONB = 114, 3802


#: The deepest nesting of composites and arrays that is converted; deeper values are sent as their text.
MAX_DEPTH: Final = 32


class ValueShapeError(ValueError):
    """A value does not have the form of its type."""


def text(value: bytes) -> bytes:
    """Convert a value whose type has no counterpart in JSON, to its text."""
    try:
        return dumps(value.decode())
    except UnicodeDecodeError:  # a database in SQL_ASCII accepts any bytes
        return dumps(value.decode(errors="replace"))


def as_is(value: bytes) -> bytes:
    """Return a value whose text is valid JSON."""
    return value


def quoted(value: bytes) -> bytes:
    """Convert a value whose text has no character that JSON escapes."""
    return b'"' + value + b'"'


def boolean(value: bytes) -> bytes:
    """Convert a boolean."""
    return b"true" if value == b"t" else b"false"


def number(value: bytes) -> bytes:
    """Convert a number."""
    # NaN and the infinities are not JSON numbers; like to_jsonb(), send them as strings.
    return value if value[-1:].isdigit() else text(value)


def timestamp(value: bytes) -> bytes:
    """Convert a timestamp, with or without time zone, to ISO 8601."""
    if value[-3:] == b"+00" and value[10:11] == b" ":  # the common case
        return b'"%bT%b:00"' % (value[:10], value[11:])
    if not value[:1].isdigit():  # infinity, -infinity
        return text(value)
    moment, era, _ = value.partition(b" BC")
    if moment.endswith(b"+00"):
        moment += b":00"
    return b'"' + moment.replace(b" ", b"T", 1) + era + b'"'


_SCALARS: Final[dict[int, Converter]] = {
    BOOL: boolean,
    INT2: as_is,
    INT4: as_is,
    INT8: as_is,
    FLOAT4: number,
    FLOAT8: number,
    NUMERIC: number,
    JSON: as_is,
    JSONB: as_is,
    TIMESTAMP: timestamp,
    TIMESTAMPTZ: timestamp,
    DATE: quoted,
    TIME: quoted,
    TIMETZ: quoted,
    INTERVAL: quoted,
    UUID: quoted,
}


def converter(type_oid: int, structures: Mapping[int, TypeStructure]) -> Converter:
    """Find the converter of a type; `structures` describes the arrays, composites and domains among the types."""
    return Converters(structures).of(type_oid)


class Converters:
    """Creates the converters of types once each."""

    def __init__(self, structures: Mapping[int, TypeStructure]) -> None:
        self._structures = structures
        # Keyed by depth too: otherwise two attributes of one composite type would double the work per level.
        self._cache: dict[tuple[int, int], Converter] = {}

    def of(self, type_oid: int, depth: int = 0) -> Converter:
        """Find the converter of a type at this depth of nesting."""
        known = self._cache.get((type_oid, depth))
        if known is None:
            known = self._cache[type_oid, depth] = self._make(type_oid, depth)
        return known

    def _make(self, type_oid: int, depth: int) -> Converter:
        base = self._below_domains(type_oid)
        structure = self._structures.get(base)
        if depth >= MAX_DEPTH and structure is not None:
            return text
        if isinstance(structure, ArrayType):
            return _array_converter(self.of(structure.element, depth + 1), structure.delimiter)
        if isinstance(structure, CompositeType):
            return _composite_converter(
                [(dumps(name) + b":", self.of(oid, depth + 1)) for name, oid in structure.attributes]
            )
        return _SCALARS.get(base, text)

    def _below_domains(self, type_oid: int) -> int:
        """Return the type below a domain, or below several nested domains."""
        passed = set[int]()
        while isinstance(structure := self._structures.get(type_oid), DomainType) and type_oid not in passed:
            passed.add(type_oid)
            type_oid = structure.base
        return type_oid


def _array_converter(element: Converter, delimiter: bytes) -> Converter:
    def convert(value: bytes) -> bytes:
        try:
            return _array(value, element, delimiter[0])
        except (ValueError, IndexError):
            return text(value)

    return convert


def _array(value: bytes, element: Converter, delimiter: int) -> bytes:
    """Convert {1,NULL,"a b",{...}}; a prefix such as [0:1]= holds lower bounds, which JSON does not have."""
    at = value.index(b"=") + 1 if value[:1] == b"[" else 0
    out: list[bytes] = []
    depth = 0
    while at < len(value):
        char = value[at]
        if char == 0x7B:  # {
            out.append(b"[")
            depth += 1
            at += 1
        elif char == 0x7D:  # }
            out.append(b"]")
            depth -= 1
            at += 1
        elif char == delimiter:
            out.append(b",")
            at += 1
        elif char == 0x22:  # "
            item, at = _quoted(value, at)
            out.append(element(item))
        else:
            end = at
            while value[end] not in (delimiter, 0x7D):
                end += 1
            item = value[at:end]
            out.append(b"null" if item.upper() == b"NULL" else element(item))
            at = end
    if depth or out[:1] != [b"["]:
        raise ValueShapeError(value)
    return b"".join(out)


def _composite_converter(attributes: list[tuple[bytes, Converter]]) -> Converter:
    def convert(value: bytes) -> bytes:
        try:
            items = _composite(value)
            if len(items) != len(attributes):
                return text(value)
        except (ValueError, IndexError):
            return text(value)
        pairs = (
            name + (b"null" if item is None else convert_item(item))
            for (name, convert_item), item in zip(attributes, items, strict=True)
        )
        return b"{" + b",".join(pairs) + b"}"

    return convert


def _composite(value: bytes) -> list[bytes | None]:
    """Split (1,,"a ""b") into its attributes; an empty attribute is null."""
    if value[:1] != b"(" or value[-1:] != b")":
        raise ValueShapeError(value)
    items: list[bytes | None] = []
    at = 1
    while True:
        if value[at] == 0x22:  # "
            item, at = _quoted(value, at)
            items.append(item)
        else:
            end = at
            while value[end] not in b",)":
                end += 1
            items.append(value[at:end] or None)
            at = end
        if value[at] == 0x29:  # )
            return items
        if value[at] != 0x2C:  # ,
            raise ValueShapeError(value)
        at += 1


def _quoted(value: bytes, at: int) -> tuple[bytes, int]:
    """Read a quoted item, in which a backslash or a doubled quote escapes."""
    out = bytearray()
    at += 1
    while True:
        char = value[at]
        if char == 0x5C:  # backslash
            out.append(value[at + 1])
            at += 2
        elif char == 0x22:
            if value[at + 1 : at + 2] != b'"':
                return bytes(out), at + 1
            out.append(0x22)
            at += 2
        else:
            out.append(char)
            at += 1
