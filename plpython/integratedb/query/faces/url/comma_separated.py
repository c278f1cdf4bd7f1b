"""Reads a CSV body: the first line has the keys, and the text NULL is null."""

from __future__ import annotations

import re

from . import errors

_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)')


def parse_csv(text: str) -> tuple[tuple[str, ...], list[dict[str, str | None]]]:
    """The keys of a CSV text, and its rows; lines that are empty are left out."""
    lines = _lines(text.removeprefix("\ufeff"))
    if not lines:
        raise errors.invalid_body("Empty or invalid CSV")
    header = lines[0]
    if any(len(line) != len(header) for line in lines):
        raise errors.invalid_body("All lines must have same number of fields")
    keys = tuple(dict.fromkeys(header))
    rows = [
        dict(zip(header, [None if field == "NULL" else field for field in line], strict=True)) for line in lines[1:]
    ]
    return keys, rows


def _lines(text: str) -> list[list[str]]:
    lines: list[list[str]] = []
    line: list[str] = []
    position = 0
    while position < len(text) or line:
        found = _FIELD.match(text, position)
        if not found:
            raise errors.invalid_body("Empty or invalid CSV")
        line.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        position = found.end()
        if found[3] != ",":
            if line != [""] or found[1] is not None:
                lines.append(line)
            line = []
    return lines
