"""Distinguishes a server that is temporarily unavailable, which the daemon waits for, from one that refuses it."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import psycopg
from psycopg import pq

from integratedb_companion.common.session import MALFORMED

#: The server is a standby, which may be promoted.
STANDBY: Final = "25006"
#: The connection was lost, the server is full, or it stops or starts.
_TEMPORARY_CLASSES: Final = ("08", "53", "57P0", STANDBY)
#: libpq does not pass on the SQLSTATE of a refused connection. A message in another language counts as a refusal.
_SERVER_FULL: Final = re.compile("too many (clients|connections)|remaining connection slots|exceeds max_wal_senders")

#: libpq says so when no server of --dsn is what target_session_attrs asks for; and an old primary is refused.
_NO_PRIMARY: Final = re.compile("session is (not )?read-only|server is (not )?in hot standby mode|is on timeline")


async def is_temporary(problem: psycopg.Error, dsn: str) -> bool:
    """Whether the server may accept the same connection later: it is down, starts, stops, or is full."""
    if problem.sqlstate is not None:
        return problem.sqlstate.startswith(_TEMPORARY_CLASSES)
    if not isinstance(problem, psycopg.OperationalError):
        return False
    if _SERVER_FULL.search(str(problem)) or _NO_PRIMARY.search(str(problem)):
        return True
    if MALFORMED.search(str(problem)):
        return False
    answer = await asyncio.to_thread(pq.PGconn.ping, dsn.encode())
    return answer in (pq.Ping.REJECT, pq.Ping.NO_RESPONSE)
