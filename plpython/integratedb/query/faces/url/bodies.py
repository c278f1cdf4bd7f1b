"""Reads the body of a request: JSON, NDJSON, CSV, a form, or a raw value. Of JSON, only the keys are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal

from . import errors
from .comma_separated import parse_csv
from .media import Form
from .parameters import split
from .settings import Body, Keys

#: Of a form: a table has fewer columns, and a function fewer arguments.
MAX_FIELDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class RowsBody:
    """Rows to write, as one JSON text; ``uniform``: all of an array's rows have all keys."""

    json: bytes
    keys: tuple[str, ...]
    is_array: bool
    count: int
    uniform: bool = True


@dataclass(frozen=True, slots=True)
class CallBody:
    """What a function is called with: one JSON text with its keys, named texts, or a raw value."""

    json: bytes | None = None
    keys: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    raw: str | None = None
    raw_type: Literal["json", "text", "xml", "bytea"] = "json"


def read_rows(body: Body | None, form: Form, columns: tuple[str, ...] | None, by_key: bool = False) -> RowsBody:
    """The rows of a write. ``columns`` says which keys count; without it, all rows must have the same keys.

    With ``by_key``, rows of an array need not have the same keys: each changes what it names.
    """
    content = body.content if body else b""
    if form.kind == "json":
        is_array, keys, count = _scan(body, content)
        _decode(content)
        if by_key and is_array:
            return _rows_by_key(content, keys, columns, count)
        return RowsBody(content, _common_keys(keys, columns), is_array, count)
    if form.kind == "ndjson":
        text = ("[" + ",".join(line for line in _decode(content).split("\n") if line.strip()) + "]").encode()
        _, keys, count = _scan(body, text)
        if by_key:
            return _rows_by_key(text, keys, columns, count)
        return RowsBody(text, _common_keys(keys, columns), True, count)
    if form.kind == "csv":
        header, rows = parse_csv(_decode(content))
        uniform = not by_key or set(columns or ()) <= set(header)
        return RowsBody(_json(rows), columns or header, True, len(rows), uniform)
    if form.kind == "form":
        row = dict(_form(content))
        return RowsBody(_json(row), columns or tuple(row), False, 1)
    raise errors.invalid_body(f"Content-Type not acceptable: {form.name}")


def read_arguments(body: Body | None, form: Form) -> CallBody:
    """The body of a call. A call without a body has no arguments."""
    content = body.content if body else b""
    if form.kind == "json":
        if not content:
            return CallBody(json=b"{}")
        is_array, keys, _ = _scan(body, content)
        _decode(content)
        return CallBody(json=content, keys=() if is_array or not keys else keys[0] or ())
    if form.kind == "form":
        return CallBody(pairs=tuple(_form(content)))
    if form.kind == "text":
        return CallBody(raw=_decode(content), raw_type="text")
    if form.kind == "xml":
        return CallBody(raw=_decode(content), raw_type="xml")
    if form.kind == "binary":
        return CallBody(raw="\\x" + content.hex(), raw_type="bytea")  # as Postgres writes a bytea
    raise errors.invalid_body(f"Content-Type not acceptable: {form.name}")


def _scan(body: Body | None, content: bytes) -> tuple[bool, list[Keys], int]:
    try:
        if body is None:
            raise ValueError("no body")
        return body.scan(content)
    except ValueError:
        raise errors.invalid_body("Empty or invalid json") from None


def _rows_by_key(content: bytes, keys: list[Keys], columns: tuple[str, ...] | None, count: int) -> RowsBody:
    if any(each is None for each in keys):
        raise errors.invalid_body("All object keys must match")
    wanted = columns if columns is not None else tuple(dict.fromkeys(key for each in keys for key in each or ()))
    uniform = all(set(wanted) <= set(each or ()) for each in keys)
    return RowsBody(content, wanted, True, count, uniform)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _common_keys(keys: list[Keys], columns: tuple[str, ...] | None) -> tuple[str, ...]:
    first = keys[0] if keys else ()
    if first is None or any(each is None for each in keys):
        raise errors.invalid_body("All object keys must match")
    if columns is not None:
        return columns
    wanted = frozenset(first)
    if any(wanted != frozenset(each or ()) for each in keys):
        raise errors.invalid_body("All object keys must match")
    return first


def _form(content: bytes) -> list[tuple[str, str]]:
    if content.count(b"&") > MAX_FIELDS:
        raise errors.invalid_body(f"The form has more than {MAX_FIELDS} fields")
    return [(pair.name, pair.value) for pair in split(_decode(content), holes=False)]


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise errors.invalid_body("The body is not UTF-8") from None
    if "\0" in text:
        raise errors.invalid_body("The body has the character NUL, which no text in Postgres has")
    return text
