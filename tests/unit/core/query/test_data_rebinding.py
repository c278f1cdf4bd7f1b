"""A document that is remembered serves others with values of the same kinds, as if they were compiled themselves."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from integratedb.query.faces.data.compiling import as_json, compile_document
from integratedb.query.faces.data.documents import kind_of, read_document
from integratedb.query.faces.data.operators import CALCULATIONS, COMPARISONS, OTHERS
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options
from tests.unit.core.query.surfaces import SHOP

scalars = st.one_of(
    st.integers(-10, 10), st.integers(2**15, 2**65), st.booleans(), st.none(), st.text(max_size=3),
    st.floats(allow_nan=False), st.just("y" * 300),
)  # fmt: skip
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=2), scalars, max_size=2)
widths = st.sampled_from([0, 1, 7, 2**20, 2**40, 2**70])
#: Two values of one kind, mostly different ones.
likely: list[st.SearchStrategy[Any]] = [widths, st.text(max_size=3), st.lists(widths, max_size=2), values]
pairs = st.one_of([st.tuples(one, one) for one in likely]).map(
    lambda each: each if kind_of(each[0]) == kind_of(each[1]) else (each[0], each[0])
)

columns = st.sampled_from(["id", "name", "data", "tags", "done"]).map(lambda name: {"field": name})
operands = st.recursive(
    columns | st.sampled_from(["a", "b"]).map(lambda name: {"param": name}) | scalars,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([*CALCULATIONS]), inner, inner).map(list),
        st.builds(lambda name, parts: {"call": [name, *parts]},
                  st.sampled_from(["coalesce", "concat", "abs", "lower", "greatest", "array_append", "add_up"]),
                  st.lists(inner, min_size=1, max_size=2)),
        inner.map(lambda each: {"cast": [each, "text"]}),
        inner.map(lambda each: {"array": [each]}),
        inner.map(lambda each: {"case": [[True, each]], "else": {"param": "a"}}),
    ),
    max_leaves=4,
)  # fmt: skip
conditions = st.one_of(
    st.tuples(st.sampled_from([*COMPARISONS, *OTHERS]), operands, operands).map(list),
    st.tuples(st.just("between"), columns, operands, operands).map(list),
    st.tuples(st.sampled_from(["in", "not-in"]), columns, st.just({"param": "b"}) | st.lists(operands, min_size=1)).map(
        list
    ),
    st.tuples(st.just("fts"), st.just({"param": "a"}), columns, operands).map(list),
    st.tuples(st.just("->"), columns, st.just({"param": "b"})).map(lambda each: ["=", list(each), 1]),
)
row = st.dictionaries(st.sampled_from(["id", "name", "data"]), operands, min_size=1)
documents = st.one_of(
    st.builds(lambda item, where: {"select": [[item, "x"]], "from": "projects", "where": where}, operands, conditions),
    st.builds(lambda limit: {"from": "projects", "limit": limit}, operands),
    st.builds(lambda rows: {"insert-into": "projects", "values": rows}, st.lists(row, min_size=1, max_size=2)),
    st.builds(lambda new, where: {"update": "projects", "set": new, "where": where}, row, conditions),
)


@settings(max_examples=12 * settings.get_profile("integratedb").max_examples)
@given(documents, pairs, pairs, st.booleans())
@example({"from": "projects", "where": ["=", {"field": "id"}, {"param": "a"}]}, (1, 2**40), (1, 2), True)
@example({"from": "projects", "limit": {"param": "a"}}, (1, 2), (1, 2), True)
@example(
    {"from": "projects", "where": ["in", {"field": "tags"}, {"param": "b"}]}, (1, 1), ([["x"]], [["y"], ["z"]]), True
)
def test_other_values_of_the_same_kinds_have_the_same_statement(
    document: Any, a: tuple[Any, Any], b: tuple[Any, Any], in_array: bool
) -> None:
    first, second = ({"a": a[which], "b": b[which]} for which in (0, 1))
    assume(all(kind_of(first[name]) == kind_of(second[name]) for name in first))
    options = Options("shop", max_rows=9, parameters_in_array=in_array)
    try:
        kept = read_document(document, first)
        compiled = compile_document(kept, SHOP, options)
    except (DocumentError, ProblemError):
        return
    assume(not kept.is_fixed)
    other = read_document(document, second)
    expected = as_json(compile_document(other, SHOP, options))
    assert as_json([each.without_values() for each in compiled], second) == expected
