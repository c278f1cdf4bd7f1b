"""A cluster, a Redis and a receiver for all tests; a database with its own slot and stakeholder for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support import Session, clone
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, Cluster, Receiver, RedisServer, Shop, eventually

TEMPLATE = "shop_template"
NUMBERS = itertools.count(1)


@contextmanager
def new_cluster(link: Path) -> Iterator[Cluster]:
    """A Postgres, and in it a template of a database with the extension."""
    started = Cluster(link)
    try:
        with started.session("postgres") as superuser:
            superuser.run("CREATE ROLE shop_owner LOGIN")
            superuser.run(f"CREATE DATABASE {TEMPLATE} OWNER shop_owner")
        with started.session(TEMPLATE) as superuser:
            superuser.run("CREATE EXTENSION integratedb CASCADE")
            superuser.run(f"CREATE ROLE {DAEMON_ROLE} LOGIN REPLICATION PASSWORD '{DAEMON_PASSWORD}'")
            superuser.run(f"GRANT integratedb_daemon TO {DAEMON_ROLE}")
            # A daemon that is silent for this long is cut off; an idle one hears from the server twice as often.
            superuser.run(f"ALTER ROLE {DAEMON_ROLE} SET wal_sender_timeout = '6s'")
            superuser.run("GRANT CREATE ON SCHEMA public TO shop_owner")
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Postgres that may be crashed."""
    with new_cluster(tmp_path_factory.mktemp("cluster") / "link") as started:
        yield started


def slot_is_dropped(superuser: Session, name: str) -> bool:
    """Try to drop it; the server may not have noticed yet that a daemon was killed, or has only just let one in."""
    try:
        superuser.run("SELECT pg_drop_replication_slot(%s) FROM pg_replication_slots WHERE slot_name = %s", name, name)
    except psycopg.errors.ObjectInUse:
        superuser.run(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active", name
        )
        return False
    return True


@pytest.fixture
def shop(cluster: Cluster, tmp_path: Path) -> Iterator[Shop]:
    """A database with a table of orders and a stakeholder; its daemons end with the test."""
    name = f"app{next(NUMBERS)}"
    with cluster.session("postgres") as superuser:
        clone(superuser, name, TEMPLATE)
    with cluster.session(name) as admin, cluster.session(name, "shop_owner") as owner:
        owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
        password = admin.value("SELECT password FROM integratedb_create_stakeholder(%s)", name)
        made = Shop(cluster, name, name, password, name, owner, admin, tmp_path)
        yield made
    for daemon in made.daemons:
        if daemon.process.poll() is None:
            daemon.kill()
    with cluster.session("postgres") as superuser:
        eventually(lambda: slot_is_dropped(superuser, name))
        superuser.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of it."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An HTTP receiver that takes everything."""
    with Receiver().run() as running:
        yield running
