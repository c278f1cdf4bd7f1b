"""Defines the panels of the monitoring, and keeps the last hour of a few figures in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, LiteralString

import psycopg

from .console_responses import Sample
from .pool import DatabasePool

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
SELECT c.connections, c.active, l.waiting, s.kept_wal_bytes, d.xact_commit AS commits, d.xact_rollback AS rollbacks
  FROM (SELECT coalesce(sum(m.connections), 0)::bigint AS connections,
               coalesce(sum(m.connections) FILTER (WHERE m.state = 'active'), 0)::bigint AS active
          FROM {x}.integratedb_monitor_connections() AS m) AS c,
       (SELECT count(*) AS waiting FROM {x}.integratedb_monitor_locks() AS m WHERE m.depth > 0) AS l,
       (SELECT coalesce(max(m.kept_bytes), 0)::float8 AS kept_wal_bytes FROM {x}.integratedb_monitor_slots() AS m) AS s,
       pg_catalog.pg_stat_database AS d
 WHERE d.datname = pg_catalog.current_database()
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
