"""Reads long bodies of NDJSON and CSV in batches of whole lines, as fast as Postgres takes them, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from integratedb.query.faces import url

from . import bodies
from .bodies import LEAST_BYTES_PER_S, TIMEOUT_S, BrokenError, Receive
from .messages import Request

#: One statement inserts the rows of so many bytes.
BATCH_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines of a body, and the number that the first of them has."""

    content: bytes
    first_line: int = 1


def are_wanted(request: Request) -> bool:
    """Whether a body may be inserted in batches: rows line by line, none of which is answered."""
    if request.method != "POST" or request.path.startswith("/rpc/"):
        return False
    if url.parse_media_type(request.header(b"content-type") or "").kind not in ("ndjson", "csv"):
        return False
    preferences = url.parse_preferences(request.header(b"prefer") or "", False)
    accepts = url.parse_accept(request.header(b"accept"))
    return preferences.returned != "representation" and not any(form.kind == "plan" for form in accepts)


class Lines:
    """The body of a request, batch by batch. Nothing is read before it is asked for, so the client waits for Postgres.

    A line is at most as long as a body of JSON may be. The client must send at a rate, too: it occupies a connection to
    Postgres, with an open transaction.
    """

    def __init__(self, request: Request, receive: Receive, most_line_bytes: int) -> None:
        bodies.check_encoding(request)
        self._receive = receive
        self._is_csv = url.parse_media_type(request.header(b"content-type") or "").kind == "csv"
        self._most_line_bytes = most_line_bytes
        self._unread = bytearray()
        #: How much of what is unread are whole lines; in CSV, a line break between quotation marks ends none.
        self._whole = 0
        self._is_quoted = False
        self._first = self._line = 1
        #: The first line of CSV, which stands before the others of each batch.
        self._header: bytes | None = None
        self.is_ended = False
        #: Is called when the client has sent everything.
        self.on_end: Callable[[], object] = lambda: None

    @property
    def is_all_read(self) -> bool:
        """Whether nothing is left to be returned."""
        return self.is_ended and not self._unread

    def place(self) -> str:
        """Say which lines were returned last."""
        return f"Lines {self._first} to {self._line - 1} of the body were being inserted."

    async def next(self) -> Batch | None:
        """Return the next lines; None: there are no more. Errors: BodyError, BrokenError."""
        while True:
            await self._fill()
            size = len(self._unread) if self.is_ended else self._whole
            if not size:
                return None
            content = bytes(self._unread[:size])
            del self._unread[:size]
            self._whole = 0
            first = self._first = self._line
            self._line += content.count(b"\n")
            if not content.strip():
                continue
            if not self._is_csv:
                return Batch(content, first)
            if self._header is not None:
                return Batch(self._header + content, first - self._header.count(b"\n"))
            self._header = _header(content)
            return Batch(content, first)

    async def _fill(self) -> None:
        """Read until there are lines for a batch."""
        began_s = asyncio.get_running_loop().time()
        read = 0
        while not self.is_ended and (len(self._unread) < BATCH_BYTES or not self._whole):
            if len(self._unread) - self._whole > self._most_line_bytes:
                raise bodies.too_large(self._most_line_bytes, f"Line {self._line} of the body")
            try:
                async with asyncio.timeout_at(began_s + TIMEOUT_S + read / LEAST_BYTES_PER_S):
                    received = await self._receive()
            except TimeoutError:
                raise bodies.too_slow() from None
            if received["type"] == "http.disconnect":
                raise BrokenError
            chunk: bytes = received.get("body", b"")
            self._take(chunk)
            read += len(chunk)
            if not received.get("more_body", False):
                self.is_ended = True
                self.on_end()

    def _take(self, chunk: bytes) -> None:
        """Add what has come, and look for the last end of a line in it."""
        before = len(self._unread)
        self._unread += chunk
        if not self._is_csv:
            self._whole = max(self._whole, before + chunk.rfind(b"\n") + 1) if b"\n" in chunk else self._whole
            return
        marks = chunk.count(b'"')
        is_quoted = self._is_quoted ^ (marks % 2 == 1)
        end, self._is_quoted = len(chunk), is_quoted
        while end > 0:
            mark = chunk.rfind(b'"', 0, end)
            if not is_quoted and (found := chunk.rfind(b"\n", mark + 1, end)) >= 0:
                self._whole = before + found + 1
                return
            end, is_quoted = mark, not is_quoted


def _header(content: bytes) -> bytes:
    """Return the first line of CSV that is not empty, with its end."""
    start = end = 0
    is_quoted = False
    while (found := content.find(b"\n", end)) >= 0:
        is_quoted ^= content.count(b'"', end, found) % 2 == 1
        end = found + 1
        if not is_quoted:
            if content[start:end].strip():
                return content[start:end]
            start = end
    return content
