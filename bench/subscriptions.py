"""Subscriptions: 200 subscribers and 100 changes a second, with a daemon and one worker on the same machine.

Prints the time from before the INSERT to the subscriber, for subscribers that are alike and for those who are each
somebody else. The exit status says whether every subscriber was told of everything, in order, within the bar.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time

import jwt
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from websockets.asyncio.client import connect as connect_socket
from websockets.typing import Subprotocol

from bench.api import SECRET, running, service
from bench.support import Connection, connect, fresh_database

SUBSCRIBERS = int(os.environ.get("BENCH_SUBSCRIBERS", "200"))
CHANGES_PER_S = 100
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
#: The bar for 95 of 100 messages.
BAR_S = 0.5
DOCUMENT = "subscription { tickNodes { resync nodes { rowId at } } }"


def prepare(session: Connection) -> None:
    """Make the table, the stakeholder and the logins."""
    session.execute("CREATE EXTENSION integratedb CASCADE")
    session.execute("CREATE TABLE tick (id int PRIMARY KEY, at double precision, who text)")
    session.execute("CREATE ROLE bench_user")
    session.execute("CREATE ROLE bench_api LOGIN NOINHERIT IN ROLE integratedb_authenticator, bench_user")
    session.execute("CREATE ROLE bench_daemon LOGIN REPLICATION IN ROLE integratedb_daemon")
    session.execute("SELECT integratedb_create_stakeholder('watcher')")
    match = {"path": "public.tick", "fields": ["id", "at", "who"]}
    session.execute("SELECT integratedb_claim('watcher', %s)", [json.dumps({"match": [match]})])
    session.execute("SELECT integratedb_notify('watcher', %s)", [json.dumps({"match": [match]})])
    session.execute("SELECT integratedb_allow_api('watcher')")


def change(database: str, first: int, count: int) -> None:
    """Insert rows at a steady pace, from a thread of its own."""
    with connect(database) as session:
        # The throw-away cluster writes its log late; the stream has what is written.
        session.execute("SET synchronous_commit = on")
        began_s = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began_s + number / CHANGES_PER_S - time.monotonic()))
            session.execute("INSERT INTO tick VALUES (%s, %s)", [first + number, time.time()])


async def subscriber(port: int, who: str, count: int, ready: asyncio.Semaphore) -> tuple[list[int], list[float]]:
    """Subscribe, and return the rows that were told, with the time that each took."""
    token = jwt.encode({"role": "watcher", "sub": who, "exp": int(time.time()) + 3600}, SECRET, "HS256")
    rows: list[int] = []
    took: list[float] = []
    url, offered = f"ws://127.0.0.1:{port}/graphql", [Subprotocol("graphql-transport-ws")]
    async with connect_socket(url, subprotocols=offered, compression=None, max_size=None) as client:
        await client.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        await client.recv()
        await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": DOCUMENT}}))
        await client.recv()
        ready.release()
        while len(rows) < count:
            message = json.loads(await asyncio.wait_for(client.recv(), 30))
            now_s = time.time()
            for node in message["payload"]["data"]["tickNodes"]["nodes"]:
                rows.append(node["rowId"])
                took.append(now_s - node["at"])
    return rows, took


async def measure(database: str, port: int, first: int, *, alike: bool) -> bool:
    """Let all subscribers follow the same changes; print the figures."""
    count = CHANGES_PER_S * SECONDS
    ready = asyncio.Semaphore(0)
    tasks = [
        asyncio.create_task(subscriber(port, "same" if alike else str(n), count, ready)) for n in range(SUBSCRIBERS)
    ]
    began_s = time.monotonic()
    for _ in range(SUBSCRIBERS):
        await asyncio.wait_for(ready.acquire(), 60)
    subscribed_s = time.monotonic() - began_s
    writer = threading.Thread(target=change, args=(database, first, count))
    writer.start()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(writer.join)
    expected = [*range(first, first + count)]
    whole = sum(not isinstance(one, BaseException) and one[0] == expected for one in results)
    took = sorted(each for one in results if not isinstance(one, BaseException) for each in one[1])
    at = [took[int(len(took) * part)] * 1000 for part in (0.5, 0.95, 0.99)] if took else [float("inf")] * 3
    kind = "alike" if alike else "each somebody else"
    times = ", ".join(f"{name} {each:.0f} ms" for name, each in zip(("p50", "p95", "p99"), at, strict=True))
    print(f"subscriptions, {SUBSCRIBERS} subscribers ({kind}), {CHANGES_PER_S} changes/s: {times};", end=" ")
    print(f"complete and in order for {whole} of {SUBSCRIBERS}; subscribed in {subscribed_s:.1f} s")
    return whole == SUBSCRIBERS and at[1] <= BAR_S * 1000


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def main() -> int:
    """Run both measurements."""
    with fresh_database("bench_subscriptions") as database:
        with connect(database) as session:
            prepare(session)
        port, daemon_port = free_port(), free_port()
        parts = conninfo_to_dict(os.environ["INTEGRATEDB_TEST_DSN"])
        dsn = make_conninfo("", **{**parts, "dbname": database, "user": "bench_daemon"})
        slot = "bench_subscriptions"
        command = [sys.executable, "-m", "integratedb_companion.cli", "daemon", "--dsn", dsn, "--slot", slot]
        command += ["--listen", f"127.0.0.1:{daemon_port}"]
        try:
            with (
                running(command, f"http://127.0.0.1:{daemon_port}/ready"),
                service(database, port, "--daemon-url", f"ws://127.0.0.1:{daemon_port}", asked="/"),
            ):
                met = [asyncio.run(measure(database, port, 1_000_000 * n, alike=n == 1)) for n in (1, 2)]
        finally:
            with connect(database) as session:
                session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
