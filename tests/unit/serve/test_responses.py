"""Where refusals point, by what guesses are counted, and pages; without a server."""

from __future__ import annotations

import psycopg
import pytest

from integratedb_companion.common.networks import network_of
from integratedb_companion.serve import errors
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.responses import Dependent


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        (("body",), "#"),
        (("body", 12), "#"),
        (("body", "@user"), "#"),
        (("body", "@user", "user", "username"), "#/username"),
        (("body", "data", "match", 0, "a/b~c"), "#/match/0/a~1b~0c"),
        (("query", "limit"), "#/limit"),
    ],
)
def test_a_pointer_is_one_within_the_value_of_data(location: tuple[int | str, ...], pointer: str) -> None:
    assert errors.pointer(location) == pointer


@pytest.mark.parametrize(
    ("code", "status"),
    [("IDB04", 404), ("42704", 404), ("IDB05", 422), ("23505", 422), ("42501", 403), ("40001", 503), ("57P01", 503)],
)
def test_a_sqlstate_is_a_status(code: str, status: int) -> None:
    refusal = errors.refusal_of(psycopg.errors.lookup(code)() if code[:3] != "IDB" else coded(code))
    assert refusal
    assert refusal.status == status


def coded(code: str) -> psycopg.Error:
    problem = psycopg.Error()
    problem.sqlstate = code
    return problem


def test_an_error_that_is_no_refusal_is_a_fault() -> None:
    assert errors.refusal_of(psycopg.errors.UndefinedFunction()) is None
    assert errors.refusal_of(psycopg.ProgrammingError()) is None
    lost = errors.refusal_of(psycopg.OperationalError("connection lost"))
    assert lost
    assert lost.status == 503


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:" + "x" * 100, "unix:" + "x" * 59),
    ],
)
def test_guesses_are_counted_by_the_network_of_one_client(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_page_tells_where_the_next_one_begins_if_there_is_one() -> None:
    rows = [{"stakeholder": "a", "kind": "claims", "dependency": "required", "ordinality": n} for n in (4, 5, 6)]
    assert page(Dependent, rows, 2, key="ordinality").next == 5
    assert len(page(Dependent, rows, 2, key="ordinality").data) == 2
    assert page(Dependent, rows, 3, key="ordinality").next is None
    assert page(Dependent, [], 3).next is None
