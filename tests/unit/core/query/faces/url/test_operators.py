"""Operators with their values, with the examples of PostgREST's documentation and specification tests."""

from __future__ import annotations

import pytest

from integratedb.query.faces.url import UrlError
from integratedb.query.faces.url.lexer import Scanner
from integratedb.query.faces.url.operators import array_elements, is_operation, operation
from integratedb.query.problems import ProblemError
from integratedb.query.request import Column, Expression, Not, Operation, Value

A = Column("a")


def condition(text: str) -> Expression:
    return operation(Scanner("filter", text), A)


def of(operator: str, value: object, **more: object) -> Operation:
    return Operation(operator, (A, Value(value)), **more)  # type: ignore[arg-type]  # the operator is one of the literals


@pytest.mark.parametrize(
    "operator",
    [
        *("eq", "neq", "gt", "gte", "lt", "lte", "match", "imatch", "isdistinct"),
        *("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "fts", "plfts", "phfts", "wfts"),
    ],
)
def test_an_operator_takes_the_rest_as_its_value(operator: str) -> None:
    for value in ("1", "", "null", 'a,b).(c"*', "eq.not.5", "a\nb", "(1,2]"):
        assert condition(f"{operator}.{value}") == of(operator, value)
        assert condition(f"not.{operator}.{value}") == Not(of(operator, value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("like.*O*", of("like", "%O%")),
        ("ilike.a%*", of("ilike", "a%%")),
        ("match.^a*", of("match", "^a*")),
        ("eq(any).{1,2}", of("eq", ["1", "2"], quantifier="any")),
        ("not.lt(all).{}", Not(of("lt", [], quantifier="all"))),
        ("like(any).{O*,P*}", of("like", ["O%", "P%"], quantifier="any")),
        ("fts(english).a", of("fts", "a", language="english")),
        ("not.wfts(simple).a", Not(of("wfts", "a", language="simple"))),
        ("is.null", of("is", None)),
        ("is.NULL", of("is", None)),
        ("not.is.null", Not(of("is", None))),
        ("is.not_null", of("is", "not_null")),
        ("not.is.not_null", Not(of("is", "not_null"))),
        ("is.True", of("is", True)),
        ("is.false", of("is", False)),
        ("is.unknown", of("is", "unknown")),
        ("in.(1,2)", of("in", ["1", "2"])),
        ("in.()", of("in", [])),
        ('in.("")', of("in", [""])),
        ("in.(,)", of("in", ["", ""])),
        ('in.("a,b)","c\\"\\\\d")', of("in", ["a,b)", 'c"\\d'])),
        ('in.(a"b,"c"d)', of("in", ['a"b', '"c"d'])),
        ("not.in.(1)", Not(of("in", ["1"]))),
    ],
)
def test_an_operator_with_a_form_of_its_own(text: str, expected: Expression) -> None:
    assert condition(text) == expected
    assert is_operation(text)


@pytest.mark.parametrize(
    ("text", "column", "details"),
    [
        ("noop.0", 1, 'unexpected "o" expecting "not" or operator (eq, gt, ...)'),
        ("val", 1, 'unexpected "v" expecting "not" or operator (eq, gt, ...)'),
        ("0", 1, 'unexpected "0" expecting "not" or operator (eq, gt, ...)'),
        ("fts().value", 5, 'unexpected ")" expecting operator (eq, gt, ...)'),
        ("eq().value", 4, 'unexpected ")" expecting operator (eq, gt, ...)'),
        ("is().value", 3, 'unexpected "(" expecting operator (eq, gt, ...)'),
        ("in().value", 3, 'unexpected "(" expecting operator (eq, gt, ...)'),
        ("", 1, 'unexpected end of input expecting "not" or operator (eq, gt, ...)'),
        ("not.0", 5, 'unexpected "0" expecting operator (eq, gt, ...)'),
        ("is.nil", 4, 'unexpected "n" expecting isVal: (null, not_null, true, false, unknown)'),
        ("in.1", 4, 'unexpected "1" expecting "("'),
        ("in.(1", 6, 'unexpected end of input expecting "," or ")"'),
    ],
)
def test_an_error_is_worded_as_in_postgrest(text: str, column: int, details: str) -> None:
    with pytest.raises(UrlError) as raised:
        condition(text)
    assert raised.value.message == f'"failed to parse filter ({text})" (line 1, column {column})'
    assert raised.value.details == details


@pytest.mark.parametrize(
    "text", ["is.nullx", "in.(1)x", "is.null,", "not.not.eq.1", "EQ.1", "eq", "fts(a", "neq(any).{1}"]
)
def test_what_is_no_operation_is_refused(text: str) -> None:
    with pytest.raises(UrlError):
        condition(text)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("{}", []),
        (" { } ", []),
        ("{1}", ["1"]),
        ("{ a b , c }", ["a b", "c"]),
        ('{"a,b","c\\"d",NULL,"NULL",null}', ["a,b", 'c"d', None, "NULL", None]),
        ("{a\\,b}", ["a,b"]),
    ],
)
def test_the_elements_of_an_array(text: str, elements: list[str | None]) -> None:
    assert array_elements(text, "eq") == elements


@pytest.mark.parametrize("text", ["", "1,2", "(1)", "{1", "{1,}", "{,}", "{{1}}", '{"a}', "{1}x", '{"a"b}'])
def test_what_is_no_array_is_a_bad_operand(text: str) -> None:
    with pytest.raises(ProblemError) as raised:
        condition(f"eq(any).{text}")
    assert raised.value.kind == "bad operand"
