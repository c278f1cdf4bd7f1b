"""@supabase/postgrest-js, unmodified: scripts/postgrest.mjs makes the calls, and this is what each must answer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.api.harness import Api, token
from tests.system.api.reference import ids
from tests.system.harness import ROOT

CLIENT = ROOT / ".build/node/node_modules/@supabase/postgrest-js"
# The suites that run in images have no Node.
pytestmark = pytest.mark.skipif(not CLIENT.exists(), reason="scripts/bootstrap --test installs the client")

SCRIPT = Path(__file__).parent / "scripts/postgrest.mjs"


def ok(data: Any, status: int = 200, **more: Any) -> dict[str, Any]:
    """Give an answer."""
    return {"status": status, "data": data, **more}


def failed(status: int, code: str, message: str) -> dict[str, Any]:
    """Give an error."""
    return {"status": status, "data": None, "error": {"code": code, "message": message}}


EXPECTED: dict[str, dict[str, Any]] = {
    "select": ok([{"id": 1, "title": "Arrival Hall"}]),
    "select all": ok([{"id": 42, "name": "Acme"}, {"id": 43, "name": "Bolt"}]),
    "alias and cast": ok([{"name": "Arrival Hall", "year": "1990"}]),
    "json path": ok([{"no": "512"}]),
    "embed": ok([{"title": "Arrival Hall", "directors": {"last_name": "Berg"}}]),
    "embed of many": ok([{"last_name": "Berg", "films": [{"title": "Arrival Hall"}, {"title": "Brass"}]}]),
    "embed with hint": ok([{"name": "Filter", "billing": {"city": "Oslo"}, "shipping": {"city": "Rome"}}]),
    "ambiguous embed": failed(
        300, "PGRST201", "Could not embed because more than one relationship was found for 'orders' and 'addresses'"
    ),
    "inner embed": ok([{"id": 3, "directors": {"last_name": "Cole"}}]),
    "spread": ok([{"title": "Arrival Hall", "director": "Berg"}]),
    "count in an embed": ok([{"title": "Arrival Hall", "roles": [{"count": 2}]}]),
    "limit of an embed": ok([{"id": 1, "actors": ids(1)}]),
    "or in an embed": ok([{"id": 1, "roles": [{"character": "Clerk"}]}]),
    "neq": ok(ids(2, 3, 4)),
    "gt": ok(ids(3)),
    "gte lt": ok(ids(1, 2)),
    "lte": ok(ids(1)),
    "like": ok(ids(1, 2, 3)),
    "likeAllOf": ok(ids(3)),
    "likeAnyOf": ok(ids(1, 2, 3)),
    "ilike": ok(ids(3)),
    "ilikeAllOf": ok(ids(3)),
    "ilikeAnyOf": ok(ids(1, 2, 3)),
    "is": ok(ids(3)),
    "in": ok(ids(1, 4)),
    "contains array": ok(ids(1)),
    "contains json": ok(ids(1, 4)),
    "contains range": ok(ids(1, 3)),
    "containedBy": ok(ids(1, 2, 3)),
    "overlaps": ok(ids(1, 2)),
    "rangeGt": ok(ids(2)),
    "rangeGte": ok(ids(2, 3)),
    "rangeLt": ok(ids(1)),
    "rangeLte": ok(ids(1)),
    "rangeAdjacent": ok(ids(1)),
    "textSearch": ok(ids(1, 3)),
    "textSearch websearch": ok(ids(1)),
    "textSearch plain": ok(ids(1)),
    "textSearch phrase": ok(ids(1)),
    "match": ok(ids(2)),
    "not": ok(ids(1, 3)),
    "or": ok(ids(1, 3)),
    "filter": ok(ids(1, 3)),
    "filter of an embed": ok(ids(1)),
    "order": ok(ids(3, 2, 1, 4)),
    "order by an embed": ok([{"id": 3, "directors": {"last_name": "Cole"}}]),
    "range": ok(ids(2, 3)),
    "limit": ok(ids(1, 2)),
    "single": ok({"name": "Acme"}),
    "single of many": failed(406, "PGRST116", "Cannot coerce the result to a single JSON object"),
    "maybeSingle": ok({"name": "Acme"}),
    "maybeSingle of none": ok(None),
    "maybeSingle of many": failed(406, "PGRST116", "JSON object requested, multiple (or no) rows returned"),
    "csv": ok("id,name\n42,Acme\n43,Bolt\n"),
    "count exact": ok(ids(1), 206, count=4),
    "count estimated": ok(ids(1), 206, count=4),
    "head": ok(None, count=4),
    "head of nothing": ok(None, 204),
    "unknown column": failed(400, "42703", "column films.nothing does not exist"),
    "insert": ok(None, 201),
    "insert and select": ok([{"id": 2, "task": "two", "done": False}], 201),
    "insert many": ok([{"id": 3, "task": "three"}, {"id": 4, "task": "four"}], 201),
    "insert with defaults": ok([{"id": 5, "task": "five"}, {"id": 6, "task": "nothing"}], 201),
    "insert counted": ok(None, 201, count=2),
    "insert again": failed(409, "23505", 'duplicate key value violates unique constraint "todos_pkey"'),
    "insert null": failed(400, "23502", 'null value in column "task" of relation "todos" violates not-null constraint'),
    "upsert": ok({"id": 1, "task": "ONE", "slug": "a"}),
    "upsert on conflict": ok([{"id": 1, "done": True}]),
    "upsert without duplicates": ok([{"id": 10, "task": "ten"}], 201),
    "upsert with defaults": ok(
        [{"id": 1, "task": "ONE", "done": False}, {"id": 11, "task": "nothing", "done": True}], 201
    ),
    "update": ok([{"id": 2, "done": True}]),
    "update counted": ok(None, 204, count=2),
    "update too many": failed(400, "PGRST124", "Query result exceeds max-affected preference constraint"),
    "update at most": ok(ids(3)),
    "delete": ok(ids(4)),
    "delete counted": ok(None, 204, count=2),
    "delete too many": failed(400, "PGRST124", "Query result exceeds max-affected preference constraint"),
    "rollback": ok(ids(1)),
    "left": ok(ids(1, 2, 3, 7, 8, 10, 11)),
    "delete all": ok(None, 204),
    "rpc": ok(3),
    "rpc get": ok(3),
    "rpc head": ok(None, count=2),
    "rpc rows": ok(ids(1)),
    "rpc embed": ok([{"title": "Arrival Hall", "directors": {"last_name": "Berg"}}]),
    "rpc array": ok(6),
    "rpc void": ok(None, 204),
    "rpc row": ok({"id": 1}),
    "rpc unknown": failed(
        404,
        "PGRST202",
        "Could not find the function cinema.nothing_of_this_kind without parameters in the schema cache",
    ),
    "rpc error": failed(400, "P0001", "I refuse!"),
    "schema": ok([{"title": "Old Reel"}]),
    "schema of the client": ok([{"title": "Old Reel"}]),
    "rpc of a schema": ok("archived"),
    "unknown schema": failed(406, "PGRST106", "Invalid schema: hidden"),
    "setHeader": ok(ids(42), count=1),
    "throwOnError": {"thrown": "42703"},
    "abort": failed(0, "", "AbortError: This operation was aborted"),
    "returns": ok(ids(43)),
    "explain": ok(["Plan"]),
    "stripNulls": ok(ids(4)),
}


@pytest.fixture(scope="module")
def answers(clients_api: Api) -> dict[str, Any]:
    """What the script has printed."""
    done = subprocess.run(
        [ROOT / ".build/venv/bin/node", SCRIPT, clients_api.url, token(clients_api.place.user)],
        env={**os.environ, "NODE_DIRECTORY": str(ROOT / ".build/node")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_nothing_is_left_out(answers: dict[str, Any]) -> None:
    assert list(answers) == list(EXPECTED)
    assert len(EXPECTED) >= 90


@pytest.mark.parametrize("name", EXPECTED)
def test_call(answers: dict[str, Any], name: str) -> None:
    assert answers[name] == EXPECTED[name]
