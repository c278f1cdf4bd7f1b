"""The version of a row: ETag, If-None-Match and If-Match."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.api.conftest import StartApi
from tests.system.api.harness import Api, Place

ONE = "/notes?id=eq.7001"


@pytest.fixture
def user(api: Api, place: Place) -> dict[str, Any]:
    """Who has a note."""
    user: dict[str, Any] = {"role": place.user, "sub": "versions"}
    place.superuser.run("DELETE FROM notes WHERE owner = 'versions'")
    assert api.send("POST", "/notes", {"id": 7001, "body": "first"}, **user).status_code == 201
    return user


def test_a_known_row_is_not_sent_again(api: Api, user: dict[str, Any]) -> None:
    first = api.send("GET", ONE, **user)
    tag = first.headers["etag"]
    for path in (ONE, f"{ONE}&select=body"):
        answer = api.send("GET", path, headers={"If-None-Match": f'"0", W/{tag}'}, **user)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert api.send("HEAD", ONE, headers={"If-None-Match": tag}, **user).status_code == 304
    assert api.send("PATCH", ONE, {"body": "second"}, **user).status_code == 204
    again = api.send("GET", ONE, headers={"If-None-Match": tag}, **user)
    assert (again.status_code, again.json()[0]["body"]) == (200, "second")


def test_what_depends_on_other_rows_is_sent_again(api: Api, user: dict[str, Any]) -> None:
    for path in (f"{ONE}&select=body,people(name)", "/notes?id=gte.7001"):
        answer = api.send("GET", path, headers={"If-None-Match": "*"}, **user)
        assert answer.status_code == 200


def test_a_row_is_changed_only_at_its_version(api: Api, user: dict[str, Any]) -> None:
    tag = api.send("GET", ONE, **user).headers["etag"]
    assert api.send("PATCH", ONE, {"body": "second"}, headers={"If-Match": tag}, **user).status_code == 204
    for method, body in (("PATCH", {"body": "third"}), ("DELETE", None)):
        answer = api.send(method, ONE, body, headers={"If-Match": tag}, **user)
        assert (answer.status_code, answer.json()["code"]) == (412, "PGRST133")
    assert api.send("GET", ONE, headers={"If-Match": tag}, **user).status_code == 412
    assert api.get(ONE, **user)[0]["body"] == "second"
    now = api.send("GET", ONE, headers={"If-Match": "*"}, **user).headers["etag"]
    assert api.send("DELETE", ONE, headers={"If-Match": f'"x", {now}'}, **user).status_code == 204
    assert api.send("DELETE", ONE, headers={"If-Match": "*"}, **user).status_code == 412


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/notes?id=gte.7001", {"body": "x"}),
        ("DELETE", "/notes?body=eq.first", None),
        ("POST", "/notes", {"id": 7002, "body": "x"}),
        ("GET", "/notes", None),
    ],
)
def test_a_condition_is_never_ignored(api: Api, user: dict[str, Any], method: str, path: str, body: Any) -> None:
    answer = api.send(method, path, body, headers={"If-Match": '"1"'}, **user)
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST134")
    assert api.get(ONE, **user)[0]["body"] == "first"


def test_put_replaces_only_the_version_that_it_names(api: Api, user: dict[str, Any]) -> None:
    tag = api.send("GET", ONE, **user).headers["etag"]
    body = {"id": 7001, "body": "second"}
    wanted = {"If-Match": tag, "Prefer": "return=representation"}
    replaced = api.send("PUT", ONE, body, headers=wanted, **user)
    assert (replaced.status_code, replaced.json()[0]["body"]) == (200, "second")
    for headers in ({"If-Match": tag}, {"If-None-Match": "*"}):
        answer = api.send("PUT", ONE, {"id": 7001, "body": "third"}, headers=headers, **user)
        assert (answer.status_code, answer.json()["code"]) == (412, "PGRST133")
    assert api.send("PUT", ONE, {"id": 7001, "body": "any"}, headers={"If-Match": "*"}, **user).status_code == 204
    # The key in the body is another one.
    assert api.send("PUT", ONE, {"id": 7005, "body": "x"}, headers={"If-Match": "*"}, **user).status_code == 412
    assert [(row["id"], row["body"]) for row in api.get("/notes?id=gte.7001", **user)] == [(7001, "any")]


def test_put_inserts_only_what_does_not_exist(api: Api, user: dict[str, Any]) -> None:
    two = "/notes?id=eq.7002"
    body = {"id": 7002, "body": "new"}
    for condition in ({"If-Match": "*"}, {"If-Match": '"1"'}):
        assert api.send("PUT", two, body, headers=condition, **user).status_code == 412
    assert api.get(two, **user) == []
    assert api.send("PUT", two, body, headers={"If-None-Match": "*"}, **user).status_code == 201
    assert api.send("PUT", two, body, headers={"If-None-Match": "*"}, **user).status_code == 412
    refused = api.send("PUT", two, body, headers={"If-None-Match": '"1"'}, **user)
    assert (refused.status_code, refused.json()["code"]) == (400, "PGRST134")


def test_a_role_with_rights_on_columns_has_versions_of_what_it_may_read(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(
        f"REVOKE ALL ON people FROM {fresh.user}; GRANT SELECT (id, name), UPDATE (name) ON people TO {fresh.user};"
        f"CREATE VIEW named AS SELECT id, name FROM people; GRANT SELECT ON named TO {fresh.user}"
    )
    api = start_api(fresh)
    one = "/people?id=eq.1"
    user: dict[str, Any] = {"role": fresh.user}
    first = api.send("GET", one, **user)
    tag = first.headers["etag"]
    assert api.send("GET", f"{one}&select=name", headers={"If-None-Match": tag}, **user).status_code == 304
    fresh.superuser.run("UPDATE people SET age = 99 WHERE id = 1")  # which it may not read
    assert api.send("GET", one, headers={"If-None-Match": tag}, **user).status_code == 304
    assert api.send("PATCH", one, {"name": "Ann"}, headers={"If-Match": tag}, **user).status_code == 204
    assert api.send("PATCH", one, {"name": "Eve"}, headers={"If-Match": tag}, **user).status_code == 412
    again = api.send("GET", one, headers={"If-None-Match": tag}, **user)
    assert (again.status_code, again.json()[0]["name"]) == (200, "Ann")
    # What would have to be read whole has no version.
    fresh.superuser.run(
        "UPDATE people SET name = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 9000) g) WHERE id = 1"
    )
    assert "etag" not in api.send("GET", f"{one}&select=id", **user).headers
