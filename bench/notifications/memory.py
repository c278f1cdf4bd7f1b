"""How much memory the daemon takes while a million rows come in one transaction and WebSocket clients stall."""

from __future__ import annotations

import base64
import sys
import time

import redis
from websockets.sync.client import connect

from bench.notifications.support import bus_channel, shop, verdict

ROWS = 1_000_000


def main() -> bool:
    """Measure."""
    with shop("bench_memory") as (made, bus), redis.Redis.from_url(bus.url) as client:
        made.notify(
            bus_channel(bus),
            {"type": "SOCKET", "name": "queue"},
            {"type": "SOCKET", "name": "all", "mode": "broadcast"},
        )
        daemon = made.daemon()
        idle = daemon.resident_mb()
        credentials = base64.b64encode(f"{made.stakeholder}:{made.password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        url = f"ws://127.0.0.1:{daemon.port}/v1/notifications/"
        # Neither of them reads nor acknowledges anything.
        with (
            connect(url + "queue", additional_headers=headers, max_queue=1, ping_interval=None),
            connect(url + "all", additional_headers=headers, max_queue=1, ping_interval=None),
        ):
            started = time.perf_counter()
            made.owner.run(f"INSERT INTO orders SELECT n, 'new', n, n * 1.25 FROM generate_series(1, {ROWS}) AS n")
            while client.xlen("orders") < ROWS:
                time.sleep(0.05)
            took = time.perf_counter() - started
            most = daemon.resident_mb("VmHWM")
        status = made.status()
    print(f"memory: {ROWS:,} rows in one transaction to Redis, stalled queue and broadcast clients; {took:.0f} s")
    queued = status[f"channel {made.stakeholder}.queue queued"]
    print(f"  idle {idle:.0f} MB; spilled for the stalled queue: {queued} events")
    return verdict("most resident, MB", most, 150)


if __name__ == "__main__":
    sys.exit(not main())
