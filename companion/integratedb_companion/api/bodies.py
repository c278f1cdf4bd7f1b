"""Reads the bodies of requests completely, with limits on size, time and depth."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from .budget import NoRoomError, Share
from .messages import Request, Response, failure

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_DEPTH: Final = 64
#: Each object and array takes a hundred times the memory of its two bytes, and time of all requests.
MAX_CONTAINERS: Final = 500_000
#: A body comes at this rate at least, after a time for everybody.
TIMEOUT_S: Final = 10.0
LEAST_BYTES_PER_S: Final = 64 << 10
CLOSE: Final = {"Connection": "close"}
LATER: Final = {**CLOSE, "Retry-After": "1"}
LARGE_BYTES: Final = 4 << 20
_BRACKETS: Final = b"[]{}"
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)

#: All brackets as square ones, so that one pass removes one level.
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")

Keys = tuple[str, ...] | None


class BodyError(Exception):
    """The body is refused."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class GoneError(Exception):
    """The client has gone."""


class LeftError(GoneError):
    """The client has hung up."""


class BrokenError(GoneError):
    """The body is not whole: the client has gone, or its chunks are malformed. The server does not say which."""


def too_large(limit: int, what: str = "The body") -> BodyError:
    """The body has too many bytes, or a part of it."""
    return BodyError(failure(413, "PGRST129", f"{what} is longer than {limit} bytes", None, None, CLOSE))


def too_slow() -> BodyError:
    """The client sends too slowly, or not at all."""
    return BodyError(failure(408, "PGRST130", "The body did not come in time", None, None, CLOSE))


def no_room() -> BodyError:
    """The bodies of other requests take all the memory that there is for bodies."""
    return BodyError(failure(503, "PGRST136", "Too many long bodies come at once", None, None, LATER))


def check_encoding(request: Request) -> None:
    """Refuse bodies that would have to be decompressed. Error: BodyError."""
    if (request.header(b"content-encoding") or "identity").strip().lower() != "identity":
        raise BodyError(failure(415, "PGRST102", "A body in a content encoding is not accepted"))


async def read(request: Request, receive: Receive, limit: int, share: Share | None = None) -> bytes:
    """Read a body; ``share`` holds its memory. Errors: BodyError, BrokenError."""
    announced = request.header(b"content-length")
    length = int(announced) if announced is not None and announced.isascii() and announced.isdigit() else 0
    if length > limit:
        raise too_large(limit)
    check_encoding(request)
    try:
        if share is not None:
            await share.admit(length)
        return await _read(receive, limit, share)
    except NoRoomError:
        raise no_room() from None


async def _read(receive: Receive, limit: int, share: Share | None) -> bytes:
    # A list of portions would be kept beside what is joined of them, and its memory would stay with the process.
    whole = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S + limit / LEAST_BYTES_PER_S):
            while True:
                received = await receive()
                if received["type"] == "http.disconnect":
                    raise BrokenError
                chunk: bytes = received.get("body", b"")
                if len(whole) + len(chunk) > limit:
                    raise too_large(limit)
                if share is not None:
                    await share.grow(len(whole) + len(chunk))
                if not received.get("more_body", False):
                    if not whole:
                        return chunk
                    whole += chunk
                    break
                whole += chunk
    except TimeoutError:
        raise too_slow() from None
    return bytes(whole)


def scan_json(text: bytes) -> tuple[bool, list[Keys], int]:
    """Return whether a JSON text is an array, the distinct keys of its rows, and their number. Error: ValueError."""
    check_depth(text)
    document: Any = orjson.loads(text) if len(text) <= LARGE_BYTES else _keys_of_large(text)
    rows = document if isinstance(document, list) else [document]
    keys = dict.fromkeys(tuple(row) if isinstance(row, dict) else None for row in rows)
    return isinstance(document, list), list(keys), len(rows)


class _Row(dict[str, None]):
    """The keys of an object."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__((key, None) for key, _ in pairs)


class _RowOfBytes(dict[str, None]):
    """The keys of an object whose text was read as bytes."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__((key.encode("latin-1").decode(), None) for key, _ in pairs)


def _keys_of_large(text: bytes) -> Any:
    """Read a document of which only the keys are kept; that is slower, and takes little memory. Error: ValueError."""
    if b"\\u" in text:
        return json.loads(text.decode(), object_pairs_hook=_Row, parse_constant=_refuse)
    # In Latin-1 each byte is a character. In UTF-8, one rare character makes four bytes of each.
    return json.loads(text.decode("latin-1"), object_pairs_hook=_RowOfBytes, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


#: json.loads() would make one for each text.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


def read_json(text: bytes) -> Any:
    """Read a document of JSON, which is UTF-8: in another encoding, the depth would not be seen. Error: ValueError."""
    check_depth(text)
    return _DECODER.decode(text.decode())


def check_depth(text: bytes) -> None:
    """Refuse JSON that is nested too deeply, or has too many parts. Error: ValueError."""
    # Few brackets cannot be deep, wherever they stand. Otherwise, those inside of texts do not count.
    if len(text.translate(None, _OTHERS)) <= 2 * MAX_DEPTH:
        return
    brackets = _TEXT.sub(b"", text).translate(_SQUARE, _OTHERS)
    if len(brackets) > 2 * MAX_CONTAINERS:
        raise ValueError(f"more than {MAX_CONTAINERS} objects and arrays")
    if not _are_shallow(brackets):
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def _are_shallow(brackets: bytes) -> bool:
    """Whether nothing is left when the innermost pairs are removed as often as is allowed."""
    for _ in range(MAX_DEPTH):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return True
        if len(brackets) == before:
            # Unbalanced: inside of texts, or no JSON at all, which the parser will say.
            return False
    return False
