"""Queries as data with other params share a statement, which keeps nothing of the values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from integratedb_companion.api.data import Data
from integratedb_companion.api.execution import Executor, Plan, Watch
from integratedb_companion.api.messages import Heads, Request
from integratedb_companion.api.settings import DEFAULTS, build
from tests.unit.api.test_rest import CALLER, Recorder

QUERY = {"select": ["id"], "from": "clients", "where": ["=", {"field": "name"}, {"param": "name"}]}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def ask(recorder: Recorder) -> Callable[..., Plan]:
    settings = build(DEFAULTS | {"dsn": "host=x", "jwt_secret": ("x" * 64,), "schemas": ("shop",)})
    data, heads = Data(settings, cast("Executor", recorder)), Heads()

    def ask(document: Any) -> Plan:
        request = Request("POST", "/query", b"/query", "", heads.of([]), body=json.dumps(document).encode())
        asyncio.run(data.answer(request, CALLER, Watch()))
        return recorder.plans[-1]

    return ask


@pytest.mark.parametrize("explain", [False, True])
def test_documents_with_other_params_share_a_statement(
    ask: Callable[..., Plan], recorder: Recorder, explain: bool
) -> None:
    one, two = (ask({"query": QUERY, "explain": explain, "params": {"name": name}}) for name in ("secret", "other"))
    assert one.query.text is two.query.text
    assert [*map(b"secret".__eq__, one.query.values)].count(True) == (0 if explain else 1)
    assert [b"other" in (value or b"") for value in two.query.values].count(True) == 1
    [kept] = recorder.entry.statements.values()
    assert "secret" not in repr((recorder.entry.statements, kept.compiled))


def test_the_same_body_shares_a_statement(ask: Callable[..., Plan], recorder: Recorder) -> None:
    one, two = (ask({"from": "clients", "limit": 3}) for _ in range(2))
    assert one.query.text is two.query.text
    assert len(recorder.entry.statements) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"query": QUERY, "params": {"name": 1}},
        {"query": QUERY, "params": {"name": ""}},
        {"query": QUERY | {"limit": 1}, "params": {"name": "other"}},
        {"query": QUERY, "params": {"name": "x", "more": 1}},
        {"query": QUERY, "params": {"name": "x"}, "explain": True},
    ],
)
def test_other_documents_have_statements_of_their_own(ask: Callable[..., Plan], recorder: Recorder, other: Any) -> None:
    ask({"query": QUERY, "params": {"name": "first"}})
    ask(other)
    assert len(recorder.entry.statements) == 2


def test_a_value_that_makes_the_query_is_not_remembered(ask: Callable[..., Plan], recorder: Recorder) -> None:
    for most in (1, 2):
        ask({"query": {"from": "clients", "limit": {"param": "most"}}, "params": {"most": most}})
    assert not recorder.entry.statements
