"""How messages show values and places, and what no document may hold, at the limits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integratedb.specification.document import MAX_DEPTH, key_pointer, pointer, show, unreadable
from integratedb.specification.intake import parse


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1}, "an object"),
        ([1], "an array"),
        ("größe", "'größe'"),
        ("", "''"),
        ('shop."Order Items"', "'shop.\"Order Items\"'"),
        ("it's", "'it''s'"),
        ("a\\b", r"'a\\b'"),
        (r"a\"b", r"""'a\\"b'"""),
        ("a\nb\tc\x07", r"'a\nb\tc\u0007'"),
        ("x" * 60, "'" + "x" * 60 + "'"),
        ("x" * 61, "'" + "x" * 60 + "' (cut)"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_a_value_is_shown_short(value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_pointer_escapes_what_json_pointers_escape() -> None:
    assert pointer([]) == "#"
    assert pointer(["match", 0, "a/b~c"]) == "#/match/0/a~1b~0c"


def test_a_key_is_pointed_at_unless_it_is_absurdly_long() -> None:
    assert key_pointer(["match"], "x" * 100) == "#/match/" + "x" * 100
    assert key_pointer(["match"], "x" * 101) == "#/match"


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", ["é\U0001f600", 2**63 - 1, -(2**63) + 1, 0.1, None, False, {"a": [1]}, _nested(MAX_DEPTH)]
)
def test_what_postgres_can_store_is_readable(value: object) -> None:
    assert unreadable(value) is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (2**63, "#"),
        ([1, "a\0"], "#/1"),
        ({"a": "x\udfff"}, "#/a"),
        ({"a": {"\ud800": 1}}, "#/a"),
        ({5: 1}, "#"),
        ((1,), "#"),
        (_nested(MAX_DEPTH + 1), "#" + "/0" * MAX_DEPTH),
    ],
)
def test_what_it_cannot_is_pointed_at(value: object, place: str) -> None:
    refusal = unreadable(value)
    assert refusal is not None
    assert refusal.pointer == place


def test_five_thousand_fields_are_parsed_in_a_second() -> None:
    fields: list[Any] = [f"column_{number}" for number in range(25)]
    fields += [{"name": f"other_{number}", "type": "text", "is_nullable": True} for number in range(25)]
    document = {"match": [{"path": f"shop.table_{number}", "fields": fields} for number in range(100)]}
    parse({"match": []}, "claims")
    began = time.process_time()
    assert not isinstance(parse(document, "claims"), list)
    assert time.process_time() - began < 1
