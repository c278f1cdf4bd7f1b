"""Contains requests and responses as plain data."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from integratedb.query.faces.url import proxy_status

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json; charset=utf-8"


@dataclass(slots=True)
class Request:
    """A request; ``path`` is without the prefix, ``body`` is empty until it is read."""

    method: str
    path: str
    raw_path: bytes
    query: str
    headers: Headers
    address: str = ""
    body: bytes = b""
    #: What took how long, in milliseconds, for Server-Timing.
    timings: dict[str, float] = field(default_factory=dict)

    def header(self, name: bytes) -> str | None:
        """Return a header; several of one name are one list. The name is in lower case."""
        found = [value for each, value in self.headers if each == name]
        if not found:
            return None
        return b", ".join(found).decode("latin-1")

    def took(self, step: str, since_s: float) -> float:
        """Note how long a step took; return the time now."""
        now_s = time.perf_counter()
        self.timings[step] = (now_s - since_s) * 1000
        return now_s


@dataclass(slots=True)
class Response:
    """A response; ``stream`` follows ``body``."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    #: Stops what the stream comes from.
    cancel: Callable[[], Awaitable[None]] | None = None
    #: What a log says of the request, without values.
    route: str = ""


def failure(
    status: int,
    code: str,
    message: str,
    details: Any = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as PostgREST words it."""
    body = orjson.dumps({"code": code, "message": message, "details": details, "hint": hint})
    return Response(
        status,
        [
            (b"content-type", JSON),
            (b"proxy-status", proxy_status(code)),
            *((name.encode().lower(), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()),
        ],
        body,
    )
