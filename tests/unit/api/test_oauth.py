"""The endpoint of tokens, where the database cannot answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from integratedb_companion.api.connection import DatabaseError, LostError
from integratedb_companion.api.messages import Head, Request
from integratedb_companion.api.oauth import TOKEN_PATH, OAuth
from integratedb_companion.api.pool import Pool
from integratedb_companion.api.settings import Settings

FORM = b"grant_type=client_credentials&client_id=x&client_secret=y"


class Failing:
    """A pool whose connections fail."""

    server = None

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Failing]:
        yield self

    async def run(self, _: Any) -> Any:
        raise self._problem


@pytest.mark.parametrize(("problem", "status"), [(LostError(), 503), (DatabaseError("22P05", "untranslatable"), 401)])
def test_a_database_that_fails_is_no_fault_of_the_service(problem: Exception, status: int) -> None:
    oauth = OAuth(cast("Settings", None), cast("Pool", Failing(problem)), b"secret" * 10)
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    request = Request("POST", TOKEN_PATH, TOKEN_PATH.encode(), "", Head(headers))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": FORM, "more_body": False}

    answer = asyncio.run(oauth.answer(request, receive))
    assert answer is not None
    assert answer.status == status
