"""Finds runs: successive messages about new rows of one table, which are decoded and routed together. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

from .rows import COLUMNS_AT, KIND_AT, LONGEST, Column, decode_columns

#: A shorter run takes less time when its messages are processed one by one.
SHORTEST: Final = 4

_KINDS: Final = {"INSERT": b"I", "UPDATE": b"U"}
_RELID_AT: Final = KIND_AT + 1
_NEW_AT: Final = KIND_AT + 5
_COUNT_AT: Final = KIND_AT + 6


@dataclass(frozen=True, slots=True)
class RowRun:
    """New rows of one kind of change, INSERT or UPDATE, that come without old rows: their positions and columns."""

    kind: str
    positions: Sequence[int]
    columns: Sequence[Column]


def successive_runs(messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Split frames into runs; all other frames come alone."""
    heads = [message[KIND_AT:COLUMNS_AT] for message in messages]
    at, end = 0, len(messages)
    while at < end:
        head = heads[at]
        start, at = at, at + 1
        if head[:1] in (b"I", b"U") and head[5:6] == b"N":
            same = (b"I" + head[1:], b"U" + head[1:])
            while at < end and heads[at] in same:
                at += 1
        yield messages[start:at]


def table_of(run: Sequence[bytes]) -> tuple[int, int]:
    """Return the table of a run, and the number of its columns."""
    head = run[0]
    return int.from_bytes(head[_RELID_AT:_NEW_AT], "big"), int.from_bytes(head[_COUNT_AT:COLUMNS_AT], "big")


def decode_run(run: Sequence[bytes], first_position: int, count: int) -> list[RowRun] | None:
    """Decode a run, by kind of change; None where a message is too long or malformed. Rows have `count` columns."""
    if max(map(len, run)) > LONGEST:
        return None
    codes = [message[KIND_AT : KIND_AT + 1] for message in run]
    decoded: list[RowRun] = []
    for kind, code in _KINDS.items():
        if code not in codes:
            continue
        chosen = [one == code for one in codes]
        columns = decode_columns(list(compress(run, chosen)), count)
        if columns is None:
            return None
        positions = list(compress(range(first_position, first_position + len(run)), chosen))
        decoded.append(RowRun(kind, positions, columns))
    return decoded
