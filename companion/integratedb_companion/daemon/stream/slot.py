"""Finds or creates the replication slot, and distinguishes the daemon's slot from one that was lost or recreated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import psycopg

from integratedb_companion.common.outside_text import plain
from integratedb_companion.daemon.database import Database, Slot

from .pgoutput import format_lsn
from .replication import ReplicationConnection
from .timelines import Timelines

log = logging.getLogger(__name__)


#: How often the daemon reports what a new slot waits for.
REPORT_EVERY_S: Final = 5.0


class SlotLostError(Exception):
    """Changes have been missed, or would be missed; the message says why, and what to do."""


CURE = "Changes since then are lost to the channels. Start once with --accept-gap to go on from now."


def slot_problem(name: str, slot: Slot, timelines: Timelines) -> str | None:
    """Return why the slot cannot be used; None when it can be used, or when none existed before."""
    if slot.known == "created":
        if not slot.same_system:
            return f"slot {name!r} was made on another server than this one (a restored copy?)"
        if not slot.exists:
            return f"slot {name!r} is gone (Patroni drops slots that it does not list)"
        if not slot.usable:
            return f"the server has removed WAL that slot {name!r} still needed (max_slot_wal_keep_size)"
        limit_lsn = slot.ceiling_lsn
        if slot.is_of_earlier_timeline(timelines):
            assert slot.timeline is not None
            fork_lsn = timelines.fork(slot.timeline)
            if fork_lsn is None:
                return (
                    f"slot {name!r} was read on timeline {slot.timeline}, which is not in the history of this server's"
                    f" timeline {timelines.current}: the server has other changes"
                )
            # The copy of a standby may have gone further than the record that the standby has.
            limit_lsn = max(limit_lsn, fork_lsn)
        if slot.confirmed_lsn > limit_lsn:
            return (
                f"slot {name!r} stands at {format_lsn(slot.confirmed_lsn)}, which this daemon never confirmed"
                f" (at most {format_lsn(limit_lsn)}): somebody recreated it or moved it"
            )
    elif slot.known is None and slot.exists:
        return f"slot {name!r} exists and was not made by this daemon (Patroni makes slots that it lists)"
    return None


async def check(name: str, database: Database, timelines: Timelines) -> Slot:
    """Check the slot; raises when it was lost."""
    slot = await database.slot(name)
    problem = slot_problem(name, slot, timelines)
    if problem is not None:
        raise SlotLostError(f"{problem}. {CURE}")
    return slot


async def attach(
    name: str,
    database: Database,
    dsn: str,
    timelines: Timelines,
    on_wait: Callable[[str], None],
    *,
    accept_gap: bool,
) -> tuple[int, bool]:
    """Find or create the slot; returns the position to start from, and whether changes before it were missed.

    `on_wait` is called with a text that says what a new slot waits for.
    """
    slot = await database.slot(name)
    problem = slot_problem(name, slot, timelines)
    if problem is None and slot.exists and slot.known == "created":
        if slot.is_of_earlier_timeline(timelines):
            await _follow(name, slot, database, timelines)
        if not slot.is_carried:
            await _carry(name, dsn)
        return slot.confirmed_lsn, False
    if problem is not None and not accept_gap:
        raise SlotLostError(f"{problem}. {CURE}")
    if problem is not None:
        log.error("gap accepted: changes were missed", extra={"slot": name, "reason": problem})
    return await _create(name, slot, database, dsn, on_wait), problem is not None


async def _follow(name: str, slot: Slot, database: Database, timelines: Timelines) -> None:
    """Go on with a slot that was read on an earlier timeline."""
    fork_lsn = timelines.fork(slot.timeline or 0)
    assert fork_lsn is not None
    dropped = await database.follow_timeline(name, slot.confirmed_lsn, fork_lsn)
    facts = {"slot": name, "lsn": format_lsn(slot.confirmed_lsn), "fork": format_lsn(fork_lsn)}
    log.info("following the new primary", extra={**facts, "timeline": timelines.current, "dropped": dropped})


async def _carry(name: str, dsn: str) -> None:
    """Have the server copy the slot to its standbys, which it may do later if another session reads the slot now."""
    connection = await ReplicationConnection.open(dsn)
    try:
        await connection.carry_slot(name)
    except psycopg.OperationalError as problem:
        log.warning("the slot is not copied to standbys", extra={"slot": name, "error": plain(str(problem))})
    finally:
        await connection.close()


async def _create(name: str, slot: Slot, database: Database, dsn: str, on_wait: Callable[[str], None]) -> int:
    connection = await ReplicationConnection.open(dsn)
    try:
        await database.slot_announced(name)
        if slot.exists:  # created incompletely, or abandoned by --accept-gap
            await connection.drop_slot(name)
        watching = asyncio.create_task(_report_blockers(connection.backend_pid, name, database, on_wait))
        try:
            lsn, snapshot = await connection.create_slot(name)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await database.slot_created(name, lsn, await database.control_ids_in(snapshot))
    finally:
        await connection.close()
    log.info("slot created", extra={"slot": name, "lsn": format_lsn(lsn)})
    return lsn


async def _report_blockers(backend_pid: int, name: str, database: Database, on_wait: Callable[[str], None]) -> None:
    """Report at intervals which open transactions a new slot waits for: it begins after all of them have ended."""
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        pids = await database.blockers(backend_pid)
        if pids:
            who = ", ".join("a prepared transaction" if pid == 0 else f"process {pid}" for pid in pids)
            on_wait(f"the slot waits for a transaction that is open: {who}")
            log.warning("the slot waits for a transaction that is open", extra={"slot": name, "pids": pids})
