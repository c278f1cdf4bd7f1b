"""A name that a role does not see: not claimed, claimed but unmet, and without a right are three answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.system.api.conftest import StartApi
from tests.system.api.harness import LOGIN, Api, Place, unique

CLAIM = {"match": [{"path": "public.people", "fields": ["id", "name", "age"]}]}


@pytest.fixture
def stakeholder(fresh: Place) -> Iterator[str]:
    """A stakeholder of the fresh database, that the service may act for."""
    name = unique("mailer")
    fresh.superuser.run("SELECT integratedb_create_stakeholder(%s)", name)
    fresh.superuser.run("SELECT integratedb_claim(%s, %s)", name, json.dumps(CLAIM))
    fresh.superuser.run("SELECT integratedb_allow_api(%s)", name)
    fresh.superuser.run(f"GRANT integratedb_authenticator TO {LOGIN}")
    yield name
    fresh.superuser.run("SELECT integratedb_drop_stakeholder(%s)", name)


@pytest.fixture
def service(fresh: Place, start_api: StartApi) -> Api:
    return start_api(fresh)


def test_what_is_not_claimed_is_answered_with_the_claim(service: Api, stakeholder: str) -> None:
    answer = service.send("GET", "/notes", role=stakeholder)
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST205")
    assert answer.json()["details"] == f"{stakeholder} does not claim public.notes"
    assert '{"path": "public.notes", "fields": ["*"]}' in answer.json()["hint"]
    # The answer does not tell whether the table exists.
    other = service.send("GET", "/nothing", role=stakeholder)
    assert other.text.replace("nothing", "notes") == answer.text
    embedded = service.send("GET", "/people?select=id,notes(*)", role=stakeholder)
    assert embedded.json()["details"] == f"{stakeholder} does not claim public.notes"
    column = service.send("GET", "/people?select=size", role=stakeholder)
    assert (column.status_code, column.json()["code"]) == (400, "42703")
    assert '"fields": ["size"]' in column.json()["hint"]


def test_what_is_claimed_but_unmet_is_a_conflict(service: Api, fresh: Place, stakeholder: str) -> None:
    assert service.send("GET", "/people?select=age&limit=1", role=stakeholder).status_code == 200
    with fresh.superuser.transaction():
        fresh.superuser.run("SELECT integratedb_override('a test')")
        fresh.superuser.run("ALTER TABLE people DROP COLUMN age")
    answer = service.send("GET", "/people?select=age", role=stakeholder)
    assert (answer.status_code, answer.json()["code"]) == (409, "IDB01")
    assert "people" in answer.json()["message"]


def test_what_a_role_has_no_right_on(service: Api, fresh: Place) -> None:
    anonymous = service.send("GET", "/notes")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "42501")
    assert anonymous.headers["www-authenticate"] == "Bearer"
    fresh.superuser.run(f"REVOKE ALL ON notes FROM {fresh.user}")
    answer = service.send("GET", "/notes", role=fresh.user)
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")
    assert answer.json()["message"] == f"role {fresh.user} has no right on public.notes"
    assert service.send("GET", "/nothing", role=fresh.user).status_code == 404


@pytest.mark.parametrize("name", ["%00", "%27%3B--", "x" * 200, "%F0%9F%98%80"])
def test_strange_names_are_unknown(service: Api, fresh: Place, name: str) -> None:
    assert service.send("GET", f"/{name}", role=fresh.user).status_code in (400, 404)
