"""The decoder: every message, and what happens to bytes that are none."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.stream import pgoutput
from integratedb_companion.daemon.stream.pgoutput import UNCHANGED, ProtocolError, decode, frame


def row(*values: object) -> bytes:
    out = struct.pack(">H", len(values))
    for value in values:
        if value is None:
            out += b"n"
        elif value is UNCHANGED:
            out += b"u"
        else:
            assert isinstance(value, bytes)
            out += b"t" + struct.pack(">I", len(value)) + value
    return out


def relation(relid: int = 7, identity: bytes = b"d", *columns: tuple[str, int, bool]) -> bytes:
    out = b"R" + struct.pack(">I", relid) + b"public\0orders\0" + identity + struct.pack(">H", len(columns))
    for name, oid, key in columns:
        out += bytes([key]) + name.encode() + b"\0" + struct.pack(">Ii", oid, -1)
    return out


def test_begin_and_commit() -> None:
    assert decode(b"B" + struct.pack(">Qqi", 10, 20, 30)) == pgoutput.Begin(10, 20, 30)
    assert decode(b"C" + struct.pack(">BQQq", 0, 10, 18, 20)) == pgoutput.Commit(10, 18, 20)


def test_relation_with_its_key() -> None:
    message = decode(relation(7, b"i", ("id", 20, True), ("naïve", 25, False)))
    assert message == pgoutput.Relation(
        7, "public", "orders", "i", (pgoutput.Column("id", 20, -1, True), pgoutput.Column("naïve", 25, -1, False))
    )


def test_rows_with_nulls_and_unchanged_values() -> None:
    relid = struct.pack(">I", 7)
    assert decode(b"I" + relid + b"N" + row(b"1", None)) == pgoutput.Insert(7, [b"1", None])
    assert decode(b"U" + relid + b"N" + row(b"1", UNCHANGED)) == pgoutput.Update(7, None, [b"1", UNCHANGED])
    assert decode(b"U" + relid + b"K" + row(b"0", None) + b"N" + row(b"1", b"")) == pgoutput.Update(
        7, [b"0", None], [b"1", b""]
    )
    assert decode(b"D" + relid + b"O" + row(b"1", b"x")) == pgoutput.Delete(7, [b"1", b"x"])


def test_truncate_names_every_table() -> None:
    assert decode(b"T" + struct.pack(">IBII", 2, 3, 7, 8)) == pgoutput.Truncate((7, 8))


def test_type() -> None:
    assert decode(b"Y" + struct.pack(">I", 99) + b"shop\0mood\0") == pgoutput.Type(99, "shop", "mood")


@pytest.mark.parametrize("kind", ["O", "M"])
def test_origins_and_logical_messages_are_ignored(kind: str) -> None:
    assert decode(kind.encode() + b"whatever") == pgoutput.Ignored(kind)


@pytest.mark.parametrize("kind", "SEcAbPKrp")
def test_streamed_and_prepared_transactions_are_refused(kind: str) -> None:
    with pytest.raises(ProtocolError, match="was not asked for"):
        decode(kind.encode() + b"\0" * 20)


def test_frames() -> None:
    assert frame(b"w" + struct.pack(">QQq", 1, 2, 3) + b"payload") == b"payload"
    assert frame(b"k" + struct.pack(">QqB", 5, 0, 1)) == pgoutput.Keepalive(5, True)


def test_status_update_confirms_one_position() -> None:
    kind, written, flushed, applied, now, reply = struct.unpack(
        ">cQQQqB", pgoutput.status_update(5, pgoutput.POSTGRES_EPOCH_S + 1, written_lsn=9)
    )
    assert (kind, written, flushed, applied, now, reply) == (b"r", 9, 5, 5, 1_000_000, 0)


@given(st.integers(0, 2**64 - 1))
def test_lsn_notation_reads_back(lsn: int) -> None:
    assert pgoutput.parse_lsn(pgoutput.format_lsn(lsn)) == lsn


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    for function in (decode, frame):
        with contextlib.suppress(ProtocolError):
            function(data)


values = st.lists(st.one_of(st.none(), st.just(UNCHANGED), st.binary(max_size=40)), max_size=6)


@given(values, values, st.sampled_from([b"I", b"U", b"D"]), st.integers(0, 2**32 - 1), st.data())
def test_a_row_that_is_cut_or_too_long_is_never_read_as_another(
    old: list[object], new: list[object], kind: bytes, relid: int, data: st.DataObject
) -> None:
    head = kind + struct.pack(">I", relid)
    message = {
        b"I": head + b"N" + row(*new),
        b"U": head + b"O" + row(*old) + b"N" + row(*new),
        b"D": head + b"K" + row(*old),
    }[kind]
    decoded = decode(message)
    if isinstance(decoded, pgoutput.Insert):
        assert decoded.new == new
    elif isinstance(decoded, pgoutput.Update):
        assert (decoded.old, decoded.new) == (old, new)
    else:
        assert isinstance(decoded, pgoutput.Delete)
        assert decoded.old == old
    with pytest.raises(ProtocolError):
        decode(message[: data.draw(st.integers(1, len(message) - 1))])
    with pytest.raises(ProtocolError):
        decode(message + b"\0")
