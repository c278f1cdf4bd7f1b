"""Limits the sockets to receivers: each attempt waits for a place while too many sockets are open.

A receiver that does not answer occupies sockets while its channel waits. So each attempt takes a place first. A
stakeholder gets a place while it has fewer than a third of the free places: alone, a quarter of all places. The
stakeholder with the fewest places gets the next one. A waiting attempt holds up only its own channel.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from asyncio import sslproto
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Final
from weakref import WeakValueDictionary

from integratedb_companion.common.open_files import LOG_EVERY_S

log = logging.getLogger(__name__)

#: A stakeholder gets a place only if this many times its own places are free.
FREE_PER_USED: Final = 3
#: How much is decrypted at once: a record of TLS.
DECRYPTED_BYTES: Final = 16 << 10


class NoPlaceError(OSError):
    """The attempt has a socket, and there is no place for a second one to another address of the same name."""


class ReceiverSocket(socket.socket):
    """A socket to a receiver. It uses the place of its attempt; between attempts it has a place of its own."""

    sockets: ReceiverSockets | None = None
    owner = ""
    number = -1
    attempt: Attempt | None = None
    has_place = False
    #: Whether the daemon closes the socket so that another one can be opened.
    is_given_up = False
    #: How the owner of the socket closes it. Without it, the owner notices the end at once.
    give_up: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the socket and release its place."""
        sockets, self.sockets = self.sockets, None
        super().close()
        if sockets is not None:
            sockets.closed(self)

    def __del__(self) -> None:
        self.close()


class Attempt:
    """An attempt to reach a receiver, and its socket."""

    def __init__(self) -> None:
        self.socket: ReceiverSocket | None = None


#: The attempt for which the current task connects.
_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


class ReceiverSockets:
    """Counts the sockets of all webhooks and Redis channels."""

    def __init__(self, limit: int) -> None:
        # asyncio allocates this for each encrypted connection. Its default is 256 kB, and there may be thousands.
        sslproto.SSLProtocol.max_size = DECRYPTED_BYTES
        self._limit = limit
        self._used = 0
        self._used_by: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        #: The idle sockets of each stakeholder, the longest idle first.
        self._idle: dict[str, dict[ReceiverSocket, None]] = {}
        #: How many sockets of each stakeholder are about to be closed.
        self._closing: Counter[str] = Counter()
        self._open: WeakValueDictionary[int, ReceiverSocket] = WeakValueDictionary()
        self._next_log_s: dict[str, float] = {}

    def used(self, owner: str | None = None) -> int:
        """Return how many places are taken, by all or by one stakeholder."""
        return self._used if owner is None else self._used_by[owner]

    @asynccontextmanager
    async def attempt(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it during the block."""
        if owner not in self._waiting and self._has_room(owner):
            self._take(owner)
        else:
            await self._wait(owner)
        one = Attempt()
        token = _attempt.set(one)
        try:
            yield
        finally:
            _attempt.reset(token)
            if one.socket is None:
                self._give(owner)
            else:  # the socket is still being closed
                one.socket.attempt, one.socket.has_place = None, True

    def open(self, family: int, kind: int, protocol: int, owner: str) -> ReceiverSocket:
        """Open a socket, for the attempt under way if there is one. Error: NoPlaceError."""
        attempt = _attempt.get()
        if attempt is not None and attempt.socket is not None:
            attempt = None  # the attempt tries a second address beside the first one
        if attempt is None and not self._has_room(owner):
            raise NoPlaceError(errno.EMFILE, "no place for a further socket to a receiver")
        made = ReceiverSocket(family, kind, protocol)
        made.sockets, made.owner, made.number = self, owner, made.fileno()
        self._open[made.number] = made
        if attempt is None:
            self._assign_place(made)
        else:
            attempt.socket, made.attempt = made, attempt
        return made

    def find(self, number: int) -> ReceiverSocket | None:
        """Return the open socket with this file descriptor."""
        return self._open.get(number)

    def begin_use(self, used: ReceiverSocket, owner: str) -> None:
        """Record which socket the attempt under way uses."""
        self._remove_idle(used)
        attempt = _attempt.get()
        if attempt is not None and attempt.socket is not used:
            if attempt.socket is not None:  # a socket to another address of the same name, about to be closed
                self._assign_place(attempt.socket)
            attempt.socket, used.attempt = used, attempt
            used.has_place = False
            self._give(used.owner)
        used.owner = owner

    def end_use(self, used: ReceiverSocket) -> None:
        """Record that a socket stays open for another attempt, or is about to be closed."""
        if used.sockets is None:
            return
        if used.attempt is not None:
            used.attempt.socket = None
            self._assign_place(used)
        self._idle.setdefault(used.owner, {})[used] = None
        if self._waiting:
            self._distribute()

    def closed(self, gone: ReceiverSocket) -> None:
        """Record that a socket is closed."""
        if self._open.get(gone.number) is gone:
            del self._open[gone.number]
        self._remove_idle(gone)
        if gone.is_given_up:
            self._closing[gone.owner] -= 1
        if gone.attempt is not None:
            gone.attempt.socket = None
            gone.attempt = None
        if gone.has_place:
            gone.has_place = False
            self._give(gone.owner)

    def _assign_place(self, one: ReceiverSocket) -> None:
        """Assign a separate place to a socket."""
        one.attempt, one.has_place = None, True
        self._take(one.owner)

    def _remove_idle(self, one: ReceiverSocket) -> None:
        idle = self._idle.get(one.owner, {})
        idle.pop(one, None)
        if not idle:
            self._idle.pop(one.owner, None)

    def _has_room(self, owner: str) -> bool:
        free = self._limit - self._used
        return free > 0 and self._used_by[owner] < max(1, free // FREE_PER_USED)

    def _take(self, owner: str) -> None:
        self._used += 1
        self._used_by[owner] += 1

    def _give(self, owner: str) -> None:
        self._used -= 1
        self._used_by[owner] -= 1
        if not self._used_by[owner]:
            del self._used_by[owner]
        if self._waiting:
            self._distribute()

    async def _wait(self, owner: str) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        self._log_waiting(owner)
        self._distribute()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():  # the place was given after the caller stopped waiting
                self._give(owner)
            raise

    def _distribute(self) -> None:
        """Give free places to waiting stakeholders, the one with the fewest first, and close idle sockets for them."""
        while True:
            owner = min((o for o in self._waiting if self._has_room(o)), key=lambda o: self._used_by[o], default=None)
            if owner is None:
                break
            # Among equals, the stakeholder that got the last place comes last.
            queue = self._waiting.pop(owner)
            place = queue.popleft()
            if queue:
                self._waiting[owner] = queue
            if not place.done():
                self._take(owner)
                place.set_result(None)
        for owner, queue in self._waiting.items():
            while owner in self._idle and self._closing[owner] < len(queue):
                self._give_up(owner)
        while self._waiting and self._idle and self._used >= self._limit and not self._closing.total():
            self._give_up(max(self._idle, key=lambda o: len(self._idle[o])))

    def _give_up(self, owner: str) -> None:
        one = next(iter(self._idle[owner]))
        self._remove_idle(one)
        one.is_given_up = True
        self._closing[owner] += 1
        if one.give_up is not None:
            one.give_up()
        else:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _log_waiting(self, owner: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_log_s.get(owner, now_s):
            self._next_log_s[owner] = now_s + LOG_EVERY_S
            log.warning(
                "deliveries wait: too many connections to receivers are open",
                extra={"stakeholder": owner, "open": self._used_by[owner], "open_of_all": self._used},
            )
