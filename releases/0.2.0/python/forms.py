"""The forms a specification may be written in, walked as one: a match alone or in an array, a field as text or object.

Every step comes with where it is in the document as written. The document must have passed stage one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Steps = tuple[str | int, ...]
Document = dict[str, Any]


def matches(document: Document) -> Iterator[tuple[Steps, Document]]:
    match = document["match"]
    if isinstance(match, dict):
        yield ("match",), match
    else:
        for index, entry in enumerate(match):
            yield ("match", index), entry


def alternatives(steps: Steps, match: Document) -> Iterator[tuple[Steps, Document]]:
    if "alternatives" in match:
        for index, entry in enumerate(match["alternatives"]):
            yield (*steps, "alternatives", index), entry
    else:
        yield steps, match


def fields(steps: Steps, alternative: Document) -> Iterator[tuple[Steps, str | Document]]:
    for index, entry in enumerate(alternative.get("fields") or ()):
        yield (*steps, "fields", index), entry


def field_alternatives(steps: Steps, field: str | Document) -> Iterator[tuple[Steps, str | Document]]:
    if isinstance(field, dict) and "alternatives" in field:
        for index, entry in enumerate(field["alternatives"]):
            yield (*steps, "alternatives", index), entry
    else:
        yield steps, field


def column_name(entry: str | Document) -> str:
    name: str = entry if isinstance(entry, str) else entry["name"]
    return name


def is_wildcard(alternative: Document) -> bool:
    return alternative.get("fields") == ["*"]
