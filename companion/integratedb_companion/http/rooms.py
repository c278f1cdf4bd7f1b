"""Limits the use of a resource, in total and for each user, so that no user takes what others need."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from integratedb_companion.http.refusals import RETRY_AFTER_S, RefusalError


class Room:
    """A total amount, with a share for each user; a request that finds none waits, and is then refused for now."""

    def __init__(self, capacity: int, share: int, wait_s: float) -> None:
        self._capacity, self._share, self._wait_s = capacity, share, wait_s
        self._taken = 0
        self._taken_by: Counter[Hashable] = Counter()
        self._released = asyncio.Condition()

    def _has_room(self, who: Hashable, amount: int) -> bool:
        return self._taken + amount <= self._capacity and self._taken_by[who] + amount <= self._share

    @asynccontextmanager
    async def take(self, who: Hashable, amount: int) -> AsyncIterator[None]:
        """Take an amount for the length of the block. Refuses with 503 if the wait takes too long."""
        async with self._released:
            if not self._has_room(who, amount):
                try:
                    async with asyncio.timeout(self._wait_s):
                        await self._released.wait_for(lambda: self._has_room(who, amount))
                except TimeoutError:
                    raise RefusalError(503, Retry_After=str(RETRY_AFTER_S)) from None
            self._taken += amount
            self._taken_by[who] += amount
        try:
            yield
        finally:
            # Without the condition's lock, because a cancelled request could not wait for it.
            self._taken -= amount
            self._taken_by[who] -= amount
            if not self._taken_by[who]:
                del self._taken_by[who]
            await asyncio.shield(self._notify())

    async def _notify(self) -> None:
        async with self._released:
            self._released.notify_all()
