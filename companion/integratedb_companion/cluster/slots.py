"""Has the daemon's slot carried to the replicas, and tells which replicas could go on with it.

PostgreSQL 17 and newer carry it themselves. Below 17 Patroni does, and the order matters: Patroni makes a slot that it
lists and that is missing, and the daemon refuses a slot that it did not make. So `ignore_slots` has the slot from the
beginning, and `slots` once it exists.

Patroni tells nobody whether a copy is usable. So each agent reports what its own Postgres has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psycopg

from .defaults import SLOT

FIRST_TO_CARRY: Final = 170_000
#: All slots of this Postgres: the daemon's, and on the primary those of the replicas. Columns differ between versions.
LOOK: Final = """
SELECT pg_catalog.pg_is_in_recovery(),
       (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s)) FROM pg_catalog.pg_replication_slots AS s)
"""


@dataclass(frozen=True)
class Report:
    """What the agent of a node reports of the slots of its Postgres."""

    is_primary: bool
    version: int
    #: The database of the daemon's slot; None: there is no such slot, or it is not usable.
    database: str | None = None
    #: The oldest transaction whose catalog rows the daemon's slot needs.
    catalog_xmin: int | None = None
    #: Whether Postgres itself has made this copy, and keeps it.
    synced: bool = False
    #: On the primary: which catalog rows it keeps for each replica, by the name of the replica's slot.
    kept: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the document that the agent keeps in etcd."""
        return asdict(self)


def patch(report: Report, configuration: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the change of Patroni's configuration that has the slot carried; None: it is carried already."""
    if report.version >= FIRST_TO_CARRY:
        parameters = (configuration.get("postgresql") or {}).get("parameters") or {}
        if "sync_replication_slots" in parameters:
            return None
        return {"postgresql": {"parameters": {"sync_replication_slots": "on"}}}
    if report.database is None or SLOT in (configuration.get("slots") or {}):
        return None
    return {"slots": {SLOT: {"type": "logical", "database": report.database, "plugin": "pgoutput"}}}


def readiness(name: str, primary: str | None, reports: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return ready, copying or missing; None: there is no slot of the daemon, or nobody has reported.

    A copy is usable once the primary keeps the catalog rows that the copy needs.
    """
    source, own = reports.get(primary or "", {}), reports.get(name, {})
    if source.get("database") is None:
        return None
    if name == primary:
        return "ready"
    if own.get("database") is None:
        return "missing"
    if own.get("synced"):
        return "ready"
    kept, needed = (source.get("kept") or {}).get(slot_of(name)), own.get("catalog_xmin")
    if not isinstance(kept, int) or not isinstance(needed, int):
        return "copying"
    # Identifiers of transactions wrap around.
    return "ready" if (needed - kept) % (1 << 32) < (1 << 31) else "copying"


def slot_of(name: str) -> str:
    """Return the name of the slot that Patroni gives to a replica."""
    return "".join(one if one.isalnum() and one.isascii() else "_" for one in name.lower())


async def look(dsn: str) -> Report | None:
    """Ask the Postgres of this node; None: it does not answer."""
    try:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            cursor = await connection.execute(LOOK)
            row = await cursor.fetchone()
            assert row is not None
            return report(not row[0], connection.info.server_version, row[1] or [])
    except psycopg.Error:
        return None


def report(is_primary: bool, version: int, slots: list[dict[str, Any]]) -> Report:
    """Return what to report of the rows of pg_replication_slots."""
    own = next((slot for slot in slots if slot["slot_name"] == SLOT and _is_usable(slot)), None)
    kept = {
        str(slot["slot_name"]): int(slot["catalog_xmin"])
        for slot in slots
        if is_primary and slot["slot_type"] == "physical" and slot["catalog_xmin"] is not None
    }
    if own is None:
        return Report(is_primary, version, kept=kept)
    needed = own["catalog_xmin"]
    return Report(
        is_primary, version, own["database"], None if needed is None else int(needed), bool(own.get("synced")), kept
    )


def _is_usable(slot: Mapping[str, Any]) -> bool:
    return bool(
        slot["plugin"] == "pgoutput"
        and slot["confirmed_flush_lsn"] is not None
        and slot["wal_status"] != "lost"
        and not slot["temporary"]
        and slot.get("invalidation_reason") is None
    )
