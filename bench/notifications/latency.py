"""From commit to arrival at 1,000 inserts a second, beside a bare pg_recvlogical reader in the same run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from bench.notifications.support import StreamReader, bus_channel, insert_at, percentile, recvlogical, shop, verdict

RATE, SECONDS = 1_000, 15


def main() -> bool:
    """Measure."""
    with shop("bench_latency") as (made, bus):
        made.notify(bus_channel(bus))
        made.daemon()
        made.admin.run("SELECT pg_create_logical_replication_slot('bench_peer', 'test_decoding')")
        peer_arrived: dict[int, float] = {}
        command = recvlogical(made, "bench_peer", output="-")
        command = command[: command.index("-o")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as peer:

            def read() -> None:
                assert peer.stdout is not None
                for line in peer.stdout:
                    if "orders: INSERT" in line:
                        peer_arrived[int(line.split("id[bigint]:")[1].split()[0])] = time.time()

            threading.Thread(target=read, daemon=True).start()
            reader = StreamReader(bus.url, "orders")
            reader.start()
            insert_at(made.owner, RATE, 1, RATE)  # warm
            committed = insert_at(made.owner, RATE, 1_000_000, RATE * SECONDS)
            time.sleep(1)
            reader.end()
            peer.terminate()

    ours = [reader.arrived_s[number] - at for number, at in committed.items()]
    peers = [peer_arrived[number] - at for number, at in committed.items() if number in peer_arrived]
    # The insert returns when the commit is known to the client; what arrives earlier than that took no time.
    ours_ms, peers_ms = ([max(0.05, value * 1000) for value in values] for values in (ours, peers))
    print(f"latency: {RATE:,} inserts/s for {SECONDS} s, from the commit's return to the reader")
    for name, values in (("pg_recvlogical", peers_ms), ("Redis stream", ours_ms)):
        print(f"  {name}: p50 {percentile(values, 0.5):.2f} ms, p99 {percentile(values, 0.99):.2f} ms")
    p99 = percentile(ours_ms, 0.99)
    met = verdict("ours p99 / peer p99", p99 / percentile(peers_ms, 0.99), 5)
    return verdict("ours p99 in ms, on a quiet machine", p99, 50) and met


if __name__ == "__main__":
    sys.exit(not main())
