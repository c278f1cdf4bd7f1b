"""Faults: processes are killed and restarted under load; nothing is lost, repeats have equal ids, order is kept."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from integratedb_companion.daemon.database import Database
from tests.system.conftest import slot_is_dropped
from tests.system.harness import (
    SECRET,
    Daemon,
    Receiver,
    RedisServer,
    Shop,
    eventually,
    free_port,
    order_ids,
    without_repeats,
)


def stream(client: Any, key: str = "orders") -> list[dict[str, Any]]:
    return [orjson.loads(fields[b"event"]) for _, fields in client.xrange(key)]


def rows(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"].startswith("integratedb.row.")]


@contextmanager
def load(shop: Shop) -> Iterator[list[int]]:
    """Somebody inserts orders all the time, and notes those that were committed."""
    committed: list[int] = []
    stop = threading.Event()

    def run() -> None:
        number = 1_000
        while not stop.is_set():
            try:
                with shop.cluster.session(shop.database, "shop_owner") as session:
                    while not stop.is_set():
                        number += 1
                        session.run("INSERT INTO orders VALUES (%s, 'load')", number)
                        committed.append(number)
            except psycopg.OperationalError:
                time.sleep(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield committed
    finally:
        stop.set()
        thread.join()


def grown(numbers: list[int], to: int) -> bool:
    return len(numbers) > to


def holds(shop: Shop, number: int) -> bool:
    return shop.queued("hook") == number


def assert_nothing_lost(events: list[dict[str, Any]], expected: set[int]) -> None:
    first_time = without_repeats(events)
    assert set(order_ids(first_time)) >= expected
    assert len(first_time) == len({event["data"]["record"]["id"] for event in first_time}), "repeats have equal ids"
    assert [event["id"] for event in first_time] == sorted(event["id"] for event in first_time), "order is kept"


def test_the_daemon_is_killed_under_load(shop: Shop, redis_server: RedisServer, redis_client: Any) -> None:
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"})
    shop.daemon().stop()  # from here on there is a slot
    with load(shop) as committed:
        for _ in range(3):
            daemon = shop.daemon()
            eventually(partial(grown, committed, len(committed) + 200))
            daemon.kill()
    shop.daemon()
    eventually(lambda: set(order_ids(stream(redis_client))) >= set(committed))
    assert_nothing_lost(stream(redis_client), set(committed))


def test_the_daemon_is_killed_while_a_channel_is_spilled(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 500
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    for start in (1, 101):
        daemon = shop.daemon()
        shop.insert(start, start + 99)
        eventually(partial(holds, shop, start + 99))
        daemon.kill()
    receiver.behave = lambda _: 204
    shop.daemon()
    eventually(lambda: len(without_repeats(receiver.delivered())) == 200)
    assert_nothing_lost(receiver.delivered(), set(range(1, 201)))
    eventually(lambda: shop.queued("hook") == 0)


def test_postgres_crashes_under_load(shop: Shop, redis_server: RedisServer, redis_client: Any) -> None:
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"})
    daemon = shop.daemon()
    with load(shop) as committed:
        for _ in range(2):
            eventually(partial(grown, committed, len(committed) + 200))
            shop.cluster.crash()
        eventually(partial(grown, committed, len(committed) + 100))
    eventually(lambda: set(order_ids(stream(redis_client))) >= set(committed))
    assert daemon.process.poll() is None
    assert_nothing_lost(stream(redis_client), set(committed))
    with shop.cluster.session(shop.database) as admin:
        assert {row[0] for row in admin.rows("SELECT id FROM orders")} == set(order_ids(stream(redis_client)))


def test_redis_is_restarted_under_load(shop: Shop, tmp_path: Path) -> None:
    server = RedisServer(tmp_path, durable=True)
    try:
        shop.notify({"name": "bus", "type": "REDIS", "url": server.url, "stream": "orders"})
        shop.daemon()
        with load(shop) as committed:
            for _ in range(2):
                eventually(partial(grown, committed, len(committed) + 200))
                server.kill()
                time.sleep(1.2)
                server.start()
        with redis.Redis.from_url(server.url) as connected:
            client: Any = connected
            eventually(lambda: set(order_ids(stream(client))) >= set(committed))
            assert_nothing_lost(stream(client), set(committed))
    finally:
        server.kill()


def test_a_million_rows_in_one_transaction(shop: Shop, redis_server: RedisServer, redis_client: Any) -> None:
    shop.notify(
        {"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"},
        {"type": "SOCKET"},
        match=[{"path": "public.orders", "fields": ["id"], "channels": ["bus"]}],
    )
    daemon = shop.daemon(wrapper=["env"])  # as a shell starts it: with no module but its own in memory
    shop.owner.run("INSERT INTO orders SELECT generate_series(1, 1000000), 'x'")
    eventually(lambda: redis_client.xlen("orders") == 1_000_000, timeout_s=90)
    assert daemon.resident_mb("VmHWM") < 150
    eventually(lambda: int(shop.status()[f"slot {shop.slot} lag, bytes"]) < 1_000_000)
    last = redis_client.xrevrange("orders", count=1)[0][1][b"event"]
    assert orjson.loads(last)["data"]["record"] == {"id": 1_000_000}
    redis_client.flushall()


def test_a_rolled_back_transaction_sends_nothing(shop: Shop, redis_server: RedisServer, redis_client: Any) -> None:
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"})
    shop.daemon()
    with shop.owner.transaction(force_rollback=True):
        shop.insert(1, 5)
    with shop.owner.transaction():
        shop.insert(6, 6)
        with shop.owner.transaction(force_rollback=True):
            shop.insert(7, 7)
        shop.insert(8, 8)
    eventually(lambda: len(stream(redis_client)) >= 2)
    assert order_ids(stream(redis_client)) == [6, 8]


def test_a_row_that_the_server_cannot_send_stops_nobody(
    shop: Shop, redis_server: RedisServer, redis_client: Any
) -> None:
    # As text it has more than 1 GB.
    too_long = "SELECT {}, convert_to(repeat('x', 540000000), 'UTF8')"
    shop.owner.run("ALTER TABLE orders ADD COLUMN b bytea")
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"})
    daemon = shop.daemon()
    shop.insert(1, 1)
    with shop.owner.transaction():
        shop.insert(2, 2)
        shop.owner.run(f"INSERT INTO orders (id, b) {too_long.format(3)}")
        shop.owner.run("ALTER TABLE orders ADD COLUMN note text")
    shop.insert(4, 5)

    def lost() -> bool:
        return any(event["type"] == "integratedb.events.lost" for event in stream(redis_client))

    eventually(lambda: lost() and order_ids(rows(stream(redis_client)))[-1:] == [5])
    events = stream(redis_client)
    assert order_ids(without_repeats(rows(events))) == [1, 2, 4, 5]
    [report] = [event for event in events if event["type"] == "integratedb.events.lost"]
    assert report["data"]["reason"] == "cannot_be_sent"
    # What the transaction changed otherwise is in force.
    assert rows(events)[-1]["data"]["record"] == {"id": 5, "status": "new", "b": None, "note": None}
    eventually(lambda: int(shop.status()[f"slot {shop.slot} lag, bytes"]) < 1_000_000)
    assert daemon.stop() == 0

    daemon = shop.daemon()
    shop.insert(6, 6)
    shop.owner.run(f"INSERT INTO orders (id, b) {too_long.format(7)}")
    eventually(lambda: daemon.metric("integratedb_events_lost_total") == 1)
    shop.insert(8, 8)
    eventually(lambda: order_ids(rows(stream(redis_client)))[-1:] == [8])
    assert order_ids(rows(stream(redis_client)))[-3:] == [5, 6, 8]


def test_a_slot_dropped_behind_the_daemons_back_is_said_loudly(
    shop: Shop, redis_server: RedisServer, redis_client: Any
) -> None:
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"})
    assert shop.daemon().stop() == 0
    shop.insert(1, 1)
    shop.admin.run("SELECT pg_drop_replication_slot(%s)", shop.slot)
    assert shop.status()[f"slot {shop.slot}"] == "LOST"
    daemon = shop.daemon(wait=False)
    assert daemon.exit_status() == 3
    assert "--accept-gap" in daemon.logs()[-1]["error"]

    shop.daemon("--accept-gap")
    shop.insert(2, 2)
    events = eventually(lambda: stream(redis_client) if len(stream(redis_client)) == 2 else None)
    assert [event["type"] for event in events] == ["integratedb.events.lost", "integratedb.row.insert"]
    assert events[0]["data"]["reason"] == "slot_lost"
    assert order_ids(events[1:]) == [2]


def test_a_slot_dropped_while_the_daemon_runs_ends_it(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    daemon = shop.daemon()
    shop.admin.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", shop.slot)
    for _ in range(200):
        try:
            shop.admin.run("SELECT pg_drop_replication_slot(%s)", shop.slot)
            break
        except psycopg.errors.ObjectInUse:
            time.sleep(0.01)
    assert daemon.exit_status() == 3
    assert daemon.get("/ready")[0] != 200


def test_a_slot_recreated_by_somebody_is_not_taken_for_ours(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    assert shop.daemon().stop() == 0
    shop.admin.run("SELECT pg_drop_replication_slot(%s)", shop.slot)
    shop.insert(1, 10)
    shop.admin.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", shop.slot)
    daemon = shop.daemon(wait=False)
    assert daemon.exit_status() == 3
    assert "never confirmed" in daemon.logs()[-1]["error"]


def delivers_and_confirms(shop: Shop, receiver: Receiver) -> Daemon:
    """Start a daemon, and wait until the server knows that it has delivered something."""
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 3)
    insert_until_confirmed(shop, 4)
    return daemon


def insert_until_confirmed(shop: Shop, number: int) -> None:
    """Insert an order, and wait until the server knows that all before it is delivered."""
    written = shop.admin.value("SELECT pg_current_wal_lsn()")
    shop.insert(number, number)
    confirmed = "SELECT confirmed_flush_lsn >= %s FROM pg_replication_slots WHERE slot_name = %s"
    eventually(lambda: shop.admin.value(confirmed, written, shop.slot))


def made_anew(shop: Shop) -> None:
    """Somebody drops the slot and makes it again, and misses but one small change."""
    eventually(lambda: slot_is_dropped(shop.admin, shop.slot))
    shop.insert(9, 9)
    shop.admin.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", shop.slot)


def consumed(shop: Shop) -> None:
    """Somebody else reads the slot."""
    shop.insert(9, 9)
    read = "SELECT count(*) FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, VARIADIC %s)"
    options = ["proto_version", "1", "publication_names", "integratedb"]
    eventually(lambda: not shop.admin.value("SELECT active FROM pg_replication_slots WHERE slot_name = %s", shop.slot))
    assert shop.admin.value(read, shop.slot, options) > 0


@pytest.mark.parametrize("meddle", [made_anew, consumed])
def test_a_slot_that_was_meddled_with_behind_a_killed_daemon_is_noticed(
    shop: Shop, receiver: Receiver, meddle: Callable[[Shop], None]
) -> None:
    delivers_and_confirms(shop, receiver).kill()
    meddle(shop)
    daemon = shop.daemon(wait=False)
    assert daemon.exit_status() == 3
    assert "never confirmed" in daemon.logs()[-1]["error"]


def test_a_slot_recreated_behind_a_daemon_that_runs_is_noticed(shop: Shop, receiver: Receiver) -> None:
    daemon = delivers_and_confirms(shop, receiver)
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        made_anew(shop)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    assert daemon.exit_status() == 3
    assert "never confirmed" in daemon.logs()[-1]["error"]


def test_a_daemon_killed_at_any_moment_knows_its_slot_again(shop: Shop, receiver: Receiver) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    for number in range(1, 7):
        daemon = shop.daemon()
        shop.insert(number, number)
        eventually(lambda expected=number: len(set(order_ids(receiver.delivered()))) == expected)  # type: ignore[misc]  # a default
        time.sleep(0.3 * number)  # before a confirmation, and after it
        daemon.kill()
    shop.daemon()


def test_a_daemon_that_wakes_up_after_another_one_took_over_makes_no_slot_look_moved(
    shop: Shop, receiver: Receiver
) -> None:
    first = delivers_and_confirms(shop, receiver)
    for number in (5, 6):  # the second one is delivered, and not noted: that happens once a second
        shop.insert(number, number)
        eventually(lambda expected=number: expected in order_ids(receiver.delivered()))  # type: ignore[misc]  # a default
    first.process.send_signal(signal.SIGSTOP)
    try:
        inactive = "SELECT active_pid IS NULL FROM pg_replication_slots WHERE slot_name = %s"
        eventually(lambda: shop.admin.value(inactive, shop.slot))
        second = shop.daemon()
        shop.insert(7, 20)
        insert_until_confirmed(shop, 21)
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert first.exit_status() == 4  # another one reads the slot, which is not lost
    second.kill()
    shop.daemon()


def test_what_is_noted_of_a_slot_never_goes_back(shop: Shop, receiver: Receiver) -> None:
    daemon = delivers_and_confirms(shop, receiver)
    shop.admin.run("SELECT integratedb.daemon_reserve(%s, '0/1')", shop.slot)
    daemon.kill()
    shop.daemon()


def test_a_look_at_a_slot_that_moves_meanwhile_does_not_find_it_moved_by_others(shop: Shop, receiver: Receiver) -> None:
    assert delivers_and_confirms(shop, receiver).stop() == 0
    shop.insert(5, 10)
    look = "SELECT confirmed_lsn <= ceiling_lsn FROM integratedb.daemon_slot(%s)"
    waits = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'integratedb.slot'::regclass AND NOT granted"
    with shop.cluster.session(shop.database) as asking, shop.cluster.session(shop.database) as moving:
        moving.run("BEGIN")
        moving.run("LOCK TABLE integratedb.slot IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as threads:
            seen = threads.submit(asking.value, look, shop.slot)
            eventually(lambda: shop.admin.value(waits))
            # As the daemon that has the slot does: it notes, and moves the slot then.
            lsn = moving.value("SELECT pg_current_wal_lsn()")
            moving.run("SELECT integratedb.daemon_reserve(%s, %s)", shop.slot, lsn)
            moving.run("COMMIT")
            shop.admin.run("SELECT pg_replication_slot_advance(%s, %s)", shop.slot, lsn)
            assert seen.result(30)


def test_the_server_stops_at_once_while_a_channel_cannot_deliver(shop: Shop, receiver: Receiver) -> None:
    hanging = threading.Event()

    def hang(_: str) -> int:
        hanging.wait(60)
        return 204

    receiver.behave = hang
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET, "timeout": 30})
    daemon = shop.daemon()
    shop.insert(1, 3)
    eventually(lambda: daemon.metric("integratedb_changes_total") >= 3)
    try:
        shop.cluster.restart("fast", timeout_s=15)  # fails when it takes longer
    finally:
        hanging.set()
    daemon.ready()
    with shop.cluster.session(shop.database, "shop_owner") as owner:
        owner.run("INSERT INTO orders VALUES (4, 'after')")
    eventually(lambda: set(order_ids(receiver.delivered())) == {1, 2, 3, 4})


def test_nothing_is_confirmed_that_is_still_on_its_way_to_the_database(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 503
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    position = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s"
    with shop.cluster.session(shop.database) as holding, holding.transaction():
        holding.run("LOCK TABLE integratedb.delivery IN SHARE MODE")
        before = shop.admin.value("SELECT pg_current_wal_insert_lsn()")
        shop.insert(1, 5)
        waiting = "SELECT FROM pg_locks WHERE relation = 'integratedb.delivery'::regclass AND NOT granted"
        eventually(lambda: shop.admin.rows(waiting))
        time.sleep(2)  # more than it takes to confirm, were it done
        assert shop.admin.value(position, shop.slot) <= before
        daemon.kill()
    receiver.behave = lambda _: 204
    shop.daemon()
    eventually(lambda: set(order_ids(receiver.delivered())) == {1, 2, 3, 4, 5})


def test_a_submit_that_is_left_open_holds_up_nobody(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda path: 204 if path == "/well" else 503
    well = {"name": "well", "type": "WEBHOOK", "url": receiver.url("/well"), "secret": SECRET}
    ill = {"name": "ill", "type": "WEBHOOK", "url": receiver.url("/ill"), "secret": SECRET}
    shop.notify(well, ill)
    shop.daemon()
    with shop.cluster.session(shop.database) as admin, admin.transaction(force_rollback=True):
        spec = {"match": [{"path": "public.orders", "fields": ["id"]}], "channels": [well, {**ill, "timeout": 5}]}
        admin.run("SELECT integratedb_notify(%s, %s)", shop.stakeholder, Jsonb(spec))
        shop.insert(1, 10)
        eventually(lambda: shop.queued("ill") == 10, timeout_s=20)
        eventually(lambda: order_ids(receiver.delivered("/well")) == list(range(1, 11)))


def test_channels_that_hang_are_changed_without_holding_up_the_others(shop: Shop, receiver: Receiver) -> None:
    released = threading.Event()

    def behave(path: str) -> int:
        if path != "/well":
            released.wait(60)
        return 204

    receiver.behave = behave
    well = {"name": "well", "type": "WEBHOOK", "url": receiver.url("/well"), "secret": SECRET}
    hangs = {"type": "WEBHOOK", "url": receiver.url("/ill"), "secret": SECRET, "timeout": 30}
    ill = [{"name": f"ill{number}", **hangs} for number in (1, 2, 3)]
    shop.notify(well, *ill)
    shop.daemon()
    try:
        shop.insert(1, 1)
        eventually(lambda: len(receiver.delivered("/well")) == 1)
        shop.notify(well, {**ill[0], "timeout": 25}, {**ill[1], "timeout": 25})  # one is given up, two are changed
        shop.insert(2, 2)
        eventually(lambda: order_ids(receiver.delivered("/well")) == [1, 2], timeout_s=20)
    finally:
        released.set()
    eventually(lambda: set(order_ids(receiver.delivered("/ill"))) == {1, 2})


def test_what_the_daemon_writes_is_durable_wherever_it_writes(shop: Shop) -> None:
    async def setting() -> str:
        connection = await Database(shop.cluster.dsn(shop.database)).connect()
        async with connection:
            return str((await (await connection.execute("SHOW synchronous_commit")).fetchone() or [""])[0])

    shop.admin.run(f"ALTER DATABASE {shop.database} SET synchronous_commit = off")
    assert asyncio.run(setting()) == "on"


def test_the_error_that_ended_the_stream_is_logged_in_the_servers_words(shop: Shop) -> None:
    shop.notify({"name": "live", "type": "SOCKET"})
    daemon = shop.daemon()
    shop.admin.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", shop.slot)
    [lost] = eventually(lambda: [line for line in daemon.logs() if line["message"] == "stream lost"])
    assert "terminating connection due to administrator command" in lost["error"]
    daemon.ready()


def test_a_slot_of_somebody_else_is_left_alone(shop: Shop) -> None:
    shop.admin.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", shop.slot)
    assert shop.daemon(wait=False).exit_status() == 3


def test_a_second_daemon_on_the_slot_refuses(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    first = shop.daemon()
    second = shop.daemon(wait=False)
    assert second.exit_status() == 4
    assert "active" in second.logs()[-1]["error"]
    assert first.get("/ready")[0] == 200


def test_an_idle_database_lets_the_slot_advance(shop: Shop) -> None:
    shop.notify({"type": "SOCKET"})
    shop.daemon()
    with shop.cluster.session("postgres") as other:
        other.run("CREATE TABLE IF NOT EXISTS noise (t text)")
        other.run("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    eventually(lambda: int(shop.status()[f"slot {shop.slot} lag, bytes"]) < 100_000, timeout_s=40)


def test_a_receiver_that_refuses_connections_is_retried(shop: Shop) -> None:
    port = free_port()
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": f"http://127.0.0.1:{port}/hook", "secret": SECRET})
    shop.daemon()
    shop.insert(1, 10)
    eventually(lambda: shop.queued("hook") == 10)
    with Receiver(port=port).run() as receiver:
        eventually(lambda: order_ids(receiver.delivered()) == list(range(1, 11)))


def test_what_is_only_in_memory_when_the_daemon_is_killed_comes_again(shop: Shop, receiver: Receiver) -> None:
    def slow(_: str) -> int:
        time.sleep(2)
        return 204

    receiver.behave = slow
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 20)
    eventually(lambda: daemon.metric("integratedb_changes_total") >= 20)
    time.sleep(0.5)  # time enough to confirm, were it not in memory only
    daemon.kill()
    receiver.behave = lambda _: 204
    shop.daemon()
    eventually(lambda: set(order_ids(receiver.delivered())) == set(range(1, 21)))


def test_a_commit_that_is_streamed_before_it_is_visible_is_in_force_after_a_restart(
    shop: Shop, receiver: Receiver
) -> None:
    """As with every commit, for a moment; a standby that does not answer makes the moment long."""
    daemon = shop.daemon()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
    hook = {"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET}
    with shop.cluster.session("postgres") as superuser:
        superuser.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        superuser.run("SELECT pg_reload_conf()")
        submission = threading.Thread(target=shop.notify, args=(hook,))
        try:
            submission.start()
            eventually(lambda: superuser.value(waits, shop.admin.info.backend_pid) == 1)
            time.sleep(1)  # in which the daemon has it from the stream
        finally:
            superuser.run("ALTER SYSTEM RESET synchronous_standby_names")
            superuser.run("SELECT pg_reload_conf()")
            submission.join()
    passed = "SELECT count(*) FROM integratedb.control WHERE effective_lsn IS NULL"
    eventually(lambda: shop.admin.value(passed) == 0)
    daemon.stop()
    shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: order_ids(receiver.delivered()) == [1])


def test_what_is_written_while_the_daemon_stops_does_not_make_its_slot_look_moved(
    shop: Shop, receiver: Receiver
) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url("/hook"), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: len(receiver.delivered()) == 1)
    position = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s"
    with shop.cluster.session(shop.database) as holding, holding.transaction():
        holding.run("SELECT FROM integratedb.slot WHERE name = %s FOR UPDATE", shop.slot)
        daemon.process.send_signal(signal.SIGTERM)
        waiting = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        eventually(lambda: shop.admin.rows(waiting, shop.database))
        noted = shop.admin.value(position, shop.slot)
        # Longer than it takes to confirm once more.
        for _ in range(10):
            shop.admin.run("SELECT pg_current_xact_id()")
            time.sleep(0.1)
        assert shop.admin.value(position, shop.slot) == noted
    assert daemon.stop() == 0
    shop.daemon()
    shop.insert(2, 2)
    eventually(lambda: len(receiver.delivered()) == 2)


def test_deaf_receivers_of_one_stakeholder_leave_files_for_all_others(shop: Shop, receiver: Receiver) -> None:
    files = 256
    other = f"{shop.stakeholder}_other"
    shop.admin.run("SELECT integratedb_create_stakeholder(%s)", other)
    spec = {
        "match": [{"path": "public.orders", "fields": ["*"]}],
        "channels": [{"type": "WEBHOOK", "name": "good", "url": receiver.url(), "secret": SECRET}],
    }
    shop.admin.run("SELECT integratedb_notify(%s, %s)", other, Jsonb(spec))
    daemon = shop.daemon(wrapper=["prlimit", f"--nofile={files}:{files}"])
    with deaf_server() as port:
        webhooks = [
            {"type": "WEBHOOK", "name": f"deaf{n}", "url": f"http://127.0.0.1:{port}/", "timeout": 20, "secret": SECRET}
            | ({"concurrency": 100} if n % 2 else {})
            for n in range(6)
        ]
        redises = [
            {"type": "REDIS", "name": f"mute{n}", "url": f"redis://127.0.0.1:{port}/0", "stream": f"s{n}"}
            for n in range(6)
        ]
        shop.notify(*webhooks, *redises)
        with shop.owner.transaction():
            shop.insert(1, 300)
        eventually(lambda: len(sockets_to(daemon, port)) >= files // 8 - 1)
        highest = 0
        for number in range(301, 331):
            shop.insert(number, number)
            eventually(partial(has_arrived, receiver, number), timeout_s=20)
            assert daemon.get("/live")[0] == daemon.get("/ready")[0] == 200
            highest = max(highest, len(sockets_to(daemon, port)))
        assert highest <= files // 8
        assert order_ids(without_repeats(receiver.delivered())) == list(range(1, 331))
        waits = [line for line in daemon.logs() if line["message"].startswith("deliveries wait")]
        assert [line["stakeholder"] for line in waits] == [shop.stakeholder]
        # It stops in time although so much waits.
        assert daemon.stop() == 0
    shop.admin.run("SELECT integratedb_drop_stakeholder(%s)", other)


def test_a_process_without_files_goes_on_and_says_so_now_and_then(shop: Shop, receiver: Receiver) -> None:
    shop.notify({"type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: order_ids(receiver.delivered()) == [1])
    limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    time.sleep(4)
    with socket.create_connection(("127.0.0.1", daemon.port)):
        time.sleep(4)
        assert daemon.process.poll() is None
        said = [line for line in daemon.logs() if "no files left" in line["message"]]
        assert len(said) == 1
        assert said[0]["error"] == "EMFILE"
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, limit)
    shop.insert(2, 2)
    eventually(lambda: order_ids(without_repeats(receiver.delivered())) == [1, 2])
    eventually(lambda: daemon.get("/ready")[0] == 200)


def has_arrived(receiver: Receiver, number: int) -> bool:
    return number in order_ids(receiver.delivered())


def sockets_to(daemon: Daemon, port: int) -> list[str]:
    """The daemon's sockets to a port of this machine, as the kernel has them."""
    wanted, states = f":{port:04X}", ("01", "02")
    numbers = set()
    for line in Path(f"/proc/{daemon.process.pid}/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        if parts[2].endswith(wanted) and parts[3] in states:
            numbers.add(f"socket:[{parts[9]}]")
    found = []
    for link in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(link.readlink()))
    return [one for one in found if one in numbers]


@contextmanager
def deaf_server() -> Iterator[int]:
    """A server that takes connections and never answers; gives its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        yield int(listening.getsockname()[1])
