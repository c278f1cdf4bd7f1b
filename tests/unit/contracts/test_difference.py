"""What differs between a contract and the database, and what is only written differently."""

from __future__ import annotations

from typing import Any

import pytest

from integratedb_companion.contracts.difference import compare

MATCH = {"path": "s.t", "fields": ["a"]}


def test_equal_matches_fall_out_and_the_rest_is_paired_by_table() -> None:
    other = {"path": "s.t", "fields": ["b"]}
    before = {"match": [MATCH, {"path": "s.gone"}]}
    after = {"match": [other, MATCH, {"path": "s.new"}]}
    changes = compare("claims", before, after)
    assert [(change.action, change.name) for change in changes] == [
        ("add", "s.t"), ("remove", "s.gone"), ("add", "s.new"),
    ]  # fmt: skip
    assert compare("claims", before, before) == []
    [changed] = compare("claims", {"match": [MATCH]}, {"match": [other]})
    assert (changed.action, changed.before, changed.after) == ("change", MATCH, other)


def typed(**types: str) -> dict[str, Any]:
    """A match whose columns have types, or what else is said of them."""
    return {"path": "s.t", "fields": [{"name": name, "type": type_} for name, type_ in types.items()]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (typed(a="int8"), typed(a="pg_catalog.int8")),
        (typed(a="bigint"), typed(a="BIGINT")),
        (typed(a="integer[]"), typed(a="_int4")),
        (typed(a='"int8"'), typed(a="int8")),
        (typed(a="timestamp with time zone"), typed(a="timestamptz")),
        (typed(a="character varying(40)[]"), typed(a="pg_catalog.varchar(40)[]")),
        (typed(a="varchar(40)"), {"path": "s.t", "fields": [{"name": "a", "type": "varchar", "min_length": 40}]}),
        (typed(a="Shop.Email"), typed(a='shop."email"')),
        (
            {"path": "s.t", "fields": [{"alternatives": ["a", {"name": "b", "type": "bool"}]}]},
            {"path": "s.t", "fields": [{"alternatives": ["a", {"name": "b", "type": "boolean"}]}]},
        ),
        ({"alternatives": [typed(a="real"), MATCH]}, {"alternatives": [typed(a="float4"), MATCH]}),
    ],
)
def test_another_spelling_of_a_type_is_no_difference(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert compare("claims", {"match": [one]}, {"match": [other]}) == []
    assert len(compare("claims", {"match": [one, one]}, {"match": [other]})) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int8", "int4"),
        ("int8", "int8[]"),
        ("char", '"char"'),
        ("varchar(40)", "varchar(41)"),
        ("varchar(40)", "varchar"),
        ('"Email"', "email"),
        ("shop.email", "email"),
        ("shop.int8", "int8"),
        ("ARRAY", "USER-DEFINED"),
        ("a.b", '"a.b"'),
    ],
)
def test_another_type_is_a_difference(one: str, other: str) -> None:
    assert len(compare("claims", {"match": [typed(a=one)]}, {"match": [typed(a=other)]})) == 1
