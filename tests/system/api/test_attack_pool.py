"""What clients and code in the database may try against the connections and the memory that all requests share."""

from __future__ import annotations

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from integratedb.query.reading import read
from integratedb_companion.api import execution
from integratedb_companion.api.connection import LARGE_BYTES, DatabaseError, Query
from integratedb_companion.api.execution import Executor, Plan, Watch
from integratedb_companion.api.messages import Response
from integratedb_companion.api.pool import Pool
from integratedb_companion.api.surfaces import Surfaces
from tests.system.api.conftest import StartApi
from tests.system.api.harness import Api, Place, unique
from tests.system.harness import eventually
from tests.system.serve.harness import Raw

CSV = "Accept: text/csv"


def reads_nothing(api: Api, path: str, *headers: str) -> socket.socket:
    """Ask for something, and read nothing of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", api.port))
    client.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode())
    return client


def table_of_mb(place: Place, mb: int) -> str:
    """Make a table with rows of 10 kB."""
    name = unique("large")
    place.superuser.run(
        f"CREATE TABLE {name} AS SELECT g AS id, repeat('x', 10000) AS t FROM generate_series(1, {100 * mb}) AS g;"
        f"GRANT SELECT ON {name} TO {place.anonymous}"
    )
    return name


def memory_mb(api: Api, which: str = "VmRSS") -> float:
    [worker] = api.workers()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return int(next(line for line in lines if which in line).split()[1]) / 1024


def test_requests_of_clients_that_have_gone_are_not_run(place: Place, start_api: StartApi) -> None:
    """They wait for a connection, behind each other and in front of everybody else."""
    api = start_api(place, "--connections", "1", "--connection-timeout", "3s")
    api.get("/people?id=eq.1", role=place.user)
    clients: list[Raw] = []
    for _ in range(10):
        length = ("Content-Type: application/json", "Content-Length: 14")
        clients.append(api.raw("POST", "/rpc/slow", *length, body=b'{"seconds": 9}', role=place.user))
    eventually(lambda: place.running("slow") == 1)
    time.sleep(1)
    for client in clients:
        client.connection.close()
    began_s = time.monotonic()
    assert api.send("GET", "/people?id=eq.1&select=id").status_code == 200
    assert time.monotonic() - began_s < 2
    assert not [entry for entry in api.logs() if entry["level"] in ("error", "warning")]


def test_streams_that_nobody_reads_leave_connections_for_others(place: Place, start_api: StartApi) -> None:
    table = table_of_mb(place, 20)
    api = start_api(place, "--connections", "2", "--connection-timeout", "2s")
    clients = [reads_nothing(api, f"/{table}", CSV) for _ in range(4)]
    eventually(lambda: place.running(table) == 1)
    time.sleep(0.3)
    assert api.send("GET", "/people?id=eq.1&select=id").status_code == 200
    for client in clients:
        client.close()
    assert api.send("GET", "/people?select=id", headers={"Accept": "text/csv"}).status_code == 200


def test_answers_that_nobody_reads_do_not_fill_the_memory(place: Place, start_api: StartApi) -> None:
    table = table_of_mb(place, 40)
    api = start_api(place, "--max-rows", "100000", "--max-answer", "50MB")
    before_mb = memory_mb(api)
    clients = []
    for _ in range(4):
        clients += [reads_nothing(api, f"/{table}") for _ in range(4)]
        # One that is read is answered, whatever comes meanwhile.
        answer = api.send("GET", f"/{table}")
        assert (answer.status_code, len(answer.content) > 40_000_000) == (200, True)
    assert memory_mb(api) - before_mb < 360
    for client in clients:
        client.close()


def test_a_query_that_is_examined_under_locks_needs_one_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise as many such requests as there are connections would wait for each other."""
    monkeypatch.setattr(execution, "FREE_ATTEMPTS", 0)

    async def run() -> bytes:
        pool = Pool(place.dsn, 1, 1, prepares=True)
        surfaces = Surfaces(pool, ("public",), read)
        plan = Plan(Query(b"SELECT 'answer'"), True, list, lambda row: Response(200, [], row[0] or b""))
        plan.examine, plan.examined = Query(b"SELECT 'cost'", prepared=False), lambda _: plan
        response = await Executor(pool, surfaces).execute(place.user, lambda _: plan, Watch())
        pool.close()
        return response.body

    assert asyncio.run(run()) == b"answer"


def test_triggers_at_commit_have_the_time_of_a_statement(place: Place, start_api: StartApi) -> None:
    """Postgres limits no COMMIT, where the deferred triggers run."""
    api = start_api(place, "--connections", "1", "--statement-timeout", "1s")
    table = unique("deferred")
    place.superuser.run(
        f"CREATE TABLE {table} (id int); GRANT ALL ON {table} TO {place.user};"
        f"CREATE FUNCTION {table}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';"
        f"CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW EXECUTE FUNCTION {table}()"
    )
    for headers in ({}, {"Prefer": "return=representation"}):
        began_s = time.monotonic()
        answer = api.send("POST", f"/{table}", {"id": 1}, role=place.user, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (500, "57014")
        assert time.monotonic() - began_s < 10
    assert place.superuser.value(f"SELECT count(*) FROM {table}") == 0
    assert api.send("GET", "/people?id=eq.1").status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "RAISE EXCEPTION '%', repeat('x', {bytes})",
        "SET LOCAL client_min_messages = notice; RAISE NOTICE '%', repeat('x', {bytes})",
    ],
    ids=["error", "notice"],
)
def test_a_connection_that_got_a_long_message_is_not_used_again(place: Place, statement: str) -> None:
    """Libpq keeps the buffer that the message needed."""
    block = f"DO $$BEGIN {statement.format(bytes=2 * LARGE_BYTES)}; END$$".encode()

    async def run() -> tuple[int, int]:
        pool = Pool(place.dsn, 1, 1, prepares=True)
        async with pool.lend() as connection:
            first = connection.backend_pid
            with suppress(DatabaseError):
                await connection.run([Query(block, prepared=False)])
        async with pool.lend() as connection:
            second = connection.backend_pid
        pool.close()
        return first, second

    first, second = asyncio.run(run())
    assert first != second


def test_clients_that_leave_a_long_answer_are_no_error(place: Place, start_api: StartApi) -> None:
    table = table_of_mb(place, 20)
    api = start_api(place)
    with ThreadPoolExecutor() as pool:
        clients = list(pool.map(lambda _: reads_nothing(api, f"/{table}", CSV), range(3)))
    eventually(lambda: place.running(table) == 3)
    for client in clients:
        client.close()
    eventually(lambda: sum(entry["message"] == "answer not completed" for entry in api.logs()) == 3)
    time.sleep(0.5)
    assert not [entry for entry in api.logs() if entry["level"] in ("error", "warning")]
