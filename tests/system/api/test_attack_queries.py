"""What callers may try by queries as data and GraphQL: short requests with long answers, statements or times."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.api.harness import Api, Place

EDN = "application/edn"
ID = {"field": "id"}


def waits_beside(api: Api, place: Place, path: str, body: Any, **headers: str) -> tuple[httpx.Response, float, float]:
    """Send a request; return its answer, how long it took, and the longest time that others took meanwhile."""
    waits_s = [0.0]
    with ThreadPoolExecutor() as pool, httpx.Client(timeout=60) as http:
        http.get(f"{api.url}/people?id=eq.1&select=id")
        began_s = time.monotonic()
        long = pool.submit(api.send, "POST", path, body, role=place.user, headers=headers)
        while not long.done():
            asked_s = time.monotonic()
            assert http.get(f"{api.url}/people?id=eq.1&select=id").json() == [{"id": 1}]
            waits_s.append(time.monotonic() - asked_s)
        return long.result(), time.monotonic() - began_s, max(waits_s)


def test_a_large_query_does_not_stop_other_requests(api: Api, place: Place) -> None:
    """Its last name is unknown, so all of its time is that of compiling it."""
    calls = [["=", {"call": ["abs", ID]}, number] for number in range(3_300)]
    one = {"select": ["id"], "from": "people", "where": ["and", *calls, ["=", {"field": "unknown"}, 1]]}
    answer, took_s, waited_s = waits_beside(api, place, "/query", one)
    assert (answer.status_code, answer.json()["code"]) == (400, "42703")
    assert waited_s < took_s / 3


def test_a_long_answer_in_edn_does_not_stop_other_requests(api: Api, place: Place) -> None:
    queries = [{"from": "people", "limit": 1000}] * 40
    answer, took_s, waited_s = waits_beside(api, place, "/query", queries, Accept=EDN)
    assert answer.headers["content-type"].startswith(EDN)
    assert answer.text.count(":id") == 40_000
    assert waited_s < took_s / 2


def test_edn_leaves_no_lines_in_the_log(api: Api, place: Place) -> None:
    api.send("POST", "/query", b"{:from [:people] :limit 1}", role=place.user, headers={"Content-Type": EDN})
    assert not [entry for entry in api.logs() if "lex" in entry["message"] or "yacc" in entry["message"]]


@pytest.mark.parametrize("text", ["{:from [:people]} {:from [:people]}", "#_ {:from [:people]}", ""])
def test_a_body_in_edn_is_one_form(api: Api, place: Place, text: str) -> None:
    answer = api.send("POST", "/query", text.encode(), role=place.user, headers={"Content-Type": EDN})
    assert (answer.status_code, answer.json()["pointer"]) == (400, "#")
    assert "expected one form" in answer.json()["message"]


def test_a_long_variable_that_many_fields_use_is_refused(api: Api, place: Place) -> None:
    fields = " ".join(f"a{n}: peopleNodes(filter: {{name: {{eq: $x}}}}) {{ totalCount }}" for n in range(50))
    body = {"query": f"query($x: String) {{ {fields} }}", "variables": {"x": "y" * 1_000_000}}
    answer = api.send("POST", "/graphql", body, role=place.user)
    assert answer.status_code == 422
    assert "repeat" in answer.json()["errors"][0]["message"]


def test_a_long_variable_that_many_conditions_use_is_sent_once(api: Api, place: Place) -> None:
    conditions = ", ".join("{name: {neq: $x}}" for _ in range(200))
    query = f"query($x: String) {{ peopleNodes(filter: {{and: [{conditions}]}}) {{ totalCount }} }}"
    body = {"query": query, "variables": {"x": "y" * 1_000_000}}
    began_s = time.monotonic()
    answer = api.send("POST", "/graphql", body, role=place.user)
    assert answer.json() == {"data": {"peopleNodes": {"totalCount": 2000}}}
    assert time.monotonic() - began_s < 5


def test_facts_of_a_connection_that_repeat_its_filter_are_limited(api: Api, place: Place) -> None:
    conditions = ", ".join(f"{{rowId: {{neq: {n}}}}}" for n in range(100))
    counts = " ".join(f"n{n}: totalCount" for n in range(1_000))
    body = {"query": f"{{ peopleNodes(filter: {{and: [{conditions}]}}) {{ {counts} }} }}"}
    answer = api.send("POST", "/graphql", body, role=place.user)
    assert (answer.status_code, json.dumps(answer.json())[:200].count("more than 1000 conditions")) == (422, 1)
