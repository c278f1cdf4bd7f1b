"""Builds CloudEvents: one JSON object for each row change and channel, with only the requested fields.

Building runs for every row. So an event is joined from fragments of bytes that are prepared once for a transaction or a
table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from orjson import dumps

from integratedb_companion.daemon.stream.pgoutput import (
    OMITTED,
    POSTGRES_EPOCH_S,
    UNCHANGED,
    Absent,
    Begin,
    Relation,
    Row,
    Value,
    format_lsn,
)

from .event_runs import EventRuns
from .identities import Identities, OldRows
from .json_values import Converter, Converters, TypeStructure, as_is

#: A requested column: its index in a row, its name as a fragment of JSON, and the converter of its values to JSON.
Entry = tuple[int, bytes, Converter]

ROW_TYPES: Final = {kind: f"integratedb.row.{kind.lower()}" for kind in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")}
SCHEMA_CHANGED: Final = "integratedb.schema.changed"
EVENTS_LOST: Final = "integratedb.events.lost"


class Event(NamedTuple):
    """An event: its position in the stream, its key, and its JSON."""

    commit_lsn: int
    position: int
    key: bytes
    payload: bytes
    committed_at_s: float

    @property
    def id(self) -> str:
        """The id that receivers see; ids sort in the order of the stream."""
        found = _ID.search(self.payload, 0, _ID_ENDS_BEFORE)
        assert found is not None
        return found[1].decode()


#: Where an event has its id. The database writes the reports of dropped events, as jsonb, with the id first.
_ID: Final = re.compile(rb'"id": ?"([0-9A-F-]+)"')
_ID_ENDS_BEFORE: Final = 100
_FORM: Final = re.compile("(?:[0-9A-F]{8}-)?([0-9A-F]{16})-([0-9A-F]{8})", re.ASCII)


def event_id(timeline: int, commit_lsn: int, position: int) -> str:
    """Return the id of an event, which is the same after every restart and on every server of a cluster.

    After a failover, positions beyond the fork are used again: the timeline distinguishes the events there.
    """
    return f"{timeline:08X}-{commit_lsn:016X}-{position:08X}"


def parse_event_id(text: str) -> tuple[int, int]:
    """Return the position of the event with this id; raises ValueError when the text is not an id.

    Version 0.2 wrote ids without the timeline, and such events may still be kept.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"not the id of an event: {text[:40]!r}")
    return int(form[1], 16), int(form[2], 16)


class Transaction:
    """The transaction being read, with the fragments that all its events share."""

    __slots__ = (
        "commit_lsn",
        "committed_at_s",
        "head",
        "lsn",
        "position",
        "source",
        "tail",
        "time",
        "time_text",
        "timeline",
        "xid",
    )

    def __init__(self, begin: Begin, source: str, timeline: int = 1) -> None:
        """`timeline`: the one on which the transaction was committed."""
        self.timeline = timeline
        self.commit_lsn = begin.commit_lsn
        self.committed_at_s = begin.committed_at_us / 1e6 + POSTGRES_EPOCH_S
        self.xid = begin.xid
        self.lsn = format_lsn(begin.commit_lsn)
        self.source = source
        self.position = 0
        moment = datetime.fromtimestamp(begin.committed_at_us // 1_000_000 + POSTGRES_EPOCH_S, UTC)
        self.time_text = f"{moment:%Y-%m-%dT%H:%M:%S}.{begin.committed_at_us % 1_000_000:06d}Z"
        self.time = self.time_text.encode()
        self.head = b'{"specversion":"1.0","id":"%08X-%016X-' % (timeline, begin.commit_lsn)
        self.tail = b',"lsn":"%b","xid":%d}}' % (self.lsn.encode(), begin.xid)

    def event(self, position: int, event_type: str, subject: str, data: Mapping[str, Any]) -> Event:
        """Build an event that is not about a row."""
        body = {
            "specversion": "1.0",
            "id": event_id(self.timeline, self.commit_lsn, position),
            "source": self.source,
            "type": event_type,
            "subject": subject,
            "time": self.time_text,
            "datacontenttype": "application/json",
            "data": {**data, "lsn": self.lsn, "xid": self.xid},
        }
        return Event(self.commit_lsn, position, b"", dumps(body), self.committed_at_s)


class Projection:
    """Builds the events of one table for the channels that requested the same fields."""

    def __init__(
        self,
        relation: Relation,
        path: str,
        fields: Iterable[str],
        types: Mapping[int, TypeStructure],
        source: str,
        identities: Identities,
    ) -> None:
        """`identities`: the replica identities that a row of the relation may have been written under."""
        wanted = frozenset(fields)
        converters = Converters(types)
        self._columns: list[Entry] = [
            (index, dumps(column.name) + b":", converters.of(column.type_oid))
            for index, column in enumerate(relation.columns)
            if column.name in wanted
        ]
        self._old_rows = OldRows(relation, identities)
        self._is_one_key = identities.is_one_key
        common = identities.common or frozenset()
        self._key_columns = [entry for entry in self._columns if relation.columns[entry[0]].name in common]
        self._head = {
            kind: b'","source":%b,"type":"%b","subject":%b,"datacontenttype":"application/json","time":"'
            % (dumps(source), ROW_TYPES[kind].encode(), dumps(path))
            for kind in ROW_TYPES
        }
        self._insert_head = self._head["INSERT"]
        # None instead of a converter that changes nothing: calling it for each value would take noticeable time.
        self._insert_columns = [
            (index, name, None if convert is as_is else convert) for index, name, convert in self._columns
        ]
        #: Build the events of many rows at once.
        self.runs = {
            "INSERT": EventRuns(self._head["INSERT"], self._columns),
            "UPDATE": EventRuns(self._head["UPDATE"], self._columns, self._key_columns),
        }

    def insert(self, transaction: Transaction, position: int, new: Row) -> bytes:
        """Build the event of a new row."""
        # The same as _event("INSERT", ...), but inlined, because nearly all events take this path.
        parts: list[bytes] = []
        append = parts.append
        for index, name, convert in self._insert_columns:
            value: bytes | None = new[index]  # type: ignore[assignment]  # insert_in_part() has the others
            if value is None:
                append(name + b"null")
            elif convert is None:
                append(name + value)
            else:
                append(name + convert(value))
        return b'%b%08X%b%b","data":{"record":{%b},"old":null,"changed":null%b' % (
            transaction.head,
            position,
            self._insert_head,
            transaction.time,
            b",".join(parts),
            transaction.tail,
        )

    def insert_in_part(self, transaction: Transaction, position: int, new: Row) -> bytes:
        """Build the event of a new row that is too long, with the names of the omitted columns."""
        unavailable = [name for index, name, _ in self._columns if isinstance(new[index], Absent)]
        return self._event("INSERT", transaction, position, new, None, [], None, unavailable)

    def update(self, transaction: Transaction, position: int, old: Row | None, new: Row) -> bytes:
        """Build the event of a changed row; an omitted value is taken from the old row if that is known."""
        if old is None:
            # Without an old row the key is unchanged, whichever partition it was in: FULL would send the old row.
            unavailable = [name for index, name, _ in self._columns if isinstance(new[index], Absent)]
            return self._event("UPDATE", transaction, position, new, new, self._key_columns, None, unavailable)
        available, is_full = self._available(old)
        # A value that the stream omits is unchanged.
        changed = [
            name
            for index, name, _ in available
            if new[index] is not UNCHANGED and (old[index] != new[index] or new[index] is OMITTED)
        ]
        record = [
            was if value is UNCHANGED and isinstance(was, bytes) else value for was, value in zip(old, new, strict=True)
        ]
        unavailable = [name for index, name, _ in self._columns if isinstance(record[index], Absent)]
        return self._event(
            "UPDATE",
            transaction,
            position,
            record,
            old,
            available,
            changed if changed or is_full else None,
            unavailable,
        )

    def delete(self, transaction: Transaction, position: int, old: Row) -> bytes:
        """Build the event of a deleted row."""
        available, _ = self._available(old)
        unavailable = [name for index, name, _ in available if isinstance(old[index], Absent)]
        return self._event("DELETE", transaction, position, None, old, available, None, unavailable)

    def _available(self, old: Row) -> tuple[list[Entry], bool]:
        """Return the columns of an old row that the stream contains, and whether they are all of its columns."""
        if self._is_one_key:
            return self._key_columns, False
        if self._old_rows.is_full(old):
            return self._columns, True
        return [entry for entry in self._columns if old[entry[0]] is not None], False

    def truncate(self, transaction: Transaction, position: int) -> bytes:
        """Build the event of a truncated table."""
        return self._event("TRUNCATE", transaction, position, None, None, [], None, [])

    def _event(
        self,
        kind: str,
        transaction: Transaction,
        position: int,
        new: Row | None,
        old: Row | None,
        available: list[Entry],
        changed: list[bytes] | None,
        unavailable: list[bytes],
    ) -> bytes:
        record = b"null" if new is None else _object(self._columns, new)
        old_key = b"null" if old is None or not available else _object(available, old)
        return b'%b%08X%b%b","data":{"record":%b,"old":%b,"changed":%b%b%b' % (
            transaction.head,
            position,
            self._head[kind],
            transaction.time,
            record,
            old_key,
            b"null" if changed is None else _names(changed),
            b',"unavailable":' + _names(unavailable) if unavailable else b"",
            transaction.tail,
        )


def _object(columns: list[Entry], row: Row) -> bytes:
    parts = []
    for index, name, convert in columns:
        value: Value = row[index]
        if value is None:
            parts.append(name + b"null")
        elif not isinstance(value, Absent):
            parts.append(name + convert(value))
    return b"{" + b",".join(parts) + b"}"


def _names(names: list[bytes]) -> bytes:
    return b"[" + b",".join(name[:-1] for name in names) + b"]"
