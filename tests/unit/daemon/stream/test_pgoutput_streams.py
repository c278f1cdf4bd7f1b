"""Random streams through the decoder: an encoder of the tests' own says what it must read, byte for byte."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.stream import pgoutput
from integratedb_companion.daemon.stream.pgoutput import (
    UNCHANGED,
    Absent,
    Column,
    Message,
    ProtocolError,
    Relation,
    Row,
    decode,
    frame,
)


class Encoded(NamedTuple):
    """A message as Postgres writes it, and where it has what the decoder need not keep."""

    data: bytes
    free: frozenset[int]


class Encoder:
    """Writes pgoutput, after the chapter "Logical Replication Message Formats" of the manual."""

    def __init__(self, kind: bytes) -> None:
        self.data = bytearray(kind)
        self.free: set[int] = set()

    def number(self, form: str, *values: int) -> None:
        self.data += struct.pack(">" + form, *values)

    def flag(self, value: int) -> None:
        self.free.add(len(self.data))
        self.data.append(value)

    def string(self, value: str) -> None:
        self.data += value.encode(errors="surrogateescape") + b"\0"

    def row(self, row: Row) -> None:
        self.number("H", len(row))
        for value in row:
            if value is None:
                self.data += b"n"
            elif isinstance(value, Absent):
                self.data += b"u"
            else:
                assert isinstance(value, bytes)
                self.data += b"t" + struct.pack(">I", len(value)) + value


def encode(message: Message) -> Encoded:
    out = Encoder(_KINDS[type(message)])
    match message:
        case pgoutput.Begin(lsn, at, xid):
            out.number("Qqi", lsn, at, xid)
        case pgoutput.Commit(lsn, end, at):
            out.flag(0)
            out.number("QQq", lsn, end, at)
        case Relation(relid, schema, name, identity, columns):
            out.number("I", relid)
            out.string("" if schema == "pg_catalog" else schema)
            out.string(name)
            out.data += identity.encode("latin-1")
            out.number("H", len(columns))
            for column in columns:
                out.flag(column.key)
                out.string(column.name)
                out.number("Ii", column.type_oid, column.type_modifier)
        case pgoutput.Type(oid, schema, name):
            out.number("I", oid)
            out.string("" if schema == "pg_catalog" else schema)
            out.string(name)
        case pgoutput.Insert(relid, new):
            out.number("I", relid)
            out.data += b"N"
            out.row(new)
        case pgoutput.Update(relid, old, new):
            out.number("I", relid)
            if old is not None:
                out.flag(ord("O"))
                out.row(old)
            out.data += b"N"
            out.row(new)
        case pgoutput.Delete(relid, old):
            out.number("I", relid)
            out.flag(ord("K"))
            out.row(old)
        case pgoutput.Truncate(relids):
            out.number("I", len(relids))
            out.flag(3)
            out.number(f"{len(relids)}I", *relids)
        case _:
            raise AssertionError(message)
    return Encoded(bytes(out.data), frozenset(out.free))


_KINDS: dict[type, bytes] = {
    pgoutput.Begin: b"B",
    pgoutput.Commit: b"C",
    Relation: b"R",
    pgoutput.Type: b"Y",
    pgoutput.Insert: b"I",
    pgoutput.Update: b"U",
    pgoutput.Delete: b"D",
    pgoutput.Truncate: b"T",
}

uint32, int32 = st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1)
lsn, moment = st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)
name = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
row = st.lists(st.one_of(st.none(), st.just(UNCHANGED), st.binary(max_size=40)), max_size=6)
columns = st.lists(st.builds(Column, name, uint32, int32, st.booleans()), max_size=5).map(tuple)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(pgoutput.Begin, lsn, moment, int32),
    st.builds(pgoutput.Commit, lsn, lsn, moment),
    st.builds(Relation, uint32, name, name, st.sampled_from("dnfi"), columns),
    st.builds(pgoutput.Type, uint32, name, name),
    st.builds(pgoutput.Insert, uint32, row),
    st.builds(pgoutput.Update, uint32, st.none() | row, row),
    st.builds(pgoutput.Delete, uint32, row),
    st.builds(pgoutput.Truncate, st.lists(uint32, max_size=4).map(tuple)),
)


@given(st.lists(messages, max_size=8), st.data())
def test_every_message_is_read_as_it_was_written(stream: list[Message], data: st.DataObject) -> None:
    frames: list[bytes] = []
    for message in stream:
        frames.append(
            b"w" + struct.pack(">QQq", *(data.draw(st.integers(0, 2**62)) for _ in range(3))) + encode(message).data
        )
        if data.draw(st.booleans()):
            frames.append(b"k" + struct.pack(">QqB", data.draw(lsn), 0, data.draw(st.integers(0, 1))))
    unwrapped = [frame(memoryview(one)) for one in frames]
    assert [decode(one) for one in unwrapped if isinstance(one, bytes)] == stream


@given(messages, st.data())
def test_a_message_that_is_cut_or_too_long_is_refused(message: Message, data: st.DataObject) -> None:
    whole = encode(message).data
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + data.draw(st.binary(min_size=1, max_size=9))):
        with pytest.raises(ProtocolError):
            decode(wrong)


@given(messages, st.data())
def test_what_is_read_of_corrupted_bytes_is_what_they_say(message: Message, data: st.DataObject) -> None:
    """Bytes that are changed, left out or put in between: refused, or another message that is written like that."""
    corrupted = bytearray(encode(message).data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(corrupted)))
        match data.draw(st.sampled_from(["change", "cut", "insert"])):
            case "change":
                corrupted[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del corrupted[at : at + data.draw(st.integers(1, 9))]
            case _:
                corrupted[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    try:
        read = decode(bytes(corrupted))
    except ProtocolError:
        return
    if isinstance(read, pgoutput.Ignored):
        assert corrupted[0] in b"OM"
        return
    # A flag says less than its byte, and pg_catalog is written as nothing.
    again = encode(read)
    written = bytes(corrupted).replace(b"pg_catalog\0", b"\0")
    assert len(again.data) == len(written)
    assert all(
        one == other or at in again.free for at, (one, other) in enumerate(zip(again.data, written, strict=True))
    )
