"""GraphQL: nothing of a document or its variables becomes text of SQL."""

from __future__ import annotations

import json
from typing import Any

from graphql import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from integratedb.query.faces.graphql.compiling import compile_operation
from integratedb.query.faces.graphql.documents import Documents, InvalidError
from integratedb.query.faces.graphql.schema import build_schema
from integratedb.query.faces.graphql.variables import Variables
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options, compile_query
from tests.unit.core.query.surfaces import SHOP
from tests.unit.core.query.test_no_text_of_requests import MARK, MOST_ROWS, check_tokens, hostile

SCHEMA = build_schema(SHOP)
DOCUMENTS = Documents()

#: The names of all fields.
NAMES = {"__typename"} | {name for of in SCHEMA.graphql.type_map.values() for name in getattr(of, "fields", {})}

#: Aliases are the only names that a document chooses.
alias = st.sampled_from(["", "", f"{MARK}: ", "select: ", "name: ", "_1: "])
texts = hostile.map(lambda text: json.dumps(text.replace("\ud800", "")))
numbers = st.integers(0, 9)


def aliased(names: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(alias, st.sampled_from(names)).map("".join)


leaves = aliased(["rowId", "name", "id", "__typename", "data", "tags", "label", "clientsByClientId { name email }"])
filters = st.recursive(
    st.tuples(st.sampled_from(["name: {eq: %s}", "name: {in: [%s]}", "name: {fts: %s}", "data: {cs: %s}"]), texts).map(
        lambda each: "{" + each[0] % each[1] + "}"
    )
    | st.just("{name: {ilike: $text}}"),
    lambda inner: (
        inner.map(lambda each: f"{{not: {each}}}")
        | st.lists(inner, min_size=1, max_size=2).map(lambda each: f"{{or: [{', '.join(each)}]}}")
        | inner.map(
            lambda each: f"{{name: {{is: NULL}}, tasksNodesByProjectId: {{every: {{projectsByProjectId: {each}}}}}}}"
        )
    ),
    max_leaves=3,
)
arguments = st.lists(
    st.one_of(
        numbers.map(lambda n: f"first: {n}"),
        filters.map(lambda f: f"filter: {f}"),
        texts.map(lambda t: f"name: {t}"),
        st.just("name: $text"),
        st.just("orderBy: NAME, descending: true"),
        st.just("after: $cursor"),
        numbers.map(lambda n: f"offset: {n}"),
    ),
    max_size=3,
    unique_by=lambda each: each.split(":")[0],
).map(lambda each: f"({', '.join(each)})" if each else "")
inside = st.one_of(
    st.lists(leaves, min_size=1, max_size=3).map(lambda each: f"nodes {{ {' '.join(each)} }}"),
    leaves.map(lambda each: f"edges {{ cursor node {{ {each} }} }}"),
    st.sampled_from(
        [
            "totalCount",
            "pageInfo { hasNextPage hasPreviousPage endCursor }",
            "aggregate { count sum { rowId } max { name } }",
        ]
    ),
)
connections = st.tuples(alias, arguments, st.lists(inside, min_size=1, max_size=2)).map(
    lambda each: f"{each[0]}projectsNodes{each[1]} {{ {' '.join(each[2])} }}"
)
others = texts.map(lambda t: f"findProjects(term: {t}) {{ nodes {{ rowId }} }}") | leaves.map(
    lambda each: f"projectsByRowId(rowId: 1) {{ {each} }}"
)
writes = st.one_of(
    st.tuples(texts, leaves).map(
        lambda each: (
            f"insertProjects(input: {{name: {each[0]}, data: $text, clientMutationId: {each[0]}}})"
            f" {{ clientMutationId projects {{ {each[1]} }} projectsEdge {{ cursor }} }}"
        )
    ),
    st.tuples(filters, texts).map(
        lambda each: (
            f"updateProjectsNodes(filter: {each[0]}, atMost: 2, input: {{newName: {each[1]}}}) {{ nodes {{ name }} }}"
        )
    ),
    st.just("deleteProjects(input: {rowId: 1}) { projects { name } deletedProjectsId }"),
    st.just("addUp(input: {a: 1}) { output }"),
)
operations = (connections | others).map(lambda each: ("query", each)) | writes.map(lambda each: ("mutation", each))


@settings(max_examples=4 * settings.get_profile("integratedb").max_examples)
@given(operations, hostile, hostile)
def test_every_token_is_of_the_surface_or_the_grammar_or_a_parameter(operation: Any, text: str, cursor: str) -> None:
    kind, field = operation
    declared = "".join(f" ${name}: {of}" for name, of in _declared(field).items())
    document = f"{kind} {MARK}{f'({declared})' if declared else ''} {{ {field} }}"
    parse(document)
    try:
        read = DOCUMENTS.read(document, SCHEMA)
        wanted = read.operation(MARK)
        variables = Variables(SCHEMA.graphql, wanted, {"text": text, "cursor": cursor})
        compiled = compile_operation(read, wanted, variables, SCHEMA, 10)
        for root in compiled.roots:
            names = frozenset(compiled.uses.names)
            assert names <= NAMES
            options = Options("shop", form=root.form, unwraps=root.unwraps, max_rows=MOST_ROWS, names=names)
            check_tokens(compile_query(root.query, SHOP, options), names)
    except (InvalidError, ProblemError):
        return


def _declared(field: str) -> dict[str, str]:
    kinds = {"$text": "JSON" if "data: $text" in field else "String", "$cursor": "Cursor"}
    return {name[1:]: of for name, of in kinds.items() if name in field}


def test_most_documents_are_valid() -> None:
    document = f"query {MARK}($text: String) {{ projectsNodes(name: $text) {{ nodes {{ {MARK}: name }} }} }}"
    read = DOCUMENTS.read(document, SCHEMA)
    wanted = read.operation(None)
    [root] = compile_operation(read, wanted, Variables(SCHEMA.graphql, wanted, {"text": "a"}), SCHEMA, 10).roots
    statement = compile_query(root.query, SHOP, Options("shop", form=root.form, max_rows=MOST_ROWS))
    assert MARK in [parameter.value for parameter in statement.parameters]
    assert "a" in statement.bind(["a"])
    check_tokens(statement)
