"""Divides the process's file descriptors among their users, and reports at intervals that none are free.

A process without a free descriptor can neither accept a connection nor reach the database. So each kind of connection
that others cause has a limit of its own.
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
#: The most unfinished handshakes, and the descriptors of the process itself: database, name lookups, files.
MOST_HANDSHAKES, MOST_OTHERS = 300, 300
LOG_EVERY_S: Final = 60.0
_NO_DESCRIPTORS_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Shares:
    """How many descriptors each kind may use."""

    receivers: int
    handshakes: int
    clients: int


def shares(files: int) -> Shares:
    """Divide: half for receivers, up to an eighth each for handshakes and for the process, the rest for clients."""
    receivers = files // 2
    handshakes = min(MOST_HANDSHAKES, files // 8)
    others = min(MOST_OTHERS, files // 8)
    return Shares(receivers, handshakes, max(files - receivers - handshakes - others, 10))


def raise_limit() -> int:
    """Raise the limit of this process as far as permitted; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < WANTED_FILES and (soft < hard or hard == resource.RLIM_INFINITY):
        soft = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class FailedAcceptsLog:
    """Logs failed accepts once a minute, because the event loop reports each one and continues."""

    def __init__(self) -> None:
        self._next_s = float("-inf")
        self._suppressed = 0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle a report of the event loop."""
        problem = context.get("exception")
        if not isinstance(problem, OSError) or problem.errno not in _NO_DESCRIPTORS_LEFT:
            loop.default_exception_handler(context)
            return
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._suppressed += 1
            return
        self._next_s = now_s + LOG_EVERY_S
        suppressed, self._suppressed = self._suppressed, 0
        log.error(
            "nobody can connect: the process or the system has no files left",
            extra={"error": errno.errorcode[problem.errno or 0], "not_logged_since": suppressed},
        )
