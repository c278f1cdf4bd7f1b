"""The faces inside Postgres: what a session keeps between two calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from integratedb.query import session
from integratedb.query.faces.url.compiling import compile_request
from tests.unit.core.query.surfaces import SHOP


class Reader:
    """A database whose surface never changes."""

    def identity(self) -> tuple[str, ...]:
        return ("somebody",)

    def has_changed_surfaces(self) -> bool:
        return False

    def version(self, role: int, schemas: Sequence[str], further: Sequence[int]) -> str:
        return SHOP.version

    def rows(self, role: int, schemas: Sequence[str], saver: int | None = None) -> Sequence[str]:
        return []


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs of the requests that were compiled."""
    urls: list[str] = []

    def noting(surface: Any, parsed: Any, options: Any) -> Any:
        urls.append(parsed.name)
        return compile_request(surface, parsed, options)

    monkeypatch.setattr(session, "compile_request", noting)
    monkeypatch.setattr(session, "read", lambda _: SHOP)
    session._surfaces.clear()
    return urls


def rest(url: str, row: list[str | None] | None = None) -> Any:
    return json.loads(session.answer_rest(Reader(), 1, ["shop"], ("GET", url, None), "0", row))


ROW: list[str | None] = ["[]", "0", None, "f", None, None, None, None, None]


def test_a_request_is_compiled_once(compiled: list[str]) -> None:
    assert "statement" in rest("/clients?id=eq.1")
    assert rest("/clients?id=eq.1", ROW)["status"] == 200
    assert compiled == ["clients"]


def test_another_request_between_costs_one_more(compiled: list[str]) -> None:
    rest("/clients?id=eq.1")
    rest("/projects?id=eq.1")
    assert rest("/projects?id=eq.1", ROW)["headers"]["content-location"] == "/projects?id=eq.1"
    assert rest("/clients?id=eq.1", ROW)["headers"]["content-location"] == "/clients?id=eq.1"
    assert compiled == ["clients", "projects", "clients"]
