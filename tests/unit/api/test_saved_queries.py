"""Saved queries over HTTP: what is compiled beside other requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from integratedb_companion.api.execution import RequestError, Slow
from integratedb_companion.api.messages import Head, Request, Response
from integratedb_companion.api.saved import Saved
from integratedb_companion.api.surfaces import Entry
from integratedb_companion.api.tokens import Caller
from integratedb_companion.api.transaction import Role
from tests.unit.core.query.surfaces import SHOP


class Executor:
    """Notes what a request becomes at once, and runs nothing."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.made: Any = None

    async def execute(self, role: str, make: Any, watch: Any) -> Response:
        try:
            self.made = make(self.entry)
        except RequestError:
            self.made = "compiled"
        return Response(200)


@pytest.mark.parametrize(("conditions", "is_slow"), [(1, False), (1_500, True)])
def test_a_large_query_is_compiled_beside_other_requests(conditions: int, is_slow: bool) -> None:
    query = {"select": ["id"], "from": "t", "where": ["or", *[["=", {"field": "id"}, n] for n in range(conditions)]]}
    # What it reads is not there, so it becomes no plan: only when it is compiled matters here.
    row = {"name": "asked", "query": query, "schemas": ["shop"], "reading": {}}
    executor = Executor(Entry(Role("somebody", 1), replace(SHOP, saved={"asked": row}), b"", (), b""))
    request = Request("GET", "/queries/asked", b"/queries/asked", "", Head([]))
    saved = Saved(None, executor, None)  # type: ignore[arg-type]  # no settings are read before it is compiled
    asyncio.run(saved.answer(request, Caller("somebody", False, ()), None))  # type: ignore[arg-type]
    assert isinstance(executor.made, Slow) if is_slow else executor.made == "compiled"
