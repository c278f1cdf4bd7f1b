"""Converts whole columns to JSON: the same values as json_values.py, without a call of a function for each value. Pure.

Most columns need no change of their values: a look at all values together shows whether one needs its own conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from .json_values import Converter, as_is, boolean, number, quoted, text, timestamp


class JsonColumn(NamedTuple):
    """Fragments of JSON: each value with what stands before and after all of them."""

    before: bytes
    values: Sequence[bytes]
    after: bytes


#: Converts the values of a column; raises TypeError where one is not bytes, or gives it back among the values.
ColumnConverter = Callable[[Sequence[bytes]], JsonColumn]

#: What JSON escapes in a string; orjson escapes nothing else.
_ESCAPED: Final = bytes(range(0x20)) + b'"\\'
_BOOLEANS: Final = {b"t": b"true", b"f": b"false"}


def column_converter(convert: Converter) -> ColumnConverter:
    """Return the converter of a column, by that of its values."""
    return _COLUMNS.get(convert) or (lambda values: JsonColumn(b"", [convert(value) for value in values], b""))


def with_nulls(convert: ColumnConverter, values: Sequence[bytes | int], null: int) -> JsonColumn:
    """Convert a column in which the integer `null` stands for a null. Error: TypeError where it has other integers."""
    if not {value for value in values if type(value) is int} <= {null}:
        raise TypeError("a value of the column is absent")
    before, converted, after = convert([value for value in values if type(value) is bytes])
    following = iter(converted)
    return JsonColumn(
        b"", [before + next(following) + after if type(value) is bytes else b"null" for value in values], b""
    )


def _as_is(values: Sequence[bytes]) -> JsonColumn:
    return JsonColumn(b"", values, b"")


def _quoted(values: Sequence[bytes]) -> JsonColumn:
    return JsonColumn(b'"', values, b'"')


def _text(values: Sequence[bytes]) -> JsonColumn:
    together = b" ".join(values)
    if len(together.translate(None, _ESCAPED)) == len(together) and _is_utf8(together):
        return _quoted(values)
    return JsonColumn(b"", [text(value) for value in values], b"")


def _is_utf8(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _boolean(values: Sequence[bytes]) -> JsonColumn:
    return JsonColumn(b"", [_BOOLEANS.get(value, value) for value in values], b"")


def _number(values: Sequence[bytes]) -> JsonColumn:
    together = b"".join(values)
    if b"N" in together or b"I" in together:  # NaN, Infinity
        return JsonColumn(b"", [number(value) for value in values], b"")
    return _as_is(values)


def _timestamp(values: Sequence[bytes]) -> JsonColumn:
    together = b"\n".join((*values, b""))
    if together.count(b"+00\n") == len(values):  # no infinity, and none before Christ
        after = b':00"'
    elif any(mark in together for mark in (b"+", b"y", b"B")):  # a time zone, infinity, BC
        return JsonColumn(b"", [timestamp(value) for value in values], b"")
    else:
        after = b'"'
    return JsonColumn(b'"', together.replace(b" ", b"T").split(b"\n")[:-1], after)


_COLUMNS: Final[dict[Converter, ColumnConverter]] = {
    as_is: _as_is,
    boolean: _boolean,
    number: _number,
    quoted: _quoted,
    text: _text,
    timestamp: _timestamp,
}
