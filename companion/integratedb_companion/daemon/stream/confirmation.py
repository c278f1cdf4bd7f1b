"""Confirms stream positions to the server, after recording each one durably.

The record identifies the slot: a slot beyond it was moved or recreated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from .progress import Progress
from .replication import ReplicationConnection, StreamEndedError

KEEP_ALIVE_EVERY_S: Final = 10.0
CONFIRM_AT_MOST_EVERY_S: Final = 1.0
#: The slot of an idle database is confirmed in steps of this size, because each record writes WAL too.
IDLE_BYTES: Final = 64 << 10
REPLY_AT_MOST_EVERY_S: Final = 0.1


class Confirmation:
    """Confirms what is done, on the current stream."""

    def __init__(
        self, record: Callable[[int], Awaitable[None]], oldest_unsafe: Callable[[], Iterable[int | None]]
    ) -> None:
        """`record` records a position durably; `oldest_unsafe` returns the commit LSNs that must not be passed."""
        self.stream: ReplicationConnection | None = None
        self._record_durably = record
        self._oldest_unsafe = oldest_unsafe
        self._progress = Progress(0)
        self._recorded_lsn = 0
        self._status_sent_at_s = float("-inf")
        self._progressed = asyncio.Event()
        self._reply_requested = asyncio.Event()
        self._finishing = False

    def begin(self, progress: Progress) -> None:
        """Continue from the slot's position."""
        self._progress = progress
        self._recorded_lsn = progress.confirmed_lsn

    def progressed(self) -> None:
        """Wake the task, because there may be something to confirm."""
        self._progressed.set()

    def reply_requested(self) -> None:
        """Reply to a server that requests a status update.

        A server that shuts down sends requests, and waits until the daemon has confirmed everything. Its database
        accepts no more records then, so the daemon closes the stream.
        """
        if time.monotonic() >= self._status_sent_at_s + REPLY_AT_MOST_EVERY_S:
            self._send_status()
        self._reply_requested.set()
        self._progressed.set()

    async def run(self) -> None:
        """Confirm at once when the server requests it, otherwise once a second while there is progress."""
        while True:
            await self._progressed.wait()
            self._progressed.clear()
            if self._finishing:
                return
            lsn = self._progress.advance(self._oldest_unsafe())
            done = self._progress.done_lsn > self._recorded_lsn
            if done or self._reply_requested.is_set() or lsn > self._recorded_lsn + IDLE_BYTES:
                self._reply_requested.clear()
                await self._record(lsn)
            self._send_status()
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_AT_MOST_EVERY_S):
                    await self._reply_requested.wait()

    async def keep_alive(self) -> None:
        """Send the server a status update now and then, also while a record has to wait.

        The server answers it. To a reader that is not silent, it would send nothing while nothing is written.
        """
        while True:
            await asyncio.sleep(KEEP_ALIVE_EVERY_S)
            self._send_status(reply_requested=True)

    async def finish(self) -> None:
        """Confirm once more, and nothing after that."""
        # The server writes WAL all the time, so run() would confirm positions beyond the one recorded here.
        self._finishing = True
        await self._record(self._progress.advance(self._oldest_unsafe()))
        self._send_status()

    async def _record(self, lsn: int) -> None:
        """Record the last position that the slot may have: a slot beyond it was moved or recreated.

        A slot that is created later begins after this record, so the daemon never mistakes it for its own.
        """
        await self._record_durably(lsn)
        self._recorded_lsn = lsn

    def _send_status(self, *, reply_requested: bool = False) -> None:
        self._status_sent_at_s = time.monotonic()
        if self.stream is not None:
            with suppress(StreamEndedError):  # the reader of the stream raises it too
                self.stream.confirm(self._recorded_lsn, self._progress.seen_lsn, reply_requested=reply_requested)
