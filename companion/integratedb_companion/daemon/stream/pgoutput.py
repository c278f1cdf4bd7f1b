"""Decodes Postgres's replication frames, and the messages of its pgoutput plugin (protocol version 1).

The module is pure: bytes in, plain data out. Column values stay in Postgres's text form, as bytes; `json_values`
converts them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from struct import Struct, error
from typing import Final, NamedTuple


class ProtocolError(Exception):
    """The stream holds something that protocol version 1 does not allow."""


class Absent(Enum):
    """Stands for a value that is absent.

    UNCHANGED: a TOASTed value that the change did not touch, which the stream therefore does not send. OMITTED: a value
    that is too long, see shortened(). UNREADABLE: a value with invalid bytes, see encodings.py.
    """

    UNCHANGED = "unchanged"
    OMITTED = "omitted"
    UNREADABLE = "unreadable"


UNCHANGED: Final = Absent.UNCHANGED
OMITTED: Final = Absent.OMITTED
UNREADABLE: Final = Absent.UNREADABLE

Value = bytes | None | Absent
Row = list[Value]

#: Seconds between the Unix epoch and Postgres's epoch, 2000-01-01.
POSTGRES_EPOCH_S: Final = 946_684_800


class Begin(NamedTuple):
    """Begins a committed transaction; `commit_lsn` is that of its commit record."""

    commit_lsn: int
    committed_at_us: int
    xid: int


class Commit(NamedTuple):
    """Ends a transaction; a slot that is confirmed at `end_lsn` does not send it again."""

    commit_lsn: int
    end_lsn: int
    committed_at_us: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the stream describes it; `key` says whether it belongs to the replica identity."""

    name: str
    type_oid: int
    type_modifier: int
    key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table at the time of the following rows; `identity` is d(efault), n(othing), f(ull) or i(ndex)."""

    relid: int
    schema: str
    name: str
    identity: str
    columns: tuple[Column, ...]


class Type(NamedTuple):
    """The name of a type that is not built in."""

    type_oid: int
    schema: str
    name: str


class Insert(NamedTuple):
    """A new row."""

    relid: int
    new: Row


class Update(NamedTuple):
    """A changed row; `old` is the key if it changed, the whole row with REPLICA IDENTITY FULL, otherwise None."""

    relid: int
    old: Row | None
    new: Row


class Delete(NamedTuple):
    """A deleted row: its key, or the whole row with REPLICA IDENTITY FULL."""

    relid: int
    old: Row


class Truncate(NamedTuple):
    """Truncated tables."""

    relids: tuple[int, ...]


class Ignored(NamedTuple):
    """A message that is not about rows: an origin, or a logical message of an application."""

    kind: str


Message = Begin | Commit | Relation | Type | Insert | Update | Delete | Truncate | Ignored


class Keepalive(NamedTuple):
    """A frame without a message: how far the server has read, and whether it requests a reply at once."""

    wal_end: int
    reply_requested: bool


_XLOG_DATA_KIND, _KEEPALIVE_KIND = b"wk"
#: The length of the head: the kind, the start of the message, the end of WAL, the time.
_XLOG_DATA_HEAD = 25
_KEEPALIVE = Struct(">QqB")
_BEGIN = Struct(">Qqi")
_COMMIT = Struct(">BQQq")
_STATUS = Struct(">cQQQqB")
_UINT32 = Struct(">I")
_UINT16 = Struct(">H")
_TRUNCATE = Struct(">IB")

_NULL, _UNCHANGED, _TEXT = b"nut"
_NEW, _KEY, _OLD = b"NKO"


def frame(data: bytes | memoryview) -> bytes | Keepalive:
    """Unwrap one CopyData message: returns its pgoutput message, or a keepalive."""
    try:
        if data[0] == _XLOG_DATA_KIND:
            if len(data) < _XLOG_DATA_HEAD:
                raise ProtocolError("a replication frame is cut short")
            return bytes(data[_XLOG_DATA_HEAD:])
        if data[0] == _KEEPALIVE_KIND:
            wal_end, _, reply = _KEEPALIVE.unpack(data[1:])
            return Keepalive(wal_end, reply != 0)
    except (error, IndexError) as problem:
        raise ProtocolError(f"a replication frame is cut short: {problem}") from None
    raise ProtocolError(f"unknown replication frame {bytes(data[:1])!r}")


def status_update(flushed_lsn: int, now_s: float, *, written_lsn: int = 0, reply_requested: bool = False) -> bytes:
    """Build the standby status update that confirms everything up to `flushed_lsn`."""
    now_us = int((now_s - POSTGRES_EPOCH_S) * 1_000_000)
    written_lsn = max(written_lsn, flushed_lsn)
    return _STATUS.pack(b"r", written_lsn, flushed_lsn, flushed_lsn, now_us, int(reply_requested))


def decode(data: bytes) -> Message:
    """Decode one pgoutput message."""
    try:
        handler = _HANDLERS.get(data[0])
        if handler is not None:
            return handler(data)
    except (error, IndexError, UnicodeDecodeError, ValueError) as problem:
        raise ProtocolError(f"message {data[:1]!r} is malformed: {problem}") from None
    raise ProtocolError(f"unknown message {data[:1]!r}")


def shortened(row: Row, limit: int) -> Row:
    """Return the row without its longest values, so that the total length of the others is within the limit."""
    by_length = sorted(
        ((len(value), index) for index, value in enumerate(row) if isinstance(value, bytes)), reverse=True
    )
    total = sum(length for length, _ in by_length)
    short = list(row)
    for length, index in by_length:
        if total <= limit:
            break
        short[index] = OMITTED
        total -= length
    return short


def _row(data: bytes, at: int) -> tuple[Row, int]:
    """Decode the columns of one row from `at` on; also returns where they end."""
    row: Row = []
    count = data[at] << 8 | data[at + 1]
    at += 2
    append = row.append
    length_at = _UINT32.unpack_from
    for _ in range(count):
        kind = data[at]
        if kind == _TEXT:
            start = at + 5
            at = start + length_at(data, at + 1)[0]
            append(data[start:at])
        elif kind == _NULL:
            append(None)
            at += 1
        elif kind == _UNCHANGED:
            append(UNCHANGED)
            at += 1
        else:
            raise ProtocolError(f"unknown kind of column value {data[at : at + 1]!r}")
    return row, at


def _ends(data: bytes, at: int) -> None:
    if at != len(data):
        raise ProtocolError(f"message {data[:1]!r} has {len(data) - at} bytes too many")


def _expect(data: bytes, at: int, kind: int) -> None:
    if data[at] != kind:
        raise ProtocolError(f"message {data[:1]!r} has {data[at : at + 1]!r} where {chr(kind)!r} belongs")


def _begin(data: bytes) -> Begin:
    return Begin(*_BEGIN.unpack(data[1:]))


def _commit(data: bytes) -> Commit:
    _, commit_lsn, end_lsn, committed_at_us = _COMMIT.unpack(data[1:])
    return Commit(commit_lsn, end_lsn, committed_at_us)


def _insert(data: bytes) -> Insert:
    _expect(data, 5, _NEW)
    new, end = _row(data, 6)
    if end != len(data):
        _ends(data, end)
    return Insert(_UINT32.unpack_from(data, 1)[0], new)


def _update(data: bytes) -> Update:
    relid = int.from_bytes(data[1:5], "big")
    old: Row | None = None
    at = 5
    if data[at] in (_KEY, _OLD):
        old, at = _row(data, 6)
    _expect(data, at, _NEW)
    new, at = _row(data, at + 1)
    _ends(data, at)
    return Update(relid, old, new)


def _delete(data: bytes) -> Delete:
    if data[5] not in (_KEY, _OLD):
        raise ProtocolError(f"a Delete has {data[5:6]!r} where 'K' or 'O' belongs")
    old, at = _row(data, 6)
    _ends(data, at)
    return Delete(int.from_bytes(data[1:5], "big"), old)


def _truncate(data: bytes) -> Truncate:
    count, _ = _TRUNCATE.unpack_from(data, 1)
    _ends(data, 6 + 4 * count)
    return Truncate(tuple(int.from_bytes(data[at : at + 4], "big") for at in range(6, 6 + 4 * count, 4)))


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    # A database in another encoding sends other bytes. They are preserved here, and encodings.py converts them.
    return data[at:end].decode(errors="surrogateescape"), end + 1


def _relation(data: bytes) -> Relation:
    (relid,) = _UINT32.unpack_from(data, 1)
    schema, at = _text(data, 5)
    name, at = _text(data, at)
    identity = chr(data[at])
    (count,) = _UINT16.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        key = bool(data[at] & 1)
        column, at = _text(data, at + 1)
        (type_oid,) = _UINT32.unpack_from(data, at)
        type_modifier = int.from_bytes(data[at + 4 : at + 8], "big", signed=True)
        at += 8
        columns.append(Column(column, type_oid, type_modifier, key))
    _ends(data, at)
    # An empty schema name means pg_catalog.
    return Relation(relid, schema or "pg_catalog", name, identity, tuple(columns))


def _type(data: bytes) -> Type:
    (type_oid,) = _UINT32.unpack_from(data, 1)
    schema, at = _text(data, 5)
    name, at = _text(data, at)
    _ends(data, at)
    return Type(type_oid, schema or "pg_catalog", name)


def _ignored(data: bytes) -> Ignored:
    return Ignored(chr(data[0]))


def _refuse_streamed(data: bytes) -> Message:
    raise ProtocolError(f"message {data[:1]!r} belongs to a streamed transaction, which was not asked for")


_HANDLERS: Final[dict[int, Callable[[bytes], Message]]] = {
    ord("B"): _begin,
    ord("C"): _commit,
    ord("I"): _insert,
    ord("U"): _update,
    ord("D"): _delete,
    ord("T"): _truncate,
    ord("R"): _relation,
    ord("Y"): _type,
    ord("O"): _ignored,
    ord("M"): _ignored,
    **{ord(kind): _refuse_streamed for kind in "SEcAbPKrp"},
}


def parse_lsn(text: str) -> int:
    """Parse Postgres's notation, such as 0/16B3748."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(lsn: int) -> str:
    """Format an LSN in Postgres's notation."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
