"""The events of many rows at once."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.routing.event_runs import EventRuns, position_digits
from integratedb_companion.daemon.routing.events import Entry, Transaction
from integratedb_companion.daemon.routing.json_values import as_is, text
from integratedb_companion.daemon.stream.pgoutput import Begin
from integratedb_companion.daemon.stream.rows import NULL, UNCHANGED

ID: Entry = (0, b'"id":', as_is)
NOTE: Entry = (2, b'"note":', text)
HEAD = b'","source":"/db","type":"t","time":"'


def bodies(runs: EventRuns, *columns: list[bytes | int]) -> list[dict[str, object]] | None:
    transaction = Transaction(Begin(5, 0, 7), "/db")
    payloads = runs.payloads(transaction, position_digits(3, len(columns[0])), columns)
    return None if payloads is None else [json.loads(payload)["data"] for payload in payloads]


@given(st.integers(0, 0x3000), st.integers(0, 0x2100))
def test_digits_are_those_of_event_ids(first: int, count: int) -> None:
    assert position_digits(first, count) == [b"%08X" % position for position in range(first, first + count)]


def test_events_have_the_requested_fields_and_repeat_the_key() -> None:
    data = bodies(EventRuns(HEAD, [ID, NOTE], [ID]), [b"1", b"2"], [b"secret", b"secret"], [b"a", b"b"])
    shared = {"changed": None, "lsn": "0/5", "xid": 7}
    assert data == [
        {"record": {"id": 1, "note": "a"}, "old": {"id": 1}, **shared},
        {"record": {"id": 2, "note": "b"}, "old": {"id": 2}, **shared},
    ]


def test_events_without_fields_have_an_empty_record() -> None:
    assert bodies(EventRuns(HEAD, []), [b"1"]) == [{"record": {}, "old": None, "changed": None, "lsn": "0/5", "xid": 7}]


def test_nulls_may_begin_and_end_at_any_row() -> None:
    runs = EventRuns(HEAD, [ID, NOTE])
    rows: list[list[bytes | int]] = [[b"a", b"b"], [NULL, b"b"], [b"a", b"b"], [NULL, NULL]]
    for notes in rows:
        data = bodies(runs, [b"1", b"2"], [b"", b""], notes)
        assert data is not None
        assert [one["record"] for one in data] == [
            {"id": number, "note": note.decode() if isinstance(note, bytes) else None}
            for number, note in enumerate(notes, 1)
        ]


def test_an_unchanged_value_counts_only_where_the_field_is_requested() -> None:
    runs = EventRuns(HEAD, [ID, NOTE])
    assert bodies(runs, [b"1"], [UNCHANGED], [b"a"]) is not None
    assert bodies(runs, [b"1", b"2"], [b"", b""], [UNCHANGED, b"a"]) is None
    assert bodies(runs, [b"1", b"2"], [b"", b""], [UNCHANGED, NULL]) is None
    assert bodies(runs, [b"1"], [b""], [b"a"]) is not None
