"""Splits a query string into its parameters, and says which of them are holes of the request's shape.

What is a hole is decided by the text as it stands in the URL, so that ``shape`` and ``parse`` cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from .errors import UrlError, parse_error

#: Names that are no filters, at the top and (where the last word is one of these) on embeds.
RESERVED = frozenset({"select", "columns", "on_conflict"})
RESERVED_WORDS = frozenset({"order", "limit", "offset", "and", "or"})

#: A filter whose value is one scalar: its name and operator, and the value.
HOLE = re.compile(
    r"((?:[A-Za-z_][A-Za-z0-9_]*\.)*([A-Za-z_][A-Za-z0-9_]*)"
    r"=(?:not\.)?(?:eq|neq|gte?|lte?|i?like|i?match|isdistinct|cs|cd|ov|sl|sr|nxr|nxl|adj|(?:pl|ph|w)?fts)\.)(.*)",
    re.DOTALL,
)
#: A limit or offset that is a number of Postgres, and certainly a valid one.
RANGE_HOLE = re.compile(r"((?:[A-Za-z_][A-Za-z0-9_]*\.)*(?:limit|offset)=)([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Pair:
    """A parameter; ``hole`` is the number of its value, if that is a hole."""

    name: str
    value: str
    hole: int | None = None

    @property
    def last_word(self) -> str:
        return self.name.rpartition(".")[2]


def is_filter_hole(found: re.Match[str]) -> bool:
    return found[2] not in RESERVED and found[2] not in RESERVED_WORDS


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
        hole = None
        if holes:
            found = HOLE.fullmatch(piece)
            if (found and is_filter_hole(found)) or RANGE_HOLE.fullmatch(piece):
                hole = number
                number += 1
        yield Pair(decode(name), decode(value), hole)


def canonical(query: str) -> str:
    """The query string with its parameters sorted by name, for Content-Location."""
    pairs: Iterable[tuple[str, str]] = (
        (decode(name), decode(value))
        for name, _, value in (piece.partition("=") for piece in query.split("&") if piece)
    )
    ordered = sorted(pairs, key=lambda pair: pair[0])
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in ordered)
