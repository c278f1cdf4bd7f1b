"""Text values of Postgres as JSON: to_jsonb()'s rules, with every digit kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.routing.json_values import (
    ArrayType,
    CompositeType,
    DomainType,
    TypeStructure,
    converter,
)

INT_ARRAY, TEXT_ARRAY, PAIR, PAIRS, POSITIVE, BOXES = 1007, 1009, 50000, 50001, 50002, 1020
STRUCTURES: dict[int, TypeStructure] = {
    INT_ARRAY: ArrayType(23),
    TEXT_ARRAY: ArrayType(25),
    PAIR: CompositeType((("a", 23), ("b c", 25))),
    PAIRS: ArrayType(PAIR),
    POSITIVE: DomainType(20),
    BOXES: ArrayType(603, b";"),
}


@pytest.mark.parametrize(
    ("oid", "value", "expected"),
    [
        (16, b"t", b"true"),
        (16, b"f", b"false"),
        (20, b"9223372036854775807", b"9223372036854775807"),
        (1700, b"-0.10000000000000000000000000000000000001", b"-0.10000000000000000000000000000000000001"),
        (1700, b"NaN", b'"NaN"'),
        (701, b"1e+300", b"1e+300"),
        (701, b"-Infinity", b'"-Infinity"'),
        (3802, b'{"a": [1, null]}', b'{"a": [1, null]}'),
        (25, 'naïve "x"\n'.encode(), 'naïve "x"\n'),
        (17, b"\\xdeadbeef", "\\xdeadbeef"),
        (1114, b"2024-02-03 04:05:06.7", b'"2024-02-03T04:05:06.7"'),
        (1184, b"2024-02-03 04:05:06+00", b'"2024-02-03T04:05:06+00:00"'),
        (1184, b"0044-03-15 00:00:00+00 BC", b'"0044-03-15T00:00:00+00:00 BC"'),
        (1184, b"-infinity", b'"-infinity"'),
        (INT_ARRAY, b"{}", b"[]"),
        (INT_ARRAY, b"{1,NULL,3}", b"[1,null,3]"),
        (INT_ARRAY, b"[0:1]={1,2}", b"[1,2]"),
        (INT_ARRAY, b"{{1,2},{3,4}}", b"[[1,2],[3,4]]"),
        (TEXT_ARRAY, b'{"NULL",NULL,"a\\"b\\\\c,{}",plain}', ["NULL", None, 'a"b\\c,{}', "plain"]),
        (BOXES, b"{(1,1),(0,0);(2,2),(1,1)}", ["(1,1),(0,0)", "(2,2),(1,1)"]),
        (PAIR, b"(1,x)", {"a": 1, "b c": "x"}),
        (PAIR, b'(,"a ""q"" \\\\ )")', {"a": None, "b c": 'a "q" \\ )'}),
        (PAIR, b'(2,"")', {"a": 2, "b c": ""}),
        (PAIRS, b'{"(1,\\"a b\\")",NULL}', [{"a": 1, "b c": "a b"}, None]),
        (POSITIVE, b"12", b"12"),
        (3904, b"[1,5)", "[1,5)"),
        (25, b"\xff", "\ufffd"),
    ],
)
def test_value(oid: int, value: bytes, expected: object) -> None:
    result = converter(oid, STRUCTURES)(value)
    if isinstance(expected, bytes):
        assert result == expected
    else:
        assert json.loads(result) == expected


@given(st.sampled_from([16, 20, 25, 1184, INT_ARRAY, TEXT_ARRAY, PAIR, PAIRS, BOXES]), st.text(max_size=60))
def test_a_value_of_an_unexpected_shape_never_raises(oid: int, value: str) -> None:
    converter(oid, STRUCTURES)(value.encode(errors="replace"))


def _array_text(items: list[object]) -> str:
    def one(item: object) -> str:
        if item is None:
            return "NULL"
        if isinstance(item, list):
            return _array_text(item)
        return '"' + str(item).replace("\\", "\\\\").replace('"', '\\"') + '"'

    return "{" + ",".join(map(one, items)) + "}"


printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(st.recursive(st.one_of(st.none(), printable), lambda inner: st.lists(inner, max_size=4), max_leaves=10))
def test_arrays_read_back(item: object) -> None:
    items = [item]
    assert json.loads(converter(TEXT_ARRAY, STRUCTURES)(_array_text(items).encode())) == items
