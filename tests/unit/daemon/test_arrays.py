"""Arrays that are written out at once are those that the driver writes element by element."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Int8

from integratedb_companion.daemon import arrays

INT64 = st.integers(-(2**63), 2**63 - 1)


def drivers(values: list[Any]) -> bytes:
    """What the driver makes of a list."""
    dumped = Transformer().get_dumper(values, PyFormat.BINARY).dump(values)
    assert dumped is not None
    return bytes(dumped)


@given(st.lists(INT64, min_size=1))
def test_bigints(values: list[int]) -> None:
    assert arrays.bigints(values) == drivers([Int8(value) for value in values])


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_doubles(values: list[float]) -> None:
    assert arrays.doubles(values) == drivers(values)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_texts(values: list[str]) -> None:
    assert arrays.texts([value.encode() for value in values]) == drivers(values)


@given(st.lists(st.binary(), min_size=1))
def test_byteas(values: list[bytes]) -> None:
    assert arrays.byteas(values) == drivers(values)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_lsns_are_bigints_without_a_sign_but_for_their_type(values: list[int]) -> None:
    signed = list(struct.unpack(f"!{len(values)}q", struct.pack(f"!{len(values)}Q", *values)))
    assert arrays.lsns(values)[12:] == arrays.bigints(signed)[12:]
