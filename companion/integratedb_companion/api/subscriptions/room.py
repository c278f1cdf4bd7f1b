"""Bounds what waits for the clients of one worker, and the copies of it that they are reading."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

#: What may wait for all clients, in characters. Subscribers share the text of a message, which counts once.
MOST_WAITING: Final = 64 << 20
#: Messages that are read at once, in characters: each is a copy.
MOST_COPIED: Final = 64 << 20
#: Shorter messages always find room: there are no more of them than clients.
FREE: Final = 16 << 10
#: A client that reads one message for longer gives way, where others need the room.
PATIENCE_S: Final = 1.0


class Client(Protocol):
    """A client that may read slowly."""

    behind_since_s: float | None

    def give_up(self) -> None:
        """Disconnect it."""


class Room:
    """The characters that wait for clients."""

    def __init__(self) -> None:
        self.waiting = 0
        #: How often each long text waits, by its identity: it lives as long as it waits.
        self._shared: dict[int, int] = {}
        self._copied = 0
        self._reading: dict[Client, None] = {}
        self._freed = asyncio.Event()
        self._made_at_s = float("-inf")

    def hold(self, parts: Sequence[str], *, is_first: bool) -> bool:
        """Hold the parts of a message, or return false: there is no room for it. ``is_first``: none waits before it."""
        more = sum(len(part) for part in parts if id(part) not in self._shared)
        always = is_first and more <= FREE
        if self.waiting and more and not always and self.waiting + more > MOST_WAITING:
            return False
        self.waiting += more
        for part in parts:
            if len(part) > FREE:
                self._shared[id(part)] = self._shared.get(id(part), 0) + 1
        return True

    def free(self, parts: Sequence[str]) -> None:
        """Free what was held."""
        for part in parts:
            if len(part) > FREE:
                self._shared[id(part)] -= 1
                if self._shared[id(part)]:
                    continue
                del self._shared[id(part)]
            self.waiting -= len(part)

    def make(self, clients: Iterable[Client]) -> None:
        """Disconnect the clients that are behind for long."""
        now_s = time.monotonic()
        if now_s < self._made_at_s + PATIENCE_S / 4:
            return
        self._made_at_s = now_s
        for client in [*clients]:
            if client.behind_since_s is not None and now_s > client.behind_since_s + PATIENCE_S:
                client.give_up()

    @asynccontextmanager
    async def copying(self, client: Client, size: int) -> AsyncIterator[None]:
        """Wait until a message may be copied for a client, and count the copy while the client reads it."""
        if size <= FREE:
            yield
            return
        if self._copied and self._copied + size > MOST_COPIED:
            await self._wait_for_copy(client, size)
        self._copied += size
        self._reading[client] = None
        try:
            yield
        finally:
            del self._reading[client]
            self._copied -= size
            self._freed.set()
            self._freed.clear()

    async def _wait_for_copy(self, client: Client, size: int) -> None:
        # Who waits for room is not slow.
        client.behind_since_s = None
        while self._copied and self._copied + size > MOST_COPIED:
            self.make(self._reading)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._freed.wait()
        client.behind_since_s = time.monotonic()
