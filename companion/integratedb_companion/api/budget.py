"""Bounds the memory that the bodies of all requests, and the long answers, of one worker take together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: All bodies together, or four of the longest, if that is more.
LEAST_BYTES: Final = 64 << 20
LONGEST_BODIES: Final = 4
#: Shorter bodies always find room: there are no more of them than connections.
FREE_BYTES: Final = 16 << 10
#: So long a request waits for room.
WAIT_S: Final = 5.0
#: All long answers together, or four of the longest, if that is more.
LEAST_UNREAD_BYTES: Final = 256 << 20


class NoRoomError(Exception):
    """Other bodies take all the memory."""


class Budget:
    """Bytes that bodies may take together."""

    def __init__(self, longest: int) -> None:
        self.most = max(LEAST_BYTES, LONGEST_BODIES * longest)
        self.used = 0
        self._freed = asyncio.Event()

    async def wait(self, size: int) -> None:
        """Wait until there is room for so many bytes. Error: NoRoomError."""
        if size <= FREE_BYTES or self.used + size <= self.most:
            return
        try:
            async with asyncio.timeout(WAIT_S):
                while self.used + size > self.most:
                    await self._freed.wait()
        except TimeoutError:
            raise NoRoomError from None

    def free(self, share: Share) -> None:
        """Take back what one body had."""
        if share.held:
            self.used -= share.held
            share.held = 0
            # All that wait look again; the next ones wait for the next time.
            self._freed.set()
            self._freed.clear()


class Share:
    """What one body has of the budget."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    async def admit(self, announced: int) -> None:
        """Wait until a body of a length could be read; nothing is held for what has not come. Error: NoRoomError."""
        await self._budget.wait(announced)

    async def grow(self, length: int) -> None:
        """Hold the bytes of a body that has this length by now. Error: NoRoomError."""
        more = length - self.held
        if length > FREE_BYTES and more > 0:
            if self._budget.used + more > self._budget.most:
                await self._budget.wait(max(more, FREE_BYTES + 1))
            self.held += more
            self._budget.used += more

    def free(self) -> None:
        """Give all back."""
        self._budget.free(self)


class Sending:
    """A long answer that a client is reading."""

    __slots__ = ("is_given_up", "size", "timeout")

    def __init__(self, size: int = 0) -> None:
        self.size = size
        #: Limits how long the client may read nothing.
        self.timeout: asyncio.Timeout | None = None
        self.is_given_up = False

    def give_up(self) -> None:
        """Send no more of it."""
        self.is_given_up = True
        if self.timeout is not None:
            self.timeout.reschedule(0)


class Unread:
    """The long answers that clients are reading. Where they take too much memory, those end that wait longest."""

    def __init__(self, longest: int) -> None:
        self.most = max(LEAST_UNREAD_BYTES, LONGEST_BODIES * longest)
        #: Those whose clients have taken nothing for the longest time come first.
        self._under_way: dict[Sending, None] = {}

    @contextmanager
    def sending(self, size: int) -> Iterator[Sending]:
        """Note an answer while it is sent."""
        one = Sending(size)
        self._under_way[one] = None
        total = sum(each.size for each in self._under_way)
        while total > self.most and len(self._under_way) > 1:
            slowest = next(iter(self._under_way))
            del self._under_way[slowest]
            total -= slowest.size
            slowest.give_up()
        try:
            yield one
        finally:
            self._under_way.pop(one, None)

    def progressed(self, one: Sending) -> None:
        """Note that the client has taken a portion."""
        if one in self._under_way:
            del self._under_way[one]
            self._under_way[one] = None
