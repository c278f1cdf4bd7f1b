"""Determines which events must keep their order, and distributes the others to lanes that deliver in parallel.

The key of an event names the rows that the event is about: two rows where an UPDATE changes the key of a row. Events
that share a row keep their order. An event without a key is a barrier: it is delivered after all earlier events and
before all later ones. Where the daemon does not know the row, it uses a barrier, or one key for the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from heapq import heapreplace
from typing import Final

from integratedb_companion.daemon.stream.pgoutput import UNCHANGED, Relation, Row, Value

from .events import Event

#: The key of an event that keeps its order with all others.
BARRIER: Final = b""
#: The first byte of each key in this form. Keys of an earlier version hold text, which never begins with it.
_FORM: Final = b"\xff"
_HASH_BYTES: Final = 8
_HEAD_BYTES: Final = len(_FORM) + 2 * _HASH_BYTES

Lane = list[Event]


class RowKeys:
    """Builds the keys of one table's events, by the current replica identity of its rows."""

    def __init__(self, relation: Relation) -> None:
        # FULL marks every column, and the columns that stay the same are unknown. So the whole table has one key.
        columns = [] if relation.identity == "f" else [c for c in enumerate(relation.columns) if c[1].key]
        self._indexes = [index for index, _ in columns]
        scheme = "\0".join(f"{column.name}\0{column.type_oid}" for _, column in columns)
        self._head = _FORM + _hash(str(relation.relid).encode()) + _hash(scheme.encode(errors="surrogateescape"))
        self._whole_table = self._head + _hash(b"")

    def of(self, old: Row | None, new: Row | None) -> bytes:
        """Return the key of an event: the row before the change and after it."""
        if not self._indexes:
            return self._whole_table
        key = self._head
        before: list[Value] = []
        for row in (old, new):
            if row is None:
                continue
            values = [row[index] for index in self._indexes]
            if before:
                values = [was if value is UNCHANGED else value for was, value in zip(before, values, strict=True)]
            if values == before:
                break
            known = [value for value in values if isinstance(value, bytes)]
            if len(known) < len(values):
                return BARRIER  # a value is omitted or absent, so the row is not known
            key += _hash(b"".join(b"%d:%b" % (len(value), value) for value in known))
            before = values
        return key


def segments(events: Sequence[Event], lanes: int) -> Iterator[list[Lane]]:
    """Split events into segments of lanes. Lanes of one segment run in parallel, segments one after another."""
    pending: Lane = []
    schemes: dict[bytes, bytes] = {}
    for event in events:
        table, scheme = _table_and_scheme(event.key)
        if not table:
            if pending:
                yield _lanes(pending, lanes)
            yield [[event]]
            pending, schemes = [], {}
            continue
        # The rows were identified by other columns before, so no key shows which of them are the same.
        if schemes.get(table, scheme) != scheme:
            yield _lanes(pending, lanes)
            pending, schemes = [], {}
        schemes[table] = scheme
        pending.append(event)
    if pending:
        yield _lanes(pending, lanes)


def _lanes(events: Iterable[Event], count: int) -> list[Lane]:
    """Put events that rows connect into one lane, in their order; the shortest lane takes the next group."""
    groups: list[Lane] = []
    group_of: dict[bytes, int] = {}
    for event in events:
        rows = _rows(event.key)
        found = {group_of[row] for row in rows if row in group_of}
        if found:
            target = max(found, key=lambda number: len(groups[number]))
        else:
            target = len(groups)
            groups.append([])
        for other in found - {target}:
            for moved in groups[other]:
                for row in _rows(moved.key):
                    group_of[row] = target
            groups[target].extend(groups[other])
            groups[other] = []
        for row in rows:
            group_of[row] = target
        groups[target].append(event)
    dealt: list[tuple[int, int, Lane]] = [(0, number, []) for number in range(count)]
    for group in groups:
        if group:
            length, number, lane = dealt[0]
            lane.extend(group)
            heapreplace(dealt, (length + len(group), number, lane))
    return [sorted(lane, key=_place) for _, _, lane in dealt if lane]


def _place(event: Event) -> tuple[int, int]:
    return event.commit_lsn, event.position


def _table_and_scheme(key: bytes) -> tuple[bytes, bytes]:
    """Return the table and the scheme of a key; nothing for a barrier, or for a key of another form."""
    if len(key) < _HEAD_BYTES + _HASH_BYTES or not key.startswith(_FORM):
        return b"", b""
    start = len(_FORM)
    return key[start : start + _HASH_BYTES], key[start + _HASH_BYTES : _HEAD_BYTES]


def _rows(key: bytes) -> list[bytes]:
    table = key[len(_FORM) : len(_FORM) + _HASH_BYTES]
    return [table + key[at : at + _HASH_BYTES] for at in range(_HEAD_BYTES, len(key), _HASH_BYTES)]


def _hash(value: bytes) -> bytes:
    return blake2b(value, digest_size=_HASH_BYTES).digest()
