"""Starts that are interrupted, killed, refused or repeated, and how each is stopped."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integratedb_companion.supervisor.launch import working_in
from tests.installation import installation
from tests.system.conftest import TEMPLATE
from tests.system.harness import Cluster, eventually, free_port
from tests.system.start.conftest import Started
from tests.system.start.harness import PARTS, Start, command, names_in_order, place, user_of

NOBODY = "4294967294"


def refused_start(data: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A start that ends at once, whatever else runs on this machine."""
    ports = [part for name in ("daemon", "api", "serve") for part in (f"--port-{name}", str(free_port()))]
    done = command("start", "--data", data, *ports, *options, **variables)
    assert done.returncode == 1, done.stderr
    return done


def one_line(done_stderr: str) -> str:
    """The error, which is one line; a hint follows."""
    lines = done_stderr.splitlines()
    assert lines[0].startswith("integratedb: "), done_stderr
    assert all(line.startswith("HINT: ") for line in lines[1:]), done_stderr
    return lines[0]


def test_ctrl_c_stops_the_parts_in_reverse_order(stopped: Start) -> None:
    assert stopped.process.returncode == 0
    assert names_in_order(stopped.lines, "stopping") == list(reversed(PARTS))
    assert stopped.lines[-1].endswith("stopped")
    assert any("database system is shut down" in line for line in stopped.lines)
    assert stopped.remains() == []


def test_a_second_start_uses_everything_again(start: Started, stopped: Start) -> None:
    again = start(of=stopped).ready()
    assert again.passwords == stopped.passwords
    said = "\n".join(again.lines)
    assert "creating" not in said
    assert "created" not in said
    assert again.passwords["root"] not in said
    login = {"data": {"username": "root", "password": stopped.passwords["root"]}}
    assert again.get("serve", "/api/v1/auth/login", login)[0] == 200
    done = command("stop", "--data", again.data)
    assert done.stdout == f"Stopped: pid {again.process.pid}.\n"
    assert again.process.wait(10) == 0
    assert command("stop", "--data", again.data).stdout == f"Nothing runs in {again.data}.\n"
    status = command("status", "--data", again.data)
    assert (status.returncode, status.stdout) == (1, f"Nothing runs in {again.data}.\n")


#: What the supervisor says when it is in the middle of something.
POINTS = (
    "creating a cluster in",
    "postgres is ready",
    "creating the extension in",
    "filling in the shop",
    "api      starting",
)


@pytest.fixture(scope="module")
def survivor() -> Iterator[Start]:
    """A start that was killed in the middle of its first initialisation, several times, and once when all was ready."""
    with place() as directory:
        one = Start(directory / "data", "--demo")
        try:
            for number, point in enumerate(POINTS):
                one.says(point)
                time.sleep(0.05 * (number % 3))
                one.kill()
                one.begin()
            one.ready()
            with one.session("main_owner") as owner:
                owner.run("CREATE TABLE kept (n int)")
                owner.run("INSERT INTO kept VALUES (1)")
                port = one.postgres_port
                # A process that is stopped takes no signal but SIGKILL, so the services outlive the supervisor.
                one.outlived = {part["pid"] for name, part in one.noted().items() if name != "postgres"}
                for pid in one.outlived:
                    os.kill(pid, signal.SIGSTOP)
                one.kill()
                # Postgres ends with its supervisor, by itself.
                eventually(lambda: not list(working_in(one.data / "postgres")), timeout_s=20)
                one.begin()
                one.ready()
                assert one.postgres_port == port
                yield one
        finally:
            one.end()


def test_a_first_start_that_is_killed_at_any_point_is_continued(survivor: Start) -> None:
    with survivor.session() as superuser:
        assert superuser.value("SELECT count(*) FROM shop.orders") == 200
        stakeholders = superuser.rows("SELECT name FROM integratedb_stakeholders() ORDER BY 1")
        assert stakeholders == [("mailer",), ("parcels",), ("reporter",)]
        assert superuser.value("SELECT count(*) FROM integratedb_unmet_claims(NULL)") == 0
    remains = [path.name for path in survivor.data.iterdir() if "initialising" in path.name or path.name[0] == "."]
    assert remains == []


def test_after_that_all_passwords_are_right(survivor: Start) -> None:
    for role in ("mailer", "reporter", "parcels", "main_owner", "shop_admin"):
        survivor.session(role).close()
    login = {"data": {"username": "root", "password": survivor.passwords["root"]}}
    assert survivor.get("serve", "/api/v1/auth/login", login)[0] == 200


def test_a_killed_supervisor_loses_nothing(survivor: Start) -> None:
    with survivor.session("main_owner") as owner:
        assert owner.value("SELECT n FROM kept") == 1
    assert not any("was killed" in line or "exit status" in line for line in survivor.lines)


def test_parts_that_outlive_their_supervisor_are_ended_by_the_next_start(survivor: Start) -> None:
    assert any("ended what a killed start had left: " in line for line in survivor.lines)
    assert set(survivor.noted()) == set(PARTS)
    assert not survivor.outlived & set(survivor.remains())


def test_a_part_that_dies_five_times_in_a_minute_stops_everything_with_the_reason(
    start: Started, stopped: Start
) -> None:
    one = start(of=stopped, serve="listne = 1\n")
    assert one.process.wait(60) == 1
    assert sum("serve ended with exit status 2; it is started again" in line for line in one.lines) == 4
    error = next(line for line in one.lines if line.startswith("integratedb: "))
    assert "serve died 5 times in a minute; it ended with exit status 2 at last" in error
    assert "unknown option 'listne'; the nearest is listen" in error
    assert names_in_order(one.lines, "stopping") == ["api", "daemon", "postgres"]
    assert one.remains() == []


@pytest.mark.parametrize("name", ["daemon", "api", "serve", "postgres"])
def test_a_port_that_is_taken_is_named_with_the_option(directory: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused_start(directory / "data", f"--port-{name}", str(port))
    what = "Postgres" if name == "postgres" else f"integratedb {name}"
    assert one_line(done.stderr) == f"integratedb: port {port} of 127.0.0.1, that of {what}, is taken"
    assert done.stderr.endswith(f"HINT: --port-{name} PORT gives it another one.\n")


def test_without_a_server_the_error_says_what_to_install(directory: Path) -> None:
    done = refused_start(directory / "data", "--bindir", "/nonexistent")
    assert one_line(done.stderr) == "integratedb: /nonexistent has no initdb and postgres"


def test_a_server_without_the_extension_is_refused_with_the_remedy(directory: Path) -> None:
    with installation(with_extension=False) as files:
        done = refused_start(directory / "data", "--bindir", str(files.pg_config.parent))
    lines = done.stderr.splitlines()
    assert lines[0] == "integratedb: extension: the server has no files of integratedb"
    assert lines[1].startswith("HINT: In the source of IntegrateDB, on the server: make && sudo make install")


def test_a_directory_that_has_something_else_is_refused(directory: Path) -> None:
    data = directory / "home"
    data.mkdir()
    (data / "diary").write_text("dear")
    done = refused_start(data)
    assert "is not empty, and was not made by integratedb start" in one_line(done.stderr)
    assert [path.name for path in data.iterdir()] == ["diary"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to somebody")
def test_a_directory_of_somebody_else_is_refused(directory: Path) -> None:
    data = directory / "theirs"
    data.mkdir()
    os.chown(data, int(NOBODY), -1)
    done = refused_start(data)
    assert f"{data} belongs to user {NOBODY}" in one_line(done.stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_services_run_as_root_where_the_user_of_postgres_may_not_read_the_program(
    start: Started, stopped: Start, directory: Path
) -> None:
    closed = directory / "closed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", closed], check=True)
    ours, theirs = (sysconfig.get_path("purelib", vars={"base": base}) for base in (sys.prefix, str(closed)))
    Path(theirs, "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    closed.chmod(0o700)
    one = start(of=stopped, python=closed / "bin/python3").ready()
    users = {name: user_of(part["pid"]) for name, part in one.noted().items()}
    assert users == {"postgres": pwd.getpwnam("postgres").pw_uid, "daemon": 0, "api": 0, "serve": 0}
    assert any("the services run as root: user postgres may not read" in line for line in one.lines)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_a_directory_that_the_user_of_postgres_cannot_enter_is_named(directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    done = refused_start(closed / "data")
    assert re.search("user postgres, .* cannot enter .*/closed/data", one_line(done.stderr))


def test_with_dsn_it_uses_the_server_that_is_there(start: Started, cluster: Cluster) -> None:
    with cluster.session("postgres") as superuser:
        superuser.run(f"CREATE DATABASE started TEMPLATE {TEMPLATE}")
        superuser.run("ALTER ROLE postgres PASSWORD 'of a superuser'")
    dsn = f"host=127.0.0.1 port={cluster.port} dbname=started user=postgres password='of a superuser'"
    try:
        one = start("--dsn", dsn).ready()
        assert set(one.noted()) == {"daemon", "api", "serve"}
        assert not (one.data / "postgres").exists()
        logins = json.loads((one.data / "settings.json").read_text())["logins"]
        with cluster.session("started") as superuser:
            used = superuser.rows(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'started' AND usename <> 'postgres'"
            )
        assert {row[0] for row in used} <= set(logins.values())
        login = {"data": {"username": "root", "password": one.passwords["root"]}}
        assert one.get("serve", "/api/v1/auth/login", login)[0] == 200
        assert one.stop() == 0
        one.begin()
        one.ready()
        assert one.stop() == 0
        without = command("start", "--data", one.data)
        assert "was started with --dsn" in one_line(without.stderr)
    finally:
        with cluster.session("started") as superuser:
            eventually(
                lambda: (
                    superuser.value("SELECT count(*) FROM pg_replication_slots WHERE active AND database = 'started'")
                    == 0
                )
            )
            superuser.run(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'started'"
            )
            for (role,) in superuser.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'integratedb_login%'"):
                superuser.run(f"DROP ROLE {role}")
        with cluster.session("postgres") as superuser:
            superuser.run("DROP DATABASE started WITH (FORCE)")
            superuser.run("ALTER ROLE postgres PASSWORD NULL")
