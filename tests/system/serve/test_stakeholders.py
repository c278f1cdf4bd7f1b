"""Stakeholders over HTTP, and what they can then do in the database."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import refused
from tests.system.serve.harness import Client, Place, unique

CREDENTIALS = {"username", "password"}


def test_creating_gives_credentials_once_and_they_work(root: Client, place: Place) -> None:
    name = unique("app")
    created = root.stakeholder(f"  {name.upper()} ")
    assert created["name"] == name
    assert created["credentials"].keys() == CREDENTIALS
    with place.stakeholder_session(**created["credentials"]) as session:
        session.run(f"CREATE TABLE {name}.own (id bigint)")
        with refused("42501"):
            session.run("SELECT * FROM orders")
        session.run(f"DROP TABLE {name}.own")
    shown = root.data("GET", f"/stakeholders/{created['id']}")
    assert shown == {key: value for key, value in created.items() if key != "credentials"}


def test_the_other_envelope_does_too(root: Client) -> None:
    name = unique("app")
    assert root.data("POST", "/stakeholders", {"data": {"name": name}}, 201)["name"] == name


def test_a_renaming_put_gives_new_credentials_and_another_one_none(root: Client, place: Place) -> None:
    old = root.stakeholder(unique("app"))
    path, new_name = f"/stakeholders/{old['id']}", unique("renamed")
    same = root.data("PUT", path, {"stakeholder": {"name": f" {old['name'].upper()}"}})
    assert "credentials" not in same
    place.stakeholder_session(**old["credentials"]).close()
    renamed = root.data("PUT", path, {"stakeholder": {"name": new_name}})
    assert (renamed["id"], renamed["name"], renamed["credentials"]["username"]) == (old["id"], new_name, new_name)
    place.stakeholder_session(**renamed["credentials"]).close()
    with pytest.raises(psycopg.OperationalError):
        place.stakeholder_session(**old["credentials"])
    assert root.data("GET", path)["name"] == new_name


def test_rotating_gives_another_password(root: Client, place: Place) -> None:
    created = root.stakeholder(unique("app"))
    rotated = root.data("POST", f"/stakeholders/{created['id']}/credentials")
    assert rotated.keys() == {"credentials"}
    assert rotated["credentials"]["username"] == created["name"]
    place.stakeholder_session(**rotated["credentials"]).close()
    with pytest.raises(psycopg.OperationalError):
        place.stakeholder_session(**created["credentials"])


def test_dropping_leaves_nothing(root: Client, place: Place) -> None:
    created = root.stakeholder(unique("app"))
    path = f"/stakeholders/{created['id']}"
    assert root.send("DELETE", path).status_code == 204
    assert place.superuser.rows("SELECT FROM pg_roles WHERE rolname = %s", created["name"]) == []
    match: dict[str, object] = {"data": {"match": []}}
    name = {"stakeholder": {"name": "x"}}
    for method, part, body in (
        ("GET", "", None),
        ("PUT", "", name),
        ("DELETE", "", None),
        ("GET", "/claims", None),
        ("PUT", "/claims", match),
        ("GET", "/notifications", None),
        ("PUT", "/notifications", match),
        ("POST", "/credentials", None),
        ("GET", "/access", None),
    ):
        assert root.refused(404, method, path + part, body) == {"detail": "Not Found"}


@pytest.mark.parametrize("number", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 40, "%00", "1%20"])
def test_what_can_be_no_id_is_unknown(root: Client, number: str) -> None:
    root.refused(404, "GET", f"/stakeholders/{number}")
    root.refused(404, "DELETE", f"/users/{number}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1st", "invalid stakeholder name: '1st'"),
        ("", "invalid stakeholder name: ''"),
        ("pg_x", "invalid stakeholder name: 'pg_x'"),
        ("x'; DROP TABLE orders; --", "invalid stakeholder name"),
        ("shop_owner", "stakeholder exists: 'shop_owner' is taken by a role"),
    ],
)
def test_a_name_that_cannot_be_is_told(root: Client, name: str, message: str) -> None:
    ((said, pointer),) = root.refused(422, "POST", "/stakeholders", {"stakeholder": {"name": name}})["detail"]
    assert said.startswith(message)
    assert pointer == "#/name"


@pytest.mark.parametrize("name", ["\ud800", "a\0b", 5, None, ["a"]])
def test_a_name_that_is_no_text_is_told(root: Client, name: object) -> None:
    root.refused(422, "POST", "/stakeholders", {"stakeholder": {"name": name}})


def test_a_name_that_is_taken_is_told(root: Client) -> None:
    name = root.stakeholder(unique("app"))["name"]
    (problem,) = root.refused(422, "POST", "/stakeholders", {"stakeholder": {"name": name}})["detail"]
    assert problem == [f"stakeholder exists: '{name}' is taken by a stakeholder", "#/name"]


def test_the_list_comes_in_pages(root: Client) -> None:
    made = [root.stakeholder(unique("app"))["id"] for _ in range(3)]
    first = root.send("GET", f"/stakeholders?limit=2&after={made[0] - 1}").json()
    assert [row["id"] for row in first["data"]] == made[:2]
    assert first["next"] == made[1]
    second = root.send("GET", f"/stakeholders?limit=2&after={first['next']}").json()
    assert [row["id"] for row in second["data"]][:1] == made[2:]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1", "after=x", "limit=" + "9" * 30])
def test_a_page_that_cannot_be_is_told(root: Client, query: str) -> None:
    ((_, pointer),) = root.refused(422, "GET", f"/stakeholders?{query}")["detail"]
    assert pointer == f"#/{query.partition('=')[0]}"


def test_a_drop_that_others_would_be_hurt_by_is_refused(root: Client, place: Place) -> None:
    one, other = root.stakeholder(unique("app")), root.stakeholder(unique("app"))
    with place.stakeholder_session(**one["credentials"]) as session:
        session.run(f"CREATE TABLE {one['name']}.shared (id bigint)")
    claim = {"data": {"match": [{"path": f"{one['name']}.shared", "fields": ["id"]}]}}
    root.data("PUT", f"/stakeholders/{other['id']}/claims", claim)
    rename = {"stakeholder": {"name": unique("renamed")}}
    errors = root.refused(422, "PUT", f"/stakeholders/{one['id']}", rename)
    assert other["name"] in str(errors["detail"])
    assert root.data("GET", f"/stakeholders/{one['id']}")["name"] == one["name"]
    root.data("DELETE", f"/stakeholders/{other['id']}", status=204)
    place.superuser.run(f"DROP TABLE {one['name']}.shared")
