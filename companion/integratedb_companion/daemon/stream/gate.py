"""Waits until the synchronous standbys have what the server has sent, so that a failover does not take it back.

A server sends a commit as soon as it has it, before the standbys do. If the primary is lost then, receivers were told
of a change that does not exist. From PostgreSQL 17 on, the server itself can wait (synchronized_standby_slots).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.1


class Gate:
    """Holds what was received until the standbys have it."""

    def __init__(self, replicated: Callable[[], Awaitable[tuple[int, int | None]]]) -> None:
        """`replicated` returns up to where the server has its WAL, and the standbys; None: it waits for none."""
        self._replicated = replicated
        self._is_closed = False
        #: Since when the present messages have been waiting; None: nothing waits.
        self.waiting_since_s: float | None = None

    async def refresh(self) -> None:
        """Look whether commits wait for standbys now."""
        _, replicated_lsn = await self._replicated()
        self._set(is_closed=replicated_lsn is not None)

    def _set(self, *, is_closed: bool) -> None:
        if is_closed is not self._is_closed:
            self._is_closed = is_closed
            log.info("events wait for the synchronous standbys" if is_closed else "events wait for no standby")

    async def let_through(self) -> None:
        """Wait until the standbys have all that the server has now, and therefore all that it has sent."""
        if not self._is_closed:
            return
        sent_lsn, replicated_lsn = await self._replicated()
        pause_s = FIRST_PAUSE_S
        try:
            while replicated_lsn is not None and replicated_lsn < sent_lsn:
                if self.waiting_since_s is None:
                    self.waiting_since_s = time.monotonic()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                _, replicated_lsn = await self._replicated()
        finally:
            self.waiting_since_s = None
        self._set(is_closed=replicated_lsn is not None)
