"""Claims and notifications over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import refused
from tests.system.serve.harness import Client, Place, unique

MAX_SPEC_BYTES = 1_000_000


@pytest.fixture
def app(root: Client) -> dict[str, object]:
    """A stakeholder of the test's own."""
    return root.stakeholder(unique("app"))


def orders(*fields: object) -> dict[str, object]:
    return {"match": [{"path": "public.orders", "fields": list(fields)}]}


def test_claims_come_back_in_short_form_and_are_granted(root: Client, place: Place, app) -> None:
    path = f"/stakeholders/{app['id']}/claims"
    assert root.data("GET", path) == {"type": "CLAIMS", "match": []}
    long = {"match": {"path": "public.orders", "fields": [{"name": "id"}, {"name": "status", "type": "varchar"}]}}
    short = {"type": "CLAIMS", **orders("id", {"name": "status", "type": "varchar"})}
    assert root.data("PUT", path, {"data": long}) == short
    assert root.data("GET", path) == short
    assert root.data("PUT", path, {"data": short}) == short
    with place.stakeholder_session(**app["credentials"]) as session:
        assert session.rows("SELECT id, status FROM orders") == [(1, "new")]
        with refused("42501"):
            session.run("SELECT total FROM orders")
    assert root.data("GET", f"/stakeholders/{app['id']}")["claims"] == 1
    assert root.data("PUT", path, {"data": {"match": []}}) == {"type": "CLAIMS", "match": []}


def test_what_is_claimed_cannot_be_migrated_away(root: Client, place: Place, app) -> None:
    root.data("PUT", f"/stakeholders/{app['id']}/claims", {"data": orders("status")})
    with refused("IDB01", app["name"]):
        place.owner.run("ALTER TABLE orders DROP COLUMN status")
    assert place.owner.value("SELECT status FROM orders") == "new"


def test_an_unmet_claim_is_told_property_by_property(root: Client, app) -> None:
    path = f"/stakeholders/{app['id']}/claims"
    wrong = orders("nope", {"name": "status", "type": "integer"}, {"name": "total", "is_nullable": False})
    problems = root.refused(422, "PUT", path, {"data": wrong})["claims"]
    assert {problem["property"] for problem in problems} == {"column", "type", "is_nullable"}
    for problem in problems:
        assert problem.keys() == {"path", "field", "property", "expected", "actual", "message"}
    assert root.data("GET", path)["match"] == []


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"match": [{"fields": ["id"]}]}, "#/match/0"),
        ({"match": [{"path": "public.orders", "fields": ["id", 5]}]}, "#/match/0/fields/1"),
        ({"match": 5}, "#/match"),
        ({"match": [], "more": 1}, "#"),
        ({}, "#"),
        ({"match": [{"path": "nul\0.x"}]}, None),
        ({"match": [{"path": "public.orders", "fields": ["\ud800"]}]}, None),
        ([], "#"),
        ("x", "#"),
        (None, "#"),
        ({"type": "NOTIFICATIONS", "match": []}, "#/type"),
        ({"type": "OTHER", "match": []}, "#/type"),
    ],
)
def test_a_document_that_is_not_well_formed_is_told_where(root: Client, app, document, pointer) -> None:
    detail = root.refused(422, "PUT", f"/stakeholders/{app['id']}/claims", {"data": document})["detail"]
    assert all(isinstance(message, str) and place.startswith("#") for message, place in detail)
    if pointer is not None:
        assert detail[0][1].startswith(pointer), detail


def test_what_is_wrong_with_a_document_is_told_in_words_once(root: Client, app) -> None:
    document = {"match": [{"path": "orders"}, {"path": "public.orders", "fields": ["id", "id"]}]}
    assert root.refused(422, "PUT", f"/stakeholders/{app['id']}/claims", {"data": document}) == {
        "detail": [
            ["'orders' is not a table path: the schema is missing: a path is schema.table", "#/match/0/path"],
            ["the field 'id' stands before it; a field is named once", "#/match/1/fields/1"],
        ]
    }


def test_a_document_that_nests_deeply_is_refused(root: Client, app) -> None:
    path = f"/stakeholders/{app['id']}/claims"
    for depth in (300, 900, 5_000, 100_000):
        content = b'{"data": {"match": ' + b"[" * depth + b"]" * depth + b"}}"
        answer = root.send("PUT", path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), (depth, answer.text)
        assert "errors" in answer.json()


def test_the_documents_size_has_the_databases_limit(root: Client, app) -> None:
    long = {"match": [{"path": "public.orders", "fields": ["x" * MAX_SPEC_BYTES]}]}
    (problem,) = root.refused(422, "PUT", f"/stakeholders/{app['id']}/claims", {"data": long})["detail"]
    assert "the limit is 1000000" in problem[0]


def test_notifications_keep_their_secrets(root: Client, place: Place, app) -> None:
    path = f"/stakeholders/{app['id']}/notifications"
    assert root.data("GET", path) == {"type": "NOTIFICATIONS", "match": []}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
    hook = {"name": "shop", "type": "WEBHOOK", "url": "https://shop.example/hooks", "secret": secret}
    document = {"match": [{"path": "public.orders", "events": ["INSERT"], "fields": ["id"]}], "channels": [hook]}
    stored = root.data("PUT", path, {"data": document})
    assert stored["type"] == "NOTIFICATIONS"
    assert stored["match"] == document["match"]
    assert (stored["channels"][0]["name"], stored["channels"][0]["url"]) == ("shop", hook["url"])
    assert secret not in str(stored)
    assert root.data("PUT", path, {"data": stored}) == stored
    kept = place.superuser.value("SELECT settings ->> 'secret' FROM integratedb.channel WHERE name = 'shop'")
    assert kept == secret
    assert root.data("PUT", path, {"data": {"match": []}})["match"] == []


def test_what_cannot_be_notified_is_told(root: Client, place: Place, app) -> None:
    place.owner.run("CREATE TABLE IF NOT EXISTS keyless (id bigint)")
    document = {"match": [{"path": "public.keyless", "events": ["UPDATE"]}]}
    path = f"/stakeholders/{app['id']}/notifications"
    problems = root.refused(422, "PUT", path, {"data": document})["claims"]
    assert [problem["property"] for problem in problems] == ["replica_identity"]


def test_what_a_stakeholder_can_read_comes_in_pages(root: Client, app) -> None:
    root.data("PUT", f"/stakeholders/{app['id']}/claims", {"data": orders("*")})
    path = f"/stakeholders/{app['id']}/access"
    rows = root.data("GET", path)
    assert rows == [
        {"path": "public.orders", "field": field, "reason": "claim", "excess": False}
        for field in ("id", "status", "total")
    ]
    first = root.send("GET", f"{path}?limit=2").json()
    second = root.send("GET", f"{path}?limit=2&after={first['next']}").json()
    assert (first["data"] + second["data"], second["next"]) == (rows, None)


@pytest.mark.parametrize("kind", ["claims", "notifications"])
def test_every_fault_of_a_document_is_told_by_the_one_place_that_checks_it(
    root: Client, kind: str, place: Place
) -> None:
    path = f"/stakeholders/{root.stakeholder(unique('app'))['id']}/{kind}"

    def faults(document: dict[str, Any]) -> list[list[str]]:
        detail: list[list[str]] = root.refused(422, "PUT", path, {"data": document})["detail"]
        return detail

    def said(document: dict[str, Any]) -> list[list[str]]:
        query = "SELECT message, pointer FROM integratedb_check_spec(%s, %s)"
        return [list(row) for row in place.superuser.rows(query, Jsonb(document), kind)]

    for wrong in (
        {"name": "x"},
        {"name": "x", "match": 5},
        {},
        {"match": [{"path": "x", "fields": [1]}, 2], "more": 1},
    ):
        assert faults(wrong) == said(wrong)
        assert len(faults({"name": "x"})) == 2
    other = "NOTIFICATIONS" if kind == "claims" else "CLAIMS"
    kinds: list[Any] = [other, "other", 5, {}]
    for kind_of_it in kinds:
        assert faults({"name": "x", "type": kind_of_it}) == [
            [f"it should be {kind.upper()}", "#/type"],
            *said({"name": "x"}),
        ]


def test_a_check_lists_the_faults_and_stores_nothing(root: Client) -> None:
    made = root.stakeholder(unique("checked"))
    path = f"/stakeholders/{made['id']}/claims"
    body = {"data": {"match": [{"path": "orders"}, {"path": "public.orders", "fields": ["id", "id"]}]}}
    found = root.data("POST", f"{path}/check", body)
    assert [(row["code"], row["pointer"]) for row in found] == [
        ("IDB02", "#/match/0/path"),
        ("IDB02", "#/match/1/fields/1"),
    ]
    (missing,) = root.data(
        "POST", f"{path}/check", {"data": {"match": [{"path": "public.orders", "fields": ["colour"]}]}}
    )
    assert (missing["code"], missing["path"], missing["field"]) == ("IDB03", "public.orders", "colour")
    good = {"data": {"type": "CLAIMS", "match": [{"path": "public.orders", "fields": ["id"]}]}}
    assert root.data("POST", f"{path}/check", good) == []
    assert root.data("GET", path)["match"] == []


def test_a_check_tells_a_restricted_user_nothing_of_other_schemas(root: Client, user: Callable[..., Client]) -> None:
    name = unique("checked")
    made = root.stakeholder(name)
    restricted = user({"stakeholders": [name], "schemas": ["warehouse"]})
    path = f"/stakeholders/{made['id']}/claims/check"
    for table in ("public.orders", "public.nowhere"):
        restricted.refused(403, "POST", path, {"data": {"match": [{"path": table, "fields": ["id"]}]}})
    assert restricted.data("POST", path, {"data": {"match": [{"path": "warehouse.bins", "fields": ["id"]}]}}) == []
