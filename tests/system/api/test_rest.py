"""REST over HTTP: statuses, headers, and what a transaction leaves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.api.harness import Api, Place

JSON = "application/json; charset=utf-8"


@pytest.fixture
def user(place: Place) -> dict[str, Any]:
    """Who sends requests: a role of its own notes."""
    return {"role": place.user, "sub": "ann"}


def test_rows_are_read_with_their_range(api: Api) -> None:
    answer = api.send("GET", "/people?id=lt.3&select=id,name&order=id")
    assert answer.json() == [{"id": 1, "name": "person 1"}, {"id": 2, "name": "person 2"}]
    assert answer.headers["content-type"] == JSON
    assert answer.headers["content-range"] == "0-1/*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server-timing" in answer.headers
    assert api.send("GET", "/people?id=lt.0").headers["content-range"] == "*/*"


def test_requests_of_one_shape_share_a_statement_with_other_values(api: Api) -> None:
    for number in (1, 2, 3, 2):
        answer = api.send("GET", f"/people?id=gte.{number}&order=id&limit=1&offset={number}")
        assert [row["id"] for row in answer.json()] == [2 * number]
        assert answer.headers["content-range"] == f"{number}-{number}/*"


@pytest.mark.parametrize(
    ("headers", "query", "status", "content_range"),
    [
        ({"Prefer": "count=exact"}, "?limit=2", 206, "0-1/2000"),
        ({"Prefer": "count=exact"}, "?id=lt.3", 200, "0-1/2"),
        ({"Prefer": "count=exact"}, "?id=lt.0", 200, "*/0"),
        ({"Range": "5-6"}, "", 200, "5-6/*"),
        ({"Range": "5-6", "Prefer": "count=exact"}, "", 206, "5-6/2000"),
        ({"Prefer": "count=exact"}, "?offset=3000", 416, "*/2000"),
        ({}, "", 206, "0-999/*"),
        ({}, "?limit=0", 200, "*/*"),
    ],
)
def test_ranges(api: Api, headers: dict[str, str], query: str, status: int, content_range: str) -> None:
    answer = api.send("GET", f"/people{query}", headers=headers)
    assert (answer.status_code, answer.headers["content-range"]) == (status, content_range)
    assert (answer.headers.get("integratedb-truncated") == "true") == (not headers and not query)


def test_one_object(api: Api) -> None:
    wanted = {"Accept": "application/vnd.pgrst.object+json"}
    assert api.send("GET", "/people?id=eq.1&select=id", headers=wanted).json() == {"id": 1}
    answer = api.send("GET", "/people?id=lt.3", headers=wanted)
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")


def test_head_and_options(api: Api, user: dict[str, Any]) -> None:
    answer = api.send("HEAD", "/people?limit=2", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, b"", "0-1/2000")
    assert api.send("OPTIONS", "/people").headers["allow"] == "OPTIONS,GET,HEAD"
    assert api.send("OPTIONS", "/people", **user).headers["allow"] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"


def test_the_root_describes_what_the_role_may_do(api: Api, user: dict[str, Any]) -> None:
    anonymous, more = api.send("GET", "/"), api.send("GET", "/", **user)
    assert anonymous.headers["content-type"] == "application/openapi+json; charset=utf-8"
    assert (anonymous.json()["openapi"], set(anonymous.json()["paths"]["/people"])) == ("3.1.0", {"get"})
    assert "/notes" not in anonymous.json()["paths"]
    assert set(more.json()["paths"]["/notes"]) == {"get", "post", "put", "patch", "delete"}
    old = api.send("GET", "/", headers={"Accept": "application/openapi+json;version=2.0"}, **user)
    assert old.json()["swagger"] == "2.0"


def test_streams_are_whole(api: Api) -> None:
    lines = api.send("GET", "/people?order=id", headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert len(lines) == 2000
    assert lines[-1] == '{"id":2000,"name":"person 2000","age":20}'
    csv = api.send("GET", "/people?order=id&select=id,name", headers={"Accept": "text/csv"})
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.text.splitlines()[:2] == ["id,name", "1,person 1"]
    assert len(csv.text.splitlines()) == 2001


def test_writes(api: Api, place: Place, user: dict[str, Any]) -> None:
    made = api.send("POST", "/notes", {"id": 100, "body": "a"}, headers={"Prefer": "return=representation"}, **user)
    assert (made.status_code, made.json()) == (201, [{"id": 100, "person_id": None, "body": "a", "owner": "ann"}])
    assert made.headers["preference-applied"] == "return=representation"
    assert made.headers["integratedb-row-security"] == "applied"
    located = api.send("POST", "/notes", {"id": 101}, headers={"Prefer": "return=headers-only"}, **user)
    assert (located.status_code, located.headers["location"], located.content) == (201, "/notes?id=eq.101", b"")
    several = api.send("POST", "/notes", [{"id": 102}, {"id": 103}], headers={"Prefer": "count=exact"}, **user)
    assert (several.status_code, several.headers["content-range"]) == (201, "*/2")
    changed = api.send("PATCH", "/notes?id=in.(102,103)", {"body": "b"}, **user)
    assert (changed.status_code, changed.headers["content-range"], changed.content) == (204, "0-1/*", b"")
    put = api.send("PUT", "/notes?id=eq.104", {"id": 104, "body": "c"}, **user)
    again = api.send("PUT", "/notes?id=eq.104", {"id": 104, "body": "d"}, **user)
    assert (put.status_code, again.status_code) == (201, 204)
    gone = api.send("DELETE", "/notes?id=gte.103", headers={"Prefer": "return=representation"}, **user)
    assert (gone.status_code, sorted(row["id"] for row in gone.json())) == (200, [103, 104])
    rows = place.superuser.rows("SELECT id, body FROM notes WHERE id BETWEEN 100 AND 199 ORDER BY id")
    assert rows == [(100, "a"), (101, None), (102, "b")]
    assert api.send("DELETE", "/notes?id=gte.100", role=place.user, sub="eve").status_code == 204
    assert place.superuser.value("SELECT count(*) FROM notes WHERE id BETWEEN 100 AND 199") == 3


def test_what_fails_or_is_rolled_back_leaves_nothing(api: Api, place: Place, user: dict[str, Any]) -> None:
    for prefer, body, status in (
        ("tx=rollback,return=representation", {"id": 200}, 201),
        ("tx=rollback", {"id": 200, "nothing": 1}, 400),
        ("", {"id": 200, "person_id": -1}, 409),  # found out at COMMIT
        ("tx=rollback", {"id": 200, "id ": 1}, 400),
    ):
        answer = api.send("POST", "/notes", body, headers={"Prefer": prefer}, **user)
        assert answer.status_code == status, answer.text
    wanted = {"Accept": "application/vnd.pgrst.object+json", "Prefer": "return=representation"}
    assert api.send("POST", "/notes", [{"id": 201}, {"id": 202}], headers=wanted, **user).status_code == 406
    limited = {"Prefer": "handling=strict,max-affected=1"}
    api.send("POST", "/notes", [{"id": 203}, {"id": 204}], **user)
    answer = api.send("DELETE", "/notes?id=gte.203&id=lte.204", headers=limited, **user)
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST124")
    assert place.superuser.rows("SELECT id FROM notes WHERE id BETWEEN 200 AND 299 ORDER BY id") == [(203,), (204,)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/peopel", None, 404, "PGRST205"),
        ("GET", "/people?nmae=eq.x", None, 400, "42703"),
        ("GET", "/people?id=eq.x", None, 400, "22P02"),
        ("GET", "/people?id=what", None, 400, "PGRST100"),
        ("GET", "/a/b", None, 404, "PGRST125"),
        ("GET", "/rpc/nothing", None, 404, "PGRST202"),
        ("DELETE", "/notes", None, 400, "21000"),
        ("PATCH", "/notes", {"body": "x"}, 400, "21000"),
        ("POST", "/notes", b"{", 400, "PGRST102"),
        ("POST", "/notes", b"[" * 65 + b"]" * 65, 400, "PGRST102"),
        ("POST", "/people", {"id": 1, "name": "again"}, 409, "23505"),
        ("BREW", "/people", None, 405, "PGRST117"),
        ("GET", "/people?name=eq.a%00b", None, 400, "PGRST100"),
        ("GET", "/people?name=eq.%ff", None, 400, "PGRST100"),
        ("GET", "/rpc/raised?state=PT418&message=m&detail=d", None, 418, "PT418"),
        ("GET", "/rpc/raised?state=40001&message=m&detail=d", None, 409, "40001"),
        ("GET", "/rpc/raised?state=P0001&message=m&detail=d", None, 400, "P0001"),
    ],
)
def test_errors(api: Api, user: dict[str, Any], method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = api.send(method, path, body, headers={"Content-Type": "application/json"}, **user)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == JSON
    assert set(answer.json()) == {"code", "message", "details", "hint"}
    assert answer.headers["proxy-status"].endswith(f"error={code}")


def test_a_get_writes_nothing(api: Api, place: Place, user: dict[str, Any]) -> None:
    place.superuser.run(
        "CREATE OR REPLACE FUNCTION writes() RETURNS int LANGUAGE sql VOLATILE AS "
        "'INSERT INTO notes DEFAULT VALUES RETURNING id'"
    )
    answer = api.send("GET", "/rpc/writes", **user)
    assert (answer.status_code, answer.json()["code"]) == (405, "25006")
    assert api.send("POST", "/rpc/writes", {}, **user).status_code == 200


def test_nothing_of_one_request_is_visible_to_the_next(api: Api, place: Place) -> None:
    names = [
        "role", "request.jwt.claim.sub", "request.jwt.claims", "request.headers", "request.cookies", "request.path",
        "request.method", "TimeZone", "statement_timeout", "transaction_read_only", "response.status", "search_path",
    ]  # fmt: skip

    def settings(**who: Any) -> dict[str, Any]:
        return {name: api.send("GET", f"/rpc/setting?name={name}", **who).json() for name in names}

    before = settings()
    for who in ({"role": place.user, "sub": "ann", "secret_claim": "very secret"}, {}):
        api.send("GET", "/people?limit=1", headers={"Cookie": "a=b", "Prefer": "timezone=Asia/Tokyo"}, **who)
        api.send("GET", "/people?id=eq.x", headers={"Prefer": "timezone=Asia/Tokyo"}, **who)
        api.send("POST", "/notes", {"id": 1}, headers={"Prefer": "tx=rollback"}, **who)
    for _ in range(6):  # whichever connection answers
        assert settings() == before
        left = api.send("GET", "/rpc/setting?name=request.jwt.claim.secret_claim").json()
        assert "very secret" not in str(left)


def test_long_texts_of_errors_are_cut(api: Api, place: Place) -> None:
    place.superuser.run(
        "CREATE OR REPLACE FUNCTION long_error() RETURNS int LANGUAGE plpgsql STABLE AS"
        " $$ BEGIN RAISE EXCEPTION USING MESSAGE = repeat('é', 3000000), DETAIL = repeat('d', 3000000),"
        " HINT = repeat('h', 100); END $$"
    )
    answer = api.send("GET", "/rpc/long_error")
    error = answer.json()
    assert (answer.status_code, error["code"], len(answer.content) < 200_000) == (400, "P0001", True)
    assert error["message"] == "é" * 32768 + "..."
    assert (error["details"], error["hint"]) == ("d" * 65536 + "...", "h" * 100)
