"""Reads the bodies of requests completely before they are parsed, with limits on size, time and number."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from integratedb_companion.common.networks import network_of
from integratedb_companion.http.refusals import RefusalError, invalid

from .rooms import Room

#: A specification may have 1,000,000 bytes; escapes and spaces make its body longer.
MAX_BODY_BYTES = 5 << 20
#: The limit before login: a name and a password, or a refresh token.
MAX_STRANGER_BYTES = 16 << 10
#: Bodies up to this size do not wait for longer ones.
SMALL_BYTES = 64 << 10
#: Python's objects take up to fifty times the bytes of JSON, so their number is limited. A specification has fewer.
MAX_VALUES = 300_000
FEW_QUOTES = 20_000
TIMEOUT_S, STRANGER_TIMEOUT_S = 60, 10
ROOM_WAIT_S = 20

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BEGINS = (b",", b":", b"[", b"{")


@dataclass(frozen=True, slots=True)
class Bodies:
    """The memory for bodies, which is occupied from a body's first byte to the answer."""

    large: Room
    small: Room
    strangers: Room

    @classmethod
    def make(cls) -> Bodies:
        """Create memory for two long bodies, one for each user, and for many short ones."""
        return cls(
            large=Room(2 * MAX_BODY_BYTES, MAX_BODY_BYTES, ROOM_WAIT_S),
            small=Room(64 * SMALL_BYTES, 16 * SMALL_BYTES, ROOM_WAIT_S),
            # Nobody waits here, so that a client without login does not hold a connection meanwhile.
            strangers=Room(128 * MAX_STRANGER_BYTES, 32 * MAX_STRANGER_BYTES, 0),
        )

    @asynccontextmanager
    async def held(self, request: Request, user: Hashable | None) -> AsyncIterator[Request]:
        """Read the body of a request, and return the request with it; user: its sender, None before login."""
        limit = MAX_STRANGER_BYTES if user is None else MAX_BODY_BYTES
        announced = announced_bytes(request)
        size = limit if announced is None else announced
        if size > limit:
            raise RefusalError(413)
        who: Hashable
        if user is None:
            room, who = self.strangers, network_of(request.client.host) if request.client else ""
        else:
            room, who = self.small if size <= SMALL_BYTES else self.large, user
        async with room.take(who, size):
            yield await _read(request, size, STRANGER_TIMEOUT_S if user is None else TIMEOUT_S)


def announced_bytes(request: Request) -> int | None:
    """Return the announced length of the body: 0 without a body, None where no length is announced."""
    if "transfer-encoding" in request.headers:
        return None
    return int(request.headers.get("content-length", "0"))


async def _read(request: Request, limit: int, timeout_s: float) -> Request:
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise RefusalError(413)
                chunks.append(chunk)
    except TimeoutError:
        raise RefusalError(408) from None
    except ClientDisconnect:
        raise RefusalError(400) from None
    body = b"".join(chunks)
    chunks.clear()
    # The framework would also read other encodings, in which values cannot be counted. JSON in UTF-8 has no NUL.
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in body[:4]:
        raise RefusalError(400, {"detail": [["it is not JSON in UTF-8", "#"]]})
    if _values(body) > MAX_VALUES:
        raise invalid(f"it holds more than {MAX_VALUES} values", "#")
    return Request(request.scope, _once(body))


def _values(body: bytes) -> int:
    """Count the characters that begin a value. Texts are removed first if they contain many of these characters."""
    count = sum(map(body.count, _BEGINS))
    if count <= MAX_VALUES or body.count(b'"') > FEW_QUOTES:
        return count
    return sum(map(_TEXT.sub(b"", body).count, _BEGINS))


def _once(body: bytes) -> Receive:
    """Return a receive function that passes the body to the framework."""
    message: Message = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Message:
        nonlocal message
        given, message = message, {"type": "http.disconnect"}
        return given

    return receive
