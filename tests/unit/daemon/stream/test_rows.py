"""Many rows decoded at once: the same values as message by message."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.stream import pgoutput
from integratedb_companion.daemon.stream.pgoutput import Absent, Insert, Value
from integratedb_companion.daemon.stream.rows import LONGEST, NULL, UNCHANGED, decode_columns

#: Values in text form have no zero bytes. "t" is what begins a value in the stream.
VALUES = st.one_of(
    st.none(),
    st.just(Absent.UNCHANGED),
    st.binary(max_size=300).map(lambda value: value.replace(b"\0", b"t")),
    st.sampled_from([b"t" * 0x74, b"t" * 0x100, b"n" * 0x7400, b"x" * 65_000]),
)


def message(*values: Value) -> bytes:
    encoded = [
        b"n" if one is None else b"u" if isinstance(one, Absent) else b"t" + struct.pack(">I", len(one)) + one
        for one in values
    ]
    return b"w" + bytes(24) + b"I" + struct.pack(">I", 7) + b"N" + struct.pack(">H", len(values)) + b"".join(encoded)


@given(st.integers(1, 5).flatmap(lambda count: st.lists(st.tuples(*[VALUES] * count), min_size=1, max_size=6)))
def test_columns_have_the_values_of_the_rows(rows: list[tuple[Value, ...]]) -> None:
    messages = [message(*row) for row in rows if len(message(*row)) <= LONGEST]
    if not messages:
        return
    decoded = [pgoutput.decode(one[25:]) for one in messages]
    marks = {None: NULL, Absent.UNCHANGED: UNCHANGED}
    expected = [[marks.get(v, v) for v in insert.new] for insert in decoded if isinstance(insert, Insert)]  # type: ignore[arg-type]  # a value without a mark stands for itself
    columns = decode_columns(messages, len(rows[0]))
    assert columns is not None
    assert [list(row) for row in zip(*columns, strict=True)] == expected


@pytest.mark.parametrize("damaged", [message(b"a", b"b")[:-1], message(b"a", b"b") + b"n", message(b"a"), b""])
def test_malformed_rows_are_left_to_the_decoder_of_single_messages(damaged: bytes) -> None:
    assert decode_columns([message(b"a", b"b"), damaged], 2) is None
