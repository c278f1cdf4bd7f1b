"""The database as a whole over HTTP: what is unmet, sync, preview, dependents, status, the audit log."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.system.harness import eventually
from tests.system.serve.harness import Client, Place, unique


@pytest.fixture
def app(root: Client) -> dict[str, object]:
    """A stakeholder that claims public.orders."""
    created = root.stakeholder(unique("app"))
    claim = {"data": {"match": [{"path": "public.orders", "fields": ["id", "total"]}]}}
    root.data("PUT", f"/stakeholders/{created['id']}/claims", claim)
    return created


def test_a_preview_says_who_would_be_hurt_and_changes_nothing(root: Client, place: Place, app) -> None:
    unmet = root.data("POST", "/preview", {"data": "ALTER TABLE orders DROP COLUMN total; CREATE TABLE left_over ()"})
    (mine,) = [row for row in unmet if row["stakeholder"] == app["name"]]
    assert mine.keys() == {"claim_id", "stakeholder", "kind", "path", "problems", "hint"}
    assert [problem["field"] for problem in mine["problems"]] == ["total"]
    assert place.owner.value("SELECT total FROM orders") is not None
    assert place.owner.value("SELECT to_regclass('left_over')") is None
    assert root.data("POST", "/preview", {"data": "CREATE TABLE harmless ()"}) == []
    assert place.owner.value("SELECT to_regclass('harmless')") is None


def test_a_preview_runs_with_the_rights_of_its_login(root: Client) -> None:
    ((message, pointer),) = root.refused(422, "POST", "/preview", {"data": "CREATE ROLE x"})["detail"]
    assert "permission denied to create role" in message
    assert pointer == "#"
    said = root.data("POST", "/preview", {"data": "SET search_path = pg_catalog"})
    assert said == []


@pytest.mark.parametrize(
    ("ddl", "message"),
    [
        ("ALTER TABLE nowhere ADD x int", 'relation "nowhere" does not exist'),
        ("ALTER TABLE", "syntax error"),
        ("VACUUM", "cannot be previewed"),
        ("COMMIT", "line 1: COMMIT does not wrap the whole"),
        ("ROLLBACK; CREATE TABLE escaped ()", "line 1: ROLLBACK does not wrap the whole"),
        ("SELECT 1/0", "division by zero"),
        ("a\0b", "cannot store"),
    ],
)
def test_what_cannot_be_previewed_is_told(root: Client, place: Place, ddl: str, message: str) -> None:
    ((said, _),) = root.refused(422, "POST", "/preview", {"data": ddl})["detail"]
    assert message in said
    assert place.owner.value("SELECT to_regclass('escaped')") is None


def test_a_preview_tells_once_and_in_words_what_is_wrong_with_a_specification(root: Client, app) -> None:
    spec = '{"match": {"path": "orders", "colour": "red"}}'
    submit = f"SELECT integratedb_claim('{app['name']}', '{spec}')"
    ((said, place),) = root.refused(422, "POST", "/preview", {"data": submit})["detail"]
    assert said == (
        "invalid specification: 'colour' is not allowed in a match without alternatives; "
        "allowed: 'path', 'fields', 'unique', 'references', 'optional', 'until' (at #/match/colour)"
    )
    assert place == "#"


@pytest.mark.parametrize("code", ["IDB01", "IDB02", "IDB03"])
@pytest.mark.parametrize("detail", ["no JSON", "5", "[5]", "[[1, 2]]", "[{}]", '[["a", {"b": 1}]]', "[" * 10_000, None])
def test_statements_that_raise_our_errors_get_an_answer(root: Client, code: str, detail: str | None) -> None:
    more = "" if detail is None else f", DETAIL = '{detail}'"
    ddl = f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'{more}; END $$"
    ((said, _),) = root.refused(422, "POST", "/preview", {"data": ddl})["detail"]
    assert "made up" in said


def test_a_preview_waits_for_locks_only_briefly(root: Client, place: Place) -> None:
    with place.owner.transaction():
        place.owner.run("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        answer = root.send("POST", "/preview", {"data": "ALTER TABLE orders ADD more int"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json() == {"errors": {"detail": "Service Unavailable"}}


def test_only_root_previews(user) -> None:
    user().refused(403, "POST", "/preview", {"data": "SELECT 1"})


def test_what_is_unmet_is_listed(root: Client, place: Place, app) -> None:
    with place.superuser.transaction():
        place.superuser.run("SELECT integratedb_override('a test')")
        place.superuser.run("ALTER TABLE orders RENAME COLUMN total TO sum")
    try:
        # Claims of everything follow a sync; named ones do not.
        still = root.data("POST", "/sync")["unmet"]
        unmet = root.data("GET", "/unmet-claims?limit=1000")
        assert still == len(unmet)
        assert [row["path"] for row in unmet if row["stakeholder"] == app["name"]] == ["public.orders"]
        assert root.data("GET", f"/stakeholders/{app['id']}")["unmet"] == 1
        page = root.send("GET", "/unmet-claims?limit=1").json()
        following = root.data("GET", f"/unmet-claims?limit=1000&after={page['data'][0]['claim_id']}")
        assert page["data"] + following == unmet
    finally:
        with place.superuser.transaction():
            place.superuser.run("SELECT integratedb_override('a test')")
            place.superuser.run("ALTER TABLE orders RENAME COLUMN sum TO total")
    assert root.data("POST", "/sync") == {"unmet": 0}
    assert root.data("GET", "/unmet-claims") == []


def test_who_depends_on_what(root: Client, app) -> None:
    rows = root.data("GET", "/dependents?path=public.orders&field=total&limit=1000")
    assert {"stakeholder": app["name"], "kind": "claims", "dependency": "required"} in rows
    on_status = root.data("GET", "/dependents?path=public.orders&field=status&limit=1000")
    assert app["name"] not in [row["stakeholder"] for row in on_status]
    assert root.refused(422, "GET", "/dependents?path=public.ordrs")["detail"] == [
        ["there is no table or view public.ordrs, and nobody claims one. Did you mean public.orders?", "#"]
    ]
    for query, pointer in (("path=nonsense", "#"), ("", "#/path"), ("path=" + "x" * 301, "#/path")):
        ((_, place),) = root.refused(422, "GET", f"/dependents?{query}")["detail"]
        assert place == pointer


def test_the_status_is_that_of_the_database(root: Client, place: Place) -> None:
    said = root.data("GET", "/status")
    there: dict[str, str] = dict(place.superuser.rows("SELECT * FROM integratedb_status()"))
    assert {name: said[name] for name in ("version", "stakeholders", "enforcement")} == {
        name: there[name] for name in ("version", "stakeholders", "enforcement")
    }


def test_the_audit_log_is_newest_first_and_comes_in_pages(root: Client, place: Place) -> None:
    names = [unique("audited") for _ in range(4)]
    for name in names:
        place.owner.run(f"CREATE TABLE {name} ()")
    seen: list[str] = []
    after = 0
    for _ in range(4):
        answer = root.send("GET", f"/ddl-events?limit=1&after={after}").json()
        (row,) = answer["data"]
        assert (row["command_tag"], row["session_user_name"]) == ("CREATE TABLE", "shop_owner")
        seen.append(row["object_identity"].partition(".")[2])
        after = answer["next"]
    assert seen == names[::-1]
    last = root.data("GET", "/ddl-events?limit=1000")
    assert [row["id"] for row in last] == sorted((row["id"] for row in last), reverse=True)
    assert root.send("GET", f"/ddl-events?after={last[-1]['id']}").json()["next"] is None


def test_a_preview_ends_in_time_whatever_its_statements_catch(fresh: Place, start_service) -> None:
    """Postgres cancels a statement once: code that catches that goes on, with the locks that it has."""
    service = start_service(fresh.dsn, "--preview-dsn", f"{fresh.owner_dsn} options='-c statement_timeout=2s'")
    root = service.bootstrap()
    again = "BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;"
    body = {"data": f"LOCK TABLE orders; DO $$ BEGIN {again * 3} END $$"}

    def preview() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {root.token}"}, timeout=100) as http:
            http.post(f"{service.url}/api/v1/preview", json=body)

    asking = threading.Thread(target=preview, daemon=True)
    asking.start()
    previews = "FROM pg_stat_activity WHERE application_name = 'integratedb serve preview'"
    try:
        eventually(lambda: fresh.superuser.value(f"SELECT count(*) {previews}") == 1)
        eventually(lambda: fresh.superuser.value(f"SELECT count(*) {previews}") == 0, timeout_s=20)
    finally:
        fresh.superuser.run(f"SELECT pg_terminate_backend(pid) {previews}")
        asking.join()
