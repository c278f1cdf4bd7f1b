"""Events about requests, deprecations and waivers come through the daemon, between the rows, and each once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from psycopg.types.json import Jsonb

from tests.system.harness import RedisServer, Shop, eventually


def events(client: Any) -> list[dict[str, Any]]:
    return [orjson.loads(fields[b"event"]) for _, fields in client.xrange("orders")]


def names(client: Any) -> list[str]:
    return [event["type"].removeprefix("integratedb.") for event in events(client)]


@pytest.fixture
def bus(redis_server: RedisServer) -> dict[str, Any]:
    return {"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "orders"}


def test_events_come_in_the_order_of_commits_after_a_pause_and_once(
    shop: Shop, bus: dict[str, Any], redis_client: Any
) -> None:
    shop.notify(bus)
    assert shop.daemon().stop() == 0  # nobody reads meanwhile
    shop.insert(1, 1)
    shop.owner.run("SELECT integratedb_deprecate('public.orders', 'status', now() + interval '60 days', 'read states')")
    shop.insert(2, 2)
    spec = Jsonb({"match": [{"path": "public.orders", "fields": ["id"]}]})
    number = shop.owner.value("SELECT integratedb_request_claim(%s, %s)", shop.stakeholder, spec)
    shop.owner.run("SELECT integratedb_approve_request(%s)", number)
    daemon = shop.daemon()
    expected = ["row.insert", "schema.deprecated", "row.insert", "request.opened", "request.approved"]
    eventually(lambda: len(names(redis_client)) >= len(expected))
    assert names(redis_client) == expected
    deprecated, opened = events(redis_client)[1], events(redis_client)[3]
    assert deprecated["subject"] == "public.orders"
    assert deprecated["data"]["message"] == "read states"
    assert deprecated["data"]["days_left"] == 60
    assert deprecated["data"]["lsn"]
    assert opened["subject"] == f"{shop.stakeholder}/claims"

    # Another daemon begins where the slot is, and repeats nothing.
    assert daemon.stop() == 0
    shop.daemon()
    shop.insert(3, 3)
    eventually(lambda: len(names(redis_client)) > len(expected))
    assert names(redis_client) == [*expected, "row.insert"]


def test_the_daemon_reminds_by_itself(shop: Shop, bus: dict[str, Any], redis_client: Any) -> None:
    shop.notify(bus)
    shop.daemon()
    shop.owner.run("SELECT integratedb_deprecate('public.orders', 'status', now() + interval '60 days')")
    eventually(lambda: names(redis_client) == ["schema.deprecated"])
    shop.admin.run("UPDATE integratedb.deprecation SET remove_after = now() + interval '5 days'")
    assert shop.daemons[-1].stop() == 0
    shop.daemon()  # it reminds at its start, and then every few minutes
    eventually(lambda: names(redis_client) == ["schema.deprecated"] * 2)
    assert [event["data"]["days_left"] for event in events(redis_client)] == [60, 5]


def test_the_daemon_ends_leases_that_are_over(shop: Shop) -> None:
    lease = "SELECT username FROM integratedb_lease(%s, %s::interval)"
    short, long = (shop.admin.value(lease, shop.stakeholder, ttl) for ttl in ("1 second", "1 hour"))
    roles = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
    eventually(lambda: shop.admin.value("SELECT valid_until < clock_timestamp() FROM integratedb_leases() LIMIT 1"))
    shop.daemon()
    eventually(lambda: shop.admin.rows(roles, [short, long]) == [(long,)])
    shop.admin.run("SELECT integratedb_revoke_lease(id) FROM integratedb_leases()")
