"""Reads a CSV body: the first line has the keys, and the text NULL is null."""

from __future__ import annotations

import re

from . import errors

_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n|\n|\r|\Z)')


def parse_csv(text: str, first_line: int = 1) -> tuple[tuple[str, ...], list[dict[str, str | None]]]:
    """The keys of a CSV text, and its rows; lines that are empty are left out."""
    lines = _lines(text.removeprefix("\ufeff"), first_line)
    if not lines:
        raise errors.invalid_body("Empty or invalid CSV")
    _, header = lines[0]
    rows = []
    for number, line in lines[1:]:
        if len(line) != len(header):
            details = f"Line {number} of the body has {len(line)} fields, and the first line has {len(header)}."
            raise errors.invalid_body("All lines must have same number of fields", details)
        rows.append(dict(zip(header, [None if field == "NULL" else field for field in line], strict=True)))
    return tuple(dict.fromkeys(header)), rows


def _lines(text: str, number: int) -> list[tuple[int, list[str]]]:
    """Return the lines as lists of fields, each with the number of the line on which it begins."""
    lines: list[tuple[int, list[str]]] = []
    line: list[str] = []
    position = inside = 0
    while position < len(text) or line:
        found = _FIELD.match(text, position)
        if not found:
            details = f"Line {number} of the body has a quotation mark where none can be."
            raise errors.invalid_body("Empty or invalid CSV", details)
        if found[1] is None:
            line.append(found[2])
        else:
            inside += found[1].count("\n")
            line.append(found[1].replace('""', '"'))
        position = found.end()
        if found[3] != ",":
            if line != [""] or found[1] is not None:
                lines.append((number, line))
            number += 1 + inside
            line, inside = [], 0
    return lines
