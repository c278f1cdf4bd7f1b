"""Containers of the images that scripts/test-docker has built, by testcontainers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.support import Session

ROOT = Path(__file__).parents[2]
MAJORS = os.environ.get("INTEGRATEDB_DOCKER_MAJORS", "15 17 18").split()
NEWEST = MAJORS[-1]
PASSWORD = "the-superuser's-password"


def eventually(check: Callable[[], Any], *, timeout_s: float = 60, message: str = "") -> Any:
    """Wait until the check gives something true, and give that."""
    deadline = time.monotonic() + timeout_s
    while not (result := check()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {message}"
        time.sleep(0.2)
    return result


# By this scripts/test-docker finds what a killed run has left.
RUN = os.environ.get("INTEGRATEDB_DOCKER_RUN", "0")
LABEL = {"integratedb.test": RUN}


class Container(DockerContainer):
    """A container that runs commands, and whose health and end can be waited for."""

    def __init__(self, image: str, **settings: Any) -> None:
        super().__init__(image, labels=LABEL, **settings)

    def run(self, command: str, *, user: str = "", check: bool = True, **environment: str) -> str:
        """Run a command by its bash; give what it prints, errors included."""
        done = self.get_wrapped_container().exec_run(
            ["bash", "-euo", "pipefail", "-c", command], user=user, environment=environment
        )
        output = str(done.output, errors="replace")
        assert done.exit_code == 0 or not check, f"{command}\nexit status {done.exit_code}\n{output}"
        return output

    def inspect(self) -> dict[str, Any]:
        """Give what docker knows of it."""
        wrapped = self.get_wrapped_container()
        wrapped.reload()
        return dict(wrapped.attrs)

    def healthy(self) -> Container:
        """Wait until its health check passes."""

        def state() -> str:
            told = self.inspect()["State"]
            assert told["Running"], self.log()
            return str(told["Health"]["Status"])

        eventually(lambda: state() == "healthy", timeout_s=120, message=f"healthy: {self.log()}")
        return self

    def ended(self, timeout_s: float = 60) -> int:
        """Wait until it ends, and give its exit status."""
        return int(self.get_wrapped_container().wait(timeout=timeout_s)["StatusCode"])

    def log(self) -> str:
        """Give what it has printed."""
        return str(self.get_wrapped_container().logs(), errors="replace")

    def session(self, user: str, dbname: str, password: str) -> Session:
        """Connect from outside, by password."""
        return Session.open(
            host=self.get_container_host_ip(),
            port=self.get_exposed_port(5432),
            user=user,
            password=password,
            dbname=dbname,
        )


@contextmanager
def postgres(major: str, *, network: Network | None = None, name: str = "", **environment: str) -> Iterator[Container]:
    """A server of a released image, ready."""
    container = Container(f"integratedb:{major}").with_exposed_ports(5432)
    for variable, value in ({"POSTGRES_PASSWORD": PASSWORD} | environment).items():
        container.with_env(variable, value)
    if network:
        container.with_network(network).with_network_aliases(name)
    with container:
        yield container.healthy()


@contextmanager
def image(name: str, dockerfile: Path, **arguments: str) -> Iterator[str]:
    """An image that only a test needs; its layers stay for the next time."""
    options = [option for item in arguments.items() for option in ("--build-arg", "=".join(item))]
    command = ["docker", "build", "--quiet", "--file", str(dockerfile), "--tag", name, *options]
    built = subprocess.run([*command, str(dockerfile.parent)], check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    yield name
