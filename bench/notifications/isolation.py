"""The latency of a healthy channel with three failing webhooks beside it, over its latency alone."""

from __future__ import annotations

import sys
import time

from bench.notifications.support import StreamReader, bus_channel, insert_at, percentile, shop, verdict
from tests.system.harness import SECRET, Receiver

RATE, SECONDS = 200, 10


def measure(failing: int) -> float:
    """Give the p99 in milliseconds."""
    with Receiver(behave=lambda _: 503).run() as receiver, shop(f"bench_isolation_{failing}") as (made, bus):
        hooks = [
            {"name": f"hook{number}", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET}
            for number in range(failing)
        ]
        made.notify(bus_channel(bus), *hooks)
        made.daemon()
        reader = StreamReader(bus.url, "orders")
        reader.start()
        insert_at(made.owner, RATE, 1, RATE * 2)  # until the hooks have failed
        committed = insert_at(made.owner, RATE, 1_000_000, RATE * SECONDS)
        time.sleep(1)
        reader.end()
        waiting = sum(made.queued(hook["name"]) for hook in hooks)
        assert waiting == failing * (RATE * (SECONDS + 2)), "all that the failing hooks did not take is kept"
    return percentile([max(0.05, (reader.arrived_s[number] - at) * 1000) for number, at in committed.items()], 0.99)


def main() -> bool:
    """Measure, each three times and in turn; what else the machine does only adds, so the least counts."""
    pairs = [(measure(0), measure(3)) for _ in range(3)]
    alone, beside = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    print(f"isolation: {RATE} inserts/s to a Redis stream")
    print(f"  p99 alone {alone:.2f} ms, beside three failing webhooks {beside:.2f} ms")
    return verdict("beside / alone", beside / alone, 1.5)


if __name__ == "__main__":
    sys.exit(not main())
