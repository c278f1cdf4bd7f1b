"""What the benchmarks of notifications share: a database with a daemon, and a reader that notes arrival times."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from psycopg.conninfo import conninfo_to_dict

from bench.support import fresh_database
from tests.support import Session
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, Cluster, RedisServer, Shop
from tests.system.processes import Process

Process.forks = False  # daemons have no modules in memory but their own

STAKEHOLDER = "bench_app"
SLOT = "bench_ours"
PUBLICATIONS = "integratedb,integratedb_append,integratedb_control"


class BenchCluster(Cluster):
    """The cluster of this run, as the harness of the system tests wants it."""

    def __init__(self) -> None:
        parts = conninfo_to_dict(os.environ["INTEGRATEDB_TEST_DSN"])
        self.socket, self.port = str(parts["host"]), int(str(parts["port"]))


@contextmanager
def shop(name: str) -> Iterator[tuple[Shop, RedisServer]]:
    """A database with orders and a stakeholder, and a Redis; its daemons end with it."""
    cluster = BenchCluster()
    with tempfile.TemporaryDirectory() as directory, fresh_database(name):
        bus = RedisServer(Path(directory))
        with cluster.session(name) as admin:
            admin.run("CREATE EXTENSION integratedb CASCADE")
            admin.run(f"CREATE ROLE {DAEMON_ROLE} LOGIN REPLICATION PASSWORD '{DAEMON_PASSWORD}'")
            admin.run(f"GRANT integratedb_daemon TO {DAEMON_ROLE}")
            admin.run(
                "CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer int, total numeric,"
                " at timestamptz DEFAULT clock_timestamp())"
            )
            password = admin.value("SELECT password FROM integratedb_create_stakeholder(%s)", STAKEHOLDER)
            made = Shop(cluster, name, STAKEHOLDER, password, SLOT, admin, admin, Path(directory))
            try:
                yield made, bus
            finally:
                for daemon in made.daemons:
                    daemon.kill()
                bus.kill()
                drop_slots(admin, name)
                admin.run(f"DROP OWNED BY {DAEMON_ROLE}")


def drop_slots(session: Session, database: str) -> None:
    """Drop the slots of a database; a reader that was killed holds its slot for a moment."""
    session.run(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s AND active", database
    )
    for _ in range(100):
        with suppress(Exception):
            session.run(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", database
            )
            return
        time.sleep(0.05)


def recvlogical(made: Shop, slot: str, *options: str, output: str = "/dev/null") -> list[str]:
    """The command line of the peer: the same stream, read by Postgres's own client and thrown away."""
    bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()
    command = [f"{bindir}/pg_recvlogical", "-h", made.cluster.socket, "-p", str(made.cluster.port), "-U", "postgres"]
    command += ["-d", made.database, "--slot", slot, "--start", "-f", output, "--no-loop", "-F", "0"]
    return [*command, "-o", "proto_version=1", "-o", f"publication_names={PUBLICATIONS}", *options]


class StreamReader(threading.Thread):
    """Reads a Redis stream and notes how long after its commit each order arrived."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(daemon=True)
        self.arrived_s: dict[int, float] = {}
        self._client: Any = redis.Redis.from_url(url)
        self._key = key
        self._ended = threading.Event()

    def run(self) -> None:
        last = b"0"
        while not self._ended.is_set():
            for _, entries in self._client.xread({self._key: last}, block=100) or ():
                now_s = time.time()
                for last, fields in entries:  # noqa: B007  the last one is where to go on
                    record = json.loads(fields[b"event"])["data"].get("record")
                    if record:
                        self.arrived_s[record["id"]] = now_s

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()
        self.join()


def insert_at(session: Session, rate: int, first: int, count: int) -> dict[int, float]:
    """Insert orders one by one at a rate; gives when each commit returned."""
    committed: dict[int, float] = {}
    start_s = time.time()
    for number in range(first, first + count):
        due_s = start_s + (number - first) / rate
        while (early_s := due_s - time.time()) > 0:
            time.sleep(min(early_s, 0.001))
        session.run("INSERT INTO orders (id, status) VALUES (%s, 'x')", number)
        committed[number] = time.time()
    return committed


def percentile(values: list[float], part: float) -> float:
    """Give the value that this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def verdict(name: str, value: float, bar: float, *, at_least: bool = False) -> bool:
    """Print a ratio beside its bar; gives whether it is met."""
    met = value >= bar if at_least else value <= bar
    word = "at least" if at_least else "at most"
    print(f"  {name}: {value:.2f}  (bar: {word} {bar:g}: {'met' if met else 'MISSED'})", flush=True)
    return met


def bus_channel(bus: RedisServer, key: str = "orders") -> dict[str, Any]:
    """A channel to the Redis."""
    return {"name": "bus", "type": "REDIS", "url": bus.url, "stream": key}
