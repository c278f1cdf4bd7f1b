"""Divides the files that the process may open among what opens them, and says now and then that there are none left.

A process without a free file cannot accept anybody, nor reach the database. So what others make it open is bounded, each kind for
itself.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import time
from dataclasses import dataclass
from typing import Any, Final

log = logging.getLogger(__name__)

WANTED_FILES: Final = 65_536
#: Connections that have not finished their handshake, and what the process opens for itself: the database, names, its own files.
MOST_HANDSHAKES, MOST_OTHERS = 300, 300
COMPLAIN_EVERY_S: Final = 60.0
_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Shares:
    """How many files each kind may have."""

    receivers: int
    handshakes: int
    clients: int


def shares(files: int) -> Shares:
    """Divide: half for sockets to receivers, up to an eighth each for handshakes and for the rest, for clients what is left."""
    receivers = files // 2
    handshakes = min(MOST_HANDSHAKES, files // 8)
    others = min(MOST_OTHERS, files // 8)
    return Shares(receivers, handshakes, max(files - receivers - handshakes - others, 10))


def raise_limit() -> int:
    """Raise the limit of this process as far as it may; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < WANTED_FILES and (soft < hard or hard == resource.RLIM_INFINITY):
        soft = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class Complaints:
    """The event loop tells of each attempt to accept that failed, and goes on. Once a minute is enough of that."""

    def __init__(self) -> None:
        self._next_s = float("-inf")
        self._unsaid = 0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what the loop has to tell."""
        problem = context.get("exception")
        if not isinstance(problem, OSError) or problem.errno not in _NONE_LEFT:
            loop.default_exception_handler(context)
            return
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._unsaid += 1
            return
        self._next_s = now_s + COMPLAIN_EVERY_S
        unsaid, self._unsaid = self._unsaid, 0
        log.error(
            "nobody can connect: the process or the system has no files left",
            extra={"error": errno.errorcode[problem.errno or 0], "not_logged_since": unsaid},
        )
