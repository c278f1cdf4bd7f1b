"""The bodies of requests: how long, how slow and how many they may be; read as a whole before they are parsed."""

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

#: A specification may have 1,000,000 bytes, which escapes and spaces make longer.
MAX_BODY_BYTES = 5 << 20
#: Of somebody who is not logged in: a name and a password, or a refresh token.
MAX_STRANGER_BYTES = 16 << 10
#: Bodies up to this size do not wait for those that are longer.
SMALL_BYTES = 64 << 10
#: Python's objects take up to fifty times the bytes of JSON: their number is bounded. A specification has fewer.
MAX_VALUES = 300_000
FEW_QUOTES = 20_000
TIMEOUT_S, STRANGER_TIMEOUT_S = 60, 10
ROOM_WAIT_S = 20

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BEGINS = (b",", b":", b"[", b"{")


@dataclass(frozen=True, slots=True)
class Bodies:
    """Where bodies are held from their first byte to the answer."""

    large: Room
    small: Room
    strangers: Room

    @classmethod
    def make(cls) -> Bodies:
        """Give room for two long bodies, one a user, and for many short ones."""
        return cls(
            large=Room(2 * MAX_BODY_BYTES, MAX_BODY_BYTES, ROOM_WAIT_S),
            small=Room(64 * SMALL_BYTES, 16 * SMALL_BYTES, ROOM_WAIT_S),
            # Nobody waits here: who is not logged in does not hold a connection for it.
            strangers=Room(128 * MAX_STRANGER_BYTES, 32 * MAX_STRANGER_BYTES, 0),
        )

    @asynccontextmanager
    async def held(self, request: Request, user: Hashable | None) -> AsyncIterator[Request]:
        """Read the body of a request, and give the request with it; user: whose it is, None for a stranger's."""
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
    """Tell how long the body is said to be: 0 without one, None where it is not said."""
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
    # In the other encodings that the framework would read, values are not to be counted. In UTF-8, JSON has no NUL.
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in body[:4]:
        raise RefusalError(400, {"detail": [["it is not JSON in UTF-8", "#"]]})
    if _values(body) > MAX_VALUES:
        raise invalid(f"it holds more than {MAX_VALUES} values", "#")
    return Request(request.scope, _once(body))


def _values(body: bytes) -> int:
    """Count what begins a value. What stands in texts begins none: they are left out where few of them hold many."""
    count = sum(map(body.count, _BEGINS))
    if count <= MAX_VALUES or body.count(b'"') > FEW_QUOTES:
        return count
    return sum(map(_TEXT.sub(b"", body).count, _BEGINS))


def _once(body: bytes) -> Receive:
    """Give a body that was read to a framework that reads it."""
    message: Message = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Message:
        nonlocal message
        given, message = message, {"type": "http.disconnect"}
        return given

    return receive
