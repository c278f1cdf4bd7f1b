"""All of it in one container: it starts, is healthy, survives a kill, and stops in order."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.docker.support import MAJORS, Container

DATA = "/var/lib/postgresql/data"

pytestmark = pytest.mark.skipif("17" not in MAJORS, reason="the image is built of PostgreSQL 17")


@pytest.fixture(scope="module")
def running() -> Iterator[Container]:
    """A container with the demo, healthy."""
    container = Container("integratedb-start").with_exposed_ports(3000, 4000).with_command(["start", "--demo"])
    with container:
        yield container.healthy()


def log_in(container: Container) -> int:
    """Log in to the management API as root, from outside."""
    password = json.loads(container.run(f"cat {DATA}/passwords.json"))["root"]
    url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(4000)}/api/v1/auth/login"
    body = json.dumps({"data": {"username": "root", "password": password}}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"})) as answer:
        return int(answer.status)


def test_root_logs_in_from_outside(running: Container) -> None:
    assert log_in(running) == 200
    assert "user root, password " in running.log()


def test_psql_in_the_container_is_led_to_the_shop(running: Container) -> None:
    said = running.run(f". {DATA}/env; psql -At -U shop_owner -c 'SELECT count(*) FROM shop.orders'")
    assert said.strip() == "200"


def test_a_killed_container_has_everything_again(running: Container) -> None:
    running.run(f". {DATA}/env; psql -q -U shop_owner -c 'CREATE TABLE shop.kept AS SELECT 1 AS n'")
    wrapped = running.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    running.healthy()
    assert running.run(f". {DATA}/env; psql -At -U shop_owner -c 'SELECT n FROM shop.kept'").strip() == "1"
    assert log_in(running) == 200


def test_docker_stop_ends_the_parts_in_order(running: Container) -> None:
    running.get_wrapped_container().stop()
    said = running.log()
    stops = [said.rindex(f"stopping {name}") for name in ("serve", "api", "daemon", "postgres")]
    assert stops == sorted(stops)
    assert running.ended() == 0
