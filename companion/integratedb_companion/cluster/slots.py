"""Judges on which nodes the logical slots that Patroni carries could be used after a failover."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from . import defaults
from .layout import Layout
from .settings import Settings

TIMEOUT_S = 2.0
READ = """
SELECT slot_name, slot_type, catalog_xmin::text::bigint, coalesce(wal_status, 'lost') <> 'lost'
  FROM pg_catalog.pg_replication_slots
"""
XIDS = 1 << 32


@dataclass(frozen=True)
class Slot:
    """A slot of one server."""

    is_logical: bool
    catalog_xmin: int | None
    #: Whether its WAL is still there.
    is_whole: bool


def readiness(carried: list[str], found: Mapping[str, Mapping[str, Slot]], primary: str | None) -> dict[str, str]:
    """Return `ready` or `missing` for each node whose slots could be read.

    A copy is ready when the primary keeps the rows of the catalog that the copy needs: by the physical slot of that
    standby, which holds back at least as much as the copy. Patroni judges so too, and writes it to its log only.
    """
    held = found.get(primary, {}) if primary else {}
    said = {}
    for name, slots in found.items():
        copies = [slots.get(one) for one in carried]
        ready = all(copy is not None and copy.is_logical and copy.is_whole for copy in copies)
        if name != primary:
            standby = held.get(name.replace("-", "_"))
            ready = ready and all(copy is not None and _is_covered(copy, standby) for copy in copies)
        said[name] = "ready" if ready else "missing"
    return said


def _is_covered(copy: Slot, standby: Slot | None) -> bool:
    if copy.catalog_xmin is None or standby is None or standby.catalog_xmin is None:
        return False
    # Numbers of transactions begin again after 2^32.
    return (copy.catalog_xmin - standby.catalog_xmin) % XIDS < XIDS // 2


async def read(
    addresses: Mapping[str, str], settings: Settings, layout: Layout, password: str
) -> dict[str, dict[str, Slot]]:
    """Read the slots of each node that answers, by its name."""
    found = await asyncio.gather(*(_read(address, settings, layout, password) for address in addresses.values()))
    return {name: slots for name, slots in zip(addresses, found, strict=True) if slots is not None}


async def _read(address: str, settings: Settings, layout: Layout, password: str) -> dict[str, Slot] | None:
    host, _, port = address.rpartition(":")
    dsn = make_conninfo(
        "",
        host=host.strip("[]"),
        port=port,
        dbname=settings.database,
        user=defaults.SUPERUSER,
        password=password,
        sslmode="verify-full",
        sslrootcert=str(layout.ca),
        sslcert=str(layout.certificate),
        sslkey=str(layout.key),
        connect_timeout="2",
    )
    with contextlib.suppress(psycopg.Error, TimeoutError):
        async with asyncio.timeout(TIMEOUT_S), await psycopg.AsyncConnection.connect(dsn) as connection:
            rows = await (await connection.execute(READ)).fetchall()
            return {str(row[0]): Slot(row[1] == "logical", row[2], bool(row[3])) for row in rows}
    return None
