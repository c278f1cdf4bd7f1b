"""Tells the server how far it may forget, after noting durably that it will: by that note the slot is known again."""

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
#: An idle database's slot is moved on by so much at once: to note how far writes WAL too.
IDLE_BYTES: Final = 64 << 10
ANSWER_AT_MOST_EVERY_S: Final = 0.1


class Confirmation:
    """Confirms what is done, on the stream that there is at the moment."""

    def __init__(
        self, note: Callable[[int], Awaitable[None]], oldest_unsafe: Callable[[], Iterable[int | None]]
    ) -> None:
        """`note` keeps a position durably; `oldest_unsafe` gives the commit LSNs that must not be passed."""
        self.stream: ReplicationConnection | None = None
        self._note_durably = note
        self._oldest_unsafe = oldest_unsafe
        self._progress = Progress(0)
        self._noted_lsn = 0
        self._told_at_s = float("-inf")
        self._progressed = asyncio.Event()
        self._asked = asyncio.Event()
        self._finishing = False

    def begin(self, progress: Progress) -> None:
        """Go on from where the slot stands."""
        self._progress = progress
        self._noted_lsn = progress.confirmed_lsn

    def progressed(self) -> None:
        """There may be something to confirm."""
        self._progressed.set()

    def asked(self) -> None:
        """Answer a server that asks.

        One that shuts down asks until it is told that everything has arrived, and waits for that. Its database takes no more
        notes then, whereupon the daemon breaks the stream off.
        """
        if time.monotonic() >= self._told_at_s + ANSWER_AT_MOST_EVERY_S:
            self._tell_server()
        self._asked.set()
        self._progressed.set()

    async def run(self) -> None:
        """Confirm at once when the server asks, else once a second while there is progress."""
        while True:
            await self._progressed.wait()
            self._progressed.clear()
            if self._finishing:
                return
            lsn = self._progress.advance(self._oldest_unsafe())
            done = self._progress.done_lsn > self._noted_lsn
            if done or self._asked.is_set() or lsn > self._noted_lsn + IDLE_BYTES:
                self._asked.clear()
                await self._note(lsn)
            self._tell_server()
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_AT_MOST_EVERY_S):
                    await self._asked.wait()

    async def keep_alive(self) -> None:
        """Tell the server now and then that somebody reads, also while a note has to wait."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_EVERY_S)
            self._tell_server()

    async def finish(self) -> None:
        """Confirm, and nothing beyond it any more."""
        # The server writes WAL all the time: run() would go on from it, beyond what is noted here.
        self._finishing = True
        await self._note(self._progress.advance(self._oldest_unsafe()))
        self._tell_server()

    async def _note(self, lsn: int) -> None:
        """Note how far exactly the slot may stand: one that stands beyond was moved or recreated by somebody.

        No slot that is created later can begin before this note, so none is ever taken for ours.
        """
        await self._note_durably(lsn)
        self._noted_lsn = lsn

    def _tell_server(self) -> None:
        self._told_at_s = time.monotonic()
        if self.stream is not None:
            with suppress(StreamEndedError):  # the reader of the stream notices too
                self.stream.confirm(self._noted_lsn, self._progress.seen_lsn)
