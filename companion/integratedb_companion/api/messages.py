"""Contains requests and responses as plain data."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from integratedb.query.faces.url import proxy_status

if TYPE_CHECKING:
    from .lines import Lines

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json; charset=utf-8"
#: The headers of so many requests are remembered, each up to a size.
MOST_HEADS: Final = 256
MOST_BYTES: Final = 4 << 10


class Head:
    """What the headers of a request say; the names are in lower case."""

    __slots__ = ("bearer", "is_remembered", "last", "settings", "shaping", "size", "texts")

    #: These headers are part of what a statement depends on.
    SHAPING: Final = ("accept", "prefer", "accept-profile", "content-profile", "content-type")

    def __init__(self, headers: Headers) -> None:
        #: All of one name, as one list.
        self.texts: dict[bytes, str] = {}
        #: The last of each name.
        self.last: dict[str, str] = {}
        self.size = 0
        for name, value in headers:
            self.size += len(name) + len(value)
            text = value.decode("latin-1")
            self.texts[name] = f"{self.texts[name]}, {text}" if name in self.texts else text
            self.last[name.decode("latin-1")] = text
        self.shaping = tuple(map(self.last.get, self.SHAPING))
        self.settings = _settings(headers)
        #: The token of the Authorization header; None where there is none, or the scheme is another one.
        self.bearer = _bearer(self.texts.get(b"authorization", ""))
        #: Whether another request has had the same headers.
        self.is_remembered = False


def _settings(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """Return the settings that tell policies and functions of the headers."""
    by_name: dict[str, str] = {}
    cookies: dict[str, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"cookie":
            for part in text.split(";"):
                key, equals, content = part.strip().partition("=")
                if equals:
                    cookies[key] = content
        else:
            by_name[name.decode("latin-1")] = text
    return (b"request.headers", orjson.dumps(by_name)), (b"request.cookies", orjson.dumps(cookies))


def _bearer(header: str) -> bytes | None:
    scheme, _, token = header.strip().partition(" ")
    return token.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else None


class Heads:
    """Remembers what headers say: clients send the same ones again and again."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, bytes], ...], Head] = {}

    def of(self, headers: Headers) -> Head:
        """Return what headers say."""
        key = tuple(headers)
        head = self._known.get(key)
        if head is None:
            head = Head(headers)
            if head.size <= MOST_BYTES:
                self._known[key] = head
                while len(self._known) > MOST_HEADS:
                    del self._known[next(iter(self._known))]
        else:
            head.is_remembered = True
        return head


@dataclass(slots=True)
class Request:
    """A request; ``path`` is without the prefix, ``body`` is empty until it is read."""

    method: str
    path: str
    raw_path: bytes
    query: str
    head: Head
    address: str = ""
    #: How the client came to the service, or to a proxy in front of it.
    scheme: str = "http"
    body: bytes = b""
    #: What follows ``body``, if it is only the first batch of a long one.
    lines: Lines | None = None
    #: What took how long, in milliseconds, for Server-Timing.
    timings: dict[str, float] = field(default_factory=dict)

    def header(self, name: bytes) -> str | None:
        """Return a header; several of one name are one list. The name is in lower case."""
        return self.head.texts.get(name)

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
    stream: AsyncGenerator[bytes, None] | None = None
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
