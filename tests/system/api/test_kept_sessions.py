"""A session that a plain statement left open serves the next one, and nothing of it reaches any other request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.api.harness import Api, Place
from tests.system.harness import eventually, pooler

OPENED = "integratedb_api_sessions_opened_total"


@pytest.fixture
def one(fresh: Place, start_api: Callable[..., Api]) -> Api:
    """A service with one connection, so that each request has the session of the one before."""
    return start_api(fresh, "--connections", "1")


def written(api: Api) -> tuple[float, float]:
    """Give how many requests were answered, and sessions opened, as soon as nothing more is written."""
    before = None
    while (now := _figures(api)) != before:
        before = now
    return now


def _figures(api: Api) -> tuple[float, float]:
    figures = api.metrics()
    requests = sum(value for name, value in figures.items() if name.startswith("integratedb_api_requests_total"))
    return requests, figures[OPENED]


def opened(api: Api, path: str, times: int, **more: Any) -> float:
    """Ask so often, and count how often a session was opened for it."""
    answered, before = written(api)
    for _ in range(times):
        assert api.send("GET", path, **more).status_code == 200
    # On a busy machine they are written later.
    eventually(lambda: _figures(api)[0] >= answered + times)
    return written(api)[1] - before


def test_plain_statements_of_a_role_share_an_open_session(one: Api, fresh: Place) -> None:
    one.get("/people?id=eq.1")
    # An open session counts for a second, and a busy machine may need several for these.
    assert opened(one, "/people?id=eq.1&select=id,age", 30) < 15
    assert opened(one, "/people?id=eq.1", 30, role=fresh.user, sub="ann") < 15


def test_other_statements_open_a_session_each_time(one: Api, fresh: Place) -> None:
    for path in ("/notes", "/rpc/setting?name=role"):
        one.send("GET", path, role=fresh.user)
        assert opened(one, path, 10, role=fresh.user) == 10
    fresh.superuser.run("CREATE VIEW seen AS SELECT id FROM people")
    fresh.superuser.run(f"GRANT SELECT ON seen TO {fresh.user}")
    assert opened(one, "/seen?limit=1", 10, role=fresh.user) >= 10


def test_a_session_is_the_next_callers_own(one: Api, fresh: Place) -> None:
    fresh.superuser.run(f"REVOKE SELECT ON people FROM {fresh.anonymous}")
    fresh.superuser.run(f"GRANT SELECT (id) ON people TO {fresh.anonymous}")
    for _ in range(3):
        assert one.get("/people?id=eq.1&select=id,name", role=fresh.user) == [{"id": 1, "name": "person 1"}]
        assert one.send("GET", "/people?id=eq.1&select=name").status_code in (400, 401, 403)
        assert one.get("/people?id=eq.1&select=id") == [{"id": 1}]
        assert one.get("/rpc/setting?name=role", role=fresh.user) == [fresh.user]
        assert one.get("/rpc/setting?name=request.jwt.claim.sub", role=fresh.user, sub="ann") == ["ann"]
        assert one.get("/people?id=eq.1&select=id", role=fresh.user, sub="ann") == [{"id": 1}]
        answer = one.send("POST", "/people", {"id": 5000, "name": "new"}, role=fresh.user)
        assert answer.status_code == 201, answer.text
        one.send("DELETE", "/people?id=eq.5000", role=fresh.user)
        assert one.get("/rpc/setting?name=default_transaction_read_only", role=fresh.user) == ["off"]


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("ALTER TABLE people ENABLE ROW LEVEL SECURITY", 0),
        ("CREATE RULE none AS ON INSERT TO people DO INSTEAD NOTHING", 1),
        ("CREATE TABLE elsewhere.child () INHERITS (public.people)", 1),
        ("CREATE INDEX ON people ((elsewhere.twice(id)))", 1),
        ("CREATE STATISTICS elsewhere.guess ON (elsewhere.twice(id)) FROM public.people", 1),
        ("ALTER TABLE people ADD CHECK (elsewhere.twice(id) > 0)", 1),
        ("ALTER TABLE people ALTER COLUMN name TYPE elsewhere.called", 1),
    ],
)
def test_a_table_that_gets_code_is_plain_no_longer(one: Api, fresh: Place, change: str, rows: int) -> None:
    fresh.superuser.run("CREATE SCHEMA elsewhere; CREATE DOMAIN elsewhere.called AS text")
    fresh.superuser.run(
        "CREATE FUNCTION elsewhere.twice(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * n; END'"
    )
    assert opened(one, "/people?id=eq.1", 10, role=fresh.user) < 10
    fresh.superuser.run(change)
    assert len(one.get("/people?id=eq.1&select=id", role=fresh.user)) == rows
    assert opened(one, "/people?id=eq.1", 10, role=fresh.user) == 10


@pytest.mark.parametrize("target", ["json", "text"])
def test_a_table_whose_enum_gets_a_cast_is_plain_no_longer(one: Api, fresh: Place, target: str) -> None:
    fresh.superuser.run("CREATE SCHEMA elsewhere; CREATE TYPE elsewhere.mood AS ENUM ('well')")
    fresh.superuser.run("ALTER TABLE people ADD mood elsewhere.mood DEFAULT 'well'")
    path = "/people?id=eq.1&select=id,mood"
    assert opened(one, path, 10, role=fresh.user) < 10
    fresh.superuser.run(
        f"CREATE FUNCTION elsewhere.told(elsewhere.mood) RETURNS {target} LANGUAGE plpgsql"
        f" AS 'BEGIN RETURN ''7''::{target}; END'"
    )
    fresh.superuser.run(f"CREATE CAST (elsewhere.mood AS {target}) WITH FUNCTION elsewhere.told(elsewhere.mood)")
    one.get(path, role=fresh.user)
    assert opened(one, path, 10, role=fresh.user) == 10


def test_a_role_that_is_taken_away_is_refused_at_once(one: Api, fresh: Place) -> None:
    assert opened(one, "/people?id=eq.1", 10, role=fresh.user) < 10
    fresh.superuser.run(f"REVOKE {fresh.user} FROM api_login")
    assert one.send("GET", "/people?id=eq.1", role=fresh.user).status_code == 403


def test_behind_a_pooler_each_request_opens_its_own(fresh: Place, start_api: Callable[..., Api]) -> None:
    with pooler(fresh.cluster, ("api_login",)) as there:
        dsn = f"host={there.host} port={there.port} dbname={fresh.name} user=api_login"
        api = start_api(fresh, "--connections", "1", "--no-prepare", dsn=dsn)
        api.get("/people?id=eq.1")
        assert opened(api, "/people?id=eq.1", 10) == 10
