"""Requests, deprecations and waivers over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.serve.harness import Client, Place, unique

LATER = "2999-03-01T00:00:00Z"
DROP_TOTAL = "ALTER TABLE orders DROP COLUMN total"


@pytest.fixture
def app(root: Client) -> dict[str, Any]:
    """A stakeholder that claims public.orders."""
    created = root.stakeholder(unique("app"))
    claim = {"data": {"match": [{"path": "public.orders", "fields": ["id", "total"]}]}}
    root.data("PUT", f"/stakeholders/{created['id']}/claims", claim)
    return created


@pytest.fixture
def other(root: Client) -> dict[str, Any]:
    """A stakeholder that a restricted user may not manage."""
    return root.stakeholder(unique("other"))


def waive(asking: Client, stakeholder: dict[str, Any], **more: Any) -> int:
    data = {"path": "public.orders", "field": "total", "until": LATER, "reason": "2.4 reads none", **more}
    number: int = asking.data("POST", f"/stakeholders/{stakeholder['id']}/waivers", {"data": data}, 201)["id"]
    return number


def test_what_is_deprecated_is_listed_with_who_claims_it(root: Client, user: Callable[..., Client], app, other) -> None:
    said = {"path": "public.orders", "field": "total", "remove_after": LATER, "message": "read public.sums"}
    assert root.data("POST", "/deprecations", {"data": said})["dependents"] >= 1
    (row,) = [row for row in root.data("GET", "/deprecations") if row["field"] == "total"]
    assert app["name"] in row["claimed_by"]
    assert (row["message"], row["removable_after"]) == ("read public.sums", None)
    (row,) = user({"stakeholders": [app["name"]]}).data("GET", "/deprecations")
    assert row["claimed_by"] == [app["name"]]
    assert user({"stakeholders": [other["name"]]}).data("GET", "/deprecations") == []
    assert user({"schemas": ["warehouse"]}).data("GET", "/deprecations") == []
    assert len(user({"schemas": ["public"]}).data("GET", "/deprecations")) == 1
    for path in ("/deprecations?path=public.orders&field=total", "/deprecations?path=public.orders"):
        user({"schemas": ["public"]}).refused(403, "DELETE", path)
    user({"schemas": ["public"]}).refused(403, "POST", "/deprecations", {"data": said})
    root.data("DELETE", "/deprecations?path=public.orders&field=total", status=204)
    root.refused(404, "DELETE", "/deprecations?path=public.orders&field=total")
    assert root.data("GET", "/deprecations") == []


def test_schemas_that_differ_in_case_are_others(root: Client, user: Callable[..., Client], place: Place) -> None:
    place.superuser.run('CREATE SCHEMA "Ware" AUTHORIZATION shop_owner')
    place.owner.run('CREATE TABLE "Ware".bins (id int)')
    root.data("POST", "/deprecations", {"data": {"path": "Ware.bins"}})
    assert user({"schemas": ["ware"]}).data("GET", "/deprecations") == []
    assert len(user({"schemas": ["Ware"]}).data("GET", "/deprecations")) == 1
    place.superuser.run('DROP SCHEMA "Ware" CASCADE')


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"path": "public.ordrs"}, "public.ordrs"),
        ({"path": "public.orders", "field": "totall"}, "totall"),
        ({"path": "public.orders", "remove_after": "2001-01-01T00:00:00Z"}, "has passed"),
        ({"path": "public.*"}, "cannot be deprecated"),
        ({"path": "public.orders", "remove_after": "soon"}, "datetime"),
        ({"path": "public.orders", "remove_after": "2999-03-01T00:00:00"}, "timezone"),
        ({"path": "public.orders", "remove_after": 32_472_144_000}, "ISO 8601"),
        ({"path": "public.orders", "colour": "red"}, "not permitted"),
    ],
)
def test_what_cannot_be_deprecated_is_told(root: Client, said: dict[str, Any], words: str) -> None:
    ((message, _), *_) = root.refused(422, "POST", "/deprecations", {"data": said})["detail"]
    assert words in message
    assert root.data("GET", "/deprecations") == []


def test_what_a_waiver_allows_is_shown_as_such(root: Client, app) -> None:
    number = waive(root, app)
    (row,) = [row for row in root.data("GET", "/waivers") if row["id"] == number]
    assert (row["stakeholder"], row["field"], row["unmet"]) == (app["name"], "total", False)
    unmet = root.data("POST", "/preview", {"data": DROP_TOTAL})
    ((problem,),) = [row["problems"] for row in unmet if row["stakeholder"] == app["name"]]
    assert problem["allowed"] == "waived"
    assert problem["waiver"]["reason"] == "2.4 reads none"
    assert waive(root, app, reason="again") == number
    root.data("DELETE", f"/waivers/{number}", status=204)
    root.refused(404, "DELETE", f"/waivers/{number}")


def test_a_user_waives_for_the_stakeholders_of_its_scopes_only(
    root: Client, user: Callable[..., Client], app, other
) -> None:
    mine, not_mine = user({"stakeholders": [app["name"]]}), user({"stakeholders": [other["name"]]})
    number = waive(mine, app)
    assert [row["id"] for row in mine.data("GET", "/waivers")] == [number]
    assert not_mine.data("GET", "/waivers") == []
    data = {"path": "public.orders", "field": "total", "until": LATER, "reason": "why"}
    not_mine.refused(404, "POST", f"/stakeholders/{app['id']}/waivers", {"data": data})
    not_mine.refused(404, "DELETE", f"/waivers/{number}")
    mine.data("DELETE", f"/waivers/{number}", status=204)


def test_a_request_of_one_user_is_decided_by_another(root: Client, user: Callable[..., Client], app, other) -> None:
    mine, not_mine = user({"stakeholders": [app["name"]]}), user({"stakeholders": [other["name"]]})
    asked = {"specification": {"match": [{"path": "public.customers"}]}, "reason": "the report"}
    path = f"/stakeholders/{app['id']}/requests"
    not_mine.refused(404, "POST", path, {"data": asked})
    number = mine.data("POST", path, {"data": asked}, 201)["id"]
    (row,) = mine.data("GET", "/requests")
    assert (row["id"], row["status"], row["reason"]) == (number, "open", "the report")
    assert row["added"] == [{"path": "public.customers"}]
    assert not_mine.data("GET", "/requests?state=all") == []
    for one in (mine, not_mine):
        one.refused(403, "POST", f"/requests/{number}/approve", {"data": {}})
        one.refused(403, "POST", f"/requests/{number}/reject", {"data": {"note": "no"}})
    not_mine.refused(404, "POST", f"/requests/{number}/withdraw")
    assert root.data("POST", f"/requests/{number}/approve", {"data": {"note": "fine"}}) == {"in_force": True}
    assert root.data("GET", f"/stakeholders/{app['id']}/claims")["match"] == [{"path": "public.customers"}]
    ((message, _),) = root.refused(422, "POST", f"/requests/{number}/approve", {"data": {}})["detail"]
    assert "is approved" in message
    (row,) = mine.data("GET", "/requests?state=approved")
    assert row["note"] == "fine"


def test_a_request_is_rejected_or_withdrawn(root: Client, user: Callable[..., Client], app) -> None:
    mine = user({"stakeholders": [app["name"]]})
    asked = {"data": {"specification": {"match": [{"path": "public.customers"}]}}}
    first = mine.data("POST", f"/stakeholders/{app['id']}/requests", asked, 201)["id"]
    root.refused(422, "POST", f"/requests/{first}/reject", {"data": {"note": ""}})
    root.data("POST", f"/requests/{first}/reject", {"data": {"note": "read public.sums"}}, 204)
    second = mine.data("POST", f"/stakeholders/{app['id']}/requests", asked, 201)["id"]
    mine.data("POST", f"/requests/{second}/withdraw", status=204)
    states = {row["id"]: row["status"] for row in mine.data("GET", "/requests?state=all")}
    assert states == {first: "rejected", second: "withdrawn"}
    root.refused(404, "POST", "/requests/4711000/approve", {"data": {}})


def test_a_user_asks_for_schemas_of_its_scopes_only(user: Callable[..., Client], app) -> None:
    one = user({"schemas": ["public"]})
    asked = {"data": {"specification": {"match": [{"path": "warehouse.bins"}]}}}
    assert "warehouse" in one.refused(403, "POST", f"/stakeholders/{app['id']}/requests", asked)["reason"]
    assert one.data("GET", "/requests") == []


def test_a_check_warns_of_what_is_deprecated(root: Client, place: Place, app) -> None:
    place.owner.run("SELECT integratedb_deprecate('public.orders', 'total')")
    spec = {"data": {"match": [{"path": "public.orders", "fields": ["total"]}]}}
    answer = root.send("POST", f"/stakeholders/{app['id']}/claims/check", spec).json()
    assert answer["data"] == []
    assert [(row["path"], row["field"]) for row in answer["warnings"]] == [("public.orders", "total")]
    place.owner.run("SELECT integratedb_undeprecate('public.orders', 'total')")


def test_a_login_is_lent_renewed_and_revoked(root: Client, place: Place, app) -> None:
    path = f"/stakeholders/{app['id']}/leases"
    lent = root.data("POST", path, {"data": {"ttl_seconds": 600, "note": "job 17"}}, 201)
    with place.stakeholder_session(**lent["credentials"]) as session:
        assert session.value("SELECT current_user::text") == app["name"]
        (row,) = [row for row in root.data("GET", "/leases") if row["id"] == lent["id"]]
        assert (row["stakeholder"], row["sessions"], row["note"]) == (app["name"], 1, "job 17")
        assert row["username"] == lent["credentials"]["username"]
        renewed = root.data("POST", f"/leases/{lent['id']}/renew", {"data": {"ttl_seconds": 7200}})
        assert renewed["valid_until"] > lent["valid_until"]
    root.data("DELETE", f"/leases/{lent['id']}", status=204)
    root.refused(404, "DELETE", f"/leases/{lent['id']}")
    root.refused(404, "POST", f"/leases/{lent['id']}/renew", {"data": {}})
    ((message, _),) = root.refused(422, "POST", path, {"data": {"ttl_seconds": 90_000}})["detail"]
    assert "cannot last" in message


def test_a_user_lends_logins_of_the_stakeholders_of_its_scopes_only(user: Callable[..., Client], app, other) -> None:
    mine, not_mine = user({"stakeholders": [app["name"]]}), user({"stakeholders": [other["name"]]})
    path = f"/stakeholders/{app['id']}/leases"
    not_mine.refused(404, "POST", path, {"data": {}})
    number = mine.data("POST", path, {"data": {}}, 201)["id"]
    assert not_mine.data("GET", "/leases") == []
    assert [row["id"] for row in mine.data("GET", "/leases")] == [number]
    not_mine.refused(404, "POST", f"/leases/{number}/renew", {"data": {}})
    not_mine.refused(404, "DELETE", f"/leases/{number}")
    mine.data("DELETE", f"/leases/{number}", status=204)
