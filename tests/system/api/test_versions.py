"""The version of a row: ETag, If-None-Match and If-Match."""

from __future__ import annotations

from typing import Any

import pytest

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
        ("PUT", ONE, {"id": 7001, "body": "x"}),
        ("GET", "/notes", None),
    ],
)
def test_a_condition_is_never_ignored(api: Api, user: dict[str, Any], method: str, path: str, body: Any) -> None:
    answer = api.send(method, path, body, headers={"If-Match": '"1"'}, **user)
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST134")
    assert api.get(ONE, **user)[0]["body"] == "first"
