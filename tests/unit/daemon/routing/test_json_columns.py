"""Whole columns as JSON: the same as value by value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.routing.json_columns import JsonColumn, column_converter, with_nulls
from integratedb_companion.daemon.routing.json_values import ArrayType, converter

STRUCTURES = {1007: ArrayType(23)}
NULL, UNCHANGED = 110, 117
VALUES = {
    16: [b"t", b"f"],
    20: [b"0", b"-9223372036854775808"],
    701: [b"1e+300", b"0.5", b"NaN", b"-Infinity"],
    1700: [b"12.50", b"NaN", b"Infinity", b"-7"],
    25: [b"plain", b"", "naïve".encode(), b'"', b"\\", b"a\nb", b"\x01", b"\x7f", b"\xff\xfe", b"new"],
    1114: [b"2024-02-03 04:05:06.7", b"infinity", b"0044-03-15 00:00:00 BC"],
    1184: [b"2024-02-03 04:05:06.7+00", b"10000-02-03 04:05:06+00", b"-infinity", b"0044-03-15 00:00:00+00 BC"],
    1082: [b"2024-02-03", b"infinity", b"0044-03-15 BC"],
    2950: [b"6f1c2d3e-0000-4000-8000-123456789abc"],
    3802: [b'{"a": [1, null]}', b"null"],
    1007: [b"{1,NULL}", b"{}"],
}
COLUMNS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda oid: st.tuples(st.just(oid), st.lists(st.sampled_from(VALUES[oid]), min_size=1, max_size=6))
)


def joined(column: JsonColumn) -> list[bytes]:
    return [column.before + value + column.after for value in column.values]


@given(COLUMNS)
def test_a_column_has_the_json_of_its_values(column: tuple[int, list[bytes]]) -> None:
    oid, values = column
    convert = converter(oid, STRUCTURES)
    assert joined(column_converter(convert)(values)) == [convert(value) for value in values]


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=5), min_size=1))
def test_any_text_has_the_json_of_its_value(texts: list[str]) -> None:
    values = [one.encode() for one in texts]
    convert = converter(25, {})
    assert joined(column_converter(convert)(values)) == [convert(value) for value in values]


@given(COLUMNS, st.data())
def test_nulls_stand_between_the_values(column: tuple[int, list[bytes]], data: st.DataObject) -> None:
    oid, known = column
    convert = converter(oid, STRUCTURES)
    values: list[bytes | int] = data.draw(st.permutations([*known, NULL]))
    expected = [convert(value) if isinstance(value, bytes) else b"null" for value in values]
    assert joined(with_nulls(column_converter(convert), values, NULL)) == expected


@pytest.mark.parametrize("oid", sorted(VALUES))
def test_absent_values_are_never_taken_for_values(oid: int) -> None:
    values: list[bytes | int] = [*VALUES[oid], UNCHANGED]
    with pytest.raises(TypeError):
        b"".join(column_converter(converter(oid, STRUCTURES))(values).values)  # type: ignore[arg-type]  # an integer among them is the test
    with pytest.raises(TypeError):
        with_nulls(column_converter(converter(oid, STRUCTURES)), [*values, NULL], NULL)
