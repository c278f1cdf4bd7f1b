"""The shop of the tests in containers: a stakeholder that claims and is told, and what must hold for it anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
import redis
from testcontainers.core.network import Network

from tests.docker.support import PASSWORD, ROOT, Container, eventually
from tests.support import refused

OWNER_PASSWORD, DAEMON_PASSWORD = "owner-password", "daemon-password"
STREAM = "orders"
CLAIM = (
    '{"match": [{"path": "shop.customers", "fields": ["name", "email"]}, {"path": "shop.products", "fields": ["*"]}]}'
)
NOTIFY = (
    '{"match": [{"path": "shop.orders", "events": ["INSERT"], "fields": ["id", "note"]}],'
    ' "channels": [{"name": "bus", "type": "REDIS", "url": "redis://redis/0", "stream": "orders"}]}'
)


@dataclass(frozen=True)
class Stakeholder:
    """Its login."""

    name: str
    password: str


def make_shop(server: Container) -> Stakeholder:
    """The shop in a database of its own, and a stakeholder that reads it and is told of new orders."""
    with server.session("postgres", "postgres", PASSWORD) as superuser:
        superuser.run("CREATE DATABASE shop")
        superuser.run(f"CREATE ROLE shop_owner LOGIN PASSWORD '{OWNER_PASSWORD}'")
    with server.session("postgres", "shop", PASSWORD) as superuser:
        # Identifiers that the other server will not have.
        superuser.run(
            "CREATE TABLE gone AS SELECT 1 AS id; DROP TABLE gone; CREATE SCHEMA shop AUTHORIZATION shop_owner"
        )
        with server.session("shop_owner", "shop", OWNER_PASSWORD) as owner:
            owner.run((ROOT / "demo/shop.sql").read_text())
        superuser.run("CREATE EXTENSION integratedb CASCADE")
        name, password = superuser.row("SELECT username, password FROM integratedb_create_stakeholder('mailer')")
        superuser.run("SELECT integratedb_claim('mailer', %s)", CLAIM)
        superuser.run("SELECT integratedb_notify('mailer', %s)", NOTIFY)
    return Stakeholder(name, password)


def skip_unless_a_plain_table_passes(old: Container, new: Container, tools: Container) -> None:
    """Skip where these tools cannot take a table to the new server that has nothing to do with the extension.

    Security releases change what a catalog holds, in all major versions on one day: a pg_dump from before that day may
    write what no server takes. Debian's testing release has the newest minor version of its major last.
    """
    with old.session("postgres", "postgres", PASSWORD) as superuser:
        superuser.run("CREATE DATABASE plain")
    with old.session("postgres", "plain", PASSWORD) as superuser:
        superuser.run("CREATE TABLE plain (id integer)")
    printed = tools.run(
        "createdb --host=new plain"
        " && pg_dump --host=old plain | psql --quiet --host=new --dbname=plain --set=ON_ERROR_STOP=1 || echo FAILED",
        PGUSER="postgres",
        PGPASSWORD=PASSWORD,
    )
    if printed.strip().endswith("FAILED"):
        versions = [server.run("postgres --version").split()[2] for server in (old, new)]
        error = next(line for line in printed.splitlines() if "ERROR:" in line)
        pytest.skip(f"a plain table cannot go from {versions[0]} to {versions[1]} by pg_dump: {error}")


def assert_enforced(server: Container, mailer: Stakeholder) -> None:
    """The owner cannot break what mailer needs, mailer reads that and no more, and grants follow the catalog."""
    with server.session("shop_owner", "shop", OWNER_PASSWORD) as owner:
        for breaking in (
            "ALTER TABLE shop.customers RENAME COLUMN email TO email_address",
            "DROP TABLE shop.products CASCADE",
            "ALTER TABLE shop.orders DROP COLUMN note",
        ):
            with refused("IDB01"):
                owner.run(breaking)
        owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
        owner.run("ALTER TABLE shop.customers DROP COLUMN phone")
    with server.session(mailer.name, "shop", mailer.password) as reading:
        assert reading.value("SELECT count(email) FROM shop.customers WHERE name <> ''") > 0
        reading.run("SELECT weight FROM shop.products")
        with refused("42501"):
            reading.run("SELECT * FROM shop.customers")
    with server.session("postgres", "shop", PASSWORD) as superuser:
        assert superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []


@contextmanager
def bus(network: Network) -> Iterator[redis.Redis]:
    """A Redis in the network, called redis there, and a client of it from outside."""
    container = Container("integratedb-redis").with_exposed_ports(6379).with_network(network)
    with container.with_network_aliases("redis"):
        container.healthy()
        with redis.Redis(container.get_container_host_ip(), container.get_exposed_port(6379)) as client:
            yield client


@contextmanager
def daemon(network: Network, host: str, *options: str) -> Iterator[Container]:
    """The companion, streaming from a server in the same network."""
    container = Container("integratedb-companion").with_network(network).with_command(["daemon", *options])
    container.with_env("INTEGRATEDB_DSN", f"host={host} dbname=shop user=companion password={DAEMON_PASSWORD}")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:4400/ready', timeout=4).status)"

    def ready() -> bool:
        assert container.inspect()["State"]["Running"], container.log()
        return "200" in container.run(f'python -c "{ask}"', check=False)

    with container:
        eventually(ready, message="ready")
        yield container


def place_order(server: Container, note: str) -> None:
    """Insert an order."""
    with server.session("shop_owner", "shop", OWNER_PASSWORD) as owner:
        owner.run(
            "INSERT INTO shop.orders (customer_id, total, note, placed_at)"
            " SELECT min(id), 1, %s, now() FROM shop.customers",
            note,
        )


def told(client: redis.Redis) -> list[str]:
    """Give the notes of the orders that the stream has."""
    events = [json.loads(fields[b"event"]) for _, fields in cast(Any, client.xrange(STREAM))]
    return [event["data"]["record"]["note"] for event in events if event["type"] == "integratedb.row.insert"]
