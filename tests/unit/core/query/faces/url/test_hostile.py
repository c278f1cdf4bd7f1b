"""Hostile input: an error or an answer, never another exception, and in linear time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.query.faces.url import Body, UrlError, UrlRequest, UrlSettings, parse, shape, word
from integratedb.query.problems import ProblemError

SETTINGS = UrlSettings()


def ask(query: str, method: str = "GET", path: str = "/t", body: bytes | None = None, **headers: str) -> UrlRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse(method, path, query, named, None if body is None else Body(body), SETTINGS)


@pytest.mark.parametrize("query", ["a=eq.%00", "a%00=eq.1", "a=eq.\0", "select=%00", "limit=%00", "or=(a.eq.%00)"])
def test_nul_is_refused(query: str) -> None:
    with pytest.raises(UrlError) as raised:
        ask(query)
    assert raised.value.status == 400


@pytest.mark.parametrize("query", ["a=eq.%ff", "a=eq.%ed%a0%80", "a=eq.\udcff", "%ff=eq.1", "select=%c3"])
def test_what_is_not_utf_8_is_refused(query: str) -> None:
    with pytest.raises(UrlError) as raised:
        ask(query)
    assert raised.value.code == "PGRST100"


def test_the_path_is_checked_too() -> None:
    for path in ("/%ff", "/%00", "/\udcff"):
        with pytest.raises(UrlError):
            ask("", path=path)


def test_a_percent_sign_that_begins_no_code_stands_for_itself() -> None:
    assert ask("a=eq.100%").query == ask("a=eq.100%25").query
    assert ask("a=eq.%zz").query == ask("a=eq.%25zz").query


@pytest.mark.parametrize(
    "query",
    [
        "or=" + "(" * 10_000,
        "or=(" + "and(" * 10_000 + "a.eq.1" + ")" * 10_001,
        "select=" + "a(" * 10_000 + ")" * 10_000,
        "select=" + "a{" * 10_000 + "}" * 10_000,
        "select=" + "a(" * 10_000,
        "select=a" + "->>b" * 10_000,
        "a" + "->>b" * 10_000 + "=eq.1",
        "order=a" + "->>b" * 10_000,
        "having=(" + "not.or(" * 10_000 + "a.eq.1" + ")" * 10_001,
        "a." * 10_000 + "b=eq.1",
        "a=in." + "(" * 10_000,
    ],
    ids=lambda query: query[:12],
)
def test_deep_nesting_is_an_error(query: str) -> None:
    with pytest.raises((UrlError, ProblemError)) as raised:
        ask(query)
    if isinstance(raised.value, ProblemError):
        assert raised.value.kind in {"too deep", "unknown embed"}


def test_a_body_that_is_nested_deeply_is_no_json() -> None:
    with pytest.raises(UrlError) as raised:
        ask("", "POST", body=b"[" * 100_000)
    assert raised.value.code == "PGRST102"


LONG: dict[str, Callable[[int], str]] = {
    "quotes in a list": lambda n: "a=in.(" + '"a,' * n,
    "escaped quotes in a list": lambda n: "a=in.(" + '"\\",' * n,
    "open quote": lambda n: "a=in.(" + '"' + "\\a" * n,
    "spaces in an array": lambda n: "a=eq(any).{" + " " * n + "x" + " " * n + '"',
    "spaces in names": lambda n: "select=" + " a" * n + "'",
    "dashes": lambda n: "select=" + "a-" * n + "'",
    "many items": lambda n: "select=" + "a," * n + "'",
    "many embeds": lambda n: "select=" + ",".join(f"t{i}(a)" for i in range(n)),
    "filters of many embeds": lambda n: (
        "select=" + ",".join(f"t{i}(a)" for i in range(n // 4)) + "".join(f"&t{i}.a=eq.1" for i in range(n // 4))
    ),
    "many parameters": lambda n: "&".join("a=eq.1" for _ in range(n)),
    "dots in a name": lambda n: "a." * n + "=eq.1",
    "words in a name": lambda n: "a." * n + "1=eq.1",
    "conditions": lambda n: "or=(" + "a.eq.1," * n + "b.eq.2)",
    "open conditions": lambda n: "or=(" + "a.eq.{1," * n,
    "blanks before a parenthesis": lambda n: "or=(" + " " * n + "a.eq.1" + " " * n + ",b.eq.2)",
    "digits of a limit": lambda n: "limit=" + "9" * n,
    "digits of an index": lambda n: "select=a->" + "9" * n,
    "orders": lambda n: "order=" + "a.desc.nullslast," * n + "b",
    "open parentheses in orders": lambda n: "order=" + "a(b" * n,
    "percent codes": lambda n: "a=eq." + "%41" * n,
    "keys": lambda n: "select=a->" + "b " * n + "(",
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG.keys())
def test_time_is_linear(make: Callable[[int], str]) -> None:
    def seconds(size: int) -> float:
        query = make(size)
        best = 9.0
        for _ in range(2):
            begun = time.process_time()
            with suppress(UrlError, ProblemError):
                ask(query)
            shape("GET", "/t", query)
            best = min(best, time.process_time() - begun)
        return best

    # Eight times the text takes 64 times the time where that is quadratic.
    gc.collect()
    gc.disable()  # its pauses depend on what other tests left behind
    try:
        assert seconds(16_000) < max(0.5, 24 * seconds(2_000))
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "accept", ["a/b;" + " " * 60_000 + "x", ";" * 60_000, '"' * 60_001, "a/b;q=" * 10_000, "a/b" + ' ;a="' * 10_000]
)
def test_a_long_accept_header_is_read_in_time(accept: str) -> None:
    begun = time.process_time()
    ask("", accept=accept)
    assert time.process_time() - begun < 1


def test_a_long_csv_body_is_read_in_time() -> None:
    begun = time.process_time()
    for body in (b'a\n"' + b'""' * 100_000, b"a," * 100_000, b'"a' * 100_000, b"a\n" * 100_000):
        with suppress(UrlError):
            ask("", "POST", body=body, content_type="text/csv")
    # It takes about a second, and more where the collector of garbage has much to look through. What grows with the
    # square of the length takes minutes.
    assert time.process_time() - begun < 15


PIECES = st.sampled_from(
    [
        *("a", "b", ".c", "select=", "order=", "limit=", "offset=", "or=", "and=", "not.", "having=", "columns="),
        *("on_conflict=", "eq.", "in.", "is.", "like.", "fts(", "(any)", "(", ")", "{", "}", "[", "]", ",", ":", "::"),
        *("->", "->>", "!", "...", "*", '"', "\\", "&", "=", "%00", "%ff", "%2C", "+", "1", "-1", "null", "count()"),
        *(".sum()", ".desc", ".nullslast", "t(", "t{", "inner"),
    ]
)


@given(
    st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.sampled_from(["/t", "/rpc/f", "/", "/a/b", ""]),
    st.sampled_from([None, b"", b"{}", b"[]", b'[{"a":1},{"b":2}]', b"1", b"{", b"\xff", b'"\xed\xa0\x80"', b"a,b\n1"]),
    st.sampled_from(["", "application/json", "text/csv", "application/x-www-form-urlencoded", "text/plain", "x"]),
    st.text(max_size=12),
)
def test_any_request_is_answered(
    query: str, method: str, path: str, body: bytes | None, content_type: str, header: str
) -> None:
    headers = {"content-type": content_type, "accept": header, "prefer": header, "range": header}
    shape(method, path, query)
    status = 200
    try:
        request = parse(method, path, query, headers, None if body is None else Body(body), SETTINGS)
        request.with_arguments({"a"}, "a")
        request.form()
    except UrlError as error:
        status = error.status
    except ProblemError as problem:
        status = word(problem).status
    assert 200 <= status < 500


def test_names_may_be_any_text() -> None:
    name = 'a"b\\c,d.e(f)'
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    request = ask(f"select={quote(quoted)}&{quote(quoted)}=eq.1")
    assert name in repr(request.query) or repr(name) in repr(request.query)
