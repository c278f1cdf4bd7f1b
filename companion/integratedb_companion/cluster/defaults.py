"""Decides the defaults of a cluster: times of Patroni, settings of Postgres, sizes from the memory, who may log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .settings import Settings

MB, GB = 1 << 20, 1 << 30
#: The roles that Patroni creates.
SUPERUSER, REPLICATION, REWIND = "postgres", "replicator", "rewinder"
#: The slot of the daemon, unless its option --slot says otherwise.
SLOT: Final = "integratedb"
#: Patroni takes no ttl below 20, and needs loop_wait + 2 * retry_timeout <= ttl.
TIMES: Final = {
    "fast": {"ttl": 20, "loop_wait": 5, "retry_timeout": 5},
    "calm": {"ttl": 30, "loop_wait": 8, "retry_timeout": 10},
}
MAX_CONNECTIONS: Final = 200


@dataclass(frozen=True)
class Size:
    """A setting that depends on the memory, with the reason for its value."""

    name: str
    value: str
    reason: str


def sizes(memory_bytes: int) -> list[Size]:
    """Compute the sizes of Postgres from the memory of the machine."""
    shared = max(128 * MB, memory_bytes // 4)
    work = min(64 * MB, max(4 * MB, memory_bytes // 4 // MAX_CONNECTIONS))
    maintenance = min(2 * GB, max(64 * MB, memory_bytes // 20))
    of = f"{shown(memory_bytes)} of memory"
    return [
        Size("shared_buffers", shown(shared), f"a quarter of {of}; the system's cache needs the rest"),
        Size("effective_cache_size", shown(max(256 * MB, memory_bytes * 3 // 4)), f"three quarters of {of}"),
        Size("work_mem", shown(work), f"a quarter of {of}, divided by {MAX_CONNECTIONS} connections; 4 to 64 MB"),
        Size("maintenance_work_mem", shown(maintenance), f"a twentieth of {of}; at most 2 GB"),
    ]


def shown(number_bytes: int) -> str:
    """Return a size as Postgres writes it, in whole megabytes."""
    megabytes = number_bytes // MB
    return f"{megabytes // 1024}GB" if megabytes % 1024 == 0 and megabytes else f"{megabytes}MB"


#: Settings of Postgres for all nodes. docs/cluster.md has the reason of each.
PARAMETERS: Final = {
    "wal_level": "logical",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "wal_log_hints": "on",
    "max_connections": str(MAX_CONNECTIONS),
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_slot_wal_keep_size": "10GB",
    "wal_sender_timeout": "15s",
    "password_encryption": "scram-sha-256",
    "log_checkpoints": "on",
    "log_lock_waits": "on",
    "lc_messages": "C",
}


def dynamic(settings: Settings) -> dict[str, Any]:
    """Return what Patroni keeps in etcd for all nodes, as the first node writes it."""
    return {
        **TIMES[settings.profile],
        "maximum_lag_on_failover": MB,
        "primary_start_timeout": 0 if settings.synchronous else 60,
        "synchronous_mode": settings.synchronous,
        "failsafe_mode": True,
        "check_timeline": True,
        "ignore_slots": [
            {"name": SLOT, "type": "logical", "database": settings.database, "plugin": "pgoutput"},
        ],
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {**PARAMETERS, **settings.parameters},
            "pg_hba": host_based_access(settings),
        },
    }


def host_based_access(settings: Settings) -> list[str]:
    """Return the lines of pg_hba.conf: nodes with a certificate and a password, clients with TLS and a password."""
    # Patroni asks by a local replication connection before it promotes. Without that line no replica is ever promoted.
    lines = [f"local {what} all scram-sha-256" for what in ("replication", "all")]
    lines += [
        f"hostssl {what} {role} all scram-sha-256 clientcert=verify-ca"
        for what, role in (("replication", REPLICATION), ("all", REWIND), ("all", SUPERUSER))
    ]
    return lines + [f"hostssl all all {network} scram-sha-256" for network in settings.allow]
