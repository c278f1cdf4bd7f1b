"""docker compose up: the session of the README can be typed, and what changes in the shop arrives in Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.docker.support import ROOT, RUN, eventually, image
from tests.examples import run_examples_by

HERE = ROOT / "docker"
README = ROOT / "README.md"


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@dataclass(frozen=True)
class Project:
    """The services of compose.yaml, by whichever docker compose."""

    command: list[str]
    environment: dict[str, str]

    def line(self, *arguments: str) -> list[str]:
        """The command line for something to be done with them."""
        return [*self.command, *arguments]

    def run(self, *arguments: str, check: bool = True) -> str:
        """Do something with them, and give what is printed."""
        done = subprocess.run(
            self.line(*arguments), cwd=HERE, env=self.environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def psql(self, role: str, password: str | None) -> tuple[list[str], dict[str, str]]:
        """The command line of a psql in the container; a stakeholder logs in by password, over TCP."""
        host = "/var/run/postgresql" if password is None else "127.0.0.1"
        variables = {"PGPASSWORD": password or "", "PGCLIENTENCODING": "UTF8", "PGTZ": "UTC"}
        options = [option for item in variables.items() for option in ("-e", "=".join(item))]
        conninfo = f"host={host} user={role} dbname=shop"
        # Its two streams come in any order when they are carried apart.
        psql = ("sh", "-c", 'exec psql "$@" 2>&1', "psql", "--no-psqlrc", "--no-password", conninfo)
        return self.line("exec", "-T", *options, "postgres", *psql), {**self.environment}

    def sql(self, role: str, statements: str) -> str:
        """Run SQL in the container."""
        command, environment = self.psql(role, None)
        command += ["--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align"]
        done = subprocess.run(
            command, cwd=HERE, env=environment, input=statements, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def of_this_machine() -> Iterator[list[str]]:
    """What is installed here: the plugin, or the program of its own."""
    plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    yield ["docker", "compose"] if plugin else ["docker-compose"]


def of_trixie() -> Iterator[list[str]]:
    """Version 2, as Debian has it from 13 on, in a container that may talk to docker; it works on the host's files."""
    with image("integratedb-test:compose", ROOT / "tests/docker/compose.Dockerfile") as tag:
        mounts = ["-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{HERE.parent}:{HERE.parent}"]
        variables = [f"--env={name}" for name in ("COMPOSE_PROJECT_NAME", "POSTGRES_PORT", "DAEMON_PORT")]
        yield ["docker", "run", "--rm", "-i", *mounts, *variables, "-w", str(HERE), tag, "docker-compose"]


@pytest.fixture(params=[of_this_machine, of_trixie])
def project(request) -> Iterator[Project]:
    """The services, up."""
    which: Callable[[], Iterator[list[str]]] = request.param
    for command in which():
        # One that no other worker has, and by which scripts/test-docker finds what a killed run has left.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        name = f"integratedb-{RUN}-{worker}-{which.__name__.replace('_', '-')}"
        settings = {"COMPOSE_PROJECT_NAME": name, "POSTGRES_PORT": free_port(), "DAEMON_PORT": free_port()}
        made = Project(command, os.environ | settings)
        try:
            made.run("up", "--detach")
            yield made
        finally:
            if not os.environ.get("INTEGRATEDB_DOCKER_KEEP"):
                made.run("down", "--volumes", check=False)


def live(project: Project) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{project.environment['DAEMON_PORT']}/ready", timeout=5
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def delivered(project: Project, total: str) -> None:
    """Wait until the stream of orders has an event with this total; what the daemon has logged tells why it has not."""
    read = ("exec", "-T", "redis", "redis-cli", "XRANGE", "orders", "-", "+")
    try:
        eventually(lambda: total in project.run(*read))
    except AssertionError:
        facts = project.sql("shop_admin", "SELECT * FROM integratedb_status()")
        raise AssertionError(f"{project.run('logs', 'daemon')}\n{facts}\n{project.run(*read)}") from None


def test_the_session_of_the_readme_can_be_typed_and_the_daemon_delivers(project: Project) -> None:
    run_examples_by(README, project.psql, cwd=HERE)

    eventually(lambda: live(project), message="the daemon streams")
    project.sql(
        "shop_admin",
        """SELECT integratedb_notify('mailer', '{
             "match": [{"path": "shop.orders", "fields": ["id", "total"]}],
             "channels": [{"name": "bus", "type": "REDIS", "url": "redis://redis/0", "stream": "orders"}]}')""",
    )
    project.sql("shop_owner", "UPDATE shop.orders SET total = 4711 WHERE id = 17")
    entry = eventually(
        lambda: project.run("exec", "-T", "redis", "redis-cli", "--raw", "XRANGE", "orders", "-", "+").splitlines(),
        message="the event",
    )
    assert json.loads(entry[2])["data"]["record"] == {"id": 17, "total": 4711.0}

    # Down and up again: passwords, the cluster and what Redis has are in volumes, and the daemon goes on where it was.
    project.run("down")
    project.run("up", "--detach")
    eventually(lambda: live(project), message="the daemon streams again")
    project.sql("shop_owner", "UPDATE shop.orders SET total = 4712 WHERE id = 17")
    delivered(project, "4712.00")


def test_no_password_is_in_an_environment_or_a_log(project: Project) -> None:
    secrets = project.run("exec", "-T", "postgres", "bash", "-c", "cat /run/secrets/*").split()
    assert len(secrets) == 2
    containers = project.run("ps", "-q").split()
    assert len(containers) >= 3
    for container in containers:
        for told in ("inspect", "logs"):
            shown = subprocess.run(["docker", told, container], check=True, capture_output=True, text=True)
            assert not [secret for secret in secrets if secret in shown.stdout + shown.stderr]
