"""The command: configuration, exit statuses, signals, what it serves."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support import Session
from tests.system import processes
from tests.system.conftest import new_cluster
from tests.system.harness import DAEMON_ROLE, SECRET, Daemon, Receiver, Shop, eventually, order_ids, pooler


def run(*options: str, command: str = "daemon", **environment: str) -> subprocess.CompletedProcess[str]:
    return processes.run([command, *options], timeout_s=30, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--slot", "Bad-Name"], "slot"),
        (["--deny-address", "10.0.0.0/99"], "deny-address"),
        (["--max-lag", "much"], "max-lag"),
        (["--log-level", "loud"], "log-level"),
        (["--dsn", "no such = thing ="], "dsn"),
        (["--config", "/nonexistent.toml"], "nonexistent"),
    ],
)
def test_bad_configuration_is_one_line_and_status_2(options: list[str], word: str) -> None:
    result = run(*options)
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1
    assert lines[0].startswith("integratedb: ")
    assert word in lines[0]


def test_a_wrong_password_and_a_missing_right_are_configuration(shop: Shop) -> None:
    dsn = shop.cluster.dsn(shop.database)
    assert run("--dsn", dsn.replace("password=", "password=x")).returncode == 2
    login = f"user={shop.stakeholder} password={shop.password}"
    stakeholder = f"host=127.0.0.1 port={shop.cluster.port} dbname={shop.database} {login}"
    result = run("--dsn", stakeholder)
    assert result.returncode == 2
    assert f"GRANT integratedb_daemon TO {shop.stakeholder}" in result.stderr
    assert f"ALTER ROLE {shop.stakeholder} REPLICATION" in result.stderr
    assert shop.password not in result.stderr


def warnings_of_wal_level(session: Session) -> list[str]:
    return [str(warning) for warning in session.warnings() if "wal_level" in str(warning)]


def test_what_notifications_need_is_told_once_and_when_they_are_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    with new_cluster(tmp_path_factory.mktemp("cluster") / "link") as cluster:
        with cluster.session("postgres") as superuser:
            superuser.run("ALTER SYSTEM SET wal_level = replica")
        cluster.restart("fast")
        with cluster.session("postgres") as superuser:
            superuser.run("CREATE EXTENSION integratedb CASCADE")
            superuser.run("CREATE TABLE orders (id bigint PRIMARY KEY)")
            superuser.run("SELECT integratedb_create_stakeholder('mailer')")
            orders = '{"match": {"path": "public.orders", "fields": ["id"]}}'
            superuser.run("SELECT integratedb_claim('mailer', %s)", orders)
            assert warnings_of_wal_level(superuser) == []
            superuser.run("SELECT integratedb_notify('mailer', %s)", orders)
            assert warnings_of_wal_level(superuser) == [
                "nothing is notified yet: wal_level is replica, notifications need logical"
            ]
            superuser.run("SELECT integratedb_notify('mailer', %s)", '{"match": []}')
            assert len(warnings_of_wal_level(superuser)) == 1


def test_a_pooler_in_between_is_configuration(shop: Shop) -> None:
    with pooler(shop.cluster, [DAEMON_ROLE]) as there:
        dsn = f"host={there.host} port={there.port} dbname={shop.database} user={DAEMON_ROLE}"
        # PgBouncer refuses settings at the start of a connection, and may be told to ignore them.
        result = run("--dsn", dsn)
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
        there.ignore_options()
        eventually(lambda: "a pooler is in between" in run("--dsn", dsn).stderr)


def test_flags_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "integratedb.toml"
    file.write_text('slot = "From-File"\nlisten = "from-file"\n')
    assert "from-flag" in run("--config", str(file), "--listen", "from-flag", INTEGRATEDB_LISTEN="from-env").stderr
    assert "from-env" in run("--config", str(file), INTEGRATEDB_LISTEN="from-env").stderr
    assert "from-file" in run("--config", str(file)).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'accept_gap = "false"', "accept_gap must be true or false, and is a string"),
        (b"accept_gap = 0", "accept_gap must be true or false, and is a number"),
        (b'deny_address = "10.0.0.0/8"', "deny_address must be an array of strings, and is a string"),
        (b"deny_address = [10]", "deny_address must be an array of strings, and is an array of other things"),
        (b"slot = true", "slot must be a string, and is true or false"),
        (b"slot = 2024-01-01", "slot must be a string, and is a date or time"),
        (b"max_lag = 1.5", 'max_lag must be a size such as "2GB", and is a fraction'),
        (b"max_lag = true", "max_lag must be a size"),
        ('max_lag = "²MB"'.encode(), "max-lag"),
        ('listen = "localhost:²"'.encode(), "HOST:PORT"),
        (b'listen = "' + b"x" * 70 + b':80"', "HOST:PORT"),
        (b'[dsn]\npassword = "s3cr3t"', "dsn must be a string, and is a table"),
        (b'dsn = "a\\u0000b"', "null character"),
        (b'sloot = "x"', "unknown option 'sloot'; the nearest is slot"),
        (b'deny-address = ["10.0.0.0/8"]', "unknown option 'deny-address'; the nearest is deny_address"),
        (b"zzz = 1", "unknown option 'zzz'; there are dsn, slot,"),
        (b'"a\\nb" = 1', r"unknown option 'a\nb'"),
        (b'slot = "\xff"', "not UTF-8 (at byte 8)"),
        (b"slot = ", "Invalid value"),
        (b"x = " + b"[" * 100_000, "too deep"),
    ],
)
def test_a_file_of_another_form_is_one_line_and_status_2(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "integratedb.toml"
    file.write_bytes(content)
    result = run("--config", str(file))
    assert result.returncode == 2
    [line] = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("integratedb: ")
    assert words in line
    assert "s3cr3t" not in line


def test_a_variable_that_is_no_switch_is_one_line_and_status_2() -> None:
    result = run(INTEGRATEDB_ACCEPT_GAP="perhaps")
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line == "integratedb: INTEGRATEDB_ACCEPT_GAP must be true or false, and is 'perhaps'"
    # A value that is good does not hide what comes after it.
    for value in ("false", "TRUE", ""):
        assert "Bad-Name" in run("--slot", "Bad-Name", INTEGRATEDB_ACCEPT_GAP=value).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'connections = "many"', "connections must be a number, and is a string"),
        (b'trusted_proxy = "10.0.0.0/8"', "trusted_proxy must be an array of strings, and is a string"),
        (b"preview_dns = 1", "unknown option 'preview_dns'; the nearest is preview_dsn"),
        (b'tls_certificate = "\\u0000"', "null character"),
        (b'listen = "\xff"', "not UTF-8"),
    ],
)
def test_the_file_of_serve_is_read_as_strictly(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "integratedb.toml"
    file.write_bytes(content)
    result = run("--config", str(file), command="serve")
    assert result.returncode == 2
    [line] = [line for line in result.stderr.splitlines() if line]
    assert words in line


def test_libpqs_own_variables_work(shop: Shop, receiver: Receiver) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(shop.cluster.port), "PGDATABASE": shop.database}
    environment |= {"PGUSER": "companion", "PGPASSWORD": "companion-password"}
    daemon = Daemon("", shop.slot, shop.directory / "daemon.log", environment=environment)
    shop.daemons.append(daemon)
    daemon.ready()
    shop.insert(1, 1)
    eventually(lambda: order_ids(receiver.delivered()) == [1])


def test_a_port_that_is_taken_is_configuration(shop: Shop) -> None:
    first = shop.daemon()
    result = run("--dsn", shop.cluster.dsn(shop.database), "--slot", shop.slot, "--listen", f"127.0.0.1:{first.port}")
    assert result.returncode == 2
    assert "cannot listen" in result.stderr


def assert_waits_for_the_server(daemon: Daemon) -> None:
    eventually(lambda: daemon.get("/live")[0] == 200)
    eventually(lambda: daemon.get("/ready") == (503, "the database cannot be reached\n"))
    eventually(lambda: [line for line in daemon.logs() if line["message"] == "database unreachable"])


def test_a_server_that_is_down_at_the_start_is_waited_for(shop: Shop, receiver: Receiver) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    shop.cluster.stop_for_a_while()
    try:
        stopped, daemon = shop.daemon(wait=False), shop.daemon(wait=False)
        for one in (stopped, daemon):
            assert_waits_for_the_server(one)
        assert stopped.stop(timeout_s=10) == 0
    finally:
        shop.cluster.crash()
    daemon.ready()
    with shop.cluster.session(shop.database, "shop_owner") as owner:
        owner.run("INSERT INTO orders VALUES (1, 'new')")
    eventually(lambda: order_ids(receiver.delivered()) == [1])


def test_a_server_that_is_full_at_the_start_is_waited_for(shop: Shop) -> None:
    with shop.cluster.session("postgres") as superuser:
        superuser.run("ALTER ROLE companion CONNECTION LIMIT 0")
        try:
            daemon = shop.daemon(wait=False)
            eventually(lambda: [line for line in daemon.logs() if "too many connections" in line.get("error", "")])
        finally:
            superuser.run("ALTER ROLE companion CONNECTION LIMIT -1")
    daemon.ready()


@pytest.mark.parametrize("prepared", [False, True])
def test_the_first_start_tells_which_open_transaction_it_waits_for(
    shop: Shop, receiver: Receiver, prepared: bool
) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET}, {"type": "SOCKET"})
    with shop.cluster.session(shop.database) as other:
        other.run("BEGIN")
        other.run("SELECT pg_current_xact_id()")
        who = f"process {other.value('SELECT pg_backend_pid()')}"
        if prepared:
            other.run(f"PREPARE TRANSACTION '{shop.slot}'")
            who = "a prepared transaction"
        try:
            told = f"the slot waits for a transaction that is open: {who}\n"
            stopped = shop.daemon(wait=False)
            eventually(lambda: stopped.get("/ready") == (503, told))
            assert any(line["message"] == told.partition(":")[0] for line in stopped.logs())
            assert stopped.stop(timeout_s=15) == 0
            daemon = shop.daemon(wait=False)
            eventually(lambda: daemon.get("/ready") == (503, told))
            # No client is told that its channel does not exist, or that its password is wrong.
            path = f"http://127.0.0.1:{daemon.port}/v1/notifications/SOCKET"
            credentials = base64.b64encode(f"{shop.stakeholder}:{shop.password}".encode()).decode()
            for _ in range(10):
                request = urllib.request.Request(path, headers={"Authorization": f"Basic {credentials}"})
                request.add_header("Connection", "Upgrade")
                request.add_header("Upgrade", "websocket")
                request.add_header("Sec-WebSocket-Version", "13")
                request.add_header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request, timeout=5)
                with refused.value as answer:
                    assert answer.code == 503
                    assert int(answer.headers["Retry-After"]) > 0
        finally:
            other.run(f"COMMIT PREPARED '{shop.slot}'" if prepared else "COMMIT")
    daemon.ready()
    shop.insert(1, 1)
    eventually(lambda: order_ids(receiver.delivered()) == [1])


def test_sigterm_finishes_what_is_in_flight(shop: Shop, receiver: Receiver) -> None:
    def behave(_: str) -> int:
        time.sleep(1)
        return 204

    receiver.behave = behave
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 1)
    time.sleep(0.3)
    assert daemon.stop() == 0
    assert order_ids(receiver.delivered()) == [1]
    receiver.behave = lambda _: 204
    shop.insert(2, 2)
    shop.daemon()
    eventually(lambda: len(receiver.delivered()) >= 2)
    assert order_ids(receiver.delivered()) == [1, 2]


def test_sighup_reads_the_configuration_again(shop: Shop, receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "integratedb.toml"
    file.write_text('deny_address = ["127.0.0.0/8"]\n')
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon("--config", str(file))
    shop.insert(1, 1)
    eventually(lambda: shop.queued("hook") == 1)
    file.write_text("deny_address = []\n")
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: order_ids(receiver.delivered()) == [1])
    file.write_text("deny_address = [")
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: any(line["message"] == "configuration not taken over" for line in daemon.logs()))
    shop.insert(2, 2)
    eventually(lambda: order_ids(receiver.delivered()) == [1, 2])


def test_what_the_daemon_tells_of_itself(shop: Shop, receiver: Receiver) -> None:
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon()
    shop.insert(1, 5)
    eventually(lambda: daemon.metric("integratedb_events_delivered_total") == 5)
    assert daemon.metric("integratedb_delivery_latency_seconds_count") >= 1
    assert daemon.get("/live") == (200, "live\n")
    assert daemon.get("/ready") == (200, "ready\n")
    assert daemon.get("/nothing")[0] == 404
    assert all({"time", "level", "message"} <= entry.keys() for entry in daemon.logs())
    assert SECRET not in daemon.log_file.read_text()


def test_too_much_lag_is_not_ready(shop: Shop, receiver: Receiver) -> None:
    def behave(_: str) -> int:
        time.sleep(4)
        return 204

    receiver.behave = behave
    shop.notify({"name": "hook", "type": "WEBHOOK", "url": receiver.url(), "secret": SECRET})
    daemon = shop.daemon("--max-lag", "0")
    shop.insert(1, 1)
    eventually(lambda: daemon.get("/ready") != (200, "ready\n"))
    assert "bytes behind" in daemon.get("/ready")[1]
