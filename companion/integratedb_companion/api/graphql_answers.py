"""Remembers answers about schemas: that about a thousand tables is 30 MB, and compressed less than one."""

from __future__ import annotations

import itertools
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from threading import Lock
from typing import Final

from .graphql_requests import respond
from .messages import Request, Response

#: All remembered answers of a process.
MOST_BYTES: Final = 64 << 20
#: A longer answer is compressed, where the client takes that.
_LONG: Final = 64 << 10
#: The fastest level: the next ones take twice the time for a tenth less.
_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS


class Answer:
    """The data of a response without errors."""

    def __init__(self, texts: Iterable[str]) -> None:
        """``texts``: the data in pieces. Of a long answer they are compressed one after the other, and not kept."""
        portions = _portions(texts)
        first = next(portions, b"")
        # A portion that is not the last one is long, too.
        self._is_long = len(first) > _LONG
        self._data = _compressed(itertools.chain((first,), portions)) if self._is_long else first

    def __len__(self) -> int:
        """Return how many bytes are kept."""
        return len(self._data)

    def is_ready(self, request: Request) -> bool:
        """Whether the response is made without work that other requests would wait for."""
        return not self._is_long or takes_gzip(request.header(b"accept-encoding"))

    def response(self, kind: str, request: Request) -> Response:
        """Return the response in a media type."""
        if not self._is_long:
            return respond(kind, self._data)
        response = respond(kind, b"")
        if takes_gzip(request.header(b"accept-encoding")):
            response.headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
            response.body = self._data
        else:
            response.headers.append((b"vary", b"Accept-Encoding"))
            response.body = zlib.decompress(self._data, _GZIP)
        return response


class Answers:
    """The answers that were asked for last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Answer | None:
        """Return a remembered answer."""
        found = self._known.get(key)
        if found is not None:
            # Another thread may have forgotten it meanwhile.
            with suppress(KeyError):
                self._known.move_to_end(key)
        return found

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Remember an answer, and forget those that were asked for longest ago."""
        with self._lock:
            before = self._known.pop(key, None)
            self._bytes += len(answer) - (0 if before is None else len(before))
            self._known[key] = answer
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._known.popitem(last=False)[1])


def _portions(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield the pieces in portions that are longer than _LONG, all but the last one."""
    some: list[str] = []
    length = 0
    for text in texts:
        some.append(text)
        length += len(text)
        if length > _LONG:
            yield "".join(some).encode()
            some, length = [], 0
    if some:
        yield "".join(some).encode()


def _compressed(data: Iterable[bytes]) -> bytes:
    making = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    parts = itertools.chain((b'{"data":',), data, (b"}",))
    return b"".join([*map(making.compress, parts), making.flush()])


def takes_gzip(accept: str | None) -> bool:
    """Whether a client takes gzip, by the header Accept-Encoding."""
    taken: dict[str, bool] = {}
    for part in (accept or "").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        taken[name] = weight.strip("0.") != ""
    return taken.get("gzip", taken.get("*", False))
