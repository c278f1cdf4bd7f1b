"""Our own check of a document says the same as jsonschema, of good documents, of damaged ones and of any value."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from integratedb.specification import conformity
from integratedb.specification.conformity import ANNOTATIONS, conforms
from integratedb.specification.model import KINDS
from integratedb.specification.shape import check_shape, schema
from tests.unit.core import documents

#: Values at the edges of each keyword: of each type, and what Python takes for equal although JSON does not.
VALUES: list[Any] = [
    *(None, True, False, "true", "false", 0, 1, 1.0, 1.5, -1, 2147483646, 2147483647, 10**400, 0.1, 300, 300.5),
    *(float("nan"), float("inf"), "", "unlimited", "*", "a", "a\n", "-", "name", "x" * 63, "x" * 64, "x" * 301),
    *("ü" * 63, "\U0001f600" * 63, "WEBHOOK", "INSERT", "queue", "shop.orders", [], ["*"], [1], [None], [[]], {}),
    *([{}], {"name": "id"}, {"alternatives": []}, {"alternatives": ["id"]}, {"path": "a.b"}, {"type": "SOCKET"}),
    *({"match": []}, {"match": {"path": "a.b"}}, {"": 1}, {"type": "REDIS", "url": "redis://x"}),
]


def parts(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, with its place."""
    yield path, schema
    for keyword in ("if", "then", "else", "items"):
        if keyword in schema:
            yield from parts(schema[keyword], f"{path}/{keyword}")
    for keyword in ("properties", "$defs"):
        for name, part in schema.get(keyword, {}).items():
            yield from parts(part, f"{path}/{keyword}/{name}")


PARTS = [(kind, path) for kind in KINDS for path, _ in parts(schema(kind))]


@functools.cache
def judges(kind: str, path: str = "#") -> tuple[dict[str, Any], dict[str, Any], Draft202012Validator]:
    """A part of a schema, the schema, and jsonschema's validator of the part."""
    whole = schema(kind)
    part = dict(parts(whole))[path]
    return part, whole, Draft202012Validator({**part, "$defs": whole["$defs"]})


def agreed(value: object, kind: str, path: str = "#") -> bool:
    """What both say."""
    part, whole, validator = judges(kind, path)
    ours = conforms(value, part, whole)
    assert ours == validator.is_valid(value), f"{kind} {path}: {value!r}: we say {ours}"
    return ours


@given(st.sampled_from(KINDS), documents.claims | documents.notifications())
def test_both_agree_on_documents(kind: str, document: Any) -> None:
    assert agreed(document, kind) or kind == "claims"


@given(st.sampled_from(KINDS), documents.mutated(documents.claims) | documents.mutated(documents.notifications()))
def test_both_agree_on_damaged_documents(kind: str, document: Any) -> None:
    agreed(document, kind)


@given(st.sampled_from(PARTS), documents.json_values)
def test_both_agree_on_any_value_for_any_part_of_the_schemas(part: tuple[str, str], value: Any) -> None:
    agreed(value, *part)


@pytest.mark.parametrize("part", PARTS, ids="-".join)
def test_both_agree_on_values_at_the_edges_of_each_part_of_the_schemas(part: tuple[str, str]) -> None:
    edges = [edge for keyword in part_of(part) for edge in around(keyword, part_of(part)[keyword])]
    for value in [*VALUES, *edges]:
        agreed(value, *part)
        for name in part_of(part).get("properties", {}):
            for other in ({}, {"type": "WEBHOOK"}, {"path": "a.b", "name": "x"}):
                agreed({**other, name: value}, *part)


def part_of(part: tuple[str, str]) -> dict[str, Any]:
    return judges(*part)[0]


def around(keyword: str, limit: Any) -> list[Any]:
    """Values on both sides of what a keyword allows."""
    if keyword in ("minimum", "maximum"):
        return [limit - 1, limit, limit + 1, float(limit), limit - 0.5, str(limit)]
    if keyword in ("minLength", "maxLength"):
        return ["x" * length for length in (limit - 1, limit, limit + 1) if length >= 0]
    if keyword in ("minItems", "maxItems"):
        return [["x"] * length for length in (limit - 1, limit, limit + 1) if length >= 0]
    if keyword == "enum":
        return [*limit, *map(str, limit), *([entry] for entry in limit), 0, 1, 0.0, 1.0]
    if keyword == "const":
        return [limit, [limit], f"{limit} ", limit.lower()]
    return []


def test_each_keyword_of_the_schemas_is_met_and_not_met_by_some_value() -> None:
    """So the tests above would notice a keyword that is not checked, or refuses everything."""
    said: dict[str, set[bool]] = {}
    for kind, path in PARTS:
        part, whole, _ = judges(kind, path)
        for keyword in set(part) - ANNOTATIONS - {"then", "else"}:
            for value in [*VALUES, *around(keyword, part[keyword])]:
                said.setdefault(keyword, set()).add(conformity._CHECKS[keyword](value, part[keyword], part, whole))
    assert said.pop("enum") == {True, False}
    assert {keyword for keyword, verdicts in said.items() if verdicts != {True, False}} == set()
    assert len(said) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_keyword_of_the_schemas_is_known(kind: str) -> None:
    used = set(itertools.chain.from_iterable(part for _, part in parts(schema(kind))))
    assert used - ANNOTATIONS <= set(conformity._CHECKS)


def test_a_keyword_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="uniqueItems"):
        conforms([], {"uniqueItems": True}, {})


@given(st.sampled_from(KINDS), documents.mutated(documents.notifications()))
def test_a_document_is_refused_exactly_if_jsonschema_refuses_it(kind: str, document: Any) -> None:
    assert bool(check_shape(document, kind)) is not judges(kind)[2].is_valid(json.loads(json.dumps(document)))
