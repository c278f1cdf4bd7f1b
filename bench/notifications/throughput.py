"""Draining single-row inserts to a Redis stream, against pg_recvlogical reading the same WAL to /dev/null."""

from __future__ import annotations

import subprocess
import sys
import time

import redis

from bench.notifications.support import bus_channel, recvlogical, shop, verdict

ROWS, TRANSACTION = 500_000, 1_000


def main() -> bool:
    """Measure."""
    with shop("bench_throughput") as (made, bus), redis.Redis.from_url(bus.url) as client:
        made.notify(bus_channel(bus))
        made.daemon().stop()
        made.admin.run("SELECT pg_create_logical_replication_slot('bench_peer', 'pgoutput')")
        made.owner.run(
            f"""
            DO $$ BEGIN
              FOR t IN 0..{ROWS // TRANSACTION - 1} LOOP
                FOR r IN 1..{TRANSACTION} LOOP
                  INSERT INTO orders (id, status, customer, total) VALUES (t * {TRANSACTION} + r, 'new', r, r * 1.25);
                END LOOP;
                COMMIT;
              END LOOP;
            END $$
            """
        )
        end = made.admin.value("SELECT pg_current_wal_flush_lsn()")
        started = time.perf_counter()
        subprocess.run(recvlogical(made, "bench_peer", "--endpos", end), check=True, stderr=subprocess.DEVNULL)
        peer_s = time.perf_counter() - started

        daemon = made.daemon(wait=False)
        while not (seen := client.xlen("orders")):
            time.sleep(0.001)
        started = time.perf_counter()
        while client.xlen("orders") < ROWS:
            time.sleep(0.01)
        ours = (ROWS - seen) / (time.perf_counter() - started)
        memory = daemon.resident_mb("VmHWM")

    peer = ROWS / peer_s
    print(f"throughput: {ROWS:,} inserts in transactions of {TRANSACTION:,}")
    print(
        f"  pg_recvlogical to /dev/null: {peer:,.0f} rows/s; to a Redis stream: {ours:,.0f} events/s; {memory:.0f} MB"
    )
    return verdict("ours / peer", ours / peer, 0.35, at_least=True)


if __name__ == "__main__":
    sys.exit(not main())
