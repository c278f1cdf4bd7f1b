"""The planner's estimates: of counts, of costs, and plans."""

from __future__ import annotations

import httpx
import pytest

from tests.system.api.conftest import StartApi
from tests.system.api.harness import Place


@pytest.fixture
def counted(fresh: Place) -> Place:
    """A database whose planner knows its tables, and believes that people has more rows than it has."""
    fresh.superuser.run("CREATE VIEW adults AS SELECT * FROM people WHERE age > 17")
    fresh.superuser.run(f"GRANT SELECT ON adults TO {fresh.anonymous}")
    fresh.superuser.run("INSERT INTO notes SELECT g, NULL, 'x', 'bob' FROM generate_series(1, 5000) AS g")
    # Nobody else may analyse it, because the estimates are those of now.
    fresh.superuser.run("ALTER TABLE people SET (autovacuum_enabled = off)")
    fresh.superuser.run("ANALYZE people, notes")
    fresh.superuser.run("DELETE FROM people WHERE id > 1500")
    return fresh


@pytest.mark.parametrize(
    ("path", "count", "shown", "status"),
    [
        ("/people?limit=2", "planned", "0-1/2000", 206),
        ("/people?limit=2", "estimated", "0-1/2000", 206),
        ("/people?limit=2", "exact", "0-1/1500", 206),
        ("/people?id=lt.101&limit=2&offset=98", "estimated", "98-99/100", 206),
        ("/adults?limit=1", "planned", "0-0/1200", 206),
    ],
)
def test_counts(counted: Place, start_api: StartApi, path: str, count: str, shown: str, status: int) -> None:
    api = start_api(counted)
    for _ in range(2):
        answer = api.send("GET", path, headers={"Prefer": f"count={count}"})
        found = answer.headers["content-range"]
        if path.startswith("/adults"):
            assert int(found.partition("/")[2]) == counted.superuser.value("SELECT count(*) FROM adults")
        else:
            assert found == shown
        assert (answer.status_code, answer.headers["preference-applied"]) == (status, f"count={count}")


def test_an_estimate_tells_nothing_of_rows_that_policies_hide(counted: Place, start_api: StartApi) -> None:
    api = start_api(counted)
    answer = api.send("GET", "/notes", headers={"Prefer": "count=planned"}, role=counted.user, sub="ann")
    assert answer.headers["content-range"] == "*/0"


def test_plans_are_answered_where_they_are_switched_on(counted: Place, start_api: StartApi) -> None:
    wanted = {"Accept": "application/vnd.pgrst.plan+json; options=analyze"}
    assert start_api(counted).send("GET", "/people", headers=wanted).status_code == 406
    api = start_api(counted, "--plan")
    answer = api.send("GET", "/people?id=eq.1", headers=wanted)
    assert answer.json()[0]["Plan"]["Actual Rows"] == 1
    assert answer.headers["content-type"].startswith("application/vnd.pgrst.plan+json")
    text = api.send("GET", "/people?id=eq.1", headers={"Accept": "application/vnd.pgrst.plan"}).text
    assert "Index Scan using people_pkey" in text
    assert "\n" in text
    # What EXPLAIN ANALYZE does is undone.
    assert api.send("DELETE", "/people?id=eq.1", headers=wanted, role=counted.user).status_code == 200
    assert counted.superuser.value("SELECT count(*) FROM people WHERE id = 1") == 1


def test_what_costs_too_much_is_refused(counted: Place, start_api: StartApi) -> None:
    api = start_api(counted, "--max-cost", "30")
    for _ in range(2):
        answer = api.send("GET", "/people?name=like.*7")
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST135")
        assert answer.json()["message"].endswith("is more than 30")
        assert api.send("GET", "/people?id=eq.1").status_code == 200
    assert api.send("GET", "/people?order=name", headers={"Accept": "text/csv"}).status_code == 400
    assert api.send("PATCH", "/people?name=eq.x", {"age": 1}, role=counted.user).status_code == 400
    assert api.send("PATCH", "/people?id=eq.1", {"age": 1}, role=counted.user).status_code == 204


def test_what_cost_too_much_is_refused_without_asking_again(counted: Place, start_api: StartApi) -> None:
    api = start_api(counted, "--max-cost", "30")
    assert api.send("GET", "/people?name=like.*7").status_code == 400
    with counted.superuser.transaction():
        # The planner would wait for the lock, and so would a request with other values.
        counted.superuser.run("LOCK TABLE people")
        answer = api.send("GET", "/people?name=like.*7")
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST135")
        with httpx.Client(timeout=1) as http, pytest.raises(httpx.ReadTimeout):
            http.get(f"{api.url}/people?name=like.*8")
