"""Databases with the service in front; most tests share one, and make users and stakeholders of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import clone
from tests.system.conftest import TEMPLATE, new_cluster
from tests.system.harness import Cluster
from tests.system.serve.harness import API_PASSWORD, API_ROLE, Client, Place, Raw, Service, unique

StartService = Callable[..., Service]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what uses the shared service to one worker, so that it is started once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and "service" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("serve"))


@pytest.fixture(scope="session")
def api_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Postgres with the login of the service; not the one that other tests crash."""
    with new_cluster(tmp_path_factory.mktemp("cluster") / "link") as cluster:
        with cluster.session("postgres") as superuser:
            superuser.run(f"CREATE ROLE {API_ROLE} LOGIN PASSWORD '{API_PASSWORD}'")
            superuser.run(f"GRANT integratedb_admin, integratedb_management TO {API_ROLE}")
        yield cluster


@contextmanager
def new_place(cluster: Cluster) -> Iterator[Place]:
    name = unique("place")
    with cluster.session("postgres") as superuser:
        clone(superuser, name, TEMPLATE)
    with cluster.session(name) as superuser, cluster.session(name, "shop_owner") as owner:
        owner.run("CREATE TABLE orders (id bigint PRIMARY KEY, status varchar(20), total numeric)")
        owner.run("CREATE TABLE customers (id bigint PRIMARY KEY, name text)")
        owner.run("INSERT INTO orders VALUES (1, 'new', 9.99)")
        superuser.run("CREATE SCHEMA warehouse AUTHORIZATION shop_owner")
        owner.run("CREATE TABLE warehouse.bins (id bigint PRIMARY KEY)")
        yield Place(cluster, name, superuser, owner)
        for (stakeholder,) in superuser.rows("SELECT name FROM integratedb_stakeholders()"):
            superuser.run("SELECT integratedb_drop_stakeholder(%s)", stakeholder)
    with cluster.session("postgres") as superuser:
        superuser.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def place(api_cluster: Cluster) -> Iterator[Place]:
    """The database that most tests share."""
    with new_place(api_cluster) as made:
        yield made


@pytest.fixture(scope="session")
def service(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service that most tests share: it previews, and believes what clients say of their addresses."""
    log = tmp_path_factory.mktemp("serve") / "log"
    started = Service(place.dsn, log, "--preview-dsn", place.owner_dsn, "--trusted-proxy", "127.0.0.1")
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="session")
def root(service: Service) -> Client:
    """The root user of that service."""
    return service.bootstrap()


@pytest.fixture
def user(service: Service, root: Client) -> Callable[..., Client]:
    """``user(scopes)``: a user other than root."""

    def create(scopes: dict[str, Any] | None = None) -> Client:
        new = {"username": unique("user"), "password": "a good password"}
        body = {"user": new if scopes is None else {**new, "scopes": scopes}}
        return service.client(root.data("POST", "/users", body, 201)["token"])

    return create


@pytest.fixture
def fresh(api_cluster: Cluster) -> Iterator[Place]:
    """A database of the test's own."""
    with new_place(api_cluster) as made:
        yield made


@pytest.fixture
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """``start_service(dsn, *options)``: a service of the test's own, which ends with it."""
    started: list[Service] = []

    def start(dsn: str, *options: str, **more: Any) -> Service:
        started.append(Service(dsn, tmp_path_factory.mktemp("serve") / "log", *options, **more))
        return started[-1]

    yield start
    for service in started:
        service.stop()


@pytest.fixture(autouse=True)
def close_raw_connections() -> Iterator[None]:
    """Close the connections that a test has opened itself."""
    yield
    while Raw.opened:
        Raw.opened.pop().connection.close()
