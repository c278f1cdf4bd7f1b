"""Notices a server that does not answer, and a stream that is silent.

A server that is stopped, or behind a cut link, may leave connections open for ever.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Final

import psycopg

from .database import Database
from .stream.confirmation import KEEP_ALIVE_EVERY_S

log = logging.getLogger(__name__)

ASK_EVERY_S: Final = 3.0
#: The server is lost, and the daemon not ready, when it answers nothing for this long.
ANSWER_TIMEOUT_S: Final = 10.0


class Liveness:
    """Asks the server for its position every few seconds, and ends connections that nothing comes from."""

    def __init__(self, database: Database, end_stream: Callable[[], None], measured: Callable[[int], None]) -> None:
        """`end_stream` ends the stream, if there is one; `measured` takes the position of the server."""
        self._database = database
        self._end_stream = end_stream
        self._measured = measured
        #: When the server last answered; None until the daemon is attached.
        self._answered_at_s: float | None = None
        #: When something last came from the stream; None while nothing is expected.
        self._heard_at_s: float | None = None
        self._longest_silence_s = math.inf

    def begin(self, sender_timeout_s: float) -> None:
        """Begin; `sender_timeout_s`: how long the server itself waits for the reader of its stream."""
        # The server answers each status update of keep_alive().
        self._longest_silence_s = max(2 * sender_timeout_s, 2.5 * KEEP_ALIVE_EVERY_S)
        self._answered_at_s = time.monotonic()

    def expects(self, *, something: bool) -> None:
        """Something has come from the stream, and more is expected, or nothing for now."""
        self._heard_at_s = time.monotonic() if something else None

    def problem(self) -> str | None:
        """Return why the daemon is not ready; None while the server answers."""
        now_s = time.monotonic()
        if self._answered_at_s is not None and now_s > self._answered_at_s + ANSWER_TIMEOUT_S:
            return f"the server has not answered for {now_s - self._answered_at_s:.0f} s"
        return None

    async def run(self) -> None:
        """Ask at intervals, for ever."""
        while True:
            try:
                self._measured(await self._database.wal_position(ANSWER_TIMEOUT_S))
            except TimeoutError:
                log.warning("the server does not answer", extra={"seconds": ANSWER_TIMEOUT_S})
                self._database.break_off()
                self._end_stream()
            except psycopg.OperationalError:
                pass  # the calls and the stream report it
            else:
                self._answered_at_s = time.monotonic()
                if self._heard_at_s is not None and self._answered_at_s > self._heard_at_s + self._longest_silence_s:
                    log.warning("the stream is silent", extra={"seconds": self._longest_silence_s})
                    self._end_stream()
            await asyncio.sleep(ASK_EVERY_S)
