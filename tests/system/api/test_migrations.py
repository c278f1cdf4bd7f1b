"""Requests while the schema changes: none fails that the schema of its moment allowed, and none answers what was."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.system.api.harness import Api, Place, token
from tests.system.harness import pooler
from tests.system.standbys import Standby

ROUNDS = 3

TABLES = """
CREATE TABLE things (id int PRIMARY KEY, name text);
INSERT INTO things SELECT g, 'thing ' || g FROM generate_series(1, 100) AS g;
CREATE TABLE made (id int PRIMARY KEY, thread int);
CREATE VIEW shown AS SELECT id, name FROM things;
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * x';
"""
#: Changes that leave alone what the clients use.
CHANGES = (
    "ALTER TABLE things ADD extra_{n} int",
    "ALTER TABLE things RENAME extra_{n} TO other_{n}",
    "ALTER TABLE made ADD note text; ALTER TABLE made DROP note",
    "CREATE OR REPLACE VIEW shown AS SELECT id, name, {n} AS c FROM things",
    "CREATE TABLE passing_{n} AS SELECT 1 AS a; DROP TABLE passing_{n}",
    "ALTER FUNCTION twice(int) SET work_mem = '{n}MB'",
    "ALTER TABLE things DROP other_{n}",
)


def prepare(place: Place) -> None:
    """Make the tables, and let a role use them."""
    place.superuser.run(TABLES.replace("shown AS SELECT id, name", "shown AS SELECT id, name, 0 AS c"))
    place.superuser.run(f"GRANT ALL ON things, made, shown TO {place.user}")


@contextmanager
def clients(api: Api, place: Place, *actions: Callable[[httpx.Client, int], httpx.Response]) -> Iterator[list[str]]:
    """Let a client do each of the actions all the time; give what failed."""
    ended = threading.Event()
    failures: list[str] = []
    headers = {"Authorization": f"Bearer {token(place.user)}"}

    def work(action: Callable[[httpx.Client, int], httpx.Response]) -> None:
        with httpx.Client(base_url=api.url, headers=headers, timeout=60) as http:
            for number in itertools.count(1):
                try:
                    answer = action(http, number)
                    if not answer.is_success:
                        failures.append(
                            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
                        )
                except httpx.HTTPError as problem:
                    failures.append(repr(problem))
                if ended.is_set():
                    return

    threads = [threading.Thread(target=work, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def check(api: Api, place: Place) -> None:
    """Change the schema while clients use it."""
    written = itertools.count(1)
    last = 0

    def read(http: httpx.Client, number: int) -> httpx.Response:
        return http.get(f"/things?id=eq.{number % 100 + 1}&select=id,name")

    def read_view(http: httpx.Client, number: int) -> httpx.Response:
        return http.get(f"/shown?id=eq.{number % 100 + 1}&select=id,name")

    def write(http: httpx.Client, number: int) -> httpx.Response:
        nonlocal last
        last = next(written)
        return http.post("/made", json={"id": last, "thread": number})

    def call(http: httpx.Client, number: int) -> httpx.Response:
        return http.post("/rpc/twice", json={"x": number})

    with clients(api, place, read, read_view, write, call) as failures:
        for n in range(1, ROUNDS + 1):
            for change in CHANGES:
                place.superuser.run(change.format(n=n))
                if "things" in change and "VIEW" not in change:
                    columns = place.superuser.rows(
                        "SELECT attname FROM pg_attribute"
                        " WHERE attrelid = 'things'::regclass AND attnum > 0 AND NOT attisdropped"
                    )
                    (row,) = api.get("/things?id=eq.1", role=place.user)
                    assert set(row) == {name for (name,) in columns}
                elif "VIEW" in change:
                    assert api.get("/shown?id=eq.1&select=c", role=place.user) == [{"c": n}]
    assert not failures
    assert place.superuser.value("SELECT count(*) FROM made") == last > ROUNDS


def test_no_request_fails_while_migrations_run(fresh: Place, start_api) -> None:
    prepare(fresh)
    check(start_api(fresh), fresh)


def test_no_request_fails_behind_a_pooler(fresh: Place, start_api) -> None:
    prepare(fresh)
    with pooler(fresh.cluster, ("api_login",)) as there:
        dsn = f"host={there.host} port={there.port} dbname={fresh.name} user=api_login"
        api = start_api(fresh, "--no-prepare", dsn=dsn)
        check(api, fresh)
        api.stop()


@pytest.fixture
def standby(fresh: Place) -> Iterator[Standby]:
    """A standby of the cluster."""
    copy = Standby(fresh.cluster)
    yield copy
    copy.stop()
    shutil.rmtree(copy.socket)


def test_a_standby_answers_what_it_has_replayed(fresh: Place, standby: Standby, start_api) -> None:
    prepare(fresh)
    standby.catch_up(fresh.superuser)
    api = start_api(fresh, dsn=fresh.dsn.replace(str(fresh.cluster.port), str(standby.port)))
    refused = api.send("POST", "/made", {"id": 1, "thread": 1}, role=fresh.user)
    assert (refused.status_code, refused.json()["code"]) == (405, "25006")

    def read(http: httpx.Client, number: int) -> httpx.Response:
        return http.get(f"/things?id=eq.{number % 100 + 1}&select=id,name")

    with clients(api, fresh, read, read) as failures:
        for n in range(1, 5):
            fresh.superuser.run(f"ALTER TABLE things ADD extra_{n} int")
            standby.catch_up(fresh.superuser)
            (row,) = api.get("/things?id=eq.1", role=fresh.user)
            assert list(row)[-1] == f"extra_{n}"
            fresh.superuser.run(f"ALTER TABLE things RENAME extra_{n} TO other_{n}")
            standby.catch_up(fresh.superuser)
            assert api.get(f"/things?id=eq.1&select=other_{n}", role=fresh.user) == [{f"other_{n}": None}]
    assert not failures
