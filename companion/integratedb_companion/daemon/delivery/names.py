"""Resolves the host names of receivers in separate threads, with a limit for each stakeholder.

A lookup cannot be cancelled: the system's resolver gives up after a minute if the name servers do not answer. In the
threads of the event loop, a few such names would block all channels and the end of the process.
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

#: Concurrent lookups of a stakeholder. Each name is looked up once at a time.
EACH: Final = 8
#: How long an answer is reused, and how many are kept. Lanes of a channel connect at the same time.
GOOD_FOR_S: Final = 10.0
KEPT: Final = 1000

#: The results of socket.getaddrinfo().
AddressInfos = list[tuple[Any, ...]]

#: The stakeholder for which the current task connects.
stakeholder: ContextVar[str] = ContextVar("stakeholder", default="")


class Names:
    """Keeps the lookups under way, and the latest answers."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._found: OrderedDict[tuple[str, int, int], tuple[float, AddressInfos]] = OrderedDict()

    async def find(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> AddressInfos:
        """Return the addresses of a host. Error: OSError. A lookup goes on when its caller is cancelled."""
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
    """Gives the HTTP client the same lookups."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Error: OSError."""
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
        """Do nothing: the resolver has no resources of its own."""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, family: int, turns: list[asyncio.Semaphore]) -> asyncio.Future[AddressInfos]:
    """Start a lookup, which releases the semaphores at its end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[AddressInfos] = loop.create_future()

    def end(found: AddressInfos | Exception) -> None:
        _release(turns)
        if answer.done():
            return  # the caller no longer waits
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
        with suppress(RuntimeError):  # the daemon has ended
            loop.call_soon_threadsafe(end, found)

    try:
        # A daemon thread does not delay the end of the process.
        threading.Thread(target=look, name="lookup", daemon=True).start()
    except RuntimeError:  # no more threads
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    return answer


def _release(turns: list[asyncio.Semaphore]) -> None:
    for turn in turns:
        turn.release()
