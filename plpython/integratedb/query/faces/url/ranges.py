"""Combines limit and offset of the URL with the Range header, as PostgREST does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...request import Value
from . import errors
from .parameters import Pair

_NUMBER = re.compile(r"\s*(-?[0-9]+)\s*")
_HEADER = re.compile(r"([0-9]+)-([0-9]*)")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Range:
    """Which rows of the result are asked for; without a limit, all from the offset on."""

    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A range, and its numbers as values of the query: with their holes, if the URL alone decides."""

    range: Range = Range()
    limit: Value | None = None
    offset: Value | None = None


def number(text: str) -> int | None:
    """A whole number; None: it is none, and PostgREST ignores the parameter."""
    found = _NUMBER.fullmatch(text)
    return _bounded(found[1]) if found else None


def _bounded(text: str) -> int:
    if len(text) > 19:
        return -_LARGEST if text.startswith("-") else _LARGEST
    return max(-_LARGEST, min(_LARGEST, int(text)))


def limit_value(pair: Pair) -> Value | None:
    found = number(pair.value)
    if found is not None and found < 0:
        raise errors.negative_limit()
    return None if found is None else Value(found, pair.hole)


def offset_value(pair: Pair) -> Value | None:
    """The offset; a negative one is ignored."""
    found = number(pair.value)
    return None if found is None or found < 0 else Value(found, pair.hole)


def window(limit: Value | None, offset: Value | None, header: str | None) -> Window:
    """The range of a request; ``header`` is the Range header, which counts for GET only."""
    start = offset.value if offset else 0
    count = limit.value if limit else None
    found = _HEADER.fullmatch(header.strip()) if header else None
    if not found:
        return Window(Range(start, count), limit, offset)
    first = _bounded(found[1])
    last = _bounded(found[2]) if found[2] else None
    if last is not None and first > last:
        raise errors.reversed_range()
    if count == 0:
        return Window(Range(0, 0), Value(0))
    ends = [end for end in (last, None if count is None else start + count - 1) if end is not None]
    start = max(start, first)
    if ends and min(ends) < start:
        raise errors.negative_limit()
    count = min(ends) - start + 1 if ends else None
    return Window(Range(start, count), None if count is None else Value(count), Value(start) if start else None)
