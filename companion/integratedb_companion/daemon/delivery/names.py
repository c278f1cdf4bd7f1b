"""Looks up the names of receivers, in threads of its own: few for each stakeholder, however long the answers take.

Nothing ends a lookup before the system's resolver gives up, which takes it a minute where the servers of a name do not
answer. In the threads of the event loop, a few such names would hold up all channels, and the end of the process.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

#: Lookups at once for a stakeholder; of one name, one.
EACH: Final = 8
#: How long an answer is used again, and how many are kept: lanes of a channel connect at once.
GOOD_FOR_S: Final = 10.0
KEPT: Final = 1000

#: As socket.getaddrinfo() gives them.
AddressInfos = list[tuple[Any, ...]]

#: For which stakeholder the present task connects somewhere.
stakeholder: ContextVar[str] = ContextVar("stakeholder", default="")


class Names:
    """The lookups under way, and the last answers."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._found: OrderedDict[tuple[str, int, int], tuple[float, AddressInfos]] = OrderedDict()

    async def find(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> AddressInfos:
        """The addresses of a host. Error: OSError. A lookup that nobody waits for any more still has its turn."""
        if _is_address(host):
            return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        owner = stakeholder.get()
        turns = [self._turn((owner, host), 1), self._turn((owner, None), EACH)]
        taken: list[asyncio.Semaphore] = []
        answer: asyncio.Future[AddressInfos] | None = None
        try:
            for turn in turns:
                await turn.acquire()
                taken.append(turn)
            known = self._found.get((host, port, family))
            if known is not None and time.monotonic() < known[0] + GOOD_FOR_S:
                return known[1]
            answer = _look_up(host, port, family, taken)
        finally:
            if answer is None:
                _release(taken)
        found = await answer
        self._found[host, port, family] = time.monotonic(), found
        self._found.move_to_end((host, port, family))
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        return found

    def _turn(self, whose: Hashable, at_once: int) -> asyncio.Semaphore:
        turn = self._turns.get(whose)
        if turn is None:
            turn = self._turns[whose] = asyncio.Semaphore(at_once)
        return turn


class Resolver(AbstractResolver):
    """The same for the HTTP client."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Error: OSError."""
        found = await self._names.find(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing of its own to close."""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, family: int, turns: list[asyncio.Semaphore]) -> asyncio.Future[AddressInfos]:
    """Begin a lookup, which gives the turns back at its end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[AddressInfos] = loop.create_future()

    def end(found: AddressInfos | Exception) -> None:
        _release(turns)
        if answer.done():
            return  # nobody waits any more
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look() -> None:
        found: AddressInfos | Exception
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        except Exception as problem:
            found = problem
        with suppress(RuntimeError):  # the daemon has ended meanwhile
            loop.call_soon_threadsafe(end, found)

    try:
        # The end of the process does not wait for it.
        threading.Thread(target=look, name="lookup", daemon=True).start()
    except RuntimeError:  # no more threads
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    return answer


def _release(turns: list[asyncio.Semaphore]) -> None:
    for turn in turns:
        turn.release()
