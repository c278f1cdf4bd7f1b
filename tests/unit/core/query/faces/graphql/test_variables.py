"""What an operation was compiled to serves other values: it is what would be compiled for them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from hypothesis import given
from hypothesis import strategies as st

from integratedb.query.faces.graphql.compiling import Operation, compile_operation
from integratedb.query.faces.graphql.documents import MOST_TOGETHER, Documents, InvalidError
from integratedb.query.faces.graphql.schema import build_schema
from integratedb.query.faces.graphql.variables import MOST_CHARACTERS, Compiled, Signature, Variables, size_of
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options, Statement, compile_query
from tests.unit.core.query.surfaces import SHOP

SCHEMA = build_schema(SHOP)
DOCUMENTS = Documents()
Made = tuple[Operation, list[Statement]]


def compiled(document: str, variables: Variables) -> Made:
    read = DOCUMENTS.read(document, SCHEMA)
    operation = compile_operation(read, read.operation(None), variables, SCHEMA, 10)
    statements = []
    for root in operation.roots:
        options = Options("shop", form=root.form, unwraps=root.unwraps, max_rows=10)
        statements.append(compile_query(root.query, SHOP, options))
    return operation, statements


def of(document: str, given: dict[str, Any]) -> Variables:
    return Variables(SCHEMA.graphql, DOCUMENTS.read(document, SCHEMA).operation(None), given)


def served(known: Compiled[Made], document: str, given: dict[str, Any], size: int = 1) -> tuple[bool, Any]:
    """Return whether a request was compiled, and its statements with their values."""
    variables = of(document, given)
    found = known.find(document, variables)
    is_new = found is None
    if found is None:
        made = compiled(document, variables)
        known.keep(document, variables, made, size)
        found = made, variables.holes
    (operation, statements), holes = found
    answers = [b"null"] * len(statements)
    return is_new, ([(each.text, each.bind(holes)) for each in statements], operation.assemble(answers))


def anew(document: str, given: dict[str, Any]) -> Any:
    """Return the same of a request that is compiled for itself."""
    return served(Compiled(), document, given)[1]


def token(*parts: Any) -> str:
    return base64.b64encode(json.dumps(parts).encode()).decode()


LIST = """query Q($f: ProjectsFilter, $n: Int, $o: Int, $a: Cursor, $by: ProjectsOrdering, $down: Boolean = false,
  $no: Boolean = false, $name: String, $data: JSON, $other: String! = "y") {
  projectsNodes(first: $n, offset: $o, after: $a, orderBy: $by, descending: $down, filter: $f, name: $name) {
    nodes { rowId name @skip(if: $no) clientsByClientId { name } } totalCount @include(if: $no)
  } more: projectsNodes(filter: {and: [{data: {cs: $data}}, {name: {in: [$other, "x"]}}]}) { totalCount } }"""
INSERT = """mutation M($i: InsertProjectsNodesInput!, $u: UpdateProjectsInput!, $id: String) {
  insertProjectsNodes(input: $i) { nodes { rowId } clientMutationId }
  updateProjects(input: $u) { projects { name } clientMutationId }
  addUp(input: {a: 1, clientMutationId: $id}) { clientMutationId output } }"""
BY_ID = "query Q($id: ID!, $n: Int!) { node(id: $id) { id __typename } projectsByRowId(rowId: $n) { name } }"
FIND = "query Q($term: String!, $n: [Int!], $h: BigInt) { findProjects(term: $term) { nodes { rowId } } \
  tasksNodes(filter: {rowId: {in: $n}, hours: {gte: $h}}) { totalCount } }"

texts = st.text(max_size=3) | st.sampled_from(["", "a", "NULL", "{}"])
numbers = st.integers(-2, 3)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda x: st.lists(x, max_size=2) | st.dictionaries(texts, x, max_size=2),
)
filters = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.fixed_dictionaries(
                {},
                optional={"eq": texts, "in": st.lists(texts, max_size=2), "is": st.sampled_from(["NULL", "NOT_NULL"])},
            ),
            "rowId": st.fixed_dictionaries({}, optional={"gt": numbers, "in": st.lists(numbers, max_size=2)}),
            "data": st.fixed_dictionaries({}, optional={"cs": json_values}),
            "tags": st.fixed_dictionaries({}, optional={"ov": st.lists(texts, max_size=2) | texts}),
            "done": st.fixed_dictionaries({}, optional={"eq": st.booleans()}),
        },
    ),
    lambda x: st.fixed_dictionaries({"not": x}) | st.fixed_dictionaries({"or": st.lists(x, max_size=2)}),
    max_leaves=3,
)
cursors = st.one_of(
    st.builds(
        lambda by, parts: token(f"projects:{by}", *parts),
        st.sampled_from(["", "name"]),
        st.lists(st.none() | st.sampled_from(["1", "2", "a"]), min_size=1, max_size=2),
    ),
    texts,
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "rowId": numbers,
        "name": texts | st.none(),
        "data": json_values,
        "tags": st.lists(texts, max_size=2),
        "done": st.booleans(),
    },
)
requests = st.one_of(
    st.tuples(
        st.just(LIST),
        st.fixed_dictionaries(
            {},
            optional={
                "f": filters | st.none(),
                "n": numbers,
                "o": numbers,
                "a": cursors,
                "by": st.sampled_from(["NAME", "ROW_ID"]),
                "down": st.booleans(),
                "no": st.booleans(),
                "name": texts | st.none(),
                "other": texts,
                "data": json_values,
            },
        ),
    ),
    st.tuples(
        st.just(INSERT),
        st.fixed_dictionaries(
            {
                "i": st.fixed_dictionaries(
                    {"nodes": st.lists(rows, min_size=1, max_size=2)}, optional={"clientMutationId": texts}
                ),
                "u": st.fixed_dictionaries(
                    {"rowId": numbers, "newName": texts | st.none()},
                    optional={"newTags": st.lists(texts), "clientMutationId": texts},
                ),
            },
            optional={"id": texts},
        ),
    ),
    st.tuples(
        st.just(BY_ID),
        st.fixed_dictionaries(
            {
                "id": st.builds(token, st.sampled_from(["projects", "people", "x"]), st.sampled_from(["1", "2"]))
                | texts,
                "n": numbers,
            }
        ),
    ),
    st.tuples(
        st.just(FIND),
        st.fixed_dictionaries({"term": texts}, optional={"n": st.lists(numbers) | numbers, "h": numbers | texts}),
    ),
)


@given(st.lists(requests, min_size=2, max_size=12))
def test_what_is_remembered_is_what_would_be_compiled(several: list[tuple[str, dict[str, Any]]]) -> None:
    known: Compiled[Made] = Compiled()
    for document, variables in several:
        try:
            expected = anew(document, variables)
        except (InvalidError, ProblemError) as refused:
            with pytest.raises(type(refused)):
                served(known, document, variables)
            continue
        assert served(known, document, variables)[1] == expected


@pytest.mark.parametrize(
    ("document", "first", "second"),
    [
        (LIST, {"name": "a", "f": {"rowId": {"in": [1, 2]}}}, {"name": "b", "f": {"rowId": {"in": [7]}}}),
        (LIST, {"o": 0}, {"o": 20}),
        (LIST, {"a": token("projects:", "1")}, {"a": token("projects:", "2")}),
        (BY_ID, {"id": token("projects", "1"), "n": 1}, {"id": token("projects", "2"), "n": 2}),
        (FIND, {"term": "a", "h": 1}, {"term": "b", "h": 2}),
        (
            INSERT,
            {"i": {"nodes": [{"name": "a", "data": {"x": 1}}]}, "u": {"rowId": 1, "newName": "a"}},
            {"i": {"nodes": [{"name": "b", "data": {"y": [2]}}]}, "u": {"rowId": 2, "newName": "b"}},
        ),
    ],
)  # fmt: skip
def test_other_values_need_no_new_statement(document: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    known: Compiled[Made] = Compiled()
    is_new, made = served(known, document, first)
    is_new_again, again = served(known, document, second)
    assert (is_new, is_new_again) == (True, False)
    assert again != made
    assert again == anew(document, second)


@pytest.mark.parametrize(
    ("document", "first", "second"),
    [
        (LIST, {"n": 1}, {"n": 2}),
        (LIST, {"by": "NAME"}, {"by": "ROW_ID"}),
        (LIST, {"no": True}, {"no": False}),
        (LIST, {"name": "a"}, {}),
        (LIST, {"a": token("projects:", "1")}, {"a": token("projects:", None)}),
        (LIST, {"f": {"name": {"is": "NULL"}}}, {"f": {"name": {"is": "NOT_NULL"}}}),
        (BY_ID, {"id": token("projects", "1"), "n": 1}, {"id": token("people", "1"), "n": 1}),
    ],
)
def test_values_that_change_the_statement_need_another(document: str, first: Any, second: Any) -> None:
    known: Compiled[Made] = Compiled()
    assert served(known, document, first)[1][0] != served(known, document, second)[1][0]
    assert served(known, document, second)[1] == anew(document, second)


def test_a_bounded_number_is_kept() -> None:
    known: Compiled[Made] = Compiled(most=3)
    assert [served(known, LIST, {"n": number})[0] for number in (0, 1, 2, 3)] == [True] * 4
    assert [served(known, LIST, {"n": number})[0] for number in (3, 2, 1, 0)] == [False] * 3 + [True]


PLAIN = "query($a: Int, $b: String!, $c: Boolean = true, $d: BigInt, $e: ID, $f: [Int], $g: Float, $h: JSON) {"
PLAIN += " projectsNodes(first: $a, name: $b, done: $c, filter: {clientsByClientId: {id: {in: $f}}}) { totalCount } }"
anything = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**33), 2**33), st.text(max_size=2), st.floats(), st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from("abcdefgh"), anything), st.text(max_size=2))
def test_values_that_need_no_coercion_are_those_of_variables(others: dict[str, Any], text: str) -> None:
    operation = parse(PLAIN).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    values = {"b": text, "c": True, **others}
    plain = Signature(SCHEMA.graphql, operation).read(values)
    if {*others} <= {"a"} and type(others.get("a", 1)) is int and others.get("a", 1) in range(100):
        assert plain is not None
    if plain is not None:
        variables = Variables(SCHEMA.graphql, operation, values)
        assert (plain.shape, plain.holes) == (variables.shape, variables.holes)


def test_what_is_kept_has_a_bounded_size() -> None:
    known: Compiled[Made] = Compiled()
    third = MOST_CHARACTERS // 3
    assert [served(known, LIST, {"n": number}, third)[0] for number in (0, 1, 2, 3)] == [True] * 4
    assert [served(known, LIST, {"n": number}, third)[0] for number in (3, 2, 1, 0)] == [False] * 3 + [True]
    document = DOCUMENTS.read(LIST, SCHEMA)
    statements = compiled(LIST, of(LIST, {}))[1]
    assert size_of(document, statements) > len(statements[0].text) + len(LIST)


def test_documents_that_are_remembered_have_a_bounded_size() -> None:
    documents = Documents()
    long = ["{" + " ".join(f"a{number}_{n}: __typename" for n in range(1_200)) + "}" for number in range(60)]
    for document in long:
        documents.read(document, SCHEMA)
    known = [document for document in long if documents.known(document) is not None]
    assert known == long[-len(known) :]
    assert 0 < sum(map(len, known)) <= MOST_TOGETHER < sum(map(len, long))
