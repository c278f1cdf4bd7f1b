"""Defines the panels of the monitoring, and keeps the last hour of a few figures in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, LiteralString

import psycopg

from .pool import DatabasePool
from .responses import Sample

log = logging.getLogger(__name__)

INTERVAL_S = 10
SAMPLES = 3600 // INTERVAL_S


@dataclass(frozen=True, slots=True)
class Panel:
    """A question that an incident asks, and the function that answers it."""

    title: str
    what: str
    query: LiteralString

    @property
    def function(self) -> str:
        """Return the name of the function."""
        return self.query.removeprefix("SELECT * FROM {x}.").removesuffix("()")


#: In the order in which an incident asks them.
PANELS: Final[dict[str, Panel]] = {
    "locks": Panel(
        "Who waits for whom",
        "sessions that wait for a lock, below those that hold it",
        "SELECT * FROM {x}.integratedb_monitor_locks()",
    ),
    "sessions": Panel(
        "Sessions",
        "what each session does, the oldest transaction first",
        "SELECT * FROM {x}.integratedb_monitor_sessions()",
    ),
    "xmin": Panel(
        "What holds VACUUM up",
        "sessions, slots and standbys that keep old rows",
        "SELECT * FROM {x}.integratedb_monitor_xmin()",
    ),
    "statements": Panel(
        "Statements", "where the time goes, by role", "SELECT * FROM {x}.integratedb_monitor_statements()"
    ),
    "replication": Panel(
        "Standbys", "how far each is behind, in bytes and time", "SELECT * FROM {x}.integratedb_monitor_replication()"
    ),
    "slots": Panel(
        "Slots",
        "the WAL that each keeps, and whether anybody reads it",
        "SELECT * FROM {x}.integratedb_monitor_slots()",
    ),
    "wraparound": Panel(
        "Wraparound", "the age of databases and tables", "SELECT * FROM {x}.integratedb_monitor_wraparound()"
    ),
    "wal": Panel("WAL and checkpoints", "what is written, and why", "SELECT * FROM {x}.integratedb_monitor_wal()"),
    "connections": Panel(
        "Connections", "by role and state, against the most", "SELECT * FROM {x}.integratedb_monitor_connections()"
    ),
    "cache": Panel("Cache", "a hint only: blocks found in memory", "SELECT * FROM {x}.integratedb_monitor_cache()"),
    "channels": Panel(
        "Channels", "what waits for receivers, and what failed", "SELECT * FROM {x}.integratedb_monitor_channels()"
    ),
}

SAMPLE: Final[LiteralString] = """
SELECT (SELECT coalesce(sum(c.connections), 0) FROM {x}.integratedb_monitor_connections() AS c)::bigint AS connections,
       (SELECT coalesce(sum(c.connections), 0) FROM {x}.integratedb_monitor_connections() AS c
         WHERE c.state = 'active')::bigint AS active,
       (SELECT count(*) FROM {x}.integratedb_monitor_locks() AS l WHERE l.depth > 0)::bigint AS waiting,
       (SELECT coalesce(max(s.kept_bytes), 0) FROM {x}.integratedb_monitor_slots() AS s)::float8 AS kept_wal_bytes,
       (SELECT d.xact_commit FROM pg_catalog.pg_stat_database AS d
         WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())::bigint AS commits,
       (SELECT d.xact_rollback FROM pg_catalog.pg_stat_database AS d
         WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())::bigint AS rollbacks
"""


@dataclass(slots=True)
class History:
    """The samples of the last hour: of one size, whatever happens."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    async def collect(self, database: DatabasePool) -> None:
        """Take a sample every few seconds, until cancelled; a database that does not answer leaves a gap."""
        while True:
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(INTERVAL_S):
                    row = await database.row(SAMPLE)
                if row is not None:
                    self.samples.append(Sample(at=time.time(), **row))
            except (psycopg.Error, TimeoutError) as problem:
                log.debug("no sample of the monitoring", extra={"fault": type(problem).__name__})
            await asyncio.sleep(max(0.0, INTERVAL_S - (time.monotonic() - began_s)))
