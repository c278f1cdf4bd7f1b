"""When a saved query is compiled: once, beside other requests if it is large, and nothing of its values is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from integratedb.query.saved.compiling import check
from integratedb.query.saved.forms import read_saved
from integratedb_companion.api import graphql, saved
from integratedb_companion.api.execution import Executor, Plan, Slow, Watch
from integratedb_companion.api.graphql import GraphQL
from integratedb_companion.api.messages import Heads, Request, Response
from integratedb_companion.api.saved import Saved
from integratedb_companion.api.settings import DEFAULTS, build
from tests.unit.api.test_rest import CALLER, Recorder
from tests.unit.core.query.surfaces import SHOP

QUERIES: dict[str, Any] = {
    "data": {"select": ["id"], "from": "clients", "where": ["=", {"field": "name"}, {"param": "name"}]},
    "several": [
        {"select": ["id"], "from": "clients", "where": ["=", {"field": "name"}, {"param": "name"}]},
        {"select": ["id"], "from": "projects"},
    ],
    "limited": {"select": ["id"], "from": "clients", "limit": {"param": "most"}},
    "rest": {"rest": "GET /clients?select=id&name=eq.{{name}}"},
    "graphql": {"graphql": "query($name: String) { clientsNodes(name: $name) { nodes { rowId } } }"},
}


class _Executor(Recorder):
    def __init__(self) -> None:
        super().__init__()
        rows = {}
        for name, query in QUERIES.items():
            made = read_saved(name, query, ("shop",))
            reading = check(made, SHOP).reading.as_json()
            rows[name] = {"name": name, "face": made.face, "query": query, "schemas": ["shop"], "reading": reading}
        self.entry.surface = replace(SHOP, saved=rows)

    async def execute(self, _role: str, make: Callable[[Any], Any], watch: Watch) -> Response:
        made = make(self.entry)
        self.plans.append(made.make() if hasattr(made, "make") else made)
        return Response(200)


@pytest.fixture
def executor() -> _Executor:
    return _Executor()


@pytest.fixture
def ask(executor: _Executor) -> Callable[..., Plan]:
    asks = asking(executor)

    def ask(name: str, query: str) -> Plan:
        asks(name, query)
        return executor.plans[-1]

    return ask


def asking(executor: _Executor) -> Callable[[str, str], None]:
    """Return what asks for a saved query by its name and a query string."""
    settings = build(DEFAULTS | {"dsn": "host=x", "jwt_secret": ("x" * 64,), "schemas": ("shop",)})
    given = cast("Executor", executor)
    face, heads = Saved(settings, given, GraphQL(settings, given)), Heads()

    def ask(name: str, query: str) -> None:
        path = f"/queries/{name}"
        request = Request("GET", path, path.encode(), query, heads.of([]))
        asyncio.run(face.answer(request, CALLER, Watch()))

    return ask


@pytest.mark.parametrize("name", ["data", "several", "rest", "graphql"])
def test_the_second_request_costs_no_compilation(
    ask: Callable[..., Plan], executor: _Executor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ask(name, "name=secret")
    for module, function in (
        (saved, "compile_data"),
        (saved, "compile_url"),
        (graphql, "compile_query"),
        (graphql, "compile_operation"),
    ):
        monkeypatch.setattr(module, function, None)
    two = ask(name, "name=other")
    assert one.query.text == two.query.text
    assert b"secret" in b"".join(value or b"" for value in one.query.values)
    assert b"other" in b"".join(value or b"" for value in two.query.values)
    if name in ("data", "several"):
        assert "secret" not in repr([*executor.entry.statements.items()])


def test_a_number_of_rows_makes_a_statement_that_is_remembered_with_it(
    ask: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [ask("limited", f"most={most}").query for most in (1, 2)]
    monkeypatch.setattr(saved, "compile_data", None)
    assert [ask("limited", f"most={most}").query for most in (1, 2)] == first
    assert first[0].values != first[1].values


class _Noting(_Executor):
    """Notes what a request becomes at once."""

    async def execute(self, _role: str, make: Callable[[Any], Any], watch: Watch) -> Response:
        self.made = make(self.entry)
        return Response(200)


@pytest.mark.parametrize(("conditions", "is_slow"), [(1, False), (1_500, True)])
def test_a_large_query_is_compiled_beside_other_requests(conditions: int, is_slow: bool) -> None:
    where = ["or", *[["=", {"field": "id"}, number] for number in range(conditions)]]
    query = {"select": ["id"], "from": "clients", "where": where}
    made = read_saved("asked", query, ("shop",))
    reading = check(made, SHOP).reading.as_json()
    executor = _Noting()
    row = {"name": "asked", "face": "data", "query": query, "schemas": ["shop"], "reading": reading}
    executor.entry.surface = replace(SHOP, saved={"asked": row})
    asking(executor)("asked", "")
    assert isinstance(executor.made, Slow) is is_slow
