"""Trials: statements run as the previews' login, show what they return, and leave nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.serve.harness import Client, Place

User = Callable[..., Client]


def tried(root: Client, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = root.data("POST", "/try", {"data": text})
    return answer


def test_results_are_shown_and_rolled_back(place: Place, root: Client) -> None:
    found = tried(
        root,
        "CREATE TABLE tried (id int, what text[]); INSERT INTO tried VALUES (1, '{a,NULL}'), (2, NULL) RETURNING id;"
        "SELECT what, id > 1 AS more, now() IS NULL FROM tried ORDER BY id; DO $$ BEGIN RAISE NOTICE 'heard'; END $$",
    )
    assert found["error"] is None
    made, added, shown, said = found["results"]
    assert (made["command"], made["columns"], made["rows"]) == ("CREATE TABLE", [], [])
    assert added["rows"] == [["1"], ["2"]]
    assert shown["columns"] == ["what", "more", "?column?"]
    assert shown["rows"] == [["{a,NULL}", "f", "f"], [None, "t", "f"]]
    assert said["notices"] == ["heard"]
    assert place.owner.value("SELECT to_regclass('tried')") is None


def test_the_first_error_ends_it_with_what_ran_before(root: Client) -> None:
    found = tried(root, "SELECT 1 AS one; SELECT * FROM integratedb_dependents('public.ordrs'); SELECT 2")
    assert [result["columns"] for result in found["results"]] == [["one"]]
    assert found["error"]["code"] == "42P01"
    assert found["error"]["hint"] == "Did you mean public.orders?"


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE stays (id int); COMMIT; SELECT 1",
        "CREATE TABLE stays (id int); /* */ COMMIT /* */",
        "CREATE TABLE stays (id int); PREPARE TRANSACTION 'stays'",
        "CREATE TABLE stays (id int); ROLLBACK; BEGIN; SELECT 1",
        # The two dialects of strings: whoever splits at another place than the server sends two statements in one.
        "SET standard_conforming_strings = off; SELECT 'a\\'; CREATE TABLE stays (id int); COMMIT; --'",
        "SELECT 'a' U&'\\0027'; CREATE TABLE stays (id int); COMMIT",
        "CREATE TABLE stays (id int); DO $$ BEGIN COMMIT; END $$",
        "CREATE TABLE stays (id int); RELEASE SAVEPOINT _pg3_1; RELEASE SAVEPOINT _pg3_2",
        "CREATE TABLE stays (id int); ROLLBACK TO SAVEPOINT _pg3_1",
    ],
)
def test_nothing_stays(place: Place, root: Client, text: str) -> None:
    root.send("POST", "/try", {"data": text})
    assert place.owner.value("SELECT to_regclass('public.stays')") is None
    assert place.superuser.value("SELECT count(*) FROM pg_prepared_xacts") == 0


def test_large_results_are_cut_and_endless_ones_refused(root: Client) -> None:
    (found,) = tried(root, "SELECT repeat('x', 5000) FROM generate_series(1, 150)")["results"]
    assert (len(found["rows"]), found["more"]) == (100, 50)
    assert len(found["rows"][0][0]) == 1001
    faults = root.refused(422, "POST", "/try", {"data": "SELECT generate_series(1, 100000000)"})["detail"]
    assert faults == [["a statement returns more than 10000 rows: give it a LIMIT", "#"]]
    assert "at most 50" in root.refused(422, "POST", "/try", {"data": "SELECT 1;" * 51})["detail"][0][0]
    assert "COPY" in root.refused(422, "POST", "/try", {"data": "COPY orders TO STDOUT"})["detail"][0][0]


def test_all_statements_together_show_a_few_megabytes(root: Client) -> None:
    columns = ", ".join(f"repeat('x', 1000) AS c{number}" for number in range(1000))
    wide = f"SELECT {columns} FROM generate_series(1, 50)"
    noisy = "DO $$ BEGIN FOR i IN 1..150 LOOP RAISE NOTICE '%', repeat('x', 2000); END LOOP; END $$"
    answer = root.send("POST", "/try", {"data": f"{noisy}; {wide}; {wide}; SELECT 'small'; {noisy}"})
    assert len(answer.content) < 6_000_000
    said, first, second, small, _ = answer.json()["data"]["results"]
    assert (len(said["notices"]), said["notices"][-1]) == (101, "further notices are not shown")
    assert len(said["notices"][0]) == 1001
    for shown in (first, second):
        assert len(shown["rows"]) + shown["more"] == 50
    assert (len(first["rows"]), len(second["rows"])) == (3, 0)
    assert small["rows"] == [["small"]]


@pytest.mark.parametrize(("encoding", "text"), [("SQL_ASCII", "SELECT 'é' AS \"é\""), ("EUC_TW", "SELECT 1")])
def test_an_encoding_that_cannot_be_shown_is_no_fault_of_the_service(root: Client, encoding: str, text: str) -> None:
    body = {"data": f"SET client_encoding = '{encoding}'; {text}"}
    assert "client_encoding" in root.refused(422, "POST", "/try", body)["detail"][0][0]


def test_the_whole_text_is_tried_or_nothing(root: Client) -> None:
    root.refused(422, "POST", "/try", {"data": "SELECT 1\0 - 1"})


@pytest.mark.parametrize("statement", ["SAVEPOINT _pg3_1", "RELEASE SAVEPOINT _pg3_1", "/**/release _pg3_2"])
def test_a_trial_has_no_savepoints_of_its_own(root: Client, statement: str) -> None:
    faults = root.refused(422, "POST", "/try", {"data": f"SELECT 1; {statement}; SELECT 2"})["detail"]
    assert "no savepoints" in faults[0][0]


def test_only_root_tries(user: User) -> None:
    assert user().refused(403, "POST", "/try", {"data": "SELECT 1"})["reason"] == "only the root user previews"
