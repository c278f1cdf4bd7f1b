"""Users whom root restricts to certain stakeholders and schemas."""

from __future__ import annotations

import pytest

from tests.system.serve.harness import Client, unique


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
