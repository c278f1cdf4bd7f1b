"""Waits until transactions that the daemon has told of are visible.

The stream tells of a commit before sessions see it. A standby sees a transaction when it has replayed the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from integratedb_companion.api.connection import DatabaseError, LostError, Query
from integratedb_companion.api.pool import BusyError, Pool, UnreachableError
from integratedb_companion.api.transaction import AS_LOGIN

_STATE: Final = Query(
    b"SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_snapshot()::pg_catalog.text END,"
    b" (pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::pg_catalog.text"
)
FIRST_PAUSE_S: Final = 0.001
LONGEST_PAUSE_S: Final = 0.1
RETRY_S: Final = 0.25


class Visibility:
    """Looks at the snapshot that sessions of a pool have now."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def wait(self, xids: Collection[int], lsn: int) -> None:
        """Wait for transactions, by the 32 bits that the stream has of them, and by the commit of the last one."""
        pause_s = FIRST_PAUSE_S
        while xids:
            try:
                async with self._pool.lend() as connection:
                    found = (await connection.run([AS_LOGIN, _STATE]))[-1]
            except (DatabaseError, LostError, UnreachableError, BusyError):
                await asyncio.sleep(RETRY_S)
                continue
            snapshot, replayed = found.get_value(0, 0), found.get_value(0, 1)
            if snapshot is None:
                if replayed is not None and int(replayed) > lsn:
                    return
            else:
                xids = under_way(snapshot.decode(), xids)
                if not xids:
                    return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


def under_way(snapshot: str, xids: Collection[int]) -> list[int]:
    """Return the transactions that a snapshot does not see."""
    _, newest, listed = snapshot.split(":")
    end = int(newest)
    open_ = {int(each) for each in listed.split(",") if each}
    return [xid for xid in xids if (whole := _whole(xid, end)) >= end or whole in open_]


def _whole(xid: int, near: int) -> int:
    """Return the 64 bits of a transaction, which is less than 2^31 away from another one."""
    return near + ((xid - near + (1 << 31)) % (1 << 32)) - (1 << 31)
