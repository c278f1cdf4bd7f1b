"""The stream, message by message: each change is routed once, however often the server repeats it."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.routing.events import Event
from integratedb_companion.daemon.routing.router import Router
from integratedb_companion.daemon.state import parse_state
from integratedb_companion.daemon.stream.pgoutput import Commit, Keepalive, ProtocolError
from integratedb_companion.daemon.stream.progress import Progress
from integratedb_companion.daemon.stream.reader import ControlCommit, ControlRow, StreamReader

ORDERS, CONTROL = 7, 9
STATE = {
    "id": 1,
    "stakeholder": "shop",
    "channels": [
        {"id": 1, "name": "c", "type": "REDIS", "max_queue_bytes": 1, "max_queue_age_s": 1, "settings": {}},
    ],
    "routes": [
        {
            "relid": ORDERS,
            "path": "public.orders",
            "events": ["INSERT", "UPDATE", "DELETE", "TRUNCATE"],
            "fields": ["id"],
            "channels": [1],
        }
    ],
    "types": {},
}


def xlog(payload: bytes) -> bytes:
    return b"w" + bytes(24) + payload


def row(*values: str) -> bytes:
    encoded = [value.encode() for value in values]
    return struct.pack(">H", len(values)) + b"".join(b"t" + struct.pack(">I", len(one)) + one for one in encoded)


def relation(relid: int, schema: str, name: str, *columns: str) -> bytes:
    head = b"R" + struct.pack(">I", relid) + f"{schema}\0{name}\0d".encode() + struct.pack(">H", len(columns))
    parts = (b"\1" + column.encode() + b"\0" + struct.pack(">Ii", 25, -1) for column in columns)
    return xlog(head + b"".join(parts))


def begin(lsn: int) -> bytes:
    return xlog(b"B" + struct.pack(">Qqi", lsn, 0, 5))


def commit(lsn: int) -> bytes:
    return xlog(b"C" + struct.pack(">BQQq", 0, lsn, lsn + 1, 0))


def insert(value: str) -> bytes:
    return xlog(b"I" + struct.pack(">I", ORDERS) + b"N" + row(value))


def update(value: str) -> bytes:
    return xlog(b"U" + struct.pack(">I", ORDERS) + b"N" + row(value))


def delete(value: str) -> bytes:
    return xlog(b"D" + struct.pack(">I", ORDERS) + b"K" + row(value))


def truncate() -> bytes:
    return xlog(b"T" + struct.pack(">IBI", 1, 0, ORDERS))


def control(id_: int, kind: str, body: Any) -> bytes:
    return xlog(b"I" + struct.pack(">I", CONTROL) + b"N" + row(str(id_), kind, json.dumps(body)))


class Stream:
    """A reader, and what has come of what it read."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.progress = Progress(0)
        router = Router("/db")
        router.apply([parse_state(STATE)], {1: self.events.extend})
        self.reader = StreamReader(router, self.progress, "/db", Metrics())
        self.describe()

    def describe(self) -> None:
        """What a new connection begins with, before the first row of a table."""
        self.take(relation(ORDERS, "public", "orders", "id"))
        self.take(relation(CONTROL, "integratedb", "control", "id", "kind", "body"))

    def take(self, *messages: bytes) -> list[Any]:
        """What the caller must do something about."""
        return [answer for answer in map(self.reader.take, messages) if answer is not None]

    def told(self) -> list[tuple[str, str | None]]:
        """The kind and the row of each event."""
        bodies = [json.loads(event.payload) for event in self.events]
        return [
            (body["type"].rpartition(".")[2], ((body["data"]["record"] or body["data"]["old"]) or {}).get("id"))
            for body in bodies
        ]


def test_each_kind_of_change_becomes_an_event_and_has_its_place() -> None:
    stream = Stream()
    assert stream.take(begin(10), insert("a"), update("b"), delete("c"), truncate(), commit(10)) == []
    assert stream.told() == [("insert", "a"), ("update", "b"), ("delete", "c"), ("truncate", None)]
    assert [(event.commit_lsn, event.position) for event in stream.events] == [(10, 0), (10, 1), (10, 2), (10, 3)]
    assert (stream.progress.routed_lsn, stream.progress.advance([])) == (10, 11)


CHANGES = {"insert": insert("a"), "update": update("b"), "delete": delete("c"), "truncate": truncate()}


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=8), st.lists(st.integers(0, 30), max_size=4))
def test_however_often_a_connection_is_lost_each_change_is_told_once(kinds: list[str], lost_after: list[int]) -> None:
    half = len(kinds) // 2
    first, second = [CHANGES[kind] for kind in kinds[:half]], [CHANGES[kind] for kind in kinds[half:]]
    messages = [begin(10), *first, commit(10), begin(20), *second, commit(20)]
    whole, broken = Stream(), Stream()
    whole.take(*messages)
    for count in lost_after:
        broken.take(*messages[:count])
        broken.reader.restart()
        broken.describe()
    broken.take(*messages)
    assert broken.told() == whole.told()
    assert [event.position for event in broken.events] == [event.position for event in whole.events]
    assert broken.progress.advance([]) == whole.progress.advance([]) == 21


def test_a_connection_lost_while_the_server_repeats_itself_brings_nothing_twice() -> None:
    stream = Stream()
    messages = [begin(10), insert("a"), commit(10), begin(20), insert("b"), insert("c"), commit(20)]
    for count in (6, 2, 5, 1, 7):
        stream.reader.restart()
        stream.describe()
        stream.take(*messages[:count])
    assert stream.told() == [("insert", "a"), ("insert", "b"), ("insert", "c")]


def test_what_changes_what_is_in_force_is_given_to_the_caller_and_not_yet_done() -> None:
    stream = Stream()
    messages = (begin(10), insert("a"), control(4, "state", {"x": "ü"}), control(5, "ended", {}), commit(10))
    rows = (ControlRow(4, "state", {"x": "ü"}), ControlRow(5, "ended", {}))
    expected = ControlCommit(rows, Commit(10, 11, 0), xid=5)
    assert stream.take(*messages) == [expected]
    assert stream.told() == [("insert", "a")]
    assert stream.progress.routed_lsn == 0
    stream.reader.restart()
    stream.describe()
    assert stream.take(*messages) == [expected], "until it has been done, it is given again"
    assert stream.told() == [("insert", "a")]
    stream.progress.routed(10, 11)
    stream.reader.restart()
    stream.describe()
    assert stream.take(*messages) == []
    assert stream.take(begin(20), insert("b"), commit(20)) == []
    assert stream.told() == [("insert", "a"), ("insert", "b")]


def test_an_idle_server_moves_on_only_between_transactions() -> None:
    stream = Stream()
    idle = b"k" + struct.pack(">QqB", 50, 0, 1)
    stream.take(begin(10), insert("a"))
    assert stream.take(idle) == [Keepalive(50, True)]
    assert stream.progress.seen_lsn == 0
    stream.take(commit(10))
    assert stream.take(idle) == [Keepalive(50, True)]
    assert stream.progress.seen_lsn == 50


@pytest.mark.parametrize("message", [*CHANGES.values(), control(1, "state", {}), commit(10)])
def test_what_stands_outside_of_a_transaction_is_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="outside of a transaction"):
        Stream().take(message)


def test_a_control_row_with_nulls_is_refused() -> None:
    nulls = xlog(b"I" + struct.pack(">I", CONTROL) + b"N" + struct.pack(">H", 3) + b"nnn")
    with pytest.raises(ProtocolError, match="nulls"):
        Stream().take(begin(10), nulls)
