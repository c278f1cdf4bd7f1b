"""What runs after `integratedb start --demo`: where, as whom, and what can be done with it."""

from __future__ import annotations

import base64
import json
import os
import pwd
import re
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from tests.support import refused
from tests.system.harness import eventually
from tests.system.start.harness import PARTS, Start, command, names_in_order, user_of


def test_the_parts_start_in_order(shop: Start) -> None:
    assert names_in_order(shop.lines, "starting")[:4] == list(PARTS)


def test_the_first_screen_says_what_runs_where_and_how_to_log_in(shop: Start) -> None:
    said = shop.said
    for words in (
        f"127.0.0.1:{shop.postgres_port}, database main",
        f"data API            http://127.0.0.1:{shop.ports['api']}\n",
        f"management API      http://127.0.0.1:{shop.ports['serve']}/api/v1/docs\n",
        f"console             http://127.0.0.1:{shop.ports['serve']}/console\n",
        f"user root, password {shop.passwords['root']}\n",
        f"integratedb stop --data {shop.data}",
    ):
        assert words in said


def test_no_other_password_is_in_the_log_and_none_on_a_command_line(shop: Start) -> None:
    passwords = shop.passwords
    assert [name for name, password in passwords.items() if password in shop.said] == ["root"]
    assert shop.said.count(passwords["root"]) == 1
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in shop.remains()]
    assert lines
    assert [name for name, password in passwords.items() if any(password in line for line in lines)] == []


def test_the_passwords_are_in_files_that_nobody_else_reads(shop: Start) -> None:
    for name in ("passwords.json", "pgpass"):
        assert stat.S_IMODE((shop.data / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((shop.data / "postgres").stat().st_mode) == 0o700


def test_a_colour_is_for_terminals(shop: Start) -> None:
    assert "\x1b" not in shop.said


def test_postgres_is_durable_and_asks_everybody_for_a_password(shop: Start) -> None:
    with shop.session() as superuser:
        for setting, value in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "wal_level": "logical",
            "password_encryption": "scram-sha-256",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(shop.data / "run"),
        }.items():
            assert superuser.value(f"SHOW {setting}") == value
        rules = superuser.rows("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert rules == [("scram-sha-256",)]
        assert superuser.value("SELECT count(*) FROM pg_extension WHERE extname = 'integratedb'") == 1
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(shop.data / "run"), port=shop.postgres_port, user="postgres", dbname="main")


def test_each_login_has_the_rights_of_its_job(shop: Start) -> None:
    with shop.session() as superuser:
        rows = superuser.rows(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls, rolreplication, rolinherit,"
            " (SELECT array_agg(roleid::regrole::text ORDER BY 1) FROM pg_auth_members WHERE member = r.oid)"
            " FROM pg_roles r WHERE rolname LIKE 'integratedb_login%' ORDER BY 1"
        )
    assert rows == [
        ("integratedb_login_api", False, False, False, ["integratedb_authenticator"]),
        ("integratedb_login_daemon", False, True, True, ["integratedb_daemon"]),
        ("integratedb_login_serve", False, False, True, ["integratedb_admin", "integratedb_management"]),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_runs_all_parts_as_an_unprivileged_user(shop: Start) -> None:
    owner = pwd.getpwnam("postgres").pw_uid
    assert {user_of(part["pid"]) for part in shop.noted().values()} == {owner}
    assert "Postgres and the services run as user postgres" in shop.said


def test_status_shows_each_part_and_that_it_is_ready(shop: Start) -> None:
    done = command("status", "--data", shop.data)
    assert done.returncode == 0
    assert done.stdout.startswith(f"pid {shop.process.pid} runs these parts since 20")
    shown = [line.split() for line in done.stdout.splitlines() if line.startswith(PARTS)]
    assert [line[0] for line in shown] == list(PARTS)
    assert all("ready" in line for line in shown)


def test_a_second_start_says_who_has_the_directory(shop: Start) -> None:
    done = command("start", "--data", shop.data)
    assert done.returncode == 1
    assert re.search(rf"is in use: integratedb start runs there, pid {shop.process.pid}, since 20\d\d-", done.stderr)
    assert f"integratedb stop --data {shop.data}" in done.stderr


def test_root_logs_in_to_the_management_api(shop: Start) -> None:
    login = {"data": {"username": "root", "password": shop.passwords["root"]}}
    status, answer = shop.get("serve", "/api/v1/auth/login", login)
    assert status == 200
    token = answer["data"]["token"]
    _, listed = shop.get("serve", "/api/v1/stakeholders", authorization=f"Bearer {token}")
    assert [one["name"] for one in listed["data"]] == ["mailer", "parcels", "reporter"]
    ddl = {"ddl": "ALTER TABLE shop.customers DROP COLUMN email"}
    status, _ = shop.get("serve", "/api/v1/preview", ddl)
    assert status == 401


def test_a_stakeholder_of_the_demo_reads_over_http(shop: Start) -> None:
    login = base64.b64encode(f"reporter:{shop.passwords['reporter']}".encode()).decode()
    status, answer = shop.get("api", "/oauth/token", b"grant_type=client_credentials", authorization=f"Basic {login}")
    assert status == 200
    bearer = f"Bearer {answer['access_token']}"
    assert shop.get("api", "/orders?select=id,total&limit=1&order=id", authorization=bearer) == (
        200,
        [{"id": 1, "total": 60.90}],
    )
    status, rows = shop.get("api", "/queries/big-orders?least=77", authorization=bearer)
    assert status == 200
    assert rows[0] == {"id": 3, "total": 77.20}


def test_a_migration_that_breaks_a_contract_of_the_demo_is_refused(shop: Start) -> None:
    with shop.session("shop_owner") as owner, refused("IDB01"):
        owner.run("ALTER TABLE shop.customers RENAME COLUMN email TO e_mail")


def test_the_variables_lead_the_command_to_the_database(shop: Start) -> None:
    text = (shop.data / "env").read_text()
    variables = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", text, re.MULTILINE))
    done = command("dependents", "shop.customers", "email", "--json", **variables)
    assert [one["stakeholder"] for one in json.loads(done.stdout)] == ["mailer"], done.stderr


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_killed_is_started_again_and_nothing_is_lost(shop: Start, name: str) -> None:
    with shop.session() as superuser:
        superuser.run("CREATE TABLE IF NOT EXISTS kept (part text)")
        superuser.run("INSERT INTO kept VALUES (%s)", name)
    before = shop.noted()[name]["pid"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: shop.noted()[name]["pid"] not in (before, None) and shop.noted()[name]["ready"], timeout_s=30)
    assert any(f"{name} was killed by SIGKILL; it is started again in 0.2 s" in line for line in shop.lines)
    eventually(lambda: all(part["ready"] for part in shop.parts().values()), timeout_s=30)
    with shop.session() as superuser:
        assert superuser.value("SELECT count(*) FROM kept WHERE part = %s", name) == 1
