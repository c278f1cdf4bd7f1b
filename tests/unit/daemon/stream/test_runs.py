"""Which messages are processed together, and that the events are the same as message by message."""

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
from integratedb_companion.daemon.stream.pgoutput import ProtocolError
from integratedb_companion.daemon.stream.progress import Progress
from integratedb_companion.daemon.stream.reader import ControlCommit, StreamReader
from integratedb_companion.daemon.stream.rows import LONGEST
from integratedb_companion.daemon.stream.runs import SHORTEST, decode_run, successive_runs, table_of

ORDERS, LINES, CONTROL = 7, 8, 9
COLUMNS = {ORDERS: (("id", 20), ("note", 25), ("at", 1184)), LINES: (("id", 20), ("paid", 16))}
ROWS = {ORDERS: ([b"1", b"2"], [b"x", b'"\n', None], [b"2024-02-03 04:05:06+00", b"infinity"]), LINES: ([b"1"], [b"t"])}


def frame(kind: str, relid: int, rest: bytes) -> bytes:
    return b"w" + bytes(24) + kind.encode() + struct.pack(">I", relid) + rest


def row(*values: bytes | None) -> bytes:
    parts = [
        b"n" if one is None else one if one == b"u" else b"t" + struct.pack(">I", len(one)) + one for one in values
    ]
    return struct.pack(">H", len(values)) + b"".join(parts)


def insert(relid: int, *values: bytes | None) -> bytes:
    return frame("I", relid, b"N" + row(*values))


def update(relid: int, *values: bytes | None) -> bytes:
    return frame("U", relid, b"N" + row(*values))


def relation(relid: int) -> bytes:
    columns = COLUMNS.get(relid, (("id", 20), ("kind", 25), ("body", 3802)))
    schema, name = ("integratedb", "control") if relid == CONTROL else ("public", f"t{relid}")
    head = f"{schema}\0{name}\0d".encode() + struct.pack(">H", len(columns))
    parts = [
        bytes([index == 0]) + column.encode() + b"\0" + struct.pack(">Ii", oid, -1)
        for index, (column, oid) in enumerate(columns)
    ]
    return frame("R", relid, head + b"".join(parts))


def begin(lsn: int) -> bytes:
    return b"w" + bytes(24) + b"B" + struct.pack(">Qqi", lsn, 0, 5)


def commit(lsn: int) -> bytes:
    return b"w" + bytes(24) + b"C" + struct.pack(">BQQq", 0, lsn, lsn + 1, 0)


def state(concurrency: int) -> dict[str, Any]:
    channels: list[dict[str, Any]] = [
        {"id": id_, "name": f"c{id_}", "type": "WEBHOOK", "max_queue_bytes": 1, "max_queue_age_s": 1, "settings": {}}
        for id_ in (1, 2, 3)
    ]
    channels[0]["settings"] = {"concurrency": concurrency}
    every = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
    routes: list[dict[str, Any]] = [
        {"relid": ORDERS, "events": every, "fields": ["id", "note", "at"], "channels": [1, 2]},
        {"relid": ORDERS, "events": ["UPDATE"], "fields": ["at"], "channels": [3]},
        {"relid": LINES, "events": ["INSERT"], "fields": ["paid"], "channels": [3]},
    ]
    routes = [{"path": f"public.t{route['relid']}", **route} for route in routes]
    return {"id": 1, "stakeholder": "shop", "channels": channels, "routes": routes, "types": {}}


class Stream:
    """A reader, and the events of each channel."""

    def __init__(self, concurrency: int = 1) -> None:
        self.events: dict[int, list[Event]] = {1: [], 2: [], 3: []}
        self.progress = Progress(0)
        router = Router("/db")
        router.apply([parse_state(state(concurrency))], {id_: events.extend for id_, events in self.events.items()})
        self.reader = StreamReader(router, self.progress, "/db", Metrics())
        self.take_all([relation(ORDERS), relation(LINES), relation(CONTROL)])

    def take_all(self, messages: list[bytes]) -> list[Any]:
        return list(self.reader.take_all(messages))

    def take_each(self, messages: list[bytes]) -> list[Any]:
        return [received for received in map(self.reader.take, messages) if received is not None]


KEEPALIVE = b"k" + struct.pack(">QqB", 50, 0, 1)


def rows(relid: int) -> st.SearchStrategy[bytes]:
    columns = [st.sampled_from(values) for values in ROWS[relid]]
    key = row(b"5", *[None] * (len(columns) - 1))
    new = st.tuples(*columns)
    unchanged = st.tuples(columns[0], *[st.one_of(column, st.just(b"u")) for column in columns[1:]])
    return st.one_of(
        new.map(lambda values: insert(relid, *values)),
        new.map(lambda values: update(relid, *values)),
        unchanged.map(lambda values: update(relid, *values)),
        new.map(lambda values: frame("U", relid, b"K" + key + b"N" + row(*values))),
        st.just(frame("D", relid, b"K" + key)),
    )


def new_rows(relid: int) -> st.SearchStrategy[bytes]:
    new = st.tuples(*[st.sampled_from(values) for values in ROWS[relid]])
    return st.builds(lambda make, values: make(relid, *values), st.sampled_from([insert, update]), new)


CONTROL_ROW = insert(CONTROL, b"4", b"state", json.dumps({"x": 1}).encode())
OTHERS = st.one_of(rows(ORDERS), rows(LINES), st.sampled_from([CONTROL_ROW, relation(ORDERS), KEEPALIVE]))
#: A part of a transaction: mostly runs.
PARTS = st.one_of(
    st.lists(new_rows(ORDERS), min_size=SHORTEST, max_size=12),
    st.lists(new_rows(LINES), min_size=SHORTEST, max_size=12),
    st.lists(OTHERS, max_size=5),
    st.just([CONTROL_ROW] * SHORTEST),
)
TRANSACTIONS = st.lists(
    st.lists(PARTS, max_size=4).map(lambda parts: [one for part in parts for one in part]), max_size=3
)


@given(TRANSACTIONS, st.integers(1, 50), st.integers(1, 2), st.booleans())
def test_runs_make_the_same_events_as_single_messages(
    transactions: list[list[bytes]], batch: int, concurrency: int, is_lost: bool
) -> None:
    messages: list[bytes] = []
    for number, changes in enumerate(transactions, 1):
        messages += [begin(number * 10), *changes, commit(number * 10)]
    together, each = Stream(concurrency), Stream(concurrency)
    if is_lost:  # the server repeats a transaction of which a part was routed
        for stream in (together, each):
            stream.take_each(messages[: batch // 2])
            stream.reader.restart()
    received = [one for at in range(0, len(messages), batch) for one in together.take_all(messages[at : at + batch])]
    assert received == each.take_each(messages)
    assert together.events == each.events
    assert together.progress.advance([]) == each.progress.advance([])


def test_a_run_ends_where_the_table_or_the_form_of_its_rows_changes() -> None:
    orders, changed, lines = insert(ORDERS, b"1"), update(ORDERS, b"1"), insert(LINES, b"1")
    wide, keyed = insert(ORDERS, b"1", b"2"), frame("U", ORDERS, b"K" + row(b"1") + b"N" + row(b"1"))
    messages = [begin(1), orders, changed, orders, lines, lines, wide, keyed, keyed, commit(1)]
    assert [len(run) for run in successive_runs(messages)] == [1, 3, 2, 1, 1, 1, 1]
    assert table_of([wide]) == (ORDERS, 2)


def test_the_caller_acts_before_the_next_message_is_processed() -> None:
    stream = Stream()
    control = insert(CONTROL, b"4", b"state", b"{}")
    first, second = [insert(ORDERS, b"1", b"x", None)] * SHORTEST, [insert(ORDERS, b"2", b"x", None)] * SHORTEST
    received = stream.reader.take_all([begin(10), *first, control, commit(10), begin(20), *second, commit(20)])
    assert isinstance(next(received), ControlCommit)
    assert len(stream.events[1]) == SHORTEST
    assert list(received) == []
    assert len(stream.events[1]) == 2 * SHORTEST


def test_a_long_message_is_not_decoded_with_others() -> None:
    short = insert(ORDERS, b"1")
    assert decode_run([short] * 5 + [insert(ORDERS, b"x" * LONGEST)], 0, 1) is None
    assert decode_run([short] * 5, 0, 1) is not None


def test_a_malformed_message_is_refused_after_those_before_it() -> None:
    stream = Stream()
    good = insert(ORDERS, b"1", b"x", None)
    with pytest.raises(ProtocolError, match="malformed"):
        stream.take_all([begin(10), good, good, good, good[:-1], good])
    assert len(stream.events[1]) == 3
