"""What users get wrong is one line and the documented exit status: closed streams, malformed variables, odd files."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.system.command_line.conftest import Place, run
from tests.system.hostile import raw_server
from tests.system.processes import COMMAND

MALFORMED = [
    {"PGCONNECT_TIMEOUT": "abc"},
    {"PGPORT": "abc"},
    {"PGPORT": "70000"},
    {"PGSSLMODE": "nonsense"},
    {"PGTARGETSESSIONATTRS": "nonsense"},
    {"PGHOST": "a,b", "PGPORT": "1,2,3"},
    {"PGHOSTADDR": "nonsense"},
    {"PGHOST": "\udcff"},
    {"PGSERVICE": "nosuch"},
    {"PGSERVICE": "a", "PGSERVICEFILE": "/nonexistent"},
    {"PGSERVICE": "a", "PGSERVICEFILE": "{service}"},
    {"INTEGRATEDB_DSN": "service=nosuch"},
    {"INTEGRATEDB_DSN": "connect_timeout=1e999"},
    {"INTEGRATEDB_DSN": "postgresql://%zz"},
    {"INTEGRATEDB_DSN": "dbname=\udcff"},
]
REFUSED = [
    {"PGCLIENTENCODING": "EUC_TW", "PGUSER": "nobody_here"},
    {"PGOPTIONS": "nonsense"},
    {"PGDATESTYLE": "nonsense"},
    {"PGTZ": "nonsense"},
    {"PGDATABASE": "\udcff"},
]


def one_line(shown: str) -> str:
    """Give the line that says what is wrong; a hint may follow."""
    line, *more = shown.splitlines()
    assert line.startswith("integratedb: ")
    assert not [other for other in more if not other.startswith("HINT: ")], shown
    assert "should not have happened" not in line
    return line


@pytest.mark.parametrize("variables", MALFORMED, ids=lambda found: next(iter(reversed(found.items())))[0])
def test_a_malformed_variable_is_wrong_usage(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "service").write_text("[a]\nnosuch=1\n")
    given = {name: value.format(service=tmp_path / "service") for name, value in variables.items()}
    result = run("status", **given)
    one_line(result.stderr)
    assert result.returncode == 2, result.stderr


@pytest.mark.parametrize("variables", REFUSED, ids=lambda found: next(iter(found)))
def test_what_the_server_refuses_is_no_connection(variables: dict[str, str], place: Place) -> None:
    one_line(place.run("status", status=5, **variables).stderr)


def test_values_that_postgres_cannot_store_are_wrong_usage(place: Place) -> None:
    one_line(place.run("preview", "-", stdin="SELECT 1;\0", status=2).stderr)
    one_line(place.run("access", "a\udcff", status=2).stderr)


@pytest.mark.parametrize("program", ["integratedb status", "integratedb --help", "integratedb schema"])
def test_output_that_cannot_be_written_is_told_and_output_that_nobody_reads_is_not(program: str, place: Place) -> None:
    def shell(command: str) -> tuple[int, str]:
        script = f'integratedb() {{ {" ".join(COMMAND)} "$@"; }}; {command}'
        environment = {"PATH": "/usr/bin:/bin", **place.environment("shop_admin")}
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=environment)
        return done.returncode, done.stderr

    for where, why in ((">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")):
        status, said = shell(f"{program} {where}")
        assert (status, one_line(said)) == (2, f"integratedb: standard output cannot be written: {why}")
    # The pause lets `true` end first.
    assert shell(f"set -o pipefail; (sleep 0.5; {program}) | true") == (141, "")
    assert shell(f"{program} 2>&- > /dev/null") == (0, "")
    assert shell(f"{program} <&- > /dev/null") == (0, "")
    assert shell(f"PYTHONIOENCODING=ascii {program} > /dev/null") == (0, "")


def test_a_password_that_cannot_be_shown_does_not_become_good(place: Place) -> None:
    for where in (">&-", "> /dev/full"):
        command = f"{' '.join(COMMAND)} stakeholder add mailer {where}"
        environment = {"PATH": "/usr/bin:/bin", **place.environment("shop_admin")}
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    with place.session() as superuser:
        assert superuser.rows("SELECT name FROM integratedb_stakeholders()") == []


def test_standard_input_that_is_closed_is_empty(place: Place) -> None:
    for arguments in ("stakeholder drop nobody", "claim nobody -", "unlock"):
        command = f"{' '.join(COMMAND)} {arguments} <&-"
        environment = {"PATH": "/usr/bin:/bin", **place.environment("shop_admin")}
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode in (0, 1, 2), done.stderr
        assert "Traceback" not in done.stderr


def test_a_login_that_only_reads_is_refused_what_writes(place: Place) -> None:
    with place.session() as superuser:
        superuser.run(f"ALTER ROLE shop_admin IN DATABASE {place.database} SET default_transaction_read_only = on")
    place.run("stakeholder", "list")
    refused = place.run("stakeholder", "add", "mailer", status=1)
    assert "25006" in one_line(refused.stderr)
    assert "default_transaction_read_only" in refused.stderr


def test_what_answers_and_is_no_postgres_is_named_so() -> None:
    """Any program may listen at a port: here one that lets everybody in, and then sends no message of the protocol."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"R" + struct.pack("!II", 8, 0) + b"Z" + struct.pack("!I", 5) + b"I")
        connection.recv(1 << 16)
        connection.sendall(b"\xff" * 100)

    with raw_server(answer) as port:
        where = f"host=127.0.0.1 port={port} user=x dbname=x sslmode=disable gssencmode=disable"
        result = run("status", "--dsn", where)
    assert result.returncode == 5
    assert result.stderr.startswith(
        "integratedb: what answers there does not speak the protocol of Postgres: lost sync"
    )
