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
LOOKUPS_PER_STAKEHOLDER: Final = 8
#: How long an answer is reused, and how many are kept. Lanes of a channel connect at the same time.
REUSE_S: Final = 10.0
CACHED_ANSWERS: Final = 1000

#: The results of socket.getaddrinfo().
AddressInfos = list[tuple[Any, ...]]

#: The stakeholder for which the current task connects.
stakeholder: ContextVar[str] = ContextVar("stakeholder", default="")


class Lookups:
    """Keeps the lookups under way, and the latest answers."""

    def __init__(self) -> None:
        self._semaphores: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._cache: OrderedDict[tuple[str, int, int], tuple[float, AddressInfos]] = OrderedDict()

    async def find(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> AddressInfos:
        """Return the addresses of a host. Error: OSError. A lookup goes on when its caller is cancelled."""
        if _is_address(host):
            return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        owner = stakeholder.get()
        semaphores = [self._semaphore((owner, host), 1), self._semaphore((owner, None), LOOKUPS_PER_STAKEHOLDER)]
        taken: list[asyncio.Semaphore] = []
        answer: asyncio.Future[AddressInfos] | None = None
        try:
            for semaphore in semaphores:
                await semaphore.acquire()
                taken.append(semaphore)
            cached = self._cache.get((host, port, family))
            if cached is not None and time.monotonic() < cached[0] + REUSE_S:
                return cached[1]
            answer = _look_up(host, port, family, taken)
        finally:
            if answer is None:
                _release(taken)
        found = await answer
        self._cache[host, port, family] = time.monotonic(), found
        self._cache.move_to_end((host, port, family))
        while len(self._cache) > CACHED_ANSWERS:
            self._cache.popitem(last=False)
        return found

    def _semaphore(self, whose: Hashable, at_once: int) -> asyncio.Semaphore:
        semaphore = self._semaphores.get(whose)
        if semaphore is None:
            semaphore = self._semaphores[whose] = asyncio.Semaphore(at_once)
        return semaphore


class Resolver(AbstractResolver):
    """Gives the HTTP client the same lookups."""

    def __init__(self, names: Lookups) -> None:
        self._lookups = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Error: OSError."""
        found = await self._lookups.find(host, port, family)
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


def _look_up(host: str, port: int, family: int, semaphores: list[asyncio.Semaphore]) -> asyncio.Future[AddressInfos]:
    """Start a lookup, which releases the semaphores at its end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[AddressInfos] = loop.create_future()

    def end(found: AddressInfos | Exception) -> None:
        _release(semaphores)
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


def _release(semaphores: list[asyncio.Semaphore]) -> None:
    for semaphore in semaphores:
        semaphore.release()
