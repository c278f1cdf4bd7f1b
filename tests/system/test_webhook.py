"""Webhooks: the form that receivers check, and what happens when they do not take what they get."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook

from tests.system.harness import SECRET, Receiver, Shop, eventually, order_ids, resolving, without_repeats


def webhook(receiver: Receiver, path: str = "/hook", **more: Any) -> dict[str, Any]:
    return {"name": path.strip("/"), "type": "WEBHOOK", "url": receiver.url(path), "secret": SECRET, **more}


def test_an_event_is_what_other_peoples_libraries_expect(shop: Shop, receiver: Receiver) -> None:
    shop.notify(webhook(receiver))
    shop.daemon()
    shop.insert(1, 1)
    [request] = eventually(lambda: receiver.requests)
    assert Webhook(SECRET).verify(request.body, request.headers) == request.events[0]
    event: Any = from_http_event(HTTPMessage(request.headers, request.body), JSONFormat())
    assert event.get_type() == "integratedb.row.insert"
    assert event.get_subject() == "public.orders"
    assert event.get_source() == f"/integratedb/{shop.database}"
    assert event.get_id() == request.headers["webhook-id"]
    assert event.get_data()["record"] == {"id": 1, "status": "new"}


def test_a_batch_is_one_signed_request(shop: Shop, receiver: Receiver) -> None:
    pauses_s = iter([0.5])

    def behave(_: object) -> int:
        # Meanwhile all rows arrive. On a busy machine, they might otherwise arrive one by one.
        time.sleep(next(pauses_s, 0))
        return 204

    receiver.behave = behave
    shop.notify(webhook(receiver, batch=50))
    shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT generate_series(1, 120), 'x'")
    eventually(lambda: len(receiver.delivered()) == 120)
    assert order_ids(receiver.delivered()) == list(range(1, 121))
    assert max(len(request.events) for request in receiver.requests) == 50
    for request in receiver.requests:
        assert request.headers["content-type"] == "application/cloudevents-batch+json"
        Webhook(SECRET).verify(request.body, request.headers)


def test_a_failing_receiver_gets_everything_in_order_when_it_is_well_again(shop: Shop, receiver: Receiver) -> None:
    shop.notify(webhook(receiver))
    daemon = shop.daemon()
    shop.insert(1, 3)
    eventually(lambda: len(receiver.delivered()) == 3)
    receiver.behave = lambda _: 503
    shop.insert(4, 20)
    # Down for longer than the first retries take.
    eventually(lambda: sum(request.status == 503 for request in receiver.requests) >= 3)
    status = shop.status()
    assert status[f"channel {shop.stakeholder}.hook"] == "failing"
    assert "503" in status[f"channel {shop.stakeholder}.hook last error"]
    assert shop.queued("hook") == 17
    assert int(status[f"slot {shop.slot} lag, bytes"]) < 100_000
    receiver.behave = lambda _: 204
    eventually(lambda: len(receiver.delivered()) >= 20)
    assert order_ids(receiver.delivered()) == list(range(1, 21))
    eventually(lambda: shop.queued("hook") == 0)
    shop.insert(21, 22)
    eventually(lambda: order_ids(receiver.delivered()) == list(range(1, 23)))
    assert daemon.metric("integratedb_delivery_failures_total") >= 3


def test_retries_come_at_growing_intervals(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 500
    shop.notify(webhook(receiver))
    shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: len(receiver.requests) >= 4)
    times = [request.at_s for request in receiver.requests]
    first, second, third = (later - earlier for earlier, later in pairwise(times[:4]))
    assert 0.9 < first < 1.6
    assert 1.5 < second < 2.6
    assert 3.0 < third < 4.6


def test_after_max_attempts_an_event_is_put_aside_and_can_be_redelivered(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 500
    shop.notify(webhook(receiver, max_attempts=1))
    shop.daemon()
    shop.insert(1, 2)
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.hook dead"] == "2")
    deliveries = shop.admin.dicts("SELECT * FROM integratedb_deliveries(%s, 'hook')", shop.stakeholder)
    assert [(row["state"], row["event"]["data"]["record"]["id"]) for row in deliveries] == [("dead", 1), ("dead", 2)]
    assert "500" in deliveries[0]["error"]
    receiver.behave = lambda _: 204
    shop.insert(3, 3)
    eventually(lambda: order_ids(receiver.delivered()) == [3])
    assert shop.admin.value("SELECT integratedb_redeliver(%s, 'hook')", shop.stakeholder) == 2
    eventually(lambda: order_ids(receiver.delivered()) == [3, 1, 2])
    eventually(lambda: shop.admin.rows("SELECT * FROM integratedb_deliveries(%s, 'hook')", shop.stakeholder) == [])


def dead_orders(shop: Shop, channel: str = "hook") -> list[int]:
    rows = shop.admin.dicts("SELECT * FROM integratedb_deliveries(%s, %s)", shop.stakeholder, channel)
    return [row["event"]["data"]["record"]["id"] for row in rows if row["state"] == "dead"]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(("status", "rejected"), [(400, {7}), (413, {1, 2, 20}), (500, {20})])
def test_one_event_that_is_rejected_takes_no_other_of_its_batch_along(
    shop: Shop, receiver: Receiver, status: int, rejected: set[int], concurrency: int
) -> None:
    def judge(body: bytes) -> int:
        return status if rejected & {*order_ids(json.loads(body))} else 204

    receiver.judge = judge
    shop.notify(webhook(receiver, batch=1000, max_attempts=2, concurrency=concurrency))
    shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 20) AS n")
    eventually(lambda: dead_orders(shop) == sorted(rejected))
    eventually(lambda: len(receiver.delivered()) == 20 - len(rejected))
    delivered = order_ids(receiver.delivered())
    assert {*delivered} == {*range(1, 21)} - rejected
    if concurrency == 1:
        assert delivered == sorted(delivered)
    # Alone as often as max_attempts says, and found by halving.
    for order in rejected:
        assert [[order]] * 2 == [ids for r in receiver.requests if (ids := order_ids(r.events)) == [order]]
    assert len(receiver.requests) < 40


@pytest.mark.parametrize("status", [503, 429])
def test_a_receiver_that_is_down_gets_single_events_and_gives_none_up(
    shop: Shop, receiver: Receiver, status: int
) -> None:
    answers = iter([status, status])
    receiver.behave = lambda _: next(answers, 204)
    # The first batch may have one event only, because the others have not arrived yet. Then both refusals count for it.
    shop.notify(webhook(receiver, batch=100, max_attempts=3))
    shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 100) AS n")
    eventually(lambda: len(receiver.delivered()) == 100)
    assert order_ids(receiver.delivered()) == list(range(1, 101))
    assert [len(request.events) for request in receiver.requests][1:6] == [1, 1, 2, 4, 8]
    assert dead_orders(shop) == []


def test_what_was_put_aside_grows_old_on_a_channel_that_is_well(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 503
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET, "max_attempts": 1})
    shop.daemon()
    shop.insert(1, 1)
    dead = "SELECT count(*) FROM integratedb.delivery WHERE dead_at IS NOT NULL"
    eventually(lambda: shop.admin.value(dead) == 1)
    receiver.behave = lambda _: 204
    shop.insert(2, 2)
    eventually(lambda: order_ids(receiver.delivered()) == [2])

    shop.admin.run("UPDATE integratedb.delivery SET committed_at = committed_at - interval '8 days'")
    lost = eventually(lambda: receiver.delivered()[1:])[0]
    assert lost["type"] == "integratedb.events.lost"
    assert lost["data"]["count"] == 1
    shop.insert(3, 3)
    eventually(lambda: order_ids(receiver.delivered()[2:]) == [3])
    eventually(lambda: shop.admin.value("SELECT count(*) FROM integratedb.delivery") == 0)


def test_attempts_are_counted_on_after_the_daemon_was_killed(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 500
    shop.notify(webhook(receiver, max_attempts=4))
    daemon = shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: shop.status().get(f"channel {shop.stakeholder}.hook failed attempts") == "3")
    daemon.kill()
    assert len(receiver.requests) == 3
    shop.daemon()
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.hook dead"] == "1")
    assert len(receiver.requests) == 4


def test_a_failure_that_an_earlier_daemon_reported_is_over_with_the_first_success(
    shop: Shop, receiver: Receiver
) -> None:
    receiver.behave = lambda _: 500
    shop.notify(webhook(receiver))
    daemon = shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.hook"] == "failing")
    daemon.kill()
    receiver.behave = lambda _: 204
    shop.daemon()
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.hook"] == "ok")


def test_410_pauses_the_channel_until_it_is_resumed(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 410
    shop.notify(webhook(receiver))
    shop.daemon()
    shop.insert(1, 2)
    eventually(lambda: shop.status()[f"channel {shop.stakeholder}.hook"].endswith("answered HTTP 410 Gone"))
    assert shop.status()[f"channel {shop.stakeholder}.hook"].startswith("paused: ")
    seen = len(receiver.requests)
    receiver.behave = lambda _: 204
    shop.insert(3, 3)
    time.sleep(1.5)
    assert len(receiver.requests) == seen
    assert shop.admin.value("SELECT integratedb_resume_channel(%s, 'hook')", shop.stakeholder) is True
    eventually(lambda: order_ids(receiver.delivered()) == [1, 2, 3])


def test_a_receiver_that_hangs_holds_up_nobody_else(shop: Shop, receiver: Receiver) -> None:
    def behave(path: str) -> int:
        if path == "/slow":
            time.sleep(30)
        return 204

    receiver.behave = behave
    shop.notify(webhook(receiver, "/slow", timeout=5), webhook(receiver, "/fast"))
    shop.daemon()
    started = time.monotonic()
    shop.insert(1, 50)
    eventually(lambda: len(receiver.delivered("/fast")) == 50)
    assert time.monotonic() - started < 5, "before the slow one was given up"
    eventually(lambda: "timeout" in shop.status().get(f"channel {shop.stakeholder}.slow last error", ""))
    eventually(lambda: int(shop.status()[f"slot {shop.slot} lag, bytes"]) < 100_000)


def test_more_concurrency_keeps_the_order_of_each_key(shop: Shop, receiver: Receiver) -> None:
    def behave(_: str) -> int:
        time.sleep(0.005)
        return 204

    receiver.behave = behave
    shop.notify(webhook(receiver, concurrency=8))
    shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT generate_series(1, 20), '0'")
    for version in range(1, 11):
        shop.owner.run("UPDATE orders SET status = %s", str(version))
    events = eventually(lambda: receiver.delivered() if len(receiver.delivered()) >= 220 else None)
    for order in range(1, 21):
        versions = [int(e["data"]["record"]["status"]) for e in events if e["data"]["record"]["id"] == order]
        assert versions == list(range(11))


def overlapping() -> Callable[[str], int]:
    """A receiver whose answers take so different times that requests sent side by side arrive in any order."""
    pauses = itertools.cycle((0.06, 0.0, 0.03, 0.01))

    def behave(_: str) -> int:
        time.sleep(next(pauses))
        return 204

    return behave


def kinds_of(events: list[dict[str, Any]], order: int) -> list[str]:
    """What happened to a row, in the order of arrival."""
    return [
        event["type"].rpartition(".")[2]
        for event in events
        if order in [(row or {}).get("id") for row in (event["data"]["old"], event["data"]["record"])]
    ]


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL", "USING INDEX orders_code"])
def test_a_row_whose_key_changes_keeps_its_order_under_both_keys(shop: Shop, receiver: Receiver, identity: str) -> None:
    shop.owner.run("ALTER TABLE orders ADD code bigint NOT NULL GENERATED ALWAYS AS IDENTITY")
    shop.owner.run("CREATE UNIQUE INDEX orders_code ON orders (code)")
    shop.owner.run(f"ALTER TABLE orders REPLICA IDENTITY {identity}")
    receiver.behave = overlapping()
    shop.notify(webhook(receiver, concurrency=8))
    shop.daemon()
    with shop.owner.transaction():
        for order in range(1, 21):
            shop.owner.run("INSERT INTO orders VALUES (%s, 'new')", order)
            shop.owner.run("UPDATE orders SET id = id + 100 WHERE id = %s", order)
            shop.owner.run("DELETE FROM orders WHERE id = %s", order + 100)
            if identity != "USING INDEX orders_code":  # by which it is another row
                shop.owner.run("INSERT INTO orders VALUES (%s, 'again')", order + 100)
    count = 60 if identity == "USING INDEX orders_code" else 80
    events = eventually(lambda: receiver.delivered() if len(receiver.delivered()) >= count else None)
    if identity == "USING INDEX orders_code":
        by_code: dict[int, list[str]] = {}
        for event in events:
            code = (event["data"]["old"] or event["data"]["record"])["code"]
            by_code.setdefault(code, []).append(event["type"].rpartition(".")[2])
        assert list(by_code.values()) == [["insert", "update", "delete"]] * 20
        return
    for order in range(1, 21):
        assert kinds_of(events, order)[:2] == ["insert", "update"]
        assert kinds_of(events, order + 100) == ["update", "delete", "insert"]


def test_nothing_overtakes_a_truncate_or_a_change_of_the_schema_or_of_the_key(shop: Shop, receiver: Receiver) -> None:
    shop.owner.run("ALTER TABLE orders ADD code bigint NOT NULL DEFAULT 0")
    receiver.behave = overlapping()
    shop.notify(webhook(receiver, concurrency=8))
    shop.daemon()
    with shop.owner.transaction():
        for turn in range(10):
            shop.owner.run("INSERT INTO orders SELECT n, 'x', n + 1000 * %s FROM generate_series(1, 10) AS n", turn)
            shop.owner.run("TRUNCATE orders")
    shop.owner.run("INSERT INTO orders SELECT n, 'x', n FROM generate_series(1, 10) AS n")
    with shop.owner.transaction():
        shop.owner.run("ALTER TABLE orders ADD note text")
        shop.owner.run("CREATE UNIQUE INDEX orders_code ON orders (code)")
        shop.owner.run("ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_code")
    shop.owner.run("UPDATE orders SET status = 'y'")
    events = eventually(lambda: receiver.delivered() if len(receiver.delivered()) >= 131 else None)
    ids = [event["id"] for event in events]
    kinds = [event["type"].rpartition(".")[2] for event in events]
    for place, kind in enumerate(kinds):
        if kind in ("truncate", "changed"):
            assert max(ids[:place], default="") < ids[place] < min(ids[place + 1 :], default="~")
    assert kinds.count("truncate") == 10
    assert kinds.count("changed") == 1
    updated = kinds.index("update")
    assert set(kinds[updated:]) == {"update"}


def test_redirects_are_not_followed(shop: Shop, receiver: Receiver) -> None:
    receiver.behave = lambda _: 307
    shop.notify(webhook(receiver))
    shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: "307" in shop.status().get(f"channel {shop.stakeholder}.hook last error", ""))
    assert all(request.path == "/hook" for request in receiver.requests)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/"])
def test_link_local_addresses_are_never_called(shop: Shop, url: str) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": url, "secret": SECRET})
    shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: "is not called" in shop.status().get(f"channel {shop.stakeholder}.hook last error", ""))


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["::1", "127.0.0.1"], ["127.0.0.1", "127.0.0.2", "::1"]])
def test_denied_addresses_are_recognised_behind_a_name(
    shop: Shop, receiver: Receiver, tmp_path: Path, addresses: list[str]
) -> None:
    url = f"http://inside:{receiver.port}/hook"
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": url, "secret": SECRET})
    names = resolving(tmp_path, inside=addresses)
    shop.daemon("--deny-address", "127.0.0.0/8", "--deny-address", "::1/128", environment=names)
    shop.insert(1, 1)
    eventually(lambda: "is not called" in shop.status().get(f"channel {shop.stakeholder}.hook last error", ""))
    assert receiver.requests == []


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "0x0.0", "[::]", "[::ffff:0.0.0.0]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
)
def test_loopback_is_denied_however_it_is_written(shop: Shop, receiver: Receiver, host: str) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": f"http://{host}:{receiver.port}/hook", "secret": SECRET})
    shop.daemon("--deny-address", "127.0.0.0/8", "--deny-address", "::1/128")
    shop.insert(1, 1)
    eventually(lambda: "is not called" in shop.status().get(f"channel {shop.stakeholder}.hook last error", ""))
    assert receiver.requests == []


def test_a_secret_can_come_from_the_daemons_environment(shop: Shop, receiver: Receiver) -> None:
    url, secret = (f"INTEGRATEDB_SECRET_{shop.stakeholder.upper()}__{name}" for name in ("URL", "A"))
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": f"env:{url}", "secret": f"env:{secret}"})
    shop.daemon(environment={url: receiver.url(), secret: SECRET})
    shop.insert(1, 1)
    [request] = eventually(lambda: receiver.requests)
    Webhook(SECRET).verify(request.body, request.headers)


def test_a_missing_secret_is_told_and_not_worked_around(shop: Shop, receiver: Receiver) -> None:
    variable = f"env:INTEGRATEDB_SECRET_{shop.stakeholder.upper()}__NOT_THERE"
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": variable})
    shop.daemon()
    shop.insert(1, 1)
    eventually(lambda: "NOT_THERE" in shop.status().get(f"channel {shop.stakeholder}.hook last error", ""))
    assert receiver.requests == []


def test_nothing_is_sent_twice_while_all_is_well(shop: Shop, receiver: Receiver) -> None:
    shop.notify(webhook(receiver))
    daemon = shop.daemon()
    shop.insert(1, 100)
    eventually(lambda: len(receiver.delivered()) == 100)
    assert daemon.stop() == 0
    shop.insert(101, 110)
    shop.daemon()
    eventually(lambda: len(receiver.delivered()) >= 110)
    assert order_ids(receiver.delivered()) == list(range(1, 111))
    assert len(without_repeats(receiver.delivered())) == 110
    assert shop.admin.value("SELECT count(*) FROM integratedb.delivery") == 0
