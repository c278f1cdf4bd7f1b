"""Requests of one shape have the same query, apart from the values in its holes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from integratedb.query.faces.url import Body, UrlError, UrlSettings, parse, shape
from integratedb.query.problems import ProblemError
from integratedb.query.request import Value

SETTINGS = UrlSettings()


def filled(query: Any, values: tuple[Any, ...]) -> Any:
    """The query with these values in its holes."""
    if isinstance(query, Value):
        return query if query.hole is None else replace(query, value=values[query.hole])
    if isinstance(query, tuple):
        return tuple(filled(each, values) for each in query)
    if is_dataclass(query) and not isinstance(query, type):
        return replace(query, **{field.name: filled(getattr(query, field.name), values) for field in fields(query)})
    return query


def asked(query: str) -> Any:
    """The query of a request, or what is wrong with it."""
    try:
        return parse("GET", "/t", query, {}, None, SETTINGS).query
    except (UrlError, ProblemError) as error:
        return type(error), getattr(error, "code", None) or error.args[0].partition(":")[0]


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6).map(quote_plus)
OPERATORS = st.sampled_from(
    ["eq", "not.eq", "like", "not.ilike", "fts", "isdistinct", "gte", "eq(any)", "is", "in", "x"]
)
NAMES = st.sampled_from(
    ["a", "b_1", "t.a", "u.a", "select", "order", "limit", "t.limit", "or", "having", '"q"', "a->b", ""]
)
FIXED = st.sampled_from(
    [
        "select=a,t(b)",
        "select=*",
        "order=a.desc",
        "or=(a.eq.1,b.eq.2)",
        "t.order=b",
        "a=is.null",
        "x",
        "limit=",
        "t=is.null",
    ]
)
NUMBERS = st.tuples(
    st.sampled_from(["limit", "offset", "t.limit", "t.offset"]), st.integers(-2, 10**19).map(str) | st.just("x")
).map("=".join)
FILTERS = st.builds(lambda name, operator, value: f"{name}={operator}.{value}", NAMES, OPERATORS, VALUES)


@st.composite
def alike(draw: st.DrawFn) -> tuple[str, str]:
    """Two query strings: the same parameters, mostly, and sometimes other values."""
    first: list[str] = []
    second: list[str] = []
    for _ in range(draw(st.integers(0, 5))):
        strategy = draw(st.sampled_from([FIXED, NUMBERS, FILTERS]))
        piece = draw(strategy)
        other = piece
        if strategy is FILTERS and draw(st.booleans()):
            head, dot, _ = piece.partition(".") if "=t." not in piece else piece.rpartition(".")
            other = head + dot + draw(VALUES) if "eq" in head or "like" in head else piece
        elif strategy is NUMBERS and draw(st.booleans()):
            other = piece.partition("=")[0] + "=" + str(draw(st.integers(0, 10**6)))
        first.append(piece)
        second.append(other)
    return "&".join(first), "&".join(second)


@given(alike())
def test_requests_with_the_same_key_differ_in_their_holes_only(queries: tuple[str, str]) -> None:
    one, other = (shape("GET", "/t", query) for query in queries)
    assume(one is not None and other is not None)
    assert one is not None
    assert other is not None
    assume(one[0] == other[0])
    assert len(one[1]) == len(other[1])
    first, second = map(asked, queries)
    assert filled(first, other[1]) == second
    assert filled(first, one[1]) == first
    if not isinstance(first, tuple):
        assert parse("GET", "/t", queries[0], {}, None, SETTINGS).holes == one[1]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("a=eq.1&select=*&b=not.like.*x*&limit=5&offset=10", ("1", "%x%", 5, 10)),
        ("a=eq.a%20b+c", ("a b c",)),
        ("t.a=eq.1&select=*,t(*)", ("1",)),
        ("a=eq.", ("",)),
        ("a=in.(1,2)&order=a.desc", ()),
        ("order=eq.1", ()),
        ("select=eq.1", ()),
        ("limit=-1", ()),
        ("a->b=eq.1", ()),
        ("", ()),
    ],
)
def test_the_values_of_holes(query: str, values: tuple[str | int, ...]) -> None:
    found = shape("GET", "/t", query)
    assert found is not None
    assert found[1] == values


def test_keys_differ_where_the_query_does() -> None:
    queries = [
        "a=eq.1",
        "a=neq.1",
        "b=eq.1",
        "a=not.eq.1",
        "limit=1",
        "limit=",
        "offset=1",
        "a=eq.1&a=eq.1",
        "a=is.null",
        "",
    ]
    keys = {shape("GET", "/t", query)[0] for query in queries}  # type: ignore[index]  # each of these has a shape
    assert len(keys) == len(queries)
    assert shape("GET", "/t", "") != shape("HEAD", "/t", "") != shape("GET", "/u", "")


@pytest.mark.parametrize(("method", "path"), [("POST", "/t"), ("PUT", "/t"), ("GET", "/rpc/f"), ("OPTIONS", "/t")])
def test_other_requests_have_no_shape(method: str, path: str) -> None:
    assert shape(method, path, "a=eq.1") is None


@pytest.mark.parametrize("query", ["a=eq.%ff", "a=eq.%00", "a=eq.\0", "limit=\0"])
def test_what_cannot_be_read_has_no_shape(query: str) -> None:
    assert shape("GET", "/t", query) is None


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_writes_have_the_same_holes(method: str) -> None:
    query = "limit=3&a=eq.1&b=lt.2"
    written = parse(method, "/t", query, {}, Body(b'{"x": 1}'), SETTINGS).query
    found = shape(method, "/t", query)
    assert found is not None
    assert found[1] == (3, "1", "2")
    other = parse(method, "/t", "limit=4&a=eq.7&b=lt.8", {}, Body(b'{"x": 1}'), SETTINGS).query
    assert filled(written, (4, "7", "8", b'{"x": 1}')) == other


def test_a_range_header_takes_the_holes_of_the_numbers() -> None:
    plain = parse("GET", "/t", "limit=5", {}, None, SETTINGS).query
    ranged = parse("GET", "/t", "limit=5", {"range": "0-1"}, None, SETTINGS).query
    assert plain.limit == Value(5, 0)  # type: ignore[union-attr]  # a GET is a Select
    assert ranged.limit == Value(2)  # type: ignore[union-attr]  # a GET is a Select
