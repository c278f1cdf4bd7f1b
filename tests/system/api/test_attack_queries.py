"""What callers may try by queries as data and GraphQL: short requests with long answers, statements or times."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.api.harness import Api, Place, unique

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


def test_a_column_with_the_name_of_an_alias_is_only_a_column_in_every_query(api: Api, place: Place) -> None:
    """Of queries as data, GraphQL, and rows before an offset."""
    table = unique("aliases")
    letters = [f"{letter}_{number}" for letter in "tsewbvaqrf" for number in range(1, 6)]
    names = [*letters, *"wrnvj", "c1", "c2", "found", "body", "status", "excluded", "union"]
    columns = ", ".join(f'"{name}" text DEFAULT {name!r}' for name in names)
    place.superuser.run(
        f"CREATE TABLE {table} (id int PRIMARY KEY, parent int REFERENCES {table}, {columns});"
        f"GRANT ALL ON {table} TO {place.user};"
        f"INSERT INTO {table} (id, parent) VALUES (1, NULL), (2, 1), (3, 1)"
    )
    whole = {name: name for name in names}
    rows = [{"id": number, "parent": parent, **whole} for number, parent in ((1, None), (2, 1), (3, 1))]

    def asked(query: Any) -> Any:
        answer = api.send("POST", "/query", query, role=place.user)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert asked({"from": table, "order-by": ["id"]}) == rows
    above = {"relation": table, "hint": "parent", "as": "above", "select": names}
    page = {"from": table, "order-by": ["id"], "offset": 1, "limit": 1, "embed": [above]}
    assert asked(page) == [{**rows[1], "above": whole}]
    grouped = {"select": ["t_1", "w", [{"call": ["count", "*"]}, "n"]], "from": table, "group-by": ["t_1", "w"]}
    assert asked(grouped) == [{"t_1": "t_1", "w": "w", "n": 3}]
    both = {"union": [{"select": names, "from": table}, {"select": names, "from": table}]}
    assert asked(both) == [whole]
    named = {"with": [["w", {"from": table}], ["q_1", {"from": "w"}]], "select": names, "from": "q_1", "limit": 1}
    assert asked(named) == [whole]
    written = {
        "insert-into": table, "values": [{"id": 1}], "returning": ["id", *names],
        "on-conflict": {"columns": ["id"], "do": "update", "set": {"w": {"field": "excluded.t_1"}}},
    }  # fmt: skip
    assert asked(written) == [{"id": 1, **whole, "w": "t_1"}]
    path = f"/{table}?select={','.join(names)},above:{table}!parent({','.join(names)})&order=id.desc&limit=1&offset=1"
    assert api.get(path, role=place.user) == [{**whole, "above": {**whole, "w": "t_1"}}]
    facts = "totalCount pageInfo { hasNextPage hasPreviousPage } nodes { rowId w j n found }"
    arguments = 'first: 1, offset: 1, filter: {s1: {eq: "s_1"}}'
    document = f"{{ nodes: {table.replace('_', '')}Nodes({arguments}) {{ {facts} }} }}"
    answer = api.send("POST", "/graphql", {"query": document}, role=place.user)
    node = {"rowId": 2, **{name: name for name in ("w", "j", "n", "found")}}
    page_info = {"hasNextPage": True, "hasPreviousPage": True}
    assert answer.json() == {"data": {"nodes": {"totalCount": 3, "pageInfo": page_info, "nodes": [node]}}}
