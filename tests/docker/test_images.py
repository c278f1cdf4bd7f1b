"""The released images: who they run as, what is in them, how a cluster begins and ends."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.docker.support import MAJORS, NEWEST, PASSWORD, ROOT, Container, eventually, postgres

VERSION = re.findall(r"^default_version = '(.+)'$", (ROOT / "integratedb.control").read_text(), re.MULTILINE)[0]
IMAGES = [*(f"integratedb:{major}" for major in MAJORS), "integratedb-companion", "integratedb-redis"]
IMAGES += ["integratedb-start"] if "17" in MAJORS else []


def described(image: str) -> dict[str, dict[str, str]]:
    (told,) = json.loads(subprocess.check_output(["docker", "image", "inspect", image]))
    return dict(told["Config"])


@pytest.mark.parametrize("image", IMAGES)
def test_nobody_is_root_and_there_is_nothing_to_compile_with(image: str) -> None:
    look = "id -u; command -v gcc cc clang make pip pip3; ls -A /usr/include 2> /dev/null; true"
    command = ["docker", "run", "--rm", "--entrypoint", "bash", image, "-c", look]
    assert subprocess.check_output(command, text=True).strip() in ("999", "10001")


@pytest.mark.parametrize("image", IMAGES)
def test_it_has_a_health_check_and_labels_and_no_password(image: str) -> None:
    config = described(image)
    assert config["Healthcheck"]
    assert config["Labels"]["org.opencontainers.image.title"]
    assert not [variable for variable in config["Env"] if "PASSWORD" in variable]


@pytest.mark.parametrize("image", [image for image in IMAGES if "redis" not in image])
def test_its_label_tells_the_version_of_the_control_file(image: str) -> None:
    assert described(image)["Labels"]["org.opencontainers.image.version"] == VERSION


@pytest.mark.parametrize("major", MAJORS)
def test_a_new_cluster_has_the_extension_and_lets_nobody_in_without_a_password(major: str) -> None:
    with postgres(major, POSTGRES_DB="some where", POSTGRES_USER="chief", INTEGRATEDB_DAEMON_PASSWORD="it's") as server:
        with server.session("chief", "some where", PASSWORD) as chief:
            assert chief.value("SHOW server_version").startswith(major)
            assert chief.value("SELECT extversion FROM pg_extension WHERE extname = 'integratedb'") == VERSION
            assert chief.value("SHOW wal_level") == "logical"
            verifiers = chief.rows("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
            assert [verifier[:14] for (verifier,) in verifiers] == ["SCRAM-SHA-256$"] * 2
        server.session("companion", "some where", "it's").close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            server.session("chief", "some where", "wrong")
        assert "POSTGRES_PASSWORD=" not in server.run("tr '\\0' '\\n' < /proc/1/environ")


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    file.chmod(0o444)
    tmp_path.chmod(0o755)
    container = Container(f"integratedb:{NEWEST}").with_exposed_ports(5432)
    container.with_env("POSTGRES_PASSWORD_FILE", "/password").with_volume_mapping(str(file), "/password")
    with container:
        container.healthy().session("postgres", "postgres", "from a file").close()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no password for the superuser: set POSTGRES_PASSWORD"),
        ({"POSTGRES_PASSWORD": "a", "POSTGRES_PASSWORD_FILE": "/b"}, "are both set"),
        ({"POSTGRES_PASSWORD_FILE": "/nowhere"}, "cannot read /nowhere"),
    ],
    ids=["none", "both", "unreadable"],
)
def test_without_a_usable_password_it_says_so_and_ends(environment: dict[str, str], said: str) -> None:
    container = Container(f"integratedb:{NEWEST}")
    for variable, value in environment.items():
        container.with_env(variable, value)
    with container:
        assert container.ended() == 1
        assert said in container.log()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A directory for /docker-entrypoint-initdb.d that anybody may read."""
    tmp_path.chmod(0o755)
    return tmp_path


def with_scripts(scripts: Path) -> Container:
    container = Container(f"integratedb:{NEWEST}").with_exposed_ports(5432).with_env("POSTGRES_PASSWORD", PASSWORD)
    container.with_env("POSTGRES_DB", "shop").with_volume_mapping(str(scripts), "/docker-entrypoint-initdb.d")
    return container


def test_scripts_are_run_once_in_the_order_of_their_names(scripts: Path) -> None:
    (scripts / "1.sql").write_text("CREATE TABLE said (word text); INSERT INTO said VALUES ('one');")
    (scripts / "2.sh").write_text(
        """psql -c "INSERT INTO said VALUES ('two')"; echo "work_mem = '7MB'" >> "$PGDATA/postgresql.conf" """
    )
    (scripts / "3.sql.gz").write_bytes(subprocess.check_output(["gzip"], input=b"INSERT INTO said VALUES ('three')"))
    with with_scripts(scripts) as container:
        container.healthy()
        container.get_wrapped_container().restart()
        with container.healthy().session("postgres", "shop", PASSWORD) as session:
            assert session.rows("SELECT word FROM said") == [("one",), ("two",), ("three",)]
            assert session.value("SHOW work_mem") == "7MB"


def test_a_script_that_fails_leaves_no_half_made_cluster_to_be_taken_for_a_whole_one(scripts: Path) -> None:
    (scripts / "1.sql").write_text("CREATE TABLE said (word text); SELECT 1/0;")
    with with_scripts(scripts) as container:
        assert container.ended() == 1
        assert "division by zero" in container.log()
        (scripts / "1.sql").write_text("CREATE TABLE said (word text)")
        container.get_wrapped_container().start()
        with container.healthy().session("postgres", "shop", PASSWORD) as session:
            assert session.rows("SELECT word FROM said") == []
        assert "beginning anew" in container.log()


def test_docker_stop_shuts_down_fast_and_in_order() -> None:
    with postgres(NEWEST) as server:
        session = server.session("postgres", "postgres", PASSWORD)
        session.run("BEGIN")
        server.get_wrapped_container().stop(timeout=30)
        session.close()
        assert server.inspect()["State"]["ExitCode"] == 0
        assert "received fast shutdown request" in server.log()
        assert "database system is shut down" in server.log()


def test_sigterm_while_a_cluster_is_being_made_ends_it(scripts: Path) -> None:
    (scripts / "1.sh").write_text("echo waiting; sleep 600")
    with with_scripts(scripts) as container:
        eventually(lambda: "waiting" in container.log(), message="the script")
        container.get_wrapped_container().kill("SIGTERM")
        assert container.ended(timeout_s=30) == 143


def test_the_companion_tells_its_version() -> None:
    told = subprocess.check_output(["docker", "run", "--rm", "integratedb-companion", "--version"], text=True)
    assert VERSION in told
