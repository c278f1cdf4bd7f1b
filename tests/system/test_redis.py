"""REDIS channels: streams and topics, encryption, and which addresses are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from tests.system.harness import RedisServer, Shop, eventually, order_ids, resolving, without_repeats


def events(client: Any) -> list[dict[str, Any]]:
    return [orjson.loads(fields[b"event"]) for _, fields in client.xrange("orders")]


def last_error(shop: Shop) -> str:
    return shop.status().get(f"channel {shop.stakeholder}.bus last error", "")


def test_a_topic_is_published_to(shop: Shop, redis_server: RedisServer, redis_client: Any) -> None:
    shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "topic": "news"})
    shop.daemon()
    with redis_client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        subscriber.get_message(timeout=1)
        shop.insert(1, 1)
        message = eventually(lambda: subscriber.get_message(timeout=0.5))
    assert orjson.loads(message["data"])["data"]["record"]["id"] == 1


def test_a_stream_is_kept_about_maxlen_long_also_where_scripts_are_forbidden(
    shop: Shop, redis_server: RedisServer, redis_client: Any
) -> None:
    redis_client.acl_setuser("plain", enabled=True, passwords=["+pw"], categories=["+@all", "-@scripting"], keys=["*"])
    url = redis_server.url.replace("//", "//plain:pw@")
    shop.notify({"name": "bus", "type": "REDIS", "url": url, "stream": "orders", "maxlen": 100})
    shop.daemon()
    shop.owner.run("INSERT INTO orders SELECT generate_series(1, 2000), 'x'")
    eventually(lambda: events(redis_client) and events(redis_client)[-1]["data"]["record"]["id"] == 2000)
    assert redis_client.xlen("orders") < 300


def test_one_event_that_redis_refuses_takes_no_other_along(
    shop: Shop, redis_server: RedisServer, redis_client: Any
) -> None:
    redis_client.config_set("proto-max-bulk-len", 1 << 20)  # the least that Redis allows
    try:
        shop.notify({"name": "bus", "type": "REDIS", "url": redis_server.url, "stream": "s", "max_attempts": 2})
        shop.daemon()
        shop.owner.run(
            "INSERT INTO orders SELECT n, repeat('x', CASE n WHEN 7 THEN 2000000 ELSE 1 END)"
            " FROM generate_series(1, 20) AS n"
        )
        entries = eventually(lambda: found if len(found := redis_client.xrange("s")) >= 19 else None)
    finally:
        redis_client.config_set("proto-max-bulk-len", 512 << 20)
    delivered = order_ids(without_repeats([orjson.loads(fields[b"event"]) for _, fields in entries]))
    assert delivered == [n for n in range(1, 21) if n != 7]
    dead = "SELECT state, (event #>> '{data,record,id}')::int FROM integratedb_deliveries(%s, 'bus')"
    eventually(lambda: shop.admin.rows(dead, shop.stakeholder) == [("dead", 7)])


def test_an_encrypted_redis_is_known_by_its_certificate(shop: Shop, tmp_path: Path) -> None:
    server = RedisServer(tmp_path, encrypted=True)
    try:
        url = f"rediss://localhost:{server.port}/0"
        shop.notify({"name": "bus", "type": "REDIS", "url": url, "stream": "orders"})
        shop.daemon(environment={"SSL_CERT_FILE": str(server.certificate)})
        shop.insert(1, 1)
        with redis.Redis.from_url(url, ssl_ca_certs=str(server.certificate)) as client:
            eventually(lambda: len(events(client)) == 1)

        by_address = url.replace("localhost", "127.0.0.1")  # of which the certificate says nothing
        shop.notify({"name": "bus", "type": "REDIS", "url": by_address, "stream": "orders"})
        shop.insert(2, 2)
        eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in last_error(shop))
    finally:
        server.kill()


@pytest.mark.parametrize("url", ["redis://169.254.169.254/0", "redis://[::ffff:169.254.169.254]/0"])
def test_link_local_addresses_are_never_called(shop: Shop, url: str) -> None:
    variable = f"INTEGRATEDB_SECRET_{shop.stakeholder.upper()}__BUS"
    shop.notify({"name": "bus", "type": "REDIS", "url": f"env:{variable}", "stream": "orders"})
    shop.daemon(environment={variable: url})
    shop.insert(1, 1)
    eventually(lambda: "is not called" in last_error(shop))


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_loopback_is_denied_however_it_is_written(
    shop: Shop, redis_server: RedisServer, redis_client: Any, host: str
) -> None:
    url = redis_server.url.replace("127.0.0.1", host)
    shop.notify({"name": "bus", "type": "REDIS", "url": url, "stream": "orders"})
    shop.daemon("--deny-address", "127.0.0.0/8", "--deny-address", "::1/128")
    shop.insert(1, 1)
    eventually(lambda: "is not called" in last_error(shop))
    assert events(redis_client) == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["::1", "127.0.0.1"], ["127.0.0.1", "127.0.0.2", "::1"]])
def test_denied_addresses_are_recognised_behind_a_name(
    shop: Shop, redis_server: RedisServer, redis_client: Any, tmp_path: Path, addresses: list[str]
) -> None:
    url = redis_server.url.replace("127.0.0.1", "inside")
    shop.notify({"name": "bus", "type": "REDIS", "url": url, "stream": "orders"})
    names = resolving(tmp_path, inside=addresses)
    shop.daemon("--deny-address", "127.0.0.0/8", "--deny-address", "::1/128", environment=names)
    shop.insert(1, 1)
    eventually(lambda: "is not called" in last_error(shop))
    assert events(redis_client) == []
