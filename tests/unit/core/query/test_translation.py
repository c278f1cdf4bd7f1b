"""Translation: each face says what a query of another one asks for, and what is said reads as the same query."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integratedb.query.translation import translate
from tests.unit.core.query.surfaces import SHOP

SCHEMAS = ("shop",)
#: A query in all three faces, as each is written from the others.
SAME = {
    "columns and conditions": (
        "/projects?select=id,name&client_id=gte.3&done=is.true&order=name.desc&limit=5&offset=10",
        "{ projectsNodes(first: 5, offset: 10, orderBy: NAME, descending: true, "
        "filter: {clientId: {gte: 3}, done: {eq: true}}) { nodes { rowId name } } }",
        '{"select": ["id", "name"], "from": "projects", "where": ["and", [">=", {"field": "client_id"}, 3], '
        '["is", {"field": "done"}, true]], "order-by": [["name", "desc"]], "limit": 5, "offset": 10}',
    ),
    "related rows": (
        "/clients?select=name,projects(name,tasks(title))&id=eq.42&projects.name=like.a*&projects.tasks.limit=2",
        "{ clientsNodes(filter: {rowId: {eq: 42}}) { nodes { name projectsNodesByClientId("
        'filter: {name: {like: "a%"}}) { nodes { name tasksNodesByProjectId(first: 2) { nodes { title } } } } } } }',
        '{"select": ["name"], "from": "clients", "where": ["=", {"field": "id"}, 42], "embed": [{"relation": '
        '"projects", "select": ["name"], "where": ["like", {"field": "name"}, "a%"], "embed": [{"relation": "tasks", '
        '"select": ["title"], "limit": 2}]}]}',
    ),
    "or and not": (
        "/projects?select=name&or=(id.in.(1,2),not.and(name.neq.x,client_id.is.null))",
        "{ projectsNodes(filter: {or: [{rowId: {in: [1, 2]}}, {not: {name: {neq: \"x\"}, clientId: {is: NULL}}}]}) "
        "{ nodes { name } } }",
        '{"select": ["name"], "from": "projects", "where": ["or", ["in", {"field": "id"}, [1, 2]], ["not", ["and", '
        '["<>", {"field": "name"}, "x"], ["is", {"field": "client_id"}, null]]]]}',
    ),
    "aggregates": (
        "/tasks?select=count(),hours.sum()&project_id=eq.1",
        "{ tasksNodes(filter: {projectId: {eq: 1}}) { aggregate { count sum { hours } } } }",
        '{"select": [{"call": ["count", "*"]}, {"call": ["sum", {"field": "hours"}]}], "from": "tasks", '
        '"where": ["=", {"field": "project_id"}, 1]}',
    ),
}  # fmt: skip


def translated(face: str, text: str) -> dict[str, Any]:
    return translate.translated(SHOP, SCHEMAS, face, text)


def flat(text: str) -> str:
    """A document of GraphQL or data in one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", SAME)
def test_a_url_is_said_as_graphql_and_data(name: str) -> None:
    url, graphql, data = SAME[name]
    found = translated("url", url)
    assert flat(found["graphql"]["text"]) == graphql
    assert json.loads(found["data"]["text"]) == json.loads(data)
    assert found["url"]["text"] == url


@pytest.mark.parametrize("name", SAME)
def test_data_is_said_as_a_url_and_graphql(name: str) -> None:
    url, graphql, data = SAME[name]
    found = translated("data", data)
    assert found["url"]["text"] == url
    assert flat(found["graphql"]["text"]) == graphql


def test_graphql_is_said_as_a_url_and_data_with_its_names_and_the_key_in_its_order() -> None:
    found = translated("graphql", SAME["related rows"][1])
    assert found["url"]["text"] == (
        "/clients?select=name,projectsNodesByClientId:projects(name,tasksNodesByProjectId:tasks(title))&id=eq.42&order=id"
        "&projectsNodesByClientId.name=like.a*&projectsNodesByClientId.order=id"
        "&projectsNodesByClientId.tasksNodesByProjectId.order=id&projectsNodesByClientId.tasksNodesByProjectId.limit=2"
    )
    assert json.loads(found["data"]["text"])["embed"][0]["as"] == "projectsNodesByClientId"


def test_conditions_on_related_rows_become_a_sub_query_as_data() -> None:
    text = "{ clientsNodes(filter: {projectsNodesByClientId: {some: {done: {eq: true}}}}) { nodes { name } } }"
    found = translated("graphql", text)
    again = translated("data", found["data"]["text"])
    assert again["sql"] == found["sql"]
    assert "EXISTS" in found["sql"]["text"]
    assert found["url"] == {"why": "It has no words for a condition that is no comparison of a column with a value."}


def test_a_call_has_its_arguments_in_each_face_that_calls() -> None:
    found = translated("url", "/rpc/find_projects?term=x&select=id")
    document = json.loads(found["data"]["text"])
    assert document == {"select": ["id"], "from": [[{"call": ["find_projects", "x"]}, "find_projects"]]}
    assert translated("data", found["data"]["text"])["url"]["text"] == "/rpc/find_projects?term=x&select=id"
    assert found["graphql"] == {"why": "It has no words for functions, joins, WITH and sub-queries."}


@pytest.mark.parametrize(
    ("face", "text", "other", "words"),
    [
        ("graphql", "{ clientsNodes { totalCount nodes { name } } }", "url", "totalCount, pageInfo and aggregate"),
        ("graphql", "{ clientsNodes(last: 2) { nodes { name } } }", "data", "'last'"),
        ("data", '{"from": "people", "modifiers": ["distinct"]}', "url", "DISTINCT"),
        ("data", '{"select": ["a.id"], "from": [["people", "a"], ["people", "b"]]}', "url", "several tables"),
        ("data", '{"from": "users", "where": ["=", {"field": "name"}, {"call": ["lower", "A"]}]}', "url", "something"),
        ("data", '{"from": "projects", "where": ["like", {"field": "name"}, "a*"]}', "url", "asterisk"),
        ("data", '{"from": "projects", "order-by": ["name", ["id", "desc"]]}', "graphql", "two directions"),
        ("url", "/projects?select=data->a", "graphql", "a path in JSON"),
        ("url", "/projects?select=...clients(name)", "data", "spread"),
        ("url", "/people?select=name,boss:people!boss_id(name)&boss=not.is.null", "data", "related rows"),
    ],
)  # fmt: skip
def test_what_a_face_cannot_say_is_named(face: str, text: str, other: str, words: str) -> None:
    found = translated(face, text)
    assert words in found[other]["why"]
    assert found["sql"]["text"]


@pytest.mark.parametrize(
    ("face", "text", "message", "code"),
    [
        ("url", "/nothing", "no table or view nothing is visible", "42P01"),
        ("url", "/people?nothing=eq.1", "people has no column nothing", "42703"),
        ("url", "/people?id=x", "failed to parse filter", "22023"),
        ("url", "", "the URL names no table", "22023"),
        ("url", "/people\nX: 1", "the line 'X: 1' is no parameter", "22023"),
        ("data", "{", "the query is no JSON", "22023"),
        ("data", '{"from": 1}', "expected a table", "22023"),
        ("data", '[{"from": "people"}, {"from": "people"}]', "several queries", "22023"),
        ("data", '{"delete-from": "people"}', "would write all rows", "21000"),
        ("data", "[" * 90_000, "nested too deep|no JSON", "22023"),
        ("graphql", "{ nothing }", "Cannot query field 'nothing'", "22023"),
        ("graphql", "{ a: usersNodes { nodes { name } } b: usersNodes { nodes { name } } }", "asks 2 queries", "22023"),
        ("graphql", "mutation { deletePeople { clientMutationId } }", ".", "22023"),
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused_with_the_reason(face: str, text: str, message: str, code: str) -> None:
    with pytest.raises(translate.RefusedError, match=message) as caught:
        translated(face, text)
    assert caught.value.code == code


class Reader:
    """A database that must not be asked, because the refusal comes first."""

    def identity(self) -> tuple[str, ...]:
        raise AssertionError("nothing is read")

    has_changed_surfaces = version = rows = identity


@pytest.mark.parametrize(
    ("schemas", "face", "text", "code"),
    [(SCHEMAS, "sql", "SELECT 1", "22023"), (SCHEMAS, "data", " " * 100_001, "54000"), ((), "url", "/people", "22023")],
)
def test_a_face_that_is_not_read_and_a_text_that_is_too_long(
    schemas: tuple[str, ...], face: str, text: str, code: str
) -> None:
    answer = json.loads(translate.translate_query(Reader(), 1, schemas, face, text))  # type: ignore[arg-type]  # stands for one that is not asked
    assert answer["problem"]["code"] == code


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["null", "NULL", "a,b", "(a)", '"', "\\", "{a}", " a", "a ", "", "é", "%", "&", "=", "+", "."]
)
comparisons = st.tuples(st.sampled_from(["=", "<>", "<", ">=", "~", "is-distinct-from"]), st.just("name"), texts)
patterns = st.tuples(st.just("like"), st.just("name"), texts.filter(lambda text: "*" not in text))
numbers = st.tuples(st.sampled_from(["=", "<", ">="]), st.sampled_from(["id", "client_id"]), st.integers(-9, 99))
lists = st.tuples(st.just("in"), st.just("name"), st.lists(texts, min_size=1, max_size=3))
truths = st.tuples(st.sampled_from(["is", "is-not"]), st.just("done"), st.none())
leaves = (comparisons | patterns | numbers | lists | truths).map(lambda each: [each[0], {"field": each[1]}, each[2]])
conditions = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(list) | inner.map(lambda each: ["not", each])
    ),
    max_leaves=5,
)
orders = st.lists(
    st.sampled_from(["id", ["id", "desc"], ["name", "desc", "nulls-last"], ["client_id", "nulls-first"]]), max_size=2
)
levels: dict[str, st.SearchStrategy[Any]] = {"limit": st.integers(0, 9), "offset": st.integers(0, 9)}
queries = st.fixed_dictionaries(
    {
        "select": st.lists(st.sampled_from(["id", ["name", "n"], "done"]), min_size=1, max_size=3),
        "from": st.just("projects"),
    },
    optional={
        "where": conditions,
        "order-by": orders,
        "embed": st.lists(
            st.sampled_from(["clients", {"relation": "tasks", "as": "t", "select": ["title"], "limit": 1}]), max_size=2
        ),
        **levels,
    },
)  # fmt: skip


@settings(max_examples=60)
@given(queries)
def test_a_url_that_was_written_of_data_becomes_the_same_statement(query: dict[str, Any]) -> None:
    found = translated("data", json.dumps(query))
    # An embed twice by one name has no place in a URL, and an empty order is none.
    if "text" not in found["url"]:
        return
    again = translated("url", found["url"]["text"])
    assert sorted(again["sql"]["parameters"]) == sorted(found["sql"]["parameters"])
    if query.get("where", [""])[0] != "and":  # in a URL, groups stand behind other conditions
        assert again["sql"] == found["sql"]
    assert translated("data", again["data"]["text"])["url"] == found["url"]


@settings(max_examples=60)
@given(queries)
def test_a_document_that_was_written_of_data_is_read_as_what_it_was_written_of(query: dict[str, Any]) -> None:
    found = translated("data", json.dumps(query))
    if "text" not in found["graphql"]:
        return
    once = translated("graphql", found["graphql"]["text"])
    names = {"rowId", "n", "done", "clientsByClientId", "t", "id", "name", "email"}
    assert sorted({*once["sql"]["parameters"]} - names) == sorted({*found["sql"]["parameters"]} - names - {"clients"})
    # Its order goes on with the key, and its answer has the names of GraphQL; so it is stable from then on.
    twice = translated("data", once["data"]["text"])
    assert twice["sql"] == once["sql"]
    assert translated("graphql", twice["graphql"]["text"])["sql"] == once["sql"]


@settings(max_examples=200)
@given(st.sampled_from(translate.READ), st.text(max_size=40))
def test_any_text_is_answered(face: str, text: str) -> None:
    for given_text in (text, f"/people?{quote(text)}", f"/people?{text}", f"/people?select={text}"):
        # Any other error is a fault.
        with contextlib.suppress(translate.RefusedError):
            assert translated(face, given_text)["sql"]["text"]
