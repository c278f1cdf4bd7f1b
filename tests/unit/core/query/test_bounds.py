"""A short query as data becomes no long statement, and takes no long time to compile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from integratedb.query.faces.data.compiling import as_json, compile_document
from integratedb.query.faces.data.documents import read_document
from integratedb.query.faces.data.problems import DocumentError
from integratedb.query.faces.data.wording import word
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options
from tests.unit.core.query.surfaces import SHOP

ID = {"field": "id"}
COUNT = [{"call": ["count", "*"]}, "n"]
LONG = "y" * 1_000_000


def nested(times: int, around: Callable[[Any], Any], inner: Any) -> Any:
    for _ in range(times):
        inner = around(inner)
    return inner


def query(condition: Any, **more: Any) -> Any:
    return {"select": ["id"], "from": "projects", "where": condition} | more


MANY = ["and", *(["=", ID, number] for number in range(4_000))]
#: What each level writes twice, or each name of a list once more.
REPEATING = {
    "between": query(nested(40, lambda inner: ["between", inner, 1, 2], ID)),
    "is distinct from": query(nested(40, lambda inner: ["is-distinct-from", inner, True], ID)),
    "a chain of comparisons": query(nested(40, lambda inner: ["<", ID, inner, ID], ID)),
    "a chain in having": {
        "select": [COUNT], "from": "projects", "having": nested(40, lambda inner: ["<", ID, inner, ID], ID),
    },
    "groups of sub-queries": nested(
        28, lambda inner: {"select": [[{"query": inner}, "a"], COUNT], "from": "projects"}, query(True)
    ),
    "groups by an alias": {"select": [[MANY, "a"]], "from": "projects", "group-by": ["a"] * 5_000},
    "an order by an alias": {"select": [[MANY, "a"]], "from": "projects", "order-by": ["a"] * 5_000},
    "all columns, often": {"select": ["*"] * 9_000, "from": "projects"},
    "names": {"select": ["id"] * 300_000, "from": "projects"},
    "embeds": {
        "select": ["id"], "from": "projects", "embed": [{"relation": "tasks", "as": f"t{n}"} for n in range(3_000)],
    },
    "earlier answers": [query(True), query(["or", *(["=", ID, {"result": [0, f"k{n}"]}] for n in range(4_990))])],
    "many queries": [query(MANY)] * 30,
    "one value, in many queries": {
        "query": [query(["=", {"field": "name"}, {"param": "x"}])] * 100, "params": {"x": LONG},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REPEATING)
@pytest.mark.parametrize("in_array", [True, False])
def test_a_document_that_repeats_itself_is_refused_at_once(name: str, in_array: bool) -> None:
    def compiled() -> None:
        document = read_document(REPEATING[name])
        options = Options("shop", parameters_in_array=in_array)
        as_json(compile_document(document, SHOP, options))

    began_s = time.monotonic()
    with pytest.raises((DocumentError, ProblemError)) as refused:
        compiled()
    assert isinstance(refused.value, DocumentError | ProblemError)
    assert word(refused.value)["code"] == "54000"
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("in_array", [True, False])
def test_a_long_value_is_one_parameter_however_often_it_is_used(in_array: bool) -> None:
    condition = ["or", *(["=", {"field": "name"}, {"param": "x"}] for _ in range(1_000))]
    document = read_document({"query": query(condition), "params": {"x": LONG}})
    [compiled] = compile_document(document, SHOP, Options("shop", parameters_in_array=in_array))
    assert [parameter.value for parameter in compiled.statement.parameters].count(LONG) == 1
    assert len(as_json([compiled])) < 2 * len(LONG)


def test_many_groups_take_no_quadratic_time() -> None:
    items = [[{"call": ["abs", number]}, f"a{number}"] for number in range(1_600)]
    terms = [{"call": ["abs", number]} for number in range(3_000)]
    document = read_document({"select": items, "from": "projects", "group-by": terms})
    began_s = time.monotonic()
    compile_document(document, SHOP, Options("shop"))
    assert time.monotonic() - began_s < 5


def test_a_large_query_that_repeats_nothing_is_compiled() -> None:
    document = read_document(query(MANY))
    [compiled] = compile_document(document, SHOP, Options("shop"))
    assert compiled.statement.text.count("OPERATOR(pg_catalog.=)") == 4_000
