"""Walks the alternative forms of a specification alike: a match alone or in an array, a field as text or object.

Every entry comes with its place in the original document. The document must have the right shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..interrupts import steps as interruptible

Steps = tuple[str | int, ...]
Document = dict[str, Any]


def matches(document: Document) -> Iterator[tuple[Steps, Document]]:
    match = document["match"]
    if isinstance(match, dict):
        yield ("match",), match
    else:
        for index, entry in enumerate(interruptible(match)):
            yield ("match", index), entry


def alternatives(steps: Steps, match: Document) -> Iterator[tuple[Steps, Document]]:
    if "alternatives" in match:
        for index, entry in enumerate(interruptible(match["alternatives"])):
            yield (*steps, "alternatives", index), entry
    else:
        yield steps, match


def fields(steps: Steps, alternative: Document) -> Iterator[tuple[Steps, str | Document]]:
    for index, entry in enumerate(interruptible(alternative.get("fields") or ())):
        yield (*steps, "fields", index), entry


def field_alternatives(steps: Steps, field: str | Document) -> Iterator[tuple[Steps, str | Document]]:
    if isinstance(field, dict) and "alternatives" in field:
        for index, entry in enumerate(interruptible(field["alternatives"])):
            yield (*steps, "alternatives", index), entry
    else:
        yield steps, field


def unique_keys(steps: Steps, alternative: Document) -> Iterator[tuple[Steps, list[str]]]:
    for index, names in enumerate(interruptible(alternative.get("unique", ()))):
        yield (*steps, "unique", index), names


def references(steps: Steps, alternative: Document) -> Iterator[tuple[Steps, Document]]:
    for index, entry in enumerate(interruptible(alternative.get("references", ()))):
        yield (*steps, "references", index), entry


def column_name(entry: str | Document) -> str:
    name: str = entry if isinstance(entry, str) else entry["name"]
    return name


def is_wildcard(alternative: Document) -> bool:
    return alternative.get("fields") == ["*"]
