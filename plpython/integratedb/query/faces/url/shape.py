"""Splits common requests into a key and the values of its holes, in a few microseconds.

Requests with the same key become the same statement with other values in its holes. The key is the URL's: where the
service reads headers (Accept, Prefer, profiles), these belong into its key too. A request with a Range header must be
parsed, because that header changes the numbers.
"""

from __future__ import annotations

from typing import TypeAlias

from .errors import UrlError
from .parameters import HOLE, RANGE_HOLE, decode, is_filter_hole

#: Method, path, and the query string without the values of its holes.
Key: TypeAlias = tuple[str, str, str]

#: Beginnings of what has no hole, to save a look.
_NEVER = ("select=", "order=")
_METHODS = frozenset({"GET", "HEAD", "PATCH", "DELETE"})


def shape(method: str, path: str, query: str) -> tuple[Key, tuple[str | int, ...]] | None:
    """The key of a request and the values of its holes; None: the request must be parsed."""
    if method not in _METHODS or path.startswith("/rpc/") or "\0" in query:
        return None
    key: list[str] = []
    values: list[str | int] = []
    try:
        for piece in query.split("&"):
            if piece.startswith(_NEVER):
                key.append(piece)
                continue
            found = HOLE.fullmatch(piece)
            if found and is_filter_hole(found):
                prefix, _, text = found.groups()
                value = decode(text)
                values.append(value.replace("*", "%") if prefix.endswith("like.") else value)
                key.append(prefix)
                continue
            number = RANGE_HOLE.fullmatch(piece)
            if number:
                key.append(number[1] + "\0")  # what is no number stays as it is: limit=
                values.append(int(number[2]))
            else:
                key.append(piece)
    except UrlError:
        return None
    return (method, path, "&".join(key)), tuple(values)
