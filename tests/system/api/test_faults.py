"""What goes wrong while requests are made: clients hang up, connections die, servers restart or are stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from integratedb_companion.api import login_check
from integratedb_companion.common.configuration import ConfigurationError
from tests.system.api.harness import LOGIN, LOGIN_PASSWORD, Api, Place, run_command, unique
from tests.system.conftest import TEMPLATE, new_cluster
from tests.system.harness import Cluster, eventually, free_port, pooler


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_hangs_up_cancels_its_query(api: Api, place: Place, method: str) -> None:
    if method == "GET":
        raw = api.raw("GET", "/rpc/slow?seconds=60", role=place.user)
    else:
        raw = api.raw("POST", "/rpc/slow", "Content-Type: application/json", "Content-Length: 14", role=place.user)
        raw.send(b'{"seconds":60}')
    eventually(lambda: place.running("slow") == 1, timeout_s=20)
    raw.connection.close()
    eventually(lambda: place.running("slow") == 0, timeout_s=20)
    assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]


def test_a_client_that_hangs_up_in_a_stream_frees_its_connection(api: Api, place: Place) -> None:
    place.superuser.run(
        "CREATE OR REPLACE VIEW many AS SELECT g AS id, repeat('x', 1000) AS t FROM generate_series(1, 500000) g"
    )
    place.superuser.run(f"GRANT SELECT ON many TO {place.anonymous}")
    for _ in range(4):  # more than it has connections
        raw = api.raw("GET", "/many", "Accept: application/x-ndjson")
        assert raw.connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        raw.connection.close()
    eventually(lambda: place.running("many") == 0, timeout_s=20)
    assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]


def test_a_stream_waits_for_its_reader_in_little_memory(fresh: Place, start_api) -> None:
    fresh.superuser.run("CREATE VIEW many AS SELECT g AS id, repeat('x', 1000) AS t FROM generate_series(1, 50000) g")
    fresh.superuser.run(f"GRANT SELECT ON many TO {fresh.anonymous}")
    # On a busy machine, fifty megabytes may take longer than a statement may by default.
    api = start_api(fresh, "--statement-timeout", "300s")
    (worker,) = api.workers()

    def resident_mb() -> float:
        status = Path(f"/proc/{worker}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    api.send("GET", "/many?limit=2000", headers={"Accept": "application/x-ndjson"})
    before_mb = resident_mb()
    raw = api.raw("GET", "/many", "Accept: application/x-ndjson", "Connection: close")
    eventually(lambda: fresh.running("many") == 1, timeout_s=20)
    time.sleep(1)
    assert resident_mb() - before_mb < 30
    size, end = 0, b""
    while data := raw.connection.recv(1 << 20):
        size += len(data)
        end = (end + data)[-7:]
    assert end == b"\r\n0\r\n\r\n", (size, api.logs()[-3:])
    assert size > 50_000_000
    assert resident_mb() - before_mb < 40


def test_a_stream_that_fails_in_the_middle_is_not_whole(api: Api, place: Place) -> None:
    place.superuser.run("CREATE OR REPLACE VIEW failing AS SELECT 1 / (g - 5000) AS x FROM generate_series(1, 9000) g")
    place.superuser.run(f"GRANT SELECT ON failing TO {place.anonymous}")
    with pytest.raises(httpx.RemoteProtocolError):
        api.send("GET", "/failing", headers={"Accept": "application/x-ndjson"})
    place.superuser.run("CREATE OR REPLACE VIEW failing AS SELECT 1 / (g - 1) AS x FROM generate_series(1, 9000) g")
    assert api.send("GET", "/failing", headers={"Accept": "application/x-ndjson"}).json()["code"] == "22012"


def test_connections_that_die_are_replaced(api: Api, place: Place) -> None:
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'api_login'"
    for _ in range(3):
        api.get("/people?id=eq.1")
        assert place.superuser.value(kill) >= 1
        time.sleep(0.1)
        assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(api.send, "POST", "/rpc/slow", {"seconds": 30}, role=place.user)
        eventually(lambda: place.running("slow") == 1, timeout_s=20)
        place.superuser.value(kill)
        assert answer.result().status_code == 503
    assert api.get("/people?id=eq.1&select=id") == [{"id": 1}]


def test_a_write_whose_connection_dies_is_not_repeated(api: Api, place: Place) -> None:
    place.superuser.run("CREATE SEQUENCE IF NOT EXISTS tries")
    place.superuser.run(
        "CREATE OR REPLACE FUNCTION dies() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS "
        "'SELECT nextval(''public.tries''); SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1 FROM pg_sleep(1)'"
    )
    assert api.send("POST", "/rpc/dies", {}, role=place.user).status_code == 503
    assert place.superuser.value("SELECT last_value FROM tries") == 1


def test_busy_connections_are_waited_for_and_then_given_up(fresh: Place, start_api) -> None:
    api = start_api(fresh, "--connections", "1", "--connection-timeout", "1s")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(api.send, "POST", "/rpc/slow", {"seconds": 2.5}, role=fresh.user)
        eventually(lambda: fresh.running("slow") == 1, timeout_s=20)
        began_s = time.monotonic()
        answer = api.send("GET", "/people?id=eq.1")
        assert (answer.status_code, answer.json()["code"]) == (504, "PGRST003")
        assert time.monotonic() - began_s < 2
        assert slow.result().status_code == 200
    assert api.send("GET", "/people?id=eq.1").status_code == 200


def test_a_database_that_restarts(tmp_path: Path, start_api) -> None:
    with new_cluster(tmp_path / "link") as cluster:
        with cluster.session("postgres") as superuser:
            superuser.run(f"CREATE ROLE {LOGIN} LOGIN NOINHERIT PASSWORD '{LOGIN_PASSWORD}'")
            superuser.run(f"CREATE ROLE anonymous; GRANT anonymous TO {LOGIN}")
        with cluster.session(TEMPLATE) as superuser:
            superuser.run("CREATE TABLE people AS SELECT 1 AS id; GRANT SELECT ON people TO anonymous")
            place = Place(cluster, TEMPLATE, superuser, "anonymous", "anonymous")
        check_restart(cluster, start_api(place))


def check_restart(data_cluster: Cluster, api: Api) -> None:
    """Stop the database and start it again."""
    assert httpx.get(f"{api.admin_url}/ready", timeout=10).status_code == 200
    api.get("/people?id=eq.1")
    data_cluster.stop_for_a_while()
    answer = api.send("GET", "/people?id=eq.1")
    assert (answer.status_code, answer.json()["code"]) == (503, "PGRST000")
    assert answer.headers["retry-after"] == "1"
    eventually(lambda: httpx.get(f"{api.admin_url}/ready", timeout=10).status_code == 503, timeout_s=20)
    assert httpx.get(f"{api.admin_url}/live", timeout=10).status_code == 200
    data_cluster.crash()
    eventually(lambda: api.send("GET", "/people?id=eq.1").status_code == 200, timeout_s=20)
    eventually(lambda: httpx.get(f"{api.admin_url}/ready", timeout=10).status_code == 200, timeout_s=20)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_finished_at_a_stop(fresh: Place, start_api, stop: signal.Signals) -> None:
    api = start_api(fresh, "--workers", "2")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(api.send, "POST", "/rpc/slow", {"seconds": 2}, role=fresh.user)
        eventually(lambda: fresh.running("slow") == 1, timeout_s=20)
        api.process.send_signal(stop)
        assert answer.result().status_code == 200
    assert api.process.wait(20) == 0
    eventually(lambda: not fresh.sessions(), timeout_s=20)


def test_a_worker_that_dies_is_replaced(fresh: Place, start_api) -> None:
    api = start_api(fresh, "--workers", "2")

    def is_ready() -> bool:
        return bool(httpx.get(f"{api.admin_url}/ready", timeout=10).status_code == 200)

    def answers() -> bool:
        try:
            return bool(api.send("GET", "/people?id=eq.1").status_code == 200)
        except httpx.TransportError:  # what waited for the dead worker, and before the other one listens
            return False

    workers = api.workers()
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: len(api.workers()) == 2 and workers[0] not in api.workers() and is_ready(), timeout_s=30)
    for _ in range(5):
        eventually(answers, timeout_s=30)


def test_the_surface_follows_migrations_at_once(api: Api, place: Place) -> None:
    name = unique("table")
    assert api.send("GET", f"/{name}").status_code == 404
    place.superuser.run(f"CREATE TABLE {name} AS SELECT 1 AS a, 2 AS b; GRANT SELECT ON {name} TO {place.anonymous}")
    assert api.get(f"/{name}") == [{"a": 1, "b": 2}]
    for change, rows in (
        (f"ALTER TABLE {name} RENAME b TO c", [{"a": 1, "c": 2}]),
        (f"ALTER TABLE {name} ALTER a TYPE text", [{"a": "1", "c": 2}]),
        (f"ALTER TABLE {name} ADD d int DEFAULT 3", [{"a": "1", "c": 2, "d": 3}]),
        (f"ALTER TABLE {name} DROP c", [{"a": "1", "d": 3}]),
        (f"REVOKE ALL ON {name} FROM {place.anonymous}; GRANT SELECT (d) ON {name} TO {place.anonymous}", [{"d": 3}]),
    ):
        place.superuser.run(change)
        assert api.get(f"/{name}") == rows
    place.superuser.run(f"DROP TABLE {name}")
    assert api.send("GET", f"/{name}").status_code == 404


def test_writes_happen_once_while_migrations_run(api: Api, place: Place) -> None:
    name = unique("table")
    place.superuser.run(f"CREATE TABLE {name} (id int PRIMARY KEY); GRANT ALL ON {name} TO {place.user}")
    ended = threading.Event()

    def migrate() -> None:
        with place.cluster.session(place.name) as session:
            number = 0
            while not ended.is_set():
                number += 1
                session.run(f"ALTER TABLE {name} ADD c{number % 5} int; ALTER TABLE {name} DROP c{number % 5}")
                time.sleep(0.02)

    thread = threading.Thread(target=migrate)
    thread.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            statuses = list(
                pool.map(lambda n: api.send("POST", f"/{name}", {"id": n}, role=place.user).status_code, range(100))
            )
    finally:
        ended.set()
        thread.join()
    made = place.superuser.value(f"SELECT count(*) FROM {name}")
    assert (statuses, made) == ([201] * 100, 100)


def test_through_a_pooler_in_transaction_mode(fresh: Place, start_api) -> None:
    with pooler(fresh.cluster, ("api_login",)) as there:
        dsn = f"host={there.host} port={there.port} dbname={fresh.name} user=api_login"
        api = start_api(fresh, "--no-prepare", dsn=dsn)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: api.get(f"/people?id=eq.{n}&select=id"), range(1, 60)))
        assert answers == [[{"id": number}] for number in range(1, 60)]
        made = api.send("POST", "/notes", {"id": 5, "body": "x"}, role=fresh.user, sub="ann")
        assert made.status_code == 201
        assert api.get("/notes?select=id", role=fresh.user, sub="ann") == [{"id": 5}]
        fresh.superuser.run("ALTER TABLE notes RENAME body TO text")
        assert api.get("/notes?select=id,text", role=fresh.user, sub="ann") == [{"id": 5, "text": "x"}]


def test_limits(place: Place, start_api) -> None:
    api = start_api(place, "--max-body", "1kB")
    head = ("Content-Type: application/json",)
    assert api.raw("POST", "/notes", *head, "Content-Length: 2000", role=place.user).status() == 413
    chunked = api.raw("POST", "/notes", *head, "Transfer-Encoding: chunked", role=place.user)
    for _ in range(3):
        chunked.send(b"200\r\n" + b"x" * 512 + b"\r\n")
    assert chunked.status() == 413
    assert api.raw("GET", "/people?" + "x" * 40_000).status() == 414
    assert api.raw("GET", "/people", "X-Long: " + "x" * 40_000).status() == 431
    assert (
        api.raw("POST", "/notes", *head, "Content-Encoding: gzip", "Content-Length: 5", role=place.user).status() == 415
    )
    slow = api.raw("GET", "/people")
    slow.connection.close()


def only_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("integratedb: ")]
    return line


def test_logins_that_may_too_much_are_refused(fresh: Place) -> None:
    there = f"host={fresh.cluster.socket} port={fresh.cluster.port} dbname={fresh.name}"
    role = unique("login")
    superuser = fresh.superuser
    superuser.run(f"CREATE ROLE {role} LOGIN NOINHERIT")

    def refusal() -> str:
        # Without a process for each: starting one takes longer than the check.
        with pytest.raises(ConfigurationError) as refused:
            asyncio.run(login_check.check(f"{there} user={role}", ("public",), None))
        return str(refused.value)

    assert "superuser" in only_line(run_command("--dsn", f"{there} user=postgres"))
    for attribute, word in (
        ("BYPASSRLS", "row security"),
        ("CREATEROLE", "create roles"),
        ("REPLICATION", "replication"),
    ):
        superuser.run(f"ALTER ROLE {role} {attribute}")
        assert word in refusal()
        superuser.run(f"ALTER ROLE {role} NO{attribute}")
    for group in (
        "postgres",
        "integratedb_admin",
        "integratedb_daemon",
        "integratedb_management",
        "pg_read_server_files",
    ):
        superuser.run(f"GRANT {group} TO {role}")
        assert f"REVOKE {group} FROM {role}" in refusal()
        superuser.run(f"REVOKE {group} FROM {role}")
    superuser.run(f"CREATE TABLE owned (); ALTER TABLE owned OWNER TO {role}")
    assert "owns owned" in refusal()
    superuser.run("DROP TABLE owned")
    assert "does not exist" in only_line(run_command("--dsn", f"{there} user={role}", "--schemas", "nowhere"))
    assert "GRANT" in only_line(run_command("--dsn", f"{there} user={role}", "--anonymous", fresh.anonymous))
    assert "no extension" in only_line(run_command("--dsn", f"{there.replace(fresh.name, 'postgres')} user={role}"))
    superuser.run(f"DROP ROLE {role}")


def test_bad_configuration_is_one_line_and_status_2(fresh: Place) -> None:
    for options, word in (
        (("--dsn", "host=127.0.0.1 port=1 dbname=x"), "refused"),
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--jwt-secret", "short"), "at least 32"),
        (("--config", "/nonexistent.toml"), "nonexistent"),
        (("--postgrest-config", "/nonexistent.conf"), "nonexistent"),
        (("--dsn", fresh.dsn, "--listen", f"127.0.0.1:{fresh.cluster.port}"), "cannot listen"),
    ):
        line = only_line(run_command(*options))
        assert word in line
        assert "short" not in line


def test_postgrests_variables_are_enough(fresh: Place, start_api) -> None:
    port, admin = free_port(), free_port()
    environment = {
        "PGRST_DB_URI": fresh.dsn,
        "PGRST_DB_ANON_ROLE": fresh.anonymous,
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
        "PGRST_ADMIN_SERVER_PORT": str(admin),
        "PGRST_APP_SETTINGS_MOOD": "good",
    }
    process = None
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "integratedb_companion.cli", "api"],
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
        )

        def rows() -> int:
            try:
                return len(httpx.get(f"http://127.0.0.1:{port}/people", timeout=10).json())
            except httpx.TransportError:
                return 0

        assert eventually(rows, timeout_s=30) == 2000
        assert "good" in httpx.get(f"http://127.0.0.1:{port}/rpc/setting?name=app.settings.mood", timeout=10).text
        assert httpx.get(f"http://127.0.0.1:{admin}/live", timeout=10).status_code == 200
        # Scripts let PostgREST read the schema, or its file, again like this.
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.5)
        assert process.poll() is None
        assert rows() == 2000
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)


def test_figures_and_logs_say_nothing_of_values(api: Api, place: Place) -> None:
    api.send("GET", "/people?name=eq.topsecret", role=place.user, sub="secretsubject")
    read = 'integratedb_api_requests_total{method="GET",route="/relation",status="200"}'
    eventually(lambda: api.metrics().get(read, 0) >= 1)
    # A request is logged after its answer.
    eventually(lambda: any(line.get("role") == place.user and line["route"] == "/relation" for line in api.logs()))
    log = api.log_file.read_text()
    assert "topsecret" not in log
    assert "secretsubject" not in log


def test_bodies_that_would_take_too_much_memory_together_are_refused_for_a_while(
    fresh: Place, start_api: Callable[..., Api]
) -> None:
    api = start_api(fresh, "--workers", "1")
    held = []
    for _ in range(6):
        announced = ("Content-Type: application/json", "Content-Length: 10000000")
        held.append(api.raw("POST", "/people", *announced, role=fresh.user))
        held[-1].send(b"[" + b" " * 9_900_000)
    time.sleep(3)
    refused = api.send("POST", "/people", [{"id": 1, "name": "x" * 9_000_000}], role=fresh.user)
    assert (refused.status_code, refused.json()["code"]) == (503, "PGRST136"), refused.text
    assert refused.headers["retry-after"] == "1"
    assert api.send("POST", "/people", {"id": 5001, "name": "small"}, role=fresh.user).status_code == 201
    for one in held:
        one.connection.close()
    row = {"id": 5002, "name": "x" * 9_000_000}
    assert api.send("POST", "/people", row, role=fresh.user).status_code == 201


def test_a_body_that_comes_slowly_is_whole(api: Api, place: Place) -> None:
    body = b'[{"id": 7001, "name": "slow"}, {"id": 7002, "name": "slow"}]'
    length = f"Content-Length: {len(body)}"
    raw = api.raw("POST", "/people", "Content-Type: application/json", length, "Prefer: tx=rollback", role=place.user)
    for start in range(0, len(body), 10):
        raw.send(body[start : start + 10])
        time.sleep(0.05)
    assert raw.status() == 201
