"""Queries as data over HTTP: JSON and EDN, errors with their places, limits, and lists as one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.api.conftest import StartApi
from tests.system.api.harness import Api, Place, unique

FIRST = {"select": ["id", "name"], "from": "people", "where": ["<=", {"field": "id"}, 2], "order-by": ["id"]}
ROWS = [{"id": 1, "name": "person 1"}, {"id": 2, "name": "person 2"}]
EDN = {"Content-Type": "application/edn"}


def test_a_query_answers_rows(api: Api) -> None:
    answer = api.send("POST", "/query", FIRST)
    assert (answer.status_code, answer.json()) == (200, ROWS)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    wrapped = {"query": {**FIRST, "where": ["=", {"field": "id"}, {"param": "id"}]}, "params": {"id": 2}}
    assert api.send("POST", "/query", wrapped).json() == ROWS[1:]


def test_edn_is_another_notation_of_the_same_query(api: Api) -> None:
    text = b'{:query {:select [:id [:name :called] [(sql/call :upper "x") :x] [#sql/call [:lower :p.name] :low]]'
    text += (
        b' :from [[:people :p]] :where [:and [:<= :p.id (sql/param :most)] [:<> :name "person 2"]]} :params {:most 2}}'
    )
    row = {"id": 1, "called": "person 1", "x": "X", "low": "person 1"}
    assert api.send("POST", "/query", text, headers=EDN).json() == [row]
    answer = api.send("POST", "/query", text, headers={**EDN, "Accept": "application/edn"})
    assert answer.text == '[{:id 1 :called "person 1" :x "X" :low "person 1"}]'
    assert answer.headers["content-type"] == "application/edn; charset=utf-8"


def test_a_text_of_edn_is_never_a_name(api: Api) -> None:
    answer = api.send("POST", "/query", b'{:select ["name"] :from [:people] :where [:= :id 1]}', headers=EDN)
    assert answer.json() == [{"value": "name"}]
    answer = api.send("POST", "/query", b'{:select [:name] :from ["people"]}', headers=EDN)
    assert (answer.status_code, answer.json()["pointer"]) == (400, "#/from/0")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "pointer"),
    [
        ({**FIRST, "where": ["=", {"field": "nothing"}, 1]}, {}, 400, "42703", "#/where/1/field"),
        ({"from": "nothing"}, {}, 404, "42P01", "#/from/0"),
        ({**FIRST, "where": ["=", {"field": "id"}, {"raw": "1"}]}, {}, 400, "22023", "#/where/2"),
        ({"select": [{"call": ["pg_sleep", 1]}], "from": "people"}, {}, 404, "42883", "#/select/0/call"),
        ({"delete-from": "people"}, {}, 400, "21000", "#"),
        (b"{", {}, 400, "22023", "#"),
        (b'{"from": NaN}', {}, 400, "22023", "#"),
        (b"[" * 70, {}, 400, "22023", "#"),
        (b"{:from", EDN, 400, "22023", "#"),
        (b"(" * 70, EDN, 400, "22023", "#"),
        (b'{:select [(sql/raw "@x := 10")] :from [:people]}', EDN, 400, "22023", "#/select/0"),
        (b"x", {"Content-Type": "text/plain"}, 415, "PGRST102", None),
        ({**FIRST, "where": ["=", {"field": "id"}, "text"]}, {}, 400, "22P02", None),
        ({"delete-from": "people", "where": ["=", {"field": "id"}, 1]}, {}, 401, "42501", None),
    ],
)
def test_a_refusal_names_its_place(
    api: Api, body: Any, headers: dict[str, str], status: int, code: str, pointer: str | None
) -> None:
    answer = api.send("POST", "/query", body, headers=headers)
    error = answer.json()
    assert (answer.status_code, error["code"], error["pointer"]) == (status, code, pointer)
    assert {*error} == {"code", "message", "details", "hint", "pointer"}


def test_a_list_is_one_transaction(api: Api, place: Place) -> None:
    user: dict[str, Any] = {"role": place.user, "sub": "data"}
    add = {"insert-into": "notes", "values": [{"person_id": 3, "body": "a"}], "returning": ["id", "body"]}
    with_result = {"from": "notes", "select": ["body"], "where": ["=", {"field": "id"}, {"result": [0, "id"]}]}
    answer = api.send("POST", "/query", [add, with_result], **user)
    assert [answer.json()[0][0]["body"], answer.json()[1]] == ["a", [{"body": "a"}]]
    fails = {"insert-into": "notes", "values": [{"id": {"result": [0, "id"]}, "person_id": 3}]}
    refused = api.send("POST", "/query", [add, fails], **user)
    assert (refused.status_code, refused.json()["code"]) == (409, "23505")
    count = {"select": [[{"call": ["count", "*"]}, "n"]], "from": "notes", "where": ["=", {"field": "person_id"}, 3]}
    assert api.send("POST", "/query", count, **user).json() == [{"n": 1}]


def test_the_maximum_of_rows_is_told_and_does_not_change_sub_queries(api: Api) -> None:
    answer = api.send("POST", "/query", {"select": ["id"], "from": "people"})
    assert (answer.status_code, len(answer.json())) == (206, 1000)
    assert answer.headers["integratedb-truncated"] == "true"
    inner = {"query": {"select": ["id"], "from": "people"}}
    count = {"select": [[{"call": ["count", "*"]}, "n"]], "from": [[inner, "t"]]}
    assert api.send("POST", "/query", count).json() == [{"n": 2000}]


def test_explain_shows_what_a_query_becomes(api: Api) -> None:
    shown = api.send("POST", "/query", {"query": FIRST, "explain": True}).json()
    assert {*shown} == {"statement", "params", "plan", "claims"}
    assert shown["claims"] == [{"path": "public.people", "fields": ["id", "name"]}]


def test_a_read_cannot_write(api: Api, place: Place) -> None:
    """The transaction of a query that only reads is read-only, so it holds if a function lies about itself."""
    place.superuser.run(
        "CREATE OR REPLACE FUNCTION liar() RETURNS int STABLE LANGUAGE plpgsql AS"
        " $$ BEGIN EXECUTE 'DELETE FROM notes'; RETURN 1; END $$"
    )
    wanted = {"select": [[{"call": ["liar"]}, "x"]], "from": "people", "limit": 1}
    answer = api.send("POST", "/query", wanted, role=place.user, sub="data")
    assert answer.json()["code"] in ("25006", "0A000")


def test_a_query_of_too_high_a_cost_is_refused(place: Place, start_api: StartApi) -> None:
    limited = start_api(place, "--max-cost", "2000")
    assert limited.send("POST", "/query", FIRST).status_code == 200
    answer = limited.send("POST", "/query", {"from": ["people", ["people", "b"]], "select": [{"call": ["count", "*"]}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "54000")


def test_a_migration_is_followed_at_once(api: Api, place: Place) -> None:
    place.superuser.run("CREATE TABLE moved (id int, old text); INSERT INTO moved VALUES (1, 'x')")
    place.superuser.run(f"GRANT SELECT ON moved TO {place.user}")
    assert api.send("POST", "/query", {"from": "moved"}, role=place.user).json() == [{"id": 1, "old": "x"}]
    place.superuser.run("ALTER TABLE moved RENAME old TO new")
    assert api.send("POST", "/query", {"from": "moved"}, role=place.user).json() == [{"id": 1, "new": "x"}]
    place.superuser.run("DROP TABLE moved")


def test_a_query_with_other_params_has_its_own_answer(api: Api, place: Place) -> None:
    def asked(params: Any, **more: Any) -> Any:
        query = {"select": ["id"], "from": "people", "where": ["=", {"field": "id"}, {"param": "id"}], **more}
        return api.send("POST", "/query", {"query": query, "params": params}, role=place.user).json()

    assert [asked({"id": n}) for n in (1, 2, 2**40, 3)] == [[{"id": 1}], [{"id": 2}], [], [{"id": 3}]]
    assert asked({"id": "x"})["code"] == "22P02"
    assert asked({"id": None})["pointer"] == "#/query/where/2"
    assert [len(asked({"id": 5, "most": most}, limit={"param": "most"})) for most in (1, 0, 1)] == [1, 0, 1]
    among = {
        "select": ["id"],
        "from": "people",
        "where": ["in", {"field": "id"}, [{"param": "a"}, 7]],
        "order-by": ["id"],
    }
    for a in (1, 2):
        answer = api.send("POST", "/query", {"query": among, "params": {"a": a}}, role=place.user)
        assert answer.json() == [{"id": a}, {"id": 7}]


def test_a_query_that_comes_again_follows_params_and_migrations(api: Api, place: Place) -> None:
    table = unique("again")
    place.superuser.run(f"CREATE TABLE {table} (id int); GRANT ALL ON {table} TO {place.user}")
    written = {"query": {"insert-into": table, "columns": ["id"], "query": {
        "select": [[{"cast": [{"param": "n"}, "integer"]}, "n"]], "from": "people", "limit": 1}}}  # fmt: skip
    answers = [api.send("POST", "/query", {**written, "params": {"n": n}}, role=place.user).json() for n in (1, 2, 3)]
    assert answers == [{"count": 1}] * 3
    assert place.superuser.rows(f"SELECT id FROM {table} ORDER BY id") == [(1,), (2,), (3,)]
    one = {"select": ["id"], "from": table, "order-by": ["id"]}
    assert api.send("POST", "/query", one, role=place.user).json() == [{"id": n} for n in (1, 2, 3)]
    assert api.send("POST", "/query", [one], role=place.user).json() == [[{"id": n} for n in (1, 2, 3)]]
    place.superuser.run(f"ALTER TABLE {table} ADD more int; ALTER TABLE {table} RENAME id TO nr")
    answer = api.send("POST", "/query", one, role=place.user)
    assert (answer.status_code, answer.json()["code"]) == (400, "42703")
    place.superuser.run(f"ALTER TABLE {table} RENAME nr TO id")
    assert api.send("POST", "/query", one, role=place.user).json() == [{"id": n} for n in (1, 2, 3)]
