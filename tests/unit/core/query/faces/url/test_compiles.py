"""Requests in PostgREST's syntax become statements: what this face says is what the compiler reads."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url import Body, UrlSettings, parse, shape
from integratedb.query.statement import Options, Statement, compile_query
from tests.unit.core.query.surfaces import SHOP

OPTIONS = Options(schema="shop", max_rows=1000)


def bound(method: str, target: str, body: bytes | None = None, **headers: str) -> list[str | bytes | None]:
    path, _, query = target.partition("?")
    request = parse(method, path, query, headers, None if body is None else Body(body), UrlSettings())
    return compiled(method, target, body, **headers).bind(request.holes)


def compiled(method: str, target: str, body: bytes | None = None, **headers: str) -> Statement:
    path, _, query = target.partition("?")
    request = parse(method, path, query, headers, None if body is None else Body(body), UrlSettings())
    assert request.query is not None
    return compile_query(request.query, SHOP, OPTIONS)


@pytest.mark.parametrize(
    "target",
    [
        "/projects",
        "/projects?select=id,name,clients(name,email),tasks(*)&id=gte.1&order=clients(name).desc,id&limit=5&offset=1",
        "/projects?select=*,c:clients!inner(*)&c.name=like.A*&or=(c.not.is.null,and(done.is.true,data->>a.eq.1))",
        "/projects?select=client_id,n:count(),max:id.max()::text&order=n.desc&having=(n.gt.3,client_id.is.null)",
        "/clients?select=name,...projects(names:name)&projects=not.is.null&projects.order=name&projects.limit=2",
        "/projects?select=data->a->>0,tags->0&tags=cs.{a,b}&name=eq(any).{x,y}&id=in.(1,2)&name=fts(english).a",
        "/projects?select=&name=isdistinct.x&done=is.unknown&name=not.imatch.a&done=is.not_null",
        "/projects?select=id,users{name}",
        "/rpc/add_up?a=1",
        "/rpc/find_projects?term=x&id=gt.1&select=id,tasks(title)",
    ],
)
def test_a_read(target: str) -> None:
    statement = compiled("GET", target)
    assert statement.text.count("$") >= len(statement.parameters)


def test_a_call_by_post() -> None:
    body = b'{"a": 1, "b": 2}'
    assert body in bound("POST", "/rpc/add_up", body)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/projects?columns=id,name&select=id,clients(name)", b'[{"id": 1}]'),
        ("PATCH", "/projects?id=eq.1&select=*,tasks(title)", b'{"name": "x"}'),
        ("PATCH", "/projects", b'[{"id": 1, "name": "x"}, {"id": 2, "done": true}]'),
        ("PUT", "/projects?id=eq.1", b'{"id": 1}'),
    ],
)
def test_a_write_passes_its_body_on_as_it_is(method: str, target: str, body: bytes) -> None:
    prefer = "return=representation,resolution=merge-duplicates,missing=default"
    assert body in bound(method, target, body, prefer=prefer)


def test_a_delete() -> None:
    assert bound("DELETE", "/projects?id=eq.1").count("1") == 1


def test_the_statement_of_one_request_serves_another_of_its_shape() -> None:
    one, other = "id=gt.1&name=like.a*&limit=3", "id=gt.20&name=like.*%25&limit=4"
    first, second = compiled("GET", f"/projects?{one}"), compiled("GET", f"/projects?{other}")
    assert first.text == second.text
    found, own = shape("GET", "/projects", other), shape("GET", "/projects", one)
    assert found is not None
    assert own is not None
    assert found[0] == own[0]
    assert first.bind(found[1]) == second.bind(found[1])
    assert "%%" in first.bind(found[1])
