"""Queries as data: nothing in a value's place becomes structure, and nothing of a document becomes text of SQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integratedb.query.faces.data.compiling import compile_document
from integratedb.query.faces.data.documents import read_document
from integratedb.query.faces.data.expressions import FORMS
from integratedb.query.faces.data.operators import CALCULATIONS, COMPARISONS, OTHERS, SEARCHES
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.problems import ProblemError
from integratedb.query.request import Operation, Select, Value
from integratedb.query.statement import Options
from tests.unit.core.query.surfaces import SHOP
from tests.unit.core.query.test_no_text_of_requests import MARK, MOST_ROWS, check_tokens, either, hostile

scalars = hostile | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
#: Any JSON, much of it in the form of structure.
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FORMS, "raw", "inline", "select", "from", MARK]), inner, max_size=2)
        | st.tuples(st.sampled_from(["=", "or", "in", "exists", "raw", "||"]), inner, inner).map(list)
    ),
    max_leaves=6,
)
columns = either("id", "id", "name", "name", "name", "projects.name").map(lambda name: {"field": name})
words = st.sampled_from([*COMPARISONS, *OTHERS, *CALCULATIONS, *SEARCHES, "not-like"])
functions = either(
    "lower", "concat", "coalesce", "count", "sum", "round", "array_agg", "add_up", "now", "jsonb_set", "lag"
)


def structures(inner: st.SearchStrategy[Any], queries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    calls = st.tuples(functions, st.lists(inner, max_size=3)).map(lambda each: {"call": [each[0], *each[1]]})
    terms = st.lists(inner | either("id", "name"), max_size=2)
    ends: st.SearchStrategy[Any] = st.sampled_from(["unbounded-preceding", "current-row", "unbounded-following"])
    ends |= st.tuples(scalars, either("preceding", "following")).map(list)
    frames = st.tuples(either("rows", "range", "groups"), ends | hostile, ends).map(list)
    windows = st.fixed_dictionaries({}, optional={"partition-by": terms, "order-by": terms, "frame": frames})
    return (
        st.tuples(words, columns, inner.filter(lambda each: each is not None)).map(list)
        | st.tuples(st.sampled_from(["is", "is-not"]), inner, st.none()).map(list)
        | calls
        | st.tuples(inner, either("text", "integer", "jsonb")).map(lambda each: {"cast": list(each)})
        | st.tuples(inner, inner).map(lambda each: {"case": [[["=", {"field": "id"}, 1], each[0]]], "else": each[1]})
        | st.lists(inner, min_size=1, max_size=2).map(lambda each: {"array": each})
        | st.tuples(inner, hostile | st.integers(-2, 2)).map(lambda each: {"path": list(each)})
        | st.tuples(calls, windows).map(lambda each: {"over": list(each)})
        | queries.map(lambda each: {"query": each})
        | st.tuples(inner, st.lists(hostile | st.integers(), min_size=1, max_size=3)).map(lambda each: ["in", *each])
    )


def _with_groups(query: Any) -> Any:
    return query | {"select": [*([each, "x"] for each in query["group-by"]), {"call": ["count", "*"]}]}


def selects(queries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    expressions = st.recursive(
        columns | columns | scalars | st.just({"param": "p"}) | anything.map(lambda each: {"value": each}),
        lambda inner: structures(inner, queries),
        max_leaves=5,
    )
    comparisons = st.tuples(st.sampled_from([*COMPARISONS]), columns, columns | hostile | st.integers()).map(list)
    conditions = st.lists(comparisons, min_size=1, max_size=2).map(lambda each: ["and", *each])
    derived = st.tuples(queries.map(lambda each: {"query": each}), st.just("projects")).map(list)
    lateral = st.tuples(queries.map(lambda each: {"lateral": each}), st.just("t")).map(list)
    called = st.tuples(st.builds(lambda term: {"call": ["find_projects", term]}, expressions), st.just("projects")).map(
        list
    )
    items = either("id", "name") | st.tuples(expressions, hostile | st.just("x")).map(list)
    orders = st.tuples(expressions, either("asc", "desc")).map(list)
    return st.fixed_dictionaries(
        {
            "select": st.lists(items | st.just("projects.*"), min_size=1, max_size=3),
            "from": st.lists(st.just("projects") | derived | called, min_size=1, max_size=1),
        },
        optional={
            "where": conditions,
            "order-by": st.lists(orders, max_size=2),
            "limit": st.integers(0, 9),
            "modifiers": st.just(["distinct"]),
            "with": st.tuples(st.sampled_from(["w", "projects"]), queries).map(lambda each: [list(each)]),
            "left-join": st.tuples(lateral, st.booleans()).map(list),
        },
    ) | st.fixed_dictionaries(
        {"select": st.just(["name"]), "from": st.just("projects"), "group-by": st.lists(expressions, max_size=2)},
        optional={"having": comparisons, "embed": st.lists(either("clients", "tasks", "users"), max_size=2)},
    ).map(_with_groups)


simple = selects(st.just({"select": ["id", "name"], "from": "people"}))
reads = selects(
    simple
    | st.tuples(st.sampled_from(["union", "except-all"]), simple, simple).map(
        lambda each: {each[0]: [each[1], each[2]]}
    )
)
rows = st.dictionaries(either("id", "name", "data"), scalars | columns | anything, min_size=1, max_size=2)
writes: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"insert-into": either("projects", "clients"), "values": st.lists(rows, min_size=1, max_size=2)},
    optional={"on-conflict": st.builds(dict, columns=st.just(["id"]), do=st.just("update"), set=rows)},
) | st.fixed_dictionaries(
    {"update": either("projects", "clients"), "set": rows, "where": st.just(["=", {"field": "id"}, 1])},
    optional={
        "returning": st.lists(columns.map(lambda each: each["field"]), min_size=1, max_size=2),
        "from": st.sampled_from([["people", MARK], [{"query": {"select": ["id"], "from": "people"}}, "p"]]).map(
            lambda each: [each]
        ),
    },
)


written = st.builds(
    lambda write, name: {"with": [[name, write]], "from": name},
    writes.map(lambda each: each | {"returning": ["id", ["name", MARK]]}),
    st.sampled_from(["w", MARK]),
)


@settings(max_examples=6 * settings.get_profile("integratedb").max_examples)
@given(reads | writes | written, anything)
def test_every_token_of_a_document_is_of_the_surface_or_the_grammar_or_a_parameter(document: Any, param: Any) -> None:
    try:
        [compiled] = compile_document(read_document(document, {"p": param}), SHOP, Options("shop", max_rows=MOST_ROWS))
    except (DocumentError, ProblemError):
        return
    check_tokens(compiled.statement)
    used = compiled.statement.text
    assert all(f"${n}::" in used for n in range(1, len(compiled.statement.parameters) + 1))


@given(anything, st.sampled_from(["param", "value"]))
def test_whatever_a_user_typed_is_one_value(typed: Any, form: str) -> None:
    given_value = {"param": "typed"} if form == "param" else {"value": typed}
    document = {"from": "projects", "where": ["=", {"field": "data"}, given_value]}
    if typed is None:
        with pytest.raises(DocumentError):
            read_document(document, {"typed": typed})
        return
    read = read_document(document, {"typed": typed})
    query = read.steps[0].query
    assert isinstance(query, Select)
    assert isinstance(query.where, Operation)
    right = query.where.operands[1]
    assert isinstance(right, Value)
    assert right.value == typed
    plain = read_document(document | {"where": ["=", {"field": "data"}, {"value": "plain"}]})
    [one], [other] = (compile_document(each, SHOP, Options("shop")) for each in (read, plain))
    assert one.statement.text == other.statement.text
    assert json.loads(one.bind([])[0] or b"") == typed


@given(anything)
def test_a_list_or_a_map_in_a_values_place_is_structure_of_ours_or_an_error(typed: Any) -> None:
    """In a row to insert, and in an operand's place."""
    forms = isinstance(typed, dict) and any(key in FORMS for key in typed)
    operators = isinstance(typed, list) and typed and isinstance(typed[0], str)
    if not isinstance(typed, dict | list) or forms or operators:
        return
    for document in (
        {"insert-into": "projects", "values": [{"name": typed}]},
        {"from": "projects", "where": ["=", {"field": "name"}, typed]},
        {"select": [[{"call": ["lower", typed]}, "x"]], "from": "projects"},
    ):
        with pytest.raises(DocumentError) as refused:
            read_document(document)
        assert "value" in f"{refused.value.message} {refused.value.hint}"
