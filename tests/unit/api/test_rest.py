"""Requests of the same shape share a statement, which keeps nothing of their values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from integratedb_companion.api.execution import Executor, Plan, Watch
from integratedb_companion.api.messages import MOST_BYTES, Head, Heads, Request, Response
from integratedb_companion.api.rest import Rest
from integratedb_companion.api.settings import DEFAULTS, build
from integratedb_companion.api.surfaces import Entry
from integratedb_companion.api.tokens import Caller
from integratedb_companion.api.transaction import Role
from tests.unit.core.query.surfaces import SHOP

CALLER = Caller("shop_user", is_anonymous=False, settings=())


class Recorder:
    """Keeps the plans of requests, and runs none."""

    def __init__(self) -> None:
        self.entry = Entry(Role("shop_user", 1), SHOP, b"1", (), b"")
        self.plans: list[Plan] = []

    async def execute(self, _role: str, make: Callable[[Entry], Any], _watch: Watch) -> Response:
        """Keep the plan."""
        self.plans.append(make(self.entry))
        return Response(200)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def ask(recorder: Recorder) -> Callable[..., Plan]:
    settings = build(DEFAULTS | {"dsn": "host=x", "jwt_secret": ("x" * 64,), "schemas": ("shop",)})
    rest, heads = Rest(settings, cast("Executor", recorder)), Heads()

    def ask(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Plan:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        request = Request(method, path, path.encode(), query, heads.of(pairs), body=body)
        asyncio.run(rest.answer(request, CALLER, Watch()))
        return recorder.plans[-1]

    return ask


@pytest.mark.parametrize(
    ("method", "query", "first", "second"),
    [
        ("POST", "", b'{"id": 1, "name": "secret"}', b'{"id": 2, "name": "other"}'),
        ("POST", "", b'[{"id": 1, "name": "secret"}]', b'[{"id": 2, "name": "x"}, {"id": 3, "name": "y"}]'),
        ("PATCH", "id=eq.1", b'{"name": "secret"}', b'{"name": "other"}'),
    ],
)
def test_bodies_of_one_shape_share_a_statement(
    ask: Callable[..., Plan], recorder: Recorder, method: str, query: str, first: bytes, second: bytes
) -> None:
    one, two = (ask(method, "/clients", query, body) for body in (first, second))
    assert len(recorder.entry.statements) == 1
    assert one.query.text is two.query.text
    assert first in one.query.values
    assert second in two.query.values
    assert first not in two.query.values


def test_a_remembered_statement_keeps_no_body(ask: Callable[..., Plan], recorder: Recorder) -> None:
    ask("POST", "/clients", "", b'{"id": 1, "name": "secret"}')
    ask("PATCH", "/clients", "id=eq.1", b'{"name": "secret"}')
    assert len(recorder.entry.statements) == 2
    assert "secret" not in repr(recorder.entry.statements)


@pytest.mark.parametrize(
    ("path", "query", "body", "headers"),
    [
        ("/clients", "", b'{"id": 1}', {}),
        ("/clients", "", b'[{"id": 1, "name": "a"}]', {}),
        ("/clients", "columns=id", b'{"id": 1, "name": "a"}', {}),
        ("/clients", "", b'{"id": 1, "name": "a"}', {"prefer": "return=representation"}),
        ("/projects", "", b'{"id": 1, "name": "a"}', {}),
    ],
)
def test_another_shape_has_another_statement(
    ask: Callable[..., Plan], recorder: Recorder, path: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    ask("POST", "/clients", "", b'{"id": 1, "name": "a"}')
    ask("POST", path, query, body, **headers)
    assert len(recorder.entry.statements) == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"id,name\n1,secret\n", {"content_type": "text/csv"}),
        (b"id=1&name=secret", {"content_type": "application/x-www-form-urlencoded"}),
        (b"[" + b",".join(b'{"id": 1, "k%d": 1}' % n for n in range(9)) + b"]", {}),
    ],
)
def test_other_bodies_are_read_each_time(
    ask: Callable[..., Plan], recorder: Recorder, body: bytes, headers: dict[str, str]
) -> None:
    ask("POST", "/clients", "columns=id,name", body, **headers)
    assert len(recorder.entry.statements) == 0


def test_requests_with_the_same_headers_share_the_first_statement(ask: Callable[..., Plan]) -> None:
    plans = [ask("GET", "/clients", f"id=eq.{n}", accept="application/json") for n in range(3)]
    other = ask("GET", "/clients", "id=eq.1", accept="*/*")
    # Headers that come once are not expected again.
    assert plans[0].alike is None
    assert plans[1].alike is not None
    assert plans[1].alike == plans[2].alike
    assert other.alike is None


def test_headers_are_remembered_up_to_a_size() -> None:
    heads = Heads()
    few, many = [(b"accept", b"*/*")], [(b"x", b"y" * MOST_BYTES)]
    assert heads.of(few) is heads.of([*few])
    assert heads.of(many) is not heads.of([*many])


def test_a_head_joins_headers_of_one_name_and_knows_the_token() -> None:
    head = Head([(b"authorization", b"bearer abc"), (b"prefer", b"a"), (b"prefer", b"b"), (b"cookie", b"x=1; y")])
    assert head.texts[b"prefer"] == "a, b"
    assert head.last["prefer"] == "b"
    assert head.bearer == b"abc"
    assert dict(head.settings)[b"request.cookies"] == b'{"x":"1"}'
