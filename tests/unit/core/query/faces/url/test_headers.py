"""Prefer, Range and Accept."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url import Preferences, UrlError, UrlSettings, parse
from integratedb.query.faces.url.handlers import Handlers
from integratedb.query.faces.url.media import Form, negotiate, parse_accept, parse_media_type
from integratedb.query.faces.url.preferences import parse_preferences
from integratedb.query.plan.types import TEXT
from integratedb.query.request import Select
from integratedb.query.surface import Aggregate


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Preferences()),
        (
            "resolution=ignore-duplicates, count=exact, timezone=America/Los_Angeles, max-affected=100",
            Preferences(
                resolution="ignore-duplicates", count="exact", timezone="America/Los_Angeles", max_affected=100
            ),
        ),
        (
            "count=exact,    tx=commit   ,return=representation , missing=default, handling=strict, anything",
            Preferences(None, "default", "representation", "exact", "commit", "strict", invalid=("anything",)),
        ),
        ("tx=commit, tx=rollback", Preferences(transaction="commit")),
        ("return=nothing,count=EXACT", Preferences(invalid=("return=nothing", "count=EXACT"))),
        ("max-affected=many,max-affected=2", Preferences()),
        ("timezone=", Preferences(timezone="")),
    ],
)
def test_preferences(header: str, expected: Preferences) -> None:
    assert parse_preferences(header, True) == expected


def test_a_client_chooses_the_end_of_its_transaction_where_it_may() -> None:
    assert parse_preferences("tx=rollback", False) == Preferences()


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        ("read", "count=exact, tx=rollback, handling=strict, timezone=UTC"),
        (
            "insert",
            "resolution=merge-duplicates, missing=default, return=minimal, count=exact, tx=rollback, handling=strict, "
            "timezone=UTC",
        ),
        ("upsert one", "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC"),
        (
            "update",
            "missing=default, return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3",
        ),
        ("delete", "return=minimal, count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3"),
        ("call", "count=exact, tx=rollback, handling=strict, timezone=UTC, max-affected=3"),
    ],
)
def test_preferences_that_were_applied_stand_in_a_fixed_order(kind: str, applied: str) -> None:
    header = (
        "max-affected=3,timezone=UTC,handling=strict,tx=rollback,count=exact,return=minimal,missing=default,"
        "resolution=merge-duplicates"
    )
    assert parse_preferences(header, True).applied(kind) == applied


def test_what_needs_something_else_is_not_applied() -> None:
    assert parse_preferences("max-affected=3", True).applied("update") is None
    assert parse_preferences("max-affected=3", True).affected_limit is None
    assert parse_preferences("max-affected=3,handling=strict", True).affected_limit == 3
    assert parse_preferences("resolution=merge-duplicates", True).applied("insert", has_conflict_target=False) is None


def ranged(query: str, header: str | None = None, method: str = "GET") -> tuple[int, int | None]:
    headers = {"range": header} if header else {}
    request = parse(method, "/t", query, headers, None, UrlSettings())
    if isinstance(request.query, Select):
        limit, offset = request.query.limit, request.query.offset
        assert (limit.value if limit else None) == request.range.limit
        assert (offset.value if offset else 0) == request.range.offset
    return request.range.offset, request.range.limit


@pytest.mark.parametrize(
    ("query", "header", "expected"),
    [
        ("", None, (0, None)),
        ("limit=3&offset=2", None, (2, 3)),
        ("limit=0", None, (0, 0)),
        ("limit=1&limit=5", None, (0, 5)),
        ("offset=-4", None, (0, None)),
        ("limit=abc&offset=x", None, (0, None)),
        ("limit=99999999999999999999999", None, (0, 2**63 - 1)),
        ("", "0-1", (0, 2)),
        ("", "5-", (5, None)),
        ("", "bytes=0-1", (0, None)),
        ("", "1", (0, None)),
        ("limit=10", "2-3", (2, 2)),
        ("limit=1", "0-5", (0, 1)),
        ("offset=4", "0-5", (4, 2)),
        ("limit=0", "0-5", (0, 0)),
    ],
)
def test_a_range(query: str, header: str | None, expected: tuple[int, int | None]) -> None:
    assert ranged(query, header) == expected


def test_a_range_header_counts_for_get_only() -> None:
    assert ranged("", "0-1", "HEAD") == (0, None)
    assert ranged("a=eq.1", "0-1", "DELETE") == (0, None)


@pytest.mark.parametrize(
    ("query", "header", "details"),
    [
        ("limit=-1", None, "Limit should be greater than or equal to zero."),
        ("select=t(*)&t.limit=-1", None, "Limit should be greater than or equal to zero."),
        (
            "",
            "5-2",
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ),
        ("offset=9", "0-5", "Limit should be greater than or equal to zero."),
    ],
)
def test_a_range_that_cannot_be(query: str, header: str | None, details: str) -> None:
    with pytest.raises(UrlError) as raised:
        ranged(query, header)
    assert (raised.value.status, raised.value.code) == (416, "PGRST103")
    assert raised.value.details == details


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("application/json", "json", "application/json"),
        ("application/json; charset=utf-8", "json", "application/json"),
        ("application/vnd.pgrst.array+json", "json", "application/json"),
        ("application/vnd.pgrst.array+json;nulls=stripped", "json", "application/vnd.pgrst.array+json;nulls=stripped"),
        ("ApplicatIon/vnd.PgRsT.object+json", "object", "application/vnd.pgrst.object+json"),
        ("application/vnd.pgrst.object", "object", "application/vnd.pgrst.object+json"),
        (
            "application/vnd.pgrst.object+json; nulls=stripped",
            "object",
            "application/vnd.pgrst.object+json;nulls=stripped",
        ),
        ("text/csv", "csv", "text/csv"),
        ("*/*", "any", "*/*"),
        ("application/vnd.twkb", "other", "application/vnd.twkb"),
        ("nonsense", "other", "nonsense"),
        (
            'application/vnd.pgrst.plan ; for="text/xml" ; options=analyze|wal',
            "plan",
            'application/vnd.pgrst.plan+text; for="text/xml"; options=analyze|wal',
        ),
        (
            'application/vnd.pgrst.plan+json;for="application/vnd.pgrst.object+json"',
            "plan",
            'application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json"',
        ),
    ],
)
def test_a_media_type(text: str, kind: str, name: str) -> None:
    form = parse_media_type(text)
    assert (form.kind, form.name) == (kind, name)
    assert form.nulls_stripped is ("stripped" in text)


def names(header: str) -> list[str]:
    return [form.name for form in parse_accept(header)]


def test_media_types_are_ordered_by_quality_then_by_precision() -> None:
    assert names("") == ["*/*"]
    assert names("text/csv, application/json") == ["text/csv", "application/json"]
    assert names("text/csv;q=0.5, application/json") == ["application/json", "text/csv"]
    assert names("*/*, text/*;q=0.9, text/csv") == ["text/csv", "*/*", "text/*"]
    assert names("text/csv;q=0, application/json") == ["application/json"]
    assert names("application/x.custom;q=0.8") == ["application/x.custom"]
    assert names('a/b;x="1,2";q=0.1,c/d') == ["c/d", 'a/b;x="1,2"']


def test_what_can_be_answered_is_chosen() -> None:
    def kind(header: str, named: str | None = None, plan: bool = False) -> str:
        handlers = Handlers({named: Aggregate("shop.a", named, TEXT)} if named is not None else {})
        return negotiate(parse_accept(header), handlers, plan).name

    assert kind("*/*") == "application/json"
    assert kind("image/png, text/csv") == "text/csv"
    assert kind("image/png, text/csv", "image/png") == "image/png"
    assert kind("Image/PNG; x=1, text/csv", "image/png") == "image/png"
    assert kind("*/*", "*/*") == "application/octet-stream"
    assert kind("application/json", "*/*") == "application/json"
    assert kind("application/geo+json, text/csv") == "text/csv"
    assert kind("application/vnd.pgrst.plan, text/csv") == "text/csv"
    assert kind("application/vnd.pgrst.plan", plan=True).startswith("application/vnd.pgrst.plan+text")
    with pytest.raises(UrlError) as raised:
        kind("image/png, text/unknown;q=0.5")
    assert raised.value.status == 406
    assert raised.value.message == "None of these media types are available: image/png, text/unknown"


def test_the_content_type_of_an_answer() -> None:
    assert parse_media_type("application/json").content_type == "application/json; charset=utf-8"
    assert parse_media_type("application/octet-stream").content_type == "application/octet-stream"
    assert Form("other", "image/png").content_type == "image/png"
