"""Problems and errors of the database, as PostgREST words them."""

from __future__ import annotations

import json
import time
from typing import Any, get_args

import pytest

from integratedb.query.faces.url import Body, UrlError, UrlSettings, parse, status_of, word, word_database
from integratedb.query.faces.url.errors import not_a_single_row, offset_out_of_bounds, too_many_affected
from integratedb.query.faces.url.wording import nearest
from integratedb.query.problems import Kind, ProblemError

FACTS: dict[str, Any] = {
    "name": "x",
    "relation": "t",
    "source": "t",
    "target": "u",
    "limit": 5,
    "schema": "api",
    "operator": "eq",
}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_problem_has_words(kind: Kind) -> None:
    answer = word(ProblemError(kind, **FACTS))
    assert 300 <= answer.status < 500
    assert list(answer.body) == ["code", "message", "details", "hint"]
    json.dumps(answer.body)


@pytest.mark.parametrize(
    ("kind", "facts", "status", "body"),
    [
        (
            "unknown relation",
            {"name": "projectx", "schema": "test", "near": ["articles", "projects"]},
            404,
            (
                "PGRST205",
                "Could not find the table 'test.projectx' in the schema cache",
                None,
                "Perhaps you meant the table 'test.projects'",
            ),
        ),
        (
            "unknown column",
            {"name": "nam", "relation": "projects", "near": ["id", "name"]},
            400,
            (
                "42703",
                "column projects.nam does not exist",
                None,
                'Perhaps you meant to reference the column "projects.name".',
            ),
        ),
        (
            "unknown column",
            {"name": "helicopter", "relation": "articles", "in_body": True},
            400,
            ("PGRST204", "Could not find the 'helicopter' column of 'articles' in the schema cache", None, None),
        ),
        (
            "unknown function",
            {"name": "sayhell", "schema": "test", "arguments": [], "near": ["say", "sayhello"]},
            404,
            (
                "PGRST202",
                "Could not find the function test.sayhell without parameters in the schema cache",
                "Searched for the function test.sayhell without parameters, "
                "but no matches were found in the schema cache.",
                "Perhaps you meant to call the function test.sayhello",
            ),
        ),
        (
            "no relationship",
            {"source": "films", "target": "role", "schema": "api", "hint": "fk", "near": ["actors", "roles"]},
            400,
            (
                "PGRST200",
                "Could not find a relationship between 'films' and 'role' in the schema cache",
                "Searched for a foreign key relationship between 'films' and 'role' using the hint 'fk' "
                "in the schema 'api', but no matches were found.",
                "Perhaps you meant 'roles' instead of 'role'.",
            ),
        ),
        (
            "ambiguous relationship",
            {
                "source": "orders",
                "target": "addresses",
                "candidates": [
                    {
                        "cardinality": "many-to-one",
                        "embedding": "orders with addresses",
                        "relationship": "billing using orders(billing_id) and addresses(id)",
                    },
                    {
                        "cardinality": "many-to-one",
                        "embedding": "orders with addresses",
                        "relationship": "shipping using orders(shipping_id) and addresses(id)",
                    },
                ],
                "hints": ["addresses!billing", "addresses!shipping"],
            },
            300,
            (
                "PGRST201",
                "Could not embed because more than one relationship was found for 'orders' and 'addresses'",
                [
                    {
                        "cardinality": "many-to-one",
                        "embedding": "orders with addresses",
                        "relationship": "billing using orders(billing_id) and addresses(id)",
                    },
                    {
                        "cardinality": "many-to-one",
                        "embedding": "orders with addresses",
                        "relationship": "shipping using orders(shipping_id) and addresses(id)",
                    },
                ],
                "Try changing 'addresses' to one of the following: 'addresses!billing', 'addresses!shipping'. "
                "Find the desired relationship in the 'details' key.",
            ),
        ),
        (
            "ambiguous function",
            {"name": "f", "candidates": ["api.f(a => integer)", "api.f(a => text)"]},
            300,
            (
                "PGRST203",
                "Could not choose the best candidate function between: api.f(a => integer), api.f(a => text)",
                None,
                "Try renaming the parameters or the function itself in the database so function overloading can be "
                "resolved",
            ),
        ),
        (
            "unknown embed",
            {"name": "clients", "alias": "c"},
            400,
            (
                "PGRST108",
                "'clients' is not an embedded resource in this request",
                "Target names are not allowed in filters if they have an alias",
                "Change 'clients' to 'c' in filters, orders or limits.",
            ),
        ),
        (
            "not to one",
            {"source": "clients", "target": "projects"},
            400,
            (
                "PGRST118",
                "A related order on 'projects' is not possible",
                "'clients' and 'projects' do not form a many-to-one or one-to-one relationship",
                None,
            ),
        ),
        ("no aggregates", {}, 400, ("PGRST123", "Use of aggregate functions is not allowed", None, None)),
    ],
)
def test_a_problem_is_worded_as_in_postgrest(
    kind: Kind, facts: dict[str, Any], status: int, body: tuple[Any, ...]
) -> None:
    answer = word(ProblemError(kind, **facts))
    assert (answer.status, *answer.body.values()) == (status, *body)


@pytest.mark.parametrize(
    ("media", "facts", "message", "details", "hint"),
    [
        (
            "application/json",
            {"arguments": ["a", "b"], "overloads": ["test.f(x => integer, a => text)", "test.f(y => integer)"]},
            "Could not find the function test.f(a, b) in the schema cache",
            "Searched for the function test.f with parameters a, b or with a single unnamed json/jsonb parameter, "
            "but no matches were found in the schema cache.",
            "Perhaps you meant to call the function test.f(a, x)",
        ),
        (
            "application/octet-stream",
            {"arguments": [], "near": ["g"]},
            "Could not find the function test.f in the schema cache",
            "Searched for the function test.f with a single unnamed bytea parameter, "
            "but no matches were found in the schema cache.",
            None,
        ),
    ],
)
def test_a_function_that_is_called_by_post(
    media: str, facts: dict[str, Any], message: str, details: str, hint: str | None
) -> None:
    request = parse("POST", "/rpc/f", "", {"content-type": media}, Body(b"{}"), UrlSettings())
    answer = word(ProblemError("unknown function", name="f", schema="test", **facts), request=request)
    assert (answer.status, *answer.body.values()) == (404, "PGRST202", message, details, hint)


def test_the_nearest_of_very_many_names_is_found_in_time() -> None:
    begun = time.process_time()
    assert nearest("orders_00", (f"order_{number}" for number in range(200_000))) is not None
    assert nearest("orders", ["order", "olders"]) in {"order", "olders"}
    assert nearest("orders", ["zzz"]) is None
    assert time.process_time() - begun < 1


def test_an_unfiltered_write_is_that_of_pg_safeupdate() -> None:
    answer = word(ProblemError("unfiltered write", method="DELETE", relation="t"))
    assert (answer.status, answer.code, answer.message) == (400, "21000", "DELETE requires a WHERE clause")


def test_what_is_not_writable_depends_on_who_asks() -> None:
    problem = ProblemError("not writable", name="", relation="t")
    assert word(problem).status == 403
    assert word(problem, anonymous=True).status == 401
    assert word(problem, anonymous=True).headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [
        ("08006", 503), ("09000", 500), ("0L000", 403), ("0P000", 403), ("23503", 409), ("23505", 409), ("23502", 400),
        ("25006", 405), ("25P02", 500), ("21000", 500), ("22P02", 400), ("28000", 403), ("2D000", 500), ("38000", 500),
        ("39000", 500), ("3B000", 500), ("40001", 409), ("40P01", 409), ("40002", 500), ("42883", 404), ("42P01", 404),
        ("42P17", 500), ("42501", 403), ("42703", 400), ("53400", 500), ("53300", 503), ("54001", 500), ("55000", 500),
        ("57014", 500), ("57P01", 503), ("58000", 500), ("F0000", 500), ("HV000", 500), ("P0001", 400), ("P0002", 500),
        ("XX000", 500), ("PT402", 402), ("PTabc", 500), ("PT999", 500), ("PT\u00b2\u00b2\u00b2", 500), ("IDB01", 400),
    ],
)  # fmt: skip
def test_the_status_of_a_state(sqlstate: str, status: int) -> None:
    assert status_of(sqlstate) == status


def test_statuses_that_depend_on_more() -> None:
    assert status_of("42501", anonymous=True) == 401
    assert status_of("21000", "UPDATE requires a WHERE clause") == 400
    assert status_of("22023", 'role "nope" does not exist') == 401
    assert status_of("22023", "something else") == 400
    assert status_of("42883", "function xmlagg(integer) does not exist") == 406


def test_an_error_of_the_database_is_passed_on() -> None:
    answer = word_database("40001", "could not serialize", "d", "h")
    assert answer.body == {"code": "40001", "message": "could not serialize", "details": "d", "hint": "h"}
    assert answer.headers == {"Retry-After": "1"}
    payment = word_database("PT402", "Payment Required")
    assert (payment.status, payment.reason) == (402, "Payment Required")
    assert word_database("PT402", "a\r\nSet-Cookie: x").reason is None


def test_sql_may_choose_the_whole_answer() -> None:
    answer = word_database(
        "PGRST",
        '{"code": "123", "message": "ABC", "details": "DEF", "hint": "XYZ"}',
        '{"status": 332, "status_text": "My Custom Status", "headers": {"X-Header": "str"}}',
    )
    assert (answer.status, answer.reason, answer.headers) == (332, "My Custom Status", {"X-Header": "str"})
    assert answer.body == {"code": "123", "message": "ABC", "details": "DEF", "hint": "XYZ"}


@pytest.mark.parametrize(
    ("message", "detail", "details"),
    [
        ("INVALID", "{}", "Invalid JSON value for MESSAGE: 'INVALID'"),
        ('{"code": "1"}', "{}", 'Invalid JSON value for MESSAGE: \'{"code": "1"}\''),
        ('{"code": "1", "message": "m"}', None, "DETAIL is missing in the RAISE statement"),
        ('{"code": "1", "message": "m"}', "INVALID", "Invalid JSON value for DETAIL: 'INVALID'"),
        ('{"code": "1", "message": "m"}', '{"status": 200}', "Invalid JSON value for DETAIL: '{\"status\": 200}'"),
        ('{"code": "1", "message": "m"}', '{"status": true, "headers": {}}', None),
        ('{"code": "1", "message": "m"}', '{"status": 200, "headers": {"a": "b\\r\\nc: d"}}', None),
        ('{"code": "1", "message": "m"}', '{"status": 200, "headers": {"a": 1}}', None),
        ("[" * 100_000, "{}", None),
    ],
)
def test_an_answer_that_sql_chose_badly(message: str, detail: str | None, details: str | None) -> None:
    answer = word_database("PGRST", message, detail)
    assert (answer.status, answer.code) == (500, "PGRST121")
    assert details is None or answer.details == details


def test_errors_that_only_the_result_shows() -> None:
    found = [not_a_single_row(2), offset_out_of_bounds(9, 3), too_many_affected(4)]
    assert [(each.status, each.code, each.details) for each in found] == [
        (406, "PGRST116", "The result contains 2 rows"),
        (416, "PGRST103", "An offset of 9 was requested, but there are only 3 rows."),
        (400, "PGRST124", "The query affects 4 rows"),
    ]
    assert found[1].headers == {"Content-Range": "*/3"}
    assert isinstance(found[0], UrlError)
