"""Encodes arrays as query parameters in Postgres's binary format, for many elements at once.

The format is that of array_recv() in src/backend/utils/adt/arrayfuncs.c. It has these parts:

- the number of dimensions, whether there are nulls, and the type of the elements;
- the length and lower bound of each dimension;
- each element, after its length.

Neither side has to quote or parse text, and no Python function is called for each element.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_pack_head = struct.Struct("!iiIii").pack
_pack_length = struct.Struct("!i").pack


class BinaryArray(bytes):
    """An encoded array."""


class BigintArray(BinaryArray):
    """A bigint[]."""


class LsnArray(BinaryArray):
    """A pg_lsn[]."""


class DoubleArray(BinaryArray):
    """A double precision[]."""


class TextArray(BinaryArray):
    """A text[] in UTF-8, which must be the client encoding."""


class ByteaArray(BinaryArray):
    """A bytea[]."""


#: The OIDs of the element type and the array type, from pg_type.dat.
_OIDS: dict[type[BinaryArray], tuple[int, int]] = {
    BigintArray: (20, 1016),
    LsnArray: (3220, 3221),
    DoubleArray: (701, 1022),
    TextArray: (25, 1009),
    ByteaArray: (17, 1001),
}


def bigints(values: Sequence[int]) -> BigintArray:
    """Encode a bigint[]."""
    return BigintArray(_of_eight_bytes(_OIDS[BigintArray][0], "q", values))


def lsns(values: Sequence[int]) -> LsnArray:
    """Encode a pg_lsn[]."""
    return LsnArray(_of_eight_bytes(_OIDS[LsnArray][0], "Q", values))


def doubles(values: Sequence[float]) -> DoubleArray:
    """Encode a double precision[]."""
    return DoubleArray(_of_eight_bytes(_OIDS[DoubleArray][0], "d", values))


def texts(values: Sequence[bytes]) -> TextArray:
    """Encode a text[] of values in UTF-8."""
    return TextArray(_of_any_length(_OIDS[TextArray][0], values))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    """Encode a bytea[]."""
    return ByteaArray(_of_any_length(_OIDS[ByteaArray][0], values))


def register(adapters: AdaptersMap) -> None:
    """Make a connection, or all connections, accept these arrays as parameters."""
    for kind, (_, array_oid) in _OIDS.items():
        adapters.register_dumper(kind, type(f"{kind.__name__}Dumper", (_AsIs,), {"oid": array_oid}))


class _AsIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> Buffer:
        return obj


def _of_eight_bytes(element_oid: int, code: str, values: Sequence[float]) -> bytes:
    count = len(values)
    fields: list[float] = [8] * (2 * count)
    fields[1::2] = values
    return _head(element_oid, count) + struct.pack("!" + ("i" + code) * count, *fields)


def _of_any_length(element_oid: int, values: Sequence[bytes]) -> bytes:
    parts = [b""] * (2 * len(values))
    parts[0::2] = [_pack_length(len(value)) for value in values]
    parts[1::2] = values
    return _head(element_oid, len(values)) + b"".join(parts)


def _head(element_oid: int, count: int) -> bytes:
    return _pack_head(1, 0, element_oid, count, 1)
