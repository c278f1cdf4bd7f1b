"""Splits common requests into a key and the values of its holes, in a few microseconds.

Requests with the same key become the same statement with other values in its holes. The key is the URL's: where the
service reads headers (Accept, Prefer, profiles), these belong into its key too. A request with a Range header must be
parsed, because that header changes the numbers. The body of PATCH is one more hole, after these; whether it is an array
and which keys it has belongs into the service's key.
"""

from __future__ import annotations

from typing import TypeAlias

from .errors import UrlError
from .parameters import hole_of

#: Method, path, and the query string without the values of its holes.
Key: TypeAlias = tuple[str, str, str]

_METHODS = frozenset({"GET", "HEAD", "PATCH", "DELETE"})


def shape(method: str, path: str, query: str) -> tuple[Key, tuple[str | int, ...]] | None:
    """The key of a request and the values of its holes; None: the request must be parsed."""
    if method not in _METHODS or path.startswith("/rpc/") or "\0" in query:
        return None
    key: list[str] = []
    values: list[str | int] = []
    try:
        for piece in query.split("&"):
            hole = hole_of(piece)
            if hole is None:
                key.append(piece)
            else:
                key.append(hole[0] + "\0")  # "limit=" without a number is another key
                values.append(hole[1])
    except UrlError:
        return None
    return (method, path, "&".join(key)), tuple(values)
