"""Splits a query string into its parameters, and says which of them are holes of the request's shape.

What is a hole is decided by the text as it stands in the URL, so that ``shape`` and ``parse`` cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from .errors import UrlError, parse_error

#: Names that are no filters, at the top and (where the last word is one of these) on embeds.
RESERVED = frozenset({"select", "columns", "on_conflict"})
RESERVED_WORDS = frozenset({"order", "limit", "offset", "and", "or"})

#: A filter whose value is one scalar: its name and operator, and the value.
_HOLE = re.compile(
    r"((?:[A-Za-z_][A-Za-z0-9_]*\.)*([A-Za-z_][A-Za-z0-9_]*)"
    r"=(?:not\.)?(?:eq|neq|gte?|lte?|i?like|i?match|isdistinct|cs|cd|ov|sl|sr|nxr|nxl|adj|(?:pl|ph|w)?fts)\.)(.*)",
    re.DOTALL,
)
#: Beginnings of what has no hole, to save a look.
_NEVER = ("select=", "order=")
#: A limit or offset that is a number of Postgres, and certainly a valid one.
_RANGE_HOLE = re.compile(r"((?:[A-Za-z_][A-Za-z0-9_]*\.)*(?:limit|offset)=)([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Pair:
    """A parameter; ``hole`` is the number of its value, if that is a hole, and ``hole_value`` what is in it."""

    name: str
    value: str
    hole: int | None = None
    hole_value: str | int = ""

    @property
    def last_word(self) -> str:
        return self.name.rpartition(".")[2]


def hole_of(piece: str) -> tuple[str, str | int] | None:
    """What stands before the hole of a parameter, and the value in it; None: it has no hole."""
    if piece.startswith(_NEVER):
        return None
    found = _HOLE.fullmatch(piece)
    if found:
        prefix, word, text = found.groups()
        if word not in RESERVED and word not in RESERVED_WORDS:
            value = decode(text)
            return prefix, value.replace("*", "%") if prefix.endswith("like.") else value
    number = _RANGE_HOLE.fullmatch(piece)
    return (number[1], int(number[2])) if number else None


def decode(text: str) -> str:
    """Percent-decoded; ``+`` is a space. A percent sign that begins no code stands for itself, as in PostgREST."""
    try:
        if "%" in text or not text.isascii():
            text = unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
        elif "+" in text:
            text = text.replace("+", " ")
    except UnicodeError:
        raise _bad_text("text that is not UTF-8") from None
    if "\0" in text:
        raise _bad_text("the character NUL, which no text in Postgres has")
    return text


def _bad_text(what: str) -> UrlError:
    return parse_error('"failed to parse query string" (line 1, column 1)', f"The query string has {what}.")


def split(query: str, holes: bool) -> Iterator[Pair]:
    """Parameters in their order; those without ``=`` are left out."""
    number = 0
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        if not equals:
            continue
        hole = hole_of(piece) if holes else None
        if hole is None:
            yield Pair(decode(name), decode(value))
        else:
            yield Pair(decode(name), decode(value), number, hole[1])
            number += 1


def canonical(query: str) -> str:
    """The query string with its parameters sorted by name, for Content-Location."""
    return _short(query) if len(query) <= _SHORT else _canonical(query)


def _canonical(query: str) -> str:
    pairs: Iterable[tuple[str, str]] = (
        (decode(name), decode(value))
        for name, _, value in (piece.partition("=") for piece in query.split("&") if piece)
    )
    ordered = sorted(pairs, key=lambda pair: pair[0])
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in ordered)


#: Query strings up to this length are remembered: a client mostly sends the same few.
_SHORT = 500
_short = lru_cache(maxsize=500)(_canonical)
