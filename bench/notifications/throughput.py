"""Draining a stream of changes to a Redis stream, against pg_recvlogical reading the same WAL to /dev/null.

Two tables are drained: one of few short columns that only gets inserts, and a realistic one. For each, the bench prints
the processor's share of each process, and where the daemon's time goes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from bench.notifications.processors import Processors, Use
from bench.notifications.sampled import OUTPUT
from bench.notifications.support import bus_channel, recvlogical, shop, verdict
from tests.system.harness import RedisServer, Shop

TRANSACTION = 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """A table, and the changes that it gets: `write` is the body of a loop over r, in the transaction t."""

    name: str
    path: str
    create: str
    write: str
    #: How many changes one pass of the loop makes.
    changes: int
    total: int
    #: The least share of pg_recvlogical's rate.
    bar: float


PLAIN = Load(
    name="inserts of five short columns",
    path="public.orders",
    create="",
    write="INSERT INTO orders (id, status, customer, total) VALUES (r, 'new', r % 1000, r % 1000 * 1.25);",
    changes=1,
    total=500_000,
    bar=0.35,
)
REALISTIC = Load(
    name="13 columns with timestamps, numerics, json, uuid and nulls; one change in five is an UPDATE",
    path="public.purchases",
    create="""
    CREATE TABLE purchases (
      id bigint PRIMARY KEY, reference uuid NOT NULL, customer integer NOT NULL, status text NOT NULL, note text,
      quantity integer NOT NULL, price numeric(12, 2) NOT NULL, tax numeric, paid boolean NOT NULL,
      details jsonb NOT NULL, ordered_at timestamptz NOT NULL, shipped_at timestamptz, due date
    )
    """,
    write="""
    INSERT INTO purchases
    SELECT n, gen_random_uuid(), n % 5000, 'new', CASE WHEN n % 3 > 0 THEN 'Delivery to door ' || n % 97 END, n % 7,
           n % 1000 * 1.25, n % 1000 * 0.2375, n % 2 = 0,
           jsonb_build_object('source', 'web', 'lines', jsonb_build_array(n % 9, n % 11)),
           clock_timestamp(), NULL, current_date
      FROM generate_series(r * 4, r * 4 + 3) AS n;
    UPDATE purchases SET status = 'shipped', shipped_at = clock_timestamp() WHERE id = r * 4 + r % 4;
    """,
    changes=5,
    total=200_000,
    bar=0.25,
)


def main() -> bool:
    """Measure both tables."""
    met = [measure(load) for load in (PLAIN, REALISTIC)]
    return all(met)


def measure(load: Load) -> bool:
    """Measure one table."""
    with shop("bench_throughput") as (made, bus), redis.Redis.from_url(bus.url) as client:
        if load.create:
            made.admin.run(load.create)
        made.notify(bus_channel(bus), match=[{"path": load.path, "fields": ["*"]}])
        made.daemon().stop()
        made.admin.run("SELECT pg_create_logical_replication_slot('bench_peer', 'pgoutput')")
        write(made, load)
        end = made.admin.value("SELECT pg_current_wal_flush_lsn()")
        command = recvlogical(made, "bench_peer", "--endpos", end)
        started = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        peer = load.total / (time.perf_counter() - started)
        ours, use, parts, memory_mb = drain(made, bus, client, load.total)

    print(f"throughput: {load.total:,} changes in transactions of {TRANSACTION:,}: {load.name}")
    print(f"  pg_recvlogical to /dev/null: {peer:,.0f} rows/s; to a Redis stream: {ours:,.0f} events/s")
    shares = ", ".join(f"{name} {one.share:.0%} ({one.per_event_us:.1f} us an event)" for name, one in use.items())
    print(f"  of one processor: {shares}; the daemon's memory: {memory_mb:.0f} MB")
    total = sum(parts.values())
    print("  the daemon's time: " + ", ".join(f"{part} {count / total:.0%}" for part, count in parts.items()))
    return verdict("ours / peer", ours / peer, load.bar, at_least=True)


def write(made: Shop, load: Load) -> None:
    """Make the changes."""
    loops = TRANSACTION // load.changes
    made.owner.run(
        f"""
        DO $$ BEGIN
          FOR t IN 0..{load.total // TRANSACTION - 1} LOOP
            FOR r IN t * {loops} .. t * {loops} + {loops - 1} LOOP
              {load.write}
            END LOOP;
            COMMIT;
          END LOOP;
        END $$
        """
    )


def drain(
    made: Shop, bus: RedisServer, client: redis.Redis, total: int
) -> tuple[float, dict[str, Use], dict[str, int], float]:
    """Measure a daemon from the first event's arrival to the last: events/s, processors, parts, memory in MB."""
    samples = Path(made.directory, "samples.json")
    environment = {OUTPUT: str(samples), "PYTHONPATH": os.pathsep.join(sys.path)}
    wrapper = (sys.executable, "-m", "bench.notifications.sampled")
    daemon = made.daemon(wait=False, environment=environment, wrapper=wrapper)
    while not client.xlen("orders"):
        time.sleep(0.001)
    walsender = made.admin.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'")
    processors = Processors({"the server": walsender, "the daemon": daemon.process.pid, "Redis": bus.process.pid})
    started, seen = time.perf_counter(), client.xlen("orders")
    while client.xlen("orders") < total:
        time.sleep(0.01)
    rate = (total - seen) / (time.perf_counter() - started)
    use = processors.use(total - seen)
    memory_mb = daemon.resident_mb("VmHWM")
    daemon.stop()
    parts = sorted(json.loads(samples.read_text()).items(), key=lambda part: -part[1])
    return rate, use, dict(parts), memory_mb


if __name__ == "__main__":
    sys.exit(not main())
