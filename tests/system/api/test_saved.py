"""Saved queries over HTTP: their parameters, what they may read, and a service that answers nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session
from tests.system.api.conftest import StartApi
from tests.system.api.harness import LOGIN, Api, Place, token, unique

GROWN = {
    "select": ["id", "name"],
    "from": "people",
    "where": ["and", [">=", {"field": "age"}, {"param": "least"}], ["in", {"field": "id"}, {"param": "ids"}]],
    "order-by": ["id"],
}


class Asker:
    """A stakeholder, and requests with its token."""

    def __init__(self, place: Place) -> None:
        self.superuser: Session = place.superuser
        self.name = unique("asker")
        self.superuser.run("SELECT integratedb_create_stakeholder(%s)", self.name)
        self.superuser.run(f"GRANT {self.name} TO {LOGIN}")

    def save(self, name: str, query: Any) -> None:
        self.superuser.run("SELECT integratedb_save_query(%s, %s, %s)", self.name, name, Jsonb(query))

    def post(self, api: Api, body: Any) -> Any:
        return api.send("POST", "/graphql", body, headers={"Authorization": f"Bearer {token(self.name)}"})

    def get(self, api: Api, path: str, **more: Any) -> Any:
        return api.send("GET", path, headers={"Authorization": f"Bearer {token(self.name)}"}, **more)


@pytest.fixture
def asker(place: Place) -> Iterator[Asker]:
    made = Asker(place)
    yield made
    made.superuser.run("SELECT integratedb_drop_stakeholder(%s)", made.name)


def test_a_saved_query_runs_with_the_values_of_its_parameters(api: Api, asker: Asker) -> None:
    assert asker.get(api, "/queries/grown").status_code == 404
    asker.save("grown", {"query": GROWN, "params": {"ids": [1, 2, 3], "least": 0}})
    answer = asker.get(api, "/queries/grown?least=2")
    assert (answer.status_code, answer.json()) == (200, [{"id": 2, "name": "person 2"}, {"id": 3, "name": "person 3"}])
    assert asker.get(api, "/queries/grown?ids=5&ids=6").json() == [
        {"id": 5, "name": "person 5"},
        {"id": 6, "name": "person 6"},
    ]
    assert asker.get(api, "/people?select=id,note").status_code in (400, 404)


def test_a_saved_url_runs_and_its_values_are_values(api: Api, asker: Asker) -> None:
    asker.save("named", {"rest": "GET /people?select=id&or=(name.eq.{{name}},id.eq.7)&limit={{most}}&order=id"})
    assert asker.get(api, "/queries/named?most=9&name=person+3").json() == [{"id": 3}, {"id": 7}]
    for value in ("x,id.gt.0", 'x",id.gt.0,name.eq."', "x)%26select=name", "%5C"):
        assert asker.get(api, f"/queries/named?most=9&name={value}").json() == [{"id": 7}]
    answer = asker.get(api, "/queries/named?most=9&name=x")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/queries/nothing", 404, "42704"),
        ("/queries/", 404, "42704"),
        ("/queries/a/b", 404, "42704"),
        ("/queries/grown", 400, "22023"),
        ("/queries/grown?least=1&ids=1&more=2", 400, "22023"),
        ("/queries/grown?least=x&ids=1&ids=2", 400, "22P02"),
        ("/queries/grown?least=%FF&ids=1&ids=2", 400, "PGRST100"),
    ],
)
def test_what_cannot_be_asked_is_an_error(api: Api, asker: Asker, path: str, status: int, code: str) -> None:
    asker.save("grown", _two())
    answer = asker.get(api, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def _two() -> dict[str, Any]:
    return {
        "select": ["id"],
        "from": "people",
        "where": ["or", [">=", {"field": "age"}, {"param": "least"}], ["=", {"field": "id"}, {"param": "ids"}]],
    }


def test_another_method_and_another_role_are_refused(api: Api, asker: Asker, place: Place) -> None:
    asker.save("all", {"rest": "GET /people?select=id&limit=1"})
    bearer = {"Authorization": f"Bearer {token(asker.name)}"}
    answer = api.send("POST", "/queries/all", {}, headers=bearer)
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS,GET,HEAD")
    assert api.send("HEAD", "/queries/all", headers=bearer).text == ""
    other = api.send("GET", "/queries/all", headers={"Authorization": f"Bearer {token(place.user)}"})
    assert other.status_code == 404


def test_what_is_claimed_later_changes_no_answer(api: Api, asker: Asker) -> None:
    asker.superuser.run("CREATE TABLE pets (id int PRIMARY KEY, keeper int REFERENCES people, name text)")
    try:
        asker.superuser.run("INSERT INTO pets VALUES (1, 1, 'rex')")
        query = {"select": ["*"], "from": "pets", "embed": [{"relation": "people", "select": ["id"]}]}
        asker.save("pets", query)
        expected = [{"id": 1, "keeper": 1, "name": "rex", "people": {"id": 1}}]
        assert asker.get(api, "/queries/pets").json() == expected
        asker.superuser.run("ALTER TABLE pets ADD COLUMN later text, ADD COLUMN friend int REFERENCES people")
        claim = Jsonb({"match": [{"path": "public.pets", "fields": ["*"]}, {"path": "public.people", "fields": ["*"]}]})
        asker.superuser.run("SELECT integratedb_claim(%s, %s)", asker.name, claim)
        assert "later" in asker.get(api, "/pets").json()[0]
        assert asker.get(api, "/pets?select=id,people(id)").status_code == 300
        assert asker.get(api, "/queries/pets").json() == expected
        asker.superuser.run("ALTER TABLE pets RENAME CONSTRAINT pets_keeper_fkey TO kept_by")
        assert asker.get(api, "/queries/pets").json() == expected
        with asker.superuser.transaction():
            asker.superuser.run("SELECT integratedb_override('test')")
            asker.superuser.run("ALTER TABLE pets DROP CONSTRAINT kept_by")
        answer = asker.get(api, "/queries/pets")
        assert (answer.status_code, answer.json()["code"]) == (409, "IDB01")
    finally:
        asker.superuser.run("SELECT integratedb_drop_query(%s, 'pets')", asker.name)
        asker.superuser.run("SELECT integratedb_claim(%s, '{\"match\": []}')", asker.name)
        asker.superuser.run("DROP TABLE pets")


def test_the_description_lists_saved_queries(api: Api, asker: Asker) -> None:
    asker.save("grown", {"query": GROWN, "params": {"ids": [1]}})
    paths = asker.get(api, "/").json()["paths"]
    parameters = {one["name"]: one["required"] for one in paths["/queries/grown"]["get"]["parameters"]}
    assert parameters == {"ids": False, "least": True}
    assert [*asker.get(api, "/?path=/queries/grown").json()["paths"]] == ["/queries/grown"]


PEOPLE = """
  query People($least: Int, $ids: [Int!], $first: Int = 2) {
    peopleNodes(first: $first, filter: {and: [{age: {gte: $least}}, {id: {in: $ids}}]}) { nodes { rowId name } }
  }
"""


def people(*ids: int) -> Any:
    return {"data": {"peopleNodes": {"nodes": [{"rowId": id_, "name": f"person {id_}"} for id_ in ids]}}}


def test_a_saved_document_is_asked_by_its_name_and_by_its_hash(api: Api, asker: Asker, place: Place) -> None:
    assert asker.post(api, {"documentId": "people"}).status_code == 404
    asker.save("people", {"graphql": PEOPLE.replace("{id:", "{rowId:"), "variables": {"least": 1, "ids": [1, 2, 3, 4]}})
    digest = hashlib.sha256(PEOPLE.replace("{id:", "{rowId:").encode()).hexdigest()
    for name in ("people", f"sha256:{digest}"):
        answer = asker.post(api, {"documentId": name, "variables": {"least": 2}})
        assert (answer.status_code, answer.json()) == (200, people(2, 3))
        assert answer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
        values = quote(json.dumps({"ids": [4, 3], "first": 1}))
        assert asker.get(api, f"/graphql?documentId={name}&variables={values}").json() == people(3)
    assert asker.get(api, "/queries/people?least=3&first=9").json() == people(3, 4)
    assert asker.get(api, "/queries/people?ids=7").json() == people(7)
    assert asker.get(api, "/queries/people?ids=7&ids=8").json() == people(7, 8)
    answer = asker.get(api, "/queries/people?first=x")
    assert answer.status_code == 422
    assert "Int cannot represent non-integer value: 'x'" in answer.json()["errors"][0]["message"]
    assert asker.get(api, "/queries/people?other=1").status_code == 400
    other = {"Authorization": f"Bearer {token(place.user)}"}
    answer = api.send("POST", "/graphql", {"documentId": "people"}, headers=other)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "42704")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"documentId": 1}, "'documentId' is no text."),
        ({"documentId": "a", "query": "{ __typename }"}, "'query' and 'documentId' exclude each other."),
    ],
)
def test_a_document_has_one_identifier_and_no_text(api: Api, asker: Asker, body: Any, message: str) -> None:
    answer = asker.post(api, body)
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, message)


def test_of_several_operations_a_request_names_one(api: Api, asker: Asker) -> None:
    two = "query A { peopleNodes(first: 1) { nodes { rowId } } } query B { peopleNodes { totalCount } }"
    asker.save("two", {"graphql": two})
    asker.save("second", {"graphql": two, "operation": "B"})
    assert asker.get(api, "/queries/two").status_code == 422
    assert asker.post(api, {"documentId": "two", "operationName": "B"}).json()["data"] == {
        "peopleNodes": {"totalCount": 2000}
    }
    assert asker.get(api, "/queries/second").json() == {"data": {"peopleNodes": {"totalCount": 2000}}}


def test_a_saved_mutation_is_sent_by_post(api: Api, asker: Asker) -> None:
    asker.superuser.run(f"GRANT UPDATE (age) ON people TO {asker.name}")
    older = "mutation($id: Int!, $age: Int) { updatePeople(input: {rowId: $id, newAge: $age}) { people { name age } } }"
    asker.save("older", {"graphql": older})
    for path in ("/queries/older?id=1999&age=77", "/graphql?documentId=older"):
        answer = asker.get(api, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = asker.post(api, {"documentId": "older", "variables": {"id": 1999, "age": 77}})
    assert answer.json() == {"data": {"updatePeople": {"people": {"name": "person 1999", "age": 77}}}}
    assert "/queries/older" not in asker.get(api, "/").json()["paths"]
    asker.superuser.run("UPDATE people SET age = 1999 % 90 WHERE id = 1999")
    asker.superuser.run("SELECT integratedb_drop_query(%s, 'older')", asker.name)
    asker.superuser.run(f"REVOKE UPDATE (age) ON people FROM {asker.name}")


def test_what_a_document_reads_may_be_missing(api: Api, asker: Asker) -> None:
    asker.superuser.run("CREATE TABLE shelves (id int PRIMARY KEY, label text)")
    try:
        asker.save("shelves", {"graphql": "{ shelvesNodes { nodes { label } } }"})
        assert asker.get(api, "/queries/shelves").json() == {"data": {"shelvesNodes": {"nodes": []}}}
        with asker.superuser.transaction():
            asker.superuser.run("SELECT integratedb_override('test')")
            asker.superuser.run("ALTER TABLE shelves DROP COLUMN label")
        answer = asker.get(api, "/queries/shelves")
        assert answer.status_code == 409
        [error] = answer.json()["errors"]
        assert "shelves cannot be run now: Cannot query field 'label'" in error["message"]
        assert error["extensions"] == {"code": "IDB01"}
    finally:
        asker.superuser.run("SELECT integratedb_drop_query(%s, 'shelves')", asker.name)
        asker.superuser.run("DROP TABLE shelves")


def test_the_description_has_the_variables_of_documents(api: Api, asker: Asker) -> None:
    asker.save(
        "people",
        {
            "graphql": "query($a: Int!, $b: Int!, $c: Int)"
            " { peopleNodes(first: $a, offset: $b, age: $c) { totalCount } }",
            "variables": {"b": 0},
        },
    )
    found = asker.get(api, "/").json()["paths"]["/queries/people"]["get"]["parameters"]
    assert {one["name"]: one["required"] for one in found} == {"a": True, "b": False, "c": False}


def test_saved_only_turns_everything_else_off(place: Place, asker: Asker, start_api: StartApi) -> None:
    asker.save("all", {"rest": "GET /people?select=id&limit=2&order=id"})
    api = start_api(place, "--saved-only")
    assert asker.get(api, "/queries/all").json() == [{"id": 1}, {"id": 2}]
    bearer = {"Authorization": f"Bearer {token(asker.name)}"}
    for method, path in (
        ("GET", "/people"),
        ("POST", "/query"),
        ("POST", "/rpc/slow"),
        ("OPTIONS", "/people"),
        ("DELETE", "/people?id=eq.1"),
    ):
        answer = api.send(method, path, {} if method == "POST" else None, headers=bearer)
        assert answer.status_code == 403, path
        assert answer.json()["message"] == "This service answers saved queries only"
    assert [*asker.get(api, "/").json()["paths"]] == ["/", "/queries/all"]
    assert [*asker.get(api, "/?path=/queries/all").json()["paths"]] == ["/queries/all"]
    # Not even what exists is told.
    assert asker.get(api, "/?path=/people").status_code == 404
    assert api.send("GET", "/graphql", headers={**bearer, "Accept": "text/html"}).status_code == 403


def test_a_query_that_nobody_saved_is_no_fault_of_the_service(api: Api, asker: Asker) -> None:
    asker.save("all", {"rest": "GET /people?select=id&limit=2&order=id"})
    asker.superuser.run(
        "UPDATE integratedb.saved_query SET reading = '{}' WHERE name = 'all'"
        " AND stakeholder_id = (SELECT s.id FROM integratedb.stakeholder AS s WHERE s.name = %s)",
        asker.name,
    )
    # The row was changed behind the functions, so the surface has not changed for the service.
    asker.save("other", {"rest": "GET /people?select=id&limit=1"})
    answer = asker.get(api, "/queries/all")
    assert (answer.status_code, answer.json()["code"]) == (409, "IDB01")
    assert asker.get(api, "/queries/other").status_code == 200


def test_a_document_that_nobody_saved_takes_no_others_along(api: Api, asker: Asker) -> None:
    for name in ("bad", "good"):
        asker.save(name, {"graphql": "{ peopleNodes(first: 1) { nodes { rowId } } }"})
    asker.superuser.run(
        "UPDATE integratedb.saved_query SET reading = '{}' WHERE name = 'bad'"
        " AND stakeholder_id = (SELECT s.id FROM integratedb.stakeholder AS s WHERE s.name = %s)",
        asker.name,
    )
    asker.save("newer", {"graphql": "{ peopleNodes(first: 2) { nodes { rowId } } }"})
    for name in ("good", "newer"):
        assert asker.post(api, {"documentId": name}).status_code == 200
    for answer in (asker.post(api, {"documentId": "bad"}), asker.get(api, "/queries/bad")):
        assert answer.status_code == 409
        [error] = answer.json().get("errors") or [{"extensions": answer.json()}]
        assert error["extensions"]["code"] == "IDB01"


def test_saved_only_answers_saved_documents_and_no_others(place: Place, asker: Asker, start_api: StartApi) -> None:
    asker.save("one", {"graphql": "{ peopleNodes(first: 1) { nodes { rowId } } }"})
    api = start_api(place, "--saved-only")
    expected = {"data": {"peopleNodes": {"nodes": [{"rowId": 1}]}}}
    assert asker.post(api, {"documentId": "one"}).json() == expected
    assert asker.get(api, "/queries/one").json() == expected
    for answer in (asker.post(api, {"query": "{ __typename }"}), asker.get(api, "/graphql?query={__typename}")):
        assert (answer.status_code, len(answer.json()["errors"])) == (403, 1)
        assert answer.json()["errors"][0]["message"].startswith("This service answers saved documents only")
