"""Users whom root restricts to certain stakeholders and schemas."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.harness import SECRET, eventually
from tests.system.serve.harness import Client, Place, Service, unique


def claim(*paths: str) -> dict[str, object]:
    return {"data": {"match": [{"path": path} for path in paths]}}


@pytest.fixture
def mine(root: Client) -> dict[str, object]:
    """A stakeholder that the restricted user may manage."""
    return root.stakeholder(unique("mine"))


@pytest.fixture
def other(root: Client) -> dict[str, object]:
    """One that it may not."""
    return root.stakeholder(unique("other"))


def test_without_scopes_a_user_may_what_root_may_but_for_users(user, mine) -> None:
    one = user()
    one.data("PUT", f"/stakeholders/{mine['id']}/claims", claim("warehouse.bins", "public.orders"))
    for path in ("/status", "/ddl-events", "/unmet-claims"):
        one.data("GET", path)
    one.data("POST", "/sync")
    one.data("DELETE", f"/stakeholders/{one.stakeholder(unique('app'))['id']}", status=204)


def test_a_stakeholder_outside_the_scopes_is_as_unknown_as_none(user, mine, other) -> None:
    one = user({"stakeholders": [mine["name"]]})
    assert [row["name"] for row in one.data("GET", "/stakeholders?limit=1000")] == [mine["name"]]
    one.data("GET", f"/stakeholders/{mine['id']}")
    path = f"/stakeholders/{other['id']}"
    for method, part, body in (
        ("GET", "", None),
        ("PUT", "", {"stakeholder": {"name": mine["name"]}}),
        ("DELETE", "", None),
        ("GET", "/claims", None),
        ("PUT", "/claims", claim("public.orders")),
        ("GET", "/notifications", None),
        ("PUT", "/notifications", claim("public.orders")),
        ("POST", "/credentials", None),
        ("GET", "/access", None),
    ):
        assert one.refused(404, method, path + part, body) == {"detail": "Not Found"}


def test_a_user_creates_and_renames_to_names_of_its_scopes_only(root: Client, user) -> None:
    first, second, outside = unique("mine"), unique("mine"), unique("other")
    one = user({"stakeholders": [first, second]})
    one.refused(403, "POST", "/stakeholders", {"stakeholder": {"name": outside}})
    created = one.stakeholder(first.upper())
    path = f"/stakeholders/{created['id']}"
    one.refused(403, "PUT", path, {"stakeholder": {"name": outside}})
    assert one.data("PUT", path, {"stakeholder": {"name": second}})["name"] == second
    one.data("DELETE", path, status=204)


def test_a_user_has_stakeholders_depend_on_schemas_of_its_scopes_only(root: Client, user, mine) -> None:
    one = user({"schemas": ["public"]})
    claims, notifications = f"/stakeholders/{mine['id']}/claims", f"/stakeholders/{mine['id']}/notifications"
    one.data("PUT", claims, claim("public.orders"))
    one.data("PUT", notifications, {"data": {"match": [{"path": "public.orders"}], "channels": [{"type": "SOCKET"}]}})
    alternatives = {"data": {"match": [{"alternatives": [{"path": "public.orders"}, {"path": "warehouse.bins"}]}]}}
    optional = {"data": {"match": [{"path": "warehouse.new", "optional": True}]}}
    everything = {"data": {"match": [{"path": "warehouse.*", "fields": ["*"]}]}}
    quoted = {"data": {"match": [{"path": '"warehouse".bins'}]}}
    for body in (claim("public.orders", "warehouse.bins"), alternatives, optional, everything, quoted):
        for path in (claims, notifications):
            errors = one.refused(403, "PUT", path, body)
            assert errors["detail"] == "Forbidden"
            assert "warehouse" in errors["reason"]
    assert root.data("GET", claims)["match"] == [{"path": "public.orders"}]
    detail = one.refused(422, "PUT", claims, {"data": {"match": [{"fields": ["id"]}]}})["detail"]
    assert detail[0][1] == "#/match/0"


def test_what_concerns_everybody_is_not_for_the_restricted(user, mine, other) -> None:
    for scopes in ({"stakeholders": [mine["name"]]}, {"schemas": ["public"]}):
        one = user(scopes)
        for method, path in (("GET", "/status"), ("GET", "/ddl-events"), ("POST", "/sync")):
            one.refused(403, method, path)


def test_lists_show_the_stakeholders_of_the_scopes(root: Client, user, mine, other) -> None:
    for stakeholder in (mine, other):
        root.data("PUT", f"/stakeholders/{stakeholder['id']}/claims", claim("public.customers"))
    dependents = user({"stakeholders": [mine["name"]]}).data("GET", "/dependents?path=public.customers")
    assert [row["stakeholder"] for row in dependents] == [mine["name"]]
    named = {row["stakeholder"] for row in root.data("GET", "/dependents?path=public.customers&limit=1000")}
    assert {mine["name"], other["name"]} <= named


def test_empty_scopes_allow_nothing_and_absent_ones_everything(user, mine) -> None:
    assert user({"stakeholders": []}).data("GET", "/stakeholders") == []
    assert user({}).data("GET", f"/stakeholders/{mine['id']}")["name"] == mine["name"]
    assert user({"stakeholders": None}).data("GET", f"/stakeholders/{mine['id']}")["name"] == mine["name"]
    user({"schemas": []}).refused(403, "PUT", f"/stakeholders/{mine['id']}/claims", claim("public.orders"))


def test_a_refusal_names_no_stakeholder_of_others(root: Client, place: Place, user) -> None:
    mine, other, third = (root.stakeholder(unique(name)) for name in ("mine", "other", "third"))
    renamed = unique("renamed")
    with place.stakeholder_session(**mine["credentials"]) as session:
        session.run(f"CREATE TABLE {mine['name']}.shared (id bigint)")
    for stakeholder in (other, third):
        root.data("PUT", f"/stakeholders/{stakeholder['id']}/claims", claim(f"{mine['name']}.shared"))

    def refusal(asking: Client) -> list[list[str]]:
        detail = asking.refused(422, "PUT", f"/stakeholders/{mine['id']}", {"stakeholder": {"name": renamed}})["detail"]
        return list(detail)

    general = ["claims of other stakeholders stand in the way", "#"]
    assert refusal(user({"stakeholders": [mine["name"], renamed]})) == [general]
    shown, *rest = refusal(user({"stakeholders": [mine["name"], renamed, third["name"]]}))
    assert shown[0].startswith(f"{third['name']} (claims): ")
    assert rest == [general]
    assert other["name"] in str(refusal(root))
    for stakeholder in (other, third):
        root.data("DELETE", f"/stakeholders/{stakeholder['id']}", status=204)
    root.data("DELETE", f"/stakeholders/{mine['id']}")
    place.superuser.run(f"DROP SCHEMA {mine['name']} CASCADE")


def test_the_private_schema_of_others_is_not_to_be_claimed(root: Client, place: Place, user, mine, other) -> None:
    with place.stakeholder_session(**other["credentials"]) as session:
        session.run(f"CREATE TABLE {other['name']}.secret (id bigint)")
    one = user({"stakeholders": [mine["name"]]})
    path = f"/stakeholders/{mine['id']}"
    for kind in ("claims", "notifications"):
        for name in ("secret", "nothing", "*"):
            document = {"data": {"match": [{"path": f"{other['name']}.{name}", "fields": ["*"]}]}}
            errors = one.refused(403, "PUT", f"{path}/{kind}", document)
            assert other["name"] in errors["reason"]
    one.data("PUT", f"{path}/claims", claim("warehouse.bins"))
    named = user({"stakeholders": [mine["name"]], "schemas": [str(other["name"])]})
    named.data("PUT", f"{path}/claims", claim(f"{other['name']}.secret"))
    root.data("PUT", f"{path}/claims", {"data": {"match": []}})
    place.superuser.run(f"DROP TABLE {other['name']}.secret")


@pytest.mark.parametrize("kind", ["claims", "notifications"])
@pytest.mark.parametrize("how", ["created", "renamed"])
def test_a_private_schema_is_not_claimed_before_it_is_there(
    root: Client, user, mine, other, place: Place, kind: str, how: str
) -> None:
    one = user({"stakeholders": [mine["name"]]})
    future = unique("future")
    match = [{"path": f"{future}.secrets", "fields": ["*"], "optional": True}]
    channels = {"channels": [{"type": "SOCKET"}]} if kind == "notifications" else {}
    errors = one.refused(403, "PUT", f"/stakeholders/{mine['id']}/{kind}", {"data": {"match": match, **channels}})
    assert future in errors["reason"]
    if how == "created":
        login = root.stakeholder(future)["credentials"]
    else:
        login = root.data("PUT", f"/stakeholders/{other['id']}", {"stakeholder": {"name": future}})["credentials"]
    with place.stakeholder_session(**login) as session:
        session.run(f"CREATE TABLE {future}.secrets (id bigint PRIMARY KEY, word text)")
    may_read = place.superuser.value(
        "SELECT has_column_privilege(%s, %s, 'word', 'SELECT')", mine["name"], f"{future}.secrets"
    )
    published = place.superuser.value("SELECT count(*) FROM pg_publication_tables WHERE schemaname = %s", future)
    assert (may_read, published) == (False, 0)
    place.superuser.run(f"DROP TABLE {future}.secrets")


def test_a_schema_that_was_claimed_does_not_become_a_private_one(root: Client, user, mine, other, place: Place) -> None:
    future = unique("future")
    place.superuser.run(f"CREATE SCHEMA {future}")
    one = user({"stakeholders": [mine["name"], future]})
    path = f"/stakeholders/{mine['id']}/claims"
    one.data("PUT", path, {"data": {"match": [{"path": f"{future}.secrets", "optional": True}]}})
    place.superuser.run(f"DROP SCHEMA {future}")
    said = root.refused(422, "POST", "/stakeholders", {"stakeholder": {"name": future}})
    assert said["detail"][0][1] == "#/name"
    # Whoever does not manage it is not told who claims.
    blind = user({"stakeholders": [future]})
    assert mine["name"] not in str(blind.refused(422, "POST", "/stakeholders", {"stakeholder": {"name": future}}))
    one.data("PUT", path, {"data": {"match": []}})
    root.stakeholder(future)


def test_what_a_dropped_stakeholder_left_behind_is_not_to_be_claimed(
    root: Client, user, mine, other, place: Place
) -> None:
    with place.stakeholder_session(**other["credentials"]) as session:
        session.run(f"CREATE TABLE {other['name']}.secret (id bigint)")
    root.data("DELETE", f"/stakeholders/{other['id']}")
    one = user({"stakeholders": [mine["name"]]})
    one.refused(403, "PUT", f"/stakeholders/{mine['id']}/claims", claim(f"{other['name']}.secret"))
    place.superuser.run(f"DROP SCHEMA {other['name']} CASCADE")


def test_a_schema_that_becomes_private_meanwhile_is_not_claimed(root: Client, user, mine, place: Place) -> None:
    future = unique("future")
    place.superuser.run(f"CREATE SCHEMA {future}")
    one = user({"stakeholders": [mine["name"]]})
    path = f"/stakeholders/{mine['id']}/claims"
    with ThreadPoolExecutor(1) as pool:
        with place.superuser.transaction():
            place.superuser.run(f"DROP SCHEMA {future}")
            place.superuser.run("SELECT integratedb_create_stakeholder(%s)", future)
            body = {"data": {"match": [{"path": f"{future}.secrets", "optional": True}]}}
            asking = pool.submit(one.send, "PUT", path, body)
            with place.cluster.session(place.name) as watching:
                eventually(lambda: watching.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0)
        assert asking.result().status_code == 403
    assert root.data("GET", path)["match"] == []


def test_no_answer_tells_of_others(service: Service, root: Client, place: Place, user, mine, other) -> None:
    """Every route, with every id there is, as a user who manages one stakeholder."""
    for stakeholder in (mine, other):
        path = f"/stakeholders/{stakeholder['id']}"
        root.data("PUT", f"{path}/claims", claim("public.customers"))
        hook = {
            "name": "hook",
            "type": "WEBHOOK",
            "url": f"https://{stakeholder['name']}.example/hook",
            "secret": SECRET,
        }
        root.data("PUT", f"{path}/notifications", {"data": {"match": [{"path": "public.orders"}], "channels": [hook]}})
    with place.superuser.transaction():
        place.superuser.run("SELECT integratedb_override('a test')")
        place.superuser.run("ALTER TABLE customers RENAME TO clients")
    try:
        one = user({"stakeholders": [mine["name"]]})
        document = httpx.get(f"{service.url}/api/v1/openapi.json").json()
        asked = 0
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                # What changes the own stakeholder has tests of its own.
                ids = [other["id"], 10**9] if method != "get" else [mine["id"], other["id"], 10**9]
                for number in ids if "{id}" in path else [0]:
                    query = "?path=public.customers" if path == "/dependents" else ""
                    body: Any = {"data": {"match": []}} if "requestBody" in operation else None
                    answer = one.send(method.upper(), path.replace("{id}", str(number)) + query, body)
                    assert answer.status_code < 500, (method, path, answer.text)
                    assert str(other["name"]) not in answer.text, (method, path)
                    asked += 1
        assert asked > 30
        rows = one.data("GET", "/unmet-claims?limit=1000")
        assert {row["stakeholder"] for row in rows} == {mine["name"]}
    finally:
        with place.superuser.transaction():
            place.superuser.run("SELECT integratedb_override('a test')")
            place.superuser.run("ALTER TABLE clients RENAME TO customers")
    for path in ("", "/claims", "/notifications", "/access"):
        known = one.send("GET", f"/stakeholders/{other['id']}{path}")
        unknown = one.send("GET", f"/stakeholders/{10**9}{path}")
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        assert known.headers.keys() == unknown.headers.keys()


def test_a_drop_by_a_restricted_user_reports_what_was_kept(place: Place, user, mine) -> None:
    with place.stakeholder_session(**mine["credentials"]) as session:
        session.run(f"CREATE TABLE {mine['name']}.kept (id bigint)")
    answer = user({"stakeholders": [mine["name"]]}).send("DELETE", f"/stakeholders/{mine['id']}")
    assert answer.status_code == 200
    dropped = answer.json()["data"]
    assert dropped["schema_dropped"] is False
    assert any(mine["name"] in line for line in dropped["kept"])
    place.superuser.run(f"DROP SCHEMA {mine['name']} CASCADE")
