"""Translations over HTTP: the stakeholder's names, within the user's scopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.serve.harness import Client, Place, unique

User = Callable[..., Client]
CLAIM = {"match": [{"path": "public.orders", "fields": ["id", "status"]}]}


@pytest.fixture
def stakeholder(place: Place, root: Client) -> dict[str, Any]:
    made = root.stakeholder(unique("asker"))
    root.data("PUT", f"/stakeholders/{made['id']}/claims", {"data": {**CLAIM, "type": "CLAIMS"}})
    return made


def body(face: str, query: str) -> dict[str, Any]:
    return {"data": {"face": face, "query": query}}


def test_a_query_is_said_in_each_face(root: Client, stakeholder: dict[str, Any]) -> None:
    found = root.data("POST", f"/stakeholders/{stakeholder['id']}/translate", body("url", "/orders?select=id&id=gt.1"))
    assert found["url"]["text"] == "/orders?select=id&id=gt.1"
    assert 'ordersNodes(filter: {rowId: {gt: "1"}})' in found["graphql"]["text"]
    assert found["data"]["why"] is None
    assert found["sql"]["parameters"] == ["1"]


@pytest.mark.parametrize(
    ("face", "query", "words"),
    [
        ("url", "/orders?select=nothing", "orders has no column nothing"),
        ("data", "{", "the query is no JSON"),
        ("graphql", "{ x }", "Cannot query field"),
        ("url", "/\0", "cannot store|NUL"),
    ],
)
def test_what_is_no_query_is_refused_with_the_reason(
    root: Client, stakeholder: dict[str, Any], face: str, query: str, words: str
) -> None:
    refused = root.refused(422, "POST", f"/stakeholders/{stakeholder['id']}/translate", body(face, query))
    assert any(word in str(refused) for word in words.split("|"))


def test_scopes_hide_stakeholders_and_schemas(root: Client, user: User, stakeholder: dict[str, Any]) -> None:
    path = f"/stakeholders/{stakeholder['id']}/translate"
    other = user({"stakeholders": ["somebody_else"]})
    other.refused(404, "POST", path, body("url", "/orders"))
    elsewhere = user({"stakeholders": [stakeholder["name"]], "schemas": ["elsewhere"]})
    refused = elsewhere.refused(422, "POST", path, body("url", "/orders"))
    assert "sees no schema" in str(refused)
    own = user({"stakeholders": [stakeholder["name"]], "schemas": ["public"]})
    assert own.data("POST", path, body("url", "/orders?select=id"))["sql"]["text"]
