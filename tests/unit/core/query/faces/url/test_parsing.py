"""Methods, paths, schemas, writes and calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, canonical, check_key, parse
from integratedb.query.request import (
    Column,
    Conflict,
    Delete,
    Embed,
    Insert,
    Item,
    Logic,
    Operation,
    Order,
    Routine,
    Rows,
    Select,
    Star,
    Table,
    Update,
    Value,
)

SETTINGS = UrlSettings(schemas=("public", "shop"))
T = Table("t")


def ask(
    method: str,
    target: str,
    body: str | bytes | None = None,
    settings: UrlSettings = SETTINGS,
    **headers: str,
) -> UrlRequest:
    path, _, query = target.partition("?")
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse(method, path, query, named, None if content is None else Body(content), settings)


def refused(*arguments: Any, **headers: Any) -> tuple[int, str]:
    with pytest.raises(UrlError) as raised:
        ask(*arguments, **headers)
    return raised.value.status, raised.value.code


def equal(column: str, value: str, hole: int | None = None) -> Operation:
    return Operation("eq", (Column(column), Value(value, hole)))


@pytest.mark.parametrize(
    ("method", "path", "kind", "name"),
    [
        ("GET", "/t", "read", "t"),
        ("HEAD", "/t", "read", "t"),
        ("POST", "/t", "insert", "t"),
        ("PATCH", "/t", "update", "t"),
        ("DELETE", "/t", "delete", "t"),
        ("OPTIONS", "/t", "options", "t"),
        ("GET", "/rpc/f", "call", "f"),
        ("HEAD", "/rpc/f", "call", "f"),
        ("POST", "/rpc/f", "call", "f"),
        ("OPTIONS", "/rpc/f", "options", "f"),
        ("GET", "/rpc", "read", "rpc"),
        ("GET", "/", "root", ""),
        ("OPTIONS", "/", "options", ""),
    ],
)
def test_what_a_method_and_a_path_mean(method: str, path: str, kind: str, name: str) -> None:
    request = ask(method, path, "{}")
    assert (request.kind, request.name, request.head) == (kind, name, method == "HEAD")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PUT", "/rpc/f", (405, "PGRST101")),
        ("DELETE", "/rpc/f", (405, "PGRST101")),
        ("CONNECT", "/t", (405, "PGRST117")),
        ("POST", "/", (405, "PGRST117")),
        ("GET", "/a/b", (404, "PGRST125")),
        ("GET", "/t/", (404, "PGRST125")),
        ("GET", "/rpc/f/g", (404, "PGRST125")),
        ("GET", "//", (404, "PGRST125")),
    ],
)
def test_methods_and_paths_that_are_refused(method: str, path: str, expected: tuple[int, str]) -> None:
    assert refused(method, path) == expected


def test_the_root_may_be_off_or_a_function() -> None:
    assert refused("GET", "/", None, UrlSettings(root=False)) == (404, "PGRST126")
    request = ask("GET", "/", None, UrlSettings(root_function="home"))
    assert (request.kind, request.name) == ("call", "home")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "openapi"),
        ("application/json", "openapi"),
        ("application/openapi+json;version=2.0", "openapi"),
        ("text/html,*/*;q=0.8", "html"),
    ],
)
def test_the_form_of_the_root(accept: str, kind: str) -> None:
    assert ask("GET", "/", accept=accept).form().kind == kind


def test_the_root_as_csv_is_not_available() -> None:
    with pytest.raises(UrlError) as raised:
        ask("GET", "/", accept="text/csv").form()
    assert raised.value.code == "PGRST107"


def test_the_schema_is_that_of_the_profile() -> None:
    assert ask("GET", "/t").schema is None
    request = ask("GET", "/t", accept_profile="shop")
    assert request.schema == "shop"
    assert request.query == Select(source=(Table("t", "shop"),))
    assert ask("POST", "/t", "{}", content_profile="shop").schema == "shop"
    assert ask("DELETE", "/t", accept_profile="nope").schema is None
    assert ask("GET", "/rpc/f", accept_profile="shop").query == Select(source=(Routine("f", "shop"),))
    assert refused("GET", "/t", accept_profile="nope") == (406, "PGRST106")


def test_an_insert() -> None:
    body = '{"b": 1, "a": 2}'
    assert ask("POST", "/t", body).query == Insert(T, Rows(Value(body.encode(), 0), ("b", "a"), False))


def test_an_insert_of_several_rows() -> None:
    body = '[{"a": 1, "b": 2}, {"b": 3, "a": 4}]'
    assert ask("POST", "/t", body).query == Insert(T, Rows(Value(body.encode(), 0), ("a", "b"), True))
    assert ask("POST", "/t", "[]").query == Insert(T, Rows(Value(b"[]", 0), (), True))


def test_columns_say_which_keys_count() -> None:
    body = '[{"a": 1}, {"b": 3}]'
    expected = Rows(Value(body.encode(), 0), ("b", "c d"), True, missing_default=True)
    assert ask("POST", '/t?columns=b, "c d",b', body, prefer="missing=default").query == Insert(T, expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[{"a": 1}, {"b": 3}]', "All object keys must match"),
        ('[{"a": 1}, {"a": 3, "b": 1}]', "All object keys must match"),
        ('[{"a": 1}, 2]', "All object keys must match"),
        ("[1]", "All object keys must match"),
        ("1", "All object keys must match"),
        ("", "Empty or invalid json"),
        ("{", "Empty or invalid json"),
        ('{"a": NaN}', "Empty or invalid json"),
        (b'{"a": "\xff"}', "Empty or invalid json"),
        (None, "Empty or invalid json"),
    ],
)
def test_bodies_that_are_no_rows(body: str | bytes | None, message: str) -> None:
    for method in ("POST", "PUT") if str(body).startswith('[{"a": 1}, {') else ("POST", "PATCH", "PUT"):
        with pytest.raises(UrlError) as raised:
            ask(method, "/t?id=eq.1", body)
        assert (raised.value.status, raised.value.code, raised.value.message) == (400, "PGRST102", message)


@pytest.mark.parametrize(
    ("media", "body", "rows"),
    [
        ("text/csv", 'a,b\n1,NULL\n"x,""y"\n', None),
        (
            "text/csv",
            'a,b\r\n1,NULL\r\n"x,""y",""\r\n\r\n',
            Rows(Value(b'[{"a": "1", "b": null}, {"a": "x,\\"y", "b": ""}]', 0), ("a", "b"), True),
        ),
        ("text/csv; charset=utf-8", "a\nü\n", Rows(Value('[{"a": "ü"}]'.encode(), 0), ("a",), True)),
        ("text/csv", "a,b", Rows(Value(b"[]", 0), ("a", "b"), True)),
        (
            "application/x-www-form-urlencoded",
            "a=1+2&b=%C3%BC&a=3",
            Rows(Value('{"a": "3", "b": "ü"}'.encode(), 0), ("a", "b"), False),
        ),
        ("application/x-ndjson", '{"a": 1}\n\n{"a": 2}\n', Rows(Value(b'[{"a": 1},{"a": 2}]', 0), ("a",), True)),
    ],
)
def test_other_bodies_of_rows(media: str, body: str, rows: Rows | None) -> None:
    if rows is None:
        assert refused("POST", "/t", body, content_type=media) == (400, "PGRST102")
    else:
        assert ask("POST", "/t", body, content_type=media).query == Insert(T, rows)


def test_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(UrlError) as raised:
        ask("POST", "/t", "x", content_type="text/plain")
    assert raised.value.message == "Content-Type not acceptable: text/plain"


@pytest.mark.parametrize(
    ("prefer", "query", "conflict"),
    [
        ("", "?on_conflict=a", None),
        ("resolution=merge-duplicates", "", Conflict("merge")),
        ("resolution=ignore-duplicates", "?on_conflict=a,b", Conflict("ignore", ("a", "b"))),
    ],
)
def test_a_conflict(prefer: str, query: str, conflict: Conflict | None) -> None:
    found = ask("POST", "/t" + query, "{}", prefer=prefer).query
    assert isinstance(found, Insert)
    assert found.conflict == conflict


def test_an_empty_list_of_columns_is_worded_as_in_postgrest() -> None:
    with pytest.raises(UrlError) as raised:
        ask("POST", "/t?columns=", "{}")
    assert raised.value.message == '"failed to parse columns parameter ()" (line 1, column 1)'
    assert raised.value.details == "unexpected end of input expecting field name (* or [a..z0..9_$])"


def test_what_a_write_returns() -> None:
    target = "/t?select=id,u(*)&u.id=eq.1&order=id"
    for method in ("POST", "PATCH"):
        query = ask(method, target, "{}", prefer="return=representation").query
        assert isinstance(query, Insert | Update)
        related = Embed("u", Select((Star(),), where=equal("id", "1", None if method == "POST" else 0)))
        assert query.returning == Select((Item(Column("id")), related), order=(Order(Column("id")),))
        assert ask(method, target, "{}").query.returning is None  # type: ignore[union-attr]  # a write, as above


def test_an_update() -> None:
    query = ask("PATCH", "/t?id=eq.1&or=(a.eq.2,a.eq.3)&select=*,u(*)&u.x=eq.4", '{"a": 5}').query
    conditions = (equal("id", "1", 0), Logic("or", (equal("a", "2"), equal("a", "3"))))
    assert query == Update(T, Rows(Value(b'{"a": 5}', 2), ("a",), False), Logic("and", conditions))


def test_an_array_updates_each_row_by_its_key() -> None:
    body = '[{"id": 1, "a": 2}, {"id": 2, "a": 3}]'
    assert ask("PATCH", "/t", body).query == Update(T, Rows(Value(body.encode(), 0), ("id", "a"), True), by_key=True)


@pytest.mark.parametrize(
    ("query", "body", "keys", "uniform"),
    [
        ("", '[{"id": 1, "a": 2}, {"id": 2, "b": 3}]', ("id", "a", "b"), False),
        ("", '[{"id": 1, "a": 2}, {"a": 3, "id": 2}]', ("id", "a"), True),
        ("?columns=id,a", '[{"id": 1, "a": 2, "b": 5}, {"id": 2, "a": 3}]', ("id", "a"), True),
        ("?columns=id,c", '[{"id": 1}, {"id": 2, "c": 3}]', ("id", "c"), False),
        ("", "[]", (), True),
    ],
)
def test_rows_that_are_updated_by_key_may_have_different_keys(
    query: str, body: str, keys: tuple[str, ...], uniform: bool
) -> None:
    rows = Rows(Value(body.encode(), 0), keys, True, uniform=uniform)
    assert ask("PATCH", "/t" + query, body).query == Update(T, rows, by_key=True)


def test_a_delete() -> None:
    assert ask("DELETE", "/t?id=eq.1").query == Delete(T, equal("id", "1", 0))
    assert ask("DELETE", "/t", prefer="return=representation").query == Delete(T, None, Select())


def test_a_put_writes_the_row_of_its_url() -> None:
    body = '[{"a": 1, "b": 2, "c": 3}]'
    request = ask("PUT", "/t?a=eq.1&b=eq.2", body)
    must = Logic("and", (equal("a", "1"), equal("b", "2")))
    assert request.query == Insert(
        T, Rows(Value(body.encode(), 0), ("a", "b", "c"), True), Conflict("merge"), must=must
    )
    assert request.key_columns == ("a", "b")
    check_key(request.key_columns, ("b", "a"))
    for key in ((), ("a",), ("a", "b", "c")):
        with pytest.raises(UrlError) as raised:
            check_key(request.key_columns, key)
        assert (raised.value.status, raised.value.code) == (405, "PGRST105")


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("", "{}", (405, "PGRST105")),
        ("a=gt.1", "{}", (405, "PGRST105")),
        ("a=not.eq.1", "{}", (405, "PGRST105")),
        ("a=eq(any).{1}", "{}", (405, "PGRST105")),
        ("a=eq.1&a=eq.1", "{}", (405, "PGRST105")),
        ("a=eq.1&and=(b.eq.1)", "{}", (405, "PGRST105")),
        ("and=(a.eq.1)", "{}", (405, "PGRST105")),
        ("a=eq.1&limit=1", "{}", (400, "PGRST114")),
        ("a=eq.1&offset=1", "{}", (400, "PGRST114")),
        ("a=eq.1", "[]", (400, "PGRST115")),
        ("a=eq.1", '[{"a": 1}, {"a": 1}]', (400, "PGRST115")),
        ("a=eq.1", "x", (400, "PGRST102")),
    ],
)
def test_a_put_that_is_refused(query: str, body: str, expected: tuple[int, str]) -> None:
    assert refused("PUT", "/t?" + query, body) == expected


def test_unknown_preferences_are_refused_by_strict_handling() -> None:
    ask("GET", "/t", prefer="anything, handling=lenient")
    with pytest.raises(UrlError) as raised:
        ask("GET", "/t", prefer="anything, handling=strict, other")
    assert raised.value.details == "Invalid preferences: anything, other"
    assert (raised.value.status, raised.value.code) == (400, "PGRST122")


def arguments(query: Any) -> Mapping[str, Any]:
    (source,) = query.source
    assert isinstance(source, Routine)
    return {name: value.value for name, value in source.arguments.items()}


@pytest.mark.parametrize(
    ("query", "names", "variadic", "given", "where"),
    [
        ("a=1&b=2", {"a", "b"}, None, {"a": "1", "b": "2"}, None),
        ("id=5&id=gt.2", {"id"}, None, {"id": "5"}, Operation("gt", (Column("id"), Value("2")))),
        ("id=gt.2", {"max"}, None, {}, Operation("gt", (Column("id"), Value("2")))),
        ("q=eq.5", {"q"}, None, {"q": "eq.5"}, None),
        ("name=x&name=y", {"name"}, None, {"name": "y"}, None),
        ("v=hi", {"v"}, "v", {"v": ["hi"]}, None),
        ("v=hi&v=there&a=1", {"v", "a"}, "v", {"v": ["hi", "there"], "a": "1"}, None),
        ("v=eq.1&v=eq.2", {"v"}, "v", {"v": ["eq.1", "eq.2"]}, None),
        ("nope=x", {"a"}, None, {"nope": "x"}, None),
    ],
)
def test_a_call_by_get(
    query: str, names: set[str], variadic: str | None, given: dict[str, Any], where: Operation | None
) -> None:
    request = ask("GET", "/rpc/f?select=*&limit=1&order=id&" + query).with_arguments(names, variadic)
    assert isinstance(request.query, Select)
    assert arguments(request.query) == given
    assert request.query.where == where
    assert request.query.order == (Order(Column("id")),)
    assert request.query.limit == Value(1)


def test_a_call_by_get_is_divided_as_in_postgrest_at_first() -> None:
    request = ask("GET", "/rpc/f?a=1&b=eq.2&u.c=eq.3&select=u(*)")
    assert request.call is not None
    assert request.call.candidates == {"a"}
    assert arguments(request.query) == {"a": "1"}
    assert request.query.where == equal("b", "2")  # type: ignore[union-attr]  # a call by GET is a Select


@pytest.mark.parametrize(
    ("media", "body", "routine"),
    [
        ("application/json", '{"a": 1, "b": [2]}', Routine("f", body=Value(b'{"a": 1, "b": [2]}', 0), keys=("a", "b"))),
        ("application/json", "", Routine("f", body=Value(b"{}", 0))),
        ("application/json", "[1, 2]", Routine("f", body=Value(b"[1, 2]", 0))),
        ("text/plain", "a\nb", Routine("f", body=Value("a\nb", 0), raw=True, raw_type="text")),
        ("text/xml", "<a/>", Routine("f", body=Value("<a/>", 0), raw=True, raw_type="xml")),
        ("application/octet-stream", b"\xff\0", Routine("f", body=Value("\\xff00", 0), raw=True, raw_type="bytea")),
        (
            "application/x-www-form-urlencoded",
            "a=1&a=2&v=3",
            Routine("f", arguments={"a": Value("2"), "v": Value("3")}),
        ),
    ],
)
def test_a_call_by_post(media: str, body: str | bytes, routine: Routine) -> None:
    request = ask("POST", "/rpc/f?id=eq.1", body, content_type=media)
    assert request.query == Select(source=(routine,), where=equal("id", "1"))


def test_a_form_gives_a_variadic_argument_all_its_values() -> None:
    request = ask("POST", "/rpc/f", "v=1&v=2", content_type="application/x-www-form-urlencoded")
    assert arguments(request.with_arguments({"v"}, "v").query) == {"v": ["1", "2"]}


def test_by_post_every_parameter_is_a_filter() -> None:
    assert refused("POST", "/rpc/f?a=1", "{}") == (400, "PGRST100")


def test_the_canonical_query_is_sorted_by_name() -> None:
    assert canonical("b=2+x&a=%c3%bc&d&a=1") == "a=%C3%BC&a=1&b=2%20x&d="
