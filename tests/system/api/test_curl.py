"""Requests as people type them, by curl."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.system.api.harness import Api, token


def curl(api: Api, *arguments: str) -> Any:
    """Run curl; give what it prints as JSON."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail-with-body", "--globoff", *arguments[:-1], api.url + arguments[-1]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else None


def test_people_who_are_students(clients_api: Api) -> None:
    found = curl(clients_api, "/people?age=gte.15&student=is.true&select=id")
    assert found == [{"id": 1}]
    assert curl(clients_api, "/people?age=gte.18&student=is.true") == []


def test_a_client_with_its_projects_in_the_old_form(clients_api: Api) -> None:
    assert curl(clients_api, "/clients?id=eq.42&select=id,name,projects{*}") == [
        {
            "id": 42,
            "name": "Acme",
            "projects": [
                {"id": 1, "name": "Bridge", "client_id": 42},
                {"id": 2, "name": "Tunnel", "client_id": 42},
            ],
        }
    ]


def test_two_people_are_added(clients_api: Api) -> None:
    who = ("--header", f"Authorization: Bearer {token(clients_api.place.user)}")
    rows = json.dumps([{"id": 301, "first_name": "J Doe", "age": 62}, {"id": 302, "first_name": "Janus", "age": 10}])
    sent = curl(clients_api, *who, "--header", "Content-Type: application/json", "--data", rows, "/people")
    assert sent is None
    found = curl(clients_api, "/people?id=gt.300&select=first_name,age&order=id")
    assert found == [{"first_name": "J Doe", "age": 62}, {"first_name": "Janus", "age": 10}]
    assert curl(clients_api, *who, "--request", "DELETE", "/people?id=gt.300") is None
