"""Which events the changes of rows become, on which channels, and their form."""

from __future__ import annotations

import json
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat

from integratedb_companion.daemon.routing.events import Event, Transaction, event_id
from integratedb_companion.daemon.routing.router import Router
from integratedb_companion.daemon.state import parse_state, parse_types
from integratedb_companion.daemon.stream.pgoutput import (
    UNCHANGED,
    Begin,
    Column,
    Delete,
    Insert,
    Relation,
    Truncate,
    Update,
)

COLUMNS = (Column("id", 20, -1, True), Column("status", 25, -1, False), Column("note", 25, -1, False))


ORDERS = Relation(7, "public", "orders", "d", COLUMNS)


FULL_ORDERS = Relation(7, "public", "orders", "f", tuple(Column(c.name, c.type_oid, -1, True) for c in COLUMNS))


def state(*routes: dict[str, Any], stakeholder: str = "shop", channels: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
    return {
        "id": len(stakeholder),
        "stakeholder": stakeholder,
        "channels": [
            {"id": i, "name": f"c{i}", "type": "REDIS", "max_queue_bytes": 1, "max_queue_age_s": 1, "settings": {}}
            for i in channels
        ],
        "routes": [{"relid": 7, "path": "public.orders", "events": ["INSERT"], **route} for route in routes],
        "types": {},
    }


class Sent:
    def __init__(self, *bodies: dict[str, Any], relation: Relation = ORDERS) -> None:
        self.router = Router("/integratedb/shop")
        self.events: list[tuple[int, Event]] = []
        states = [parse_state(body) for body in bodies]
        puts = {c.id: self._put(c.id) for s in states for c in s.channels}
        self.router.apply(states, puts)
        self.router.describe(relation)
        self.transaction = Transaction(Begin(0x16B3748, 86_400_000_001, 731), "/integratedb/shop", timeline=3)

    def _put(self, channel: int) -> Any:
        return lambda events: self.events.extend((channel, event) for event in events)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(event.payload) for _, event in self.events]


def test_an_insert_is_a_cloudevent_with_the_fields_asked_for() -> None:
    sent = Sent(state({"fields": ["id", "status"], "channels": [1]}))
    sent.router.insert(sent.transaction, Insert(7, [b"9223372036854775807", b'ne"w', b"secret"]))
    [(channel, event)] = sent.events
    assert channel == 1
    assert json.loads(event.payload) == {
        "specversion": "1.0",
        "id": "00000003-00000000016B3748-00000000",
        "source": "/integratedb/shop",
        "type": "integratedb.row.insert",
        "subject": "public.orders",
        "datacontenttype": "application/json",
        "time": "2000-01-02T00:00:00.000001Z",
        "data": {
            "record": {"id": 9223372036854775807, "status": 'ne"w'},
            "old": None,
            "changed": None,
            "lsn": "0/16B3748",
            "xid": 731,
        },
    }
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, event.payload)
    assert from_http_event(message, JSONFormat()).get_subject() == "public.orders"


def test_matches_of_one_stakeholder_on_one_channel_make_one_event() -> None:
    sent = Sent(state({"fields": ["id"], "channels": [1]}, {"fields": ["note"], "channels": [1, 2]}))
    sent.router.insert(sent.transaction, Insert(7, [b"1", None, b"n"]))
    assert {c: json.loads(e.payload)["data"]["record"] for c, e in sent.events} == {
        1: {"id": 1, "note": "n"},
        2: {"note": "n"},
    }


def test_stakeholders_do_not_see_each_others_fields() -> None:
    sent = Sent(
        state({"fields": ["id"], "channels": [1]}, channels=(1,)),
        state({"fields": ["note"], "channels": [3]}, stakeholder="other", channels=(3,)),
    )
    sent.router.insert(sent.transaction, Insert(7, [b"1", None, b"n"]))
    assert [(c, json.loads(e.payload)["data"]["record"]) for c, e in sent.events] == [
        (1, {"id": 1}),
        (3, {"note": "n"}),
    ]


def test_events_nobody_asked_for_are_counted_and_not_sent() -> None:
    sent = Sent(state({"fields": ["id"], "channels": [1], "events": ["DELETE"]}))
    sent.router.insert(sent.transaction, Insert(7, [b"1", None, None]))
    sent.router.delete(sent.transaction, Delete(7, [b"1", None, None]))
    assert [e.id for _, e in sent.events] == [event_id(3, 0x16B3748, 1)]
    assert sent.bodies()[0]["data"]["record"] is None
    assert sent.bodies()[0]["data"]["old"] == {"id": 1}


EVERYTHING = {"fields": ["id", "status", "note"], "channels": [1], "events": ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]}


def test_an_update_by_default_tells_the_key_and_names_what_the_stream_left_out() -> None:
    sent = Sent(state(EVERYTHING))
    sent.router.update(sent.transaction, Update(7, None, [b"1", b"new", UNCHANGED]))
    sent.router.update(sent.transaction, Update(7, [b"1", None, None], [b"2", b"new", b"n"]))
    first, second = (body["data"] for body in sent.bodies())
    assert first["record"] == {"id": 1, "status": "new"}
    assert first["unavailable"] == ["note"]
    assert (first["old"], first["changed"]) == ({"id": 1}, None)
    assert (second["old"], second["changed"]) == ({"id": 1}, ["id"])
    assert "unavailable" not in second


def test_an_update_with_full_identity_tells_everything() -> None:
    sent = Sent(state(EVERYTHING), relation=FULL_ORDERS)
    sent.router.update(sent.transaction, Update(7, [b"1", b"old", b"long"], [b"1", b"new", UNCHANGED]))
    [body] = sent.bodies()
    assert body["data"]["record"] == {"id": 1, "status": "new", "note": "long"}
    assert body["data"]["old"] == {"id": 1, "status": "old", "note": "long"}
    assert body["data"]["changed"] == ["status"]


def identities(full: bool, common: list[str] | None, union: list[str]) -> dict[str, Any]:
    return {**EVERYTHING, "leaves": {"full": full, "common": common, "any": union}}


LEAF = Relation(8, "public", "orders_1", "d", COLUMNS)


LEAF_BY_NOTE = Relation(9, "public", "orders_2", "i", tuple(Column(c.name, 25, -1, c.name == "note") for c in COLUMNS))


def test_what_a_root_says_of_its_identity_counts_for_nothing() -> None:
    sent = Sent(state(identities(False, ["id"], ["id"])), relation=FULL_ORDERS)
    sent.router.update(sent.transaction, Update(7, None, [b"1", b"new", UNCHANGED]))
    sent.router.update(sent.transaction, Update(7, [b"1", None, None], [b"2", b"new", UNCHANGED]))
    sent.router.delete(sent.transaction, Delete(7, [b"1", None, None]))
    told = [(data["old"], data["changed"]) for data in (body["data"] for body in sent.bodies())]
    assert told == [({"id": 1}, None), ({"id": 1}, ["id"]), ({"id": 1}, None)]


def test_partitions_that_the_stream_describes_count_until_what_is_in_force_tells_of_them() -> None:
    row: list[Any] = [b"1", b"new", b"n"]
    for tells in (False, True):
        body = state(identities(False, ["id"], ["id"]) if tells else EVERYTHING)
        sent = Sent(body)
        sent.router.describe_leaf(7, LEAF)
        sent.router.update(sent.transaction, Update(7, None, row))
        sent.router.describe_leaf(7, LEAF_BY_NOTE)
        sent.router.update(sent.transaction, Update(7, None, row))
        sent.router.update(sent.transaction, Update(7, [None, None, b"m"], row))
        sent.router.apply([parse_state(body)], {1: sent._put(1)})
        sent.router.update(sent.transaction, Update(7, None, row))
        told = [(data["old"], data["changed"]) for data in (body["data"] for body in sent.bodies())]
        last = {"id": 1} if tells else None
        assert told == [({"id": 1}, None), (None, None), ({"note": "m"}, ["note"]), (last, None)]


def test_a_table_without_partitions_has_none_that_happen_to_be_described_behind_it() -> None:
    sent = Sent(state({**EVERYTHING, "leaves": None}))
    sent.router.describe_leaf(7, LEAF_BY_NOTE)
    sent.router.update(sent.transaction, Update(7, None, [b"1", b"new", b"n"]))
    other = Sent(state(EVERYTHING, {**EVERYTHING, "relid": 9}))
    other.router.describe_leaf(7, LEAF_BY_NOTE)
    other.router.update(other.transaction, Update(7, None, [b"1", b"new", b"n"]))
    for one in (sent, other):
        assert one.bodies()[0]["data"]["old"] == {"id": 1}


def test_a_row_whose_key_may_have_changed_unsaid_is_a_barrier() -> None:
    body = state(identities(False, [], ["id", "note"]))
    body["channels"][0]["settings"] = {"concurrency": 2}
    sent = Sent(body)
    sent.router.update(sent.transaction, Update(7, None, [b"1", b"new", b"n"]))
    sent.router.update(sent.transaction, Update(7, [None, None, b"m"], [b"1", b"new", b"n"]))
    sent.router.update(sent.transaction, Update(7, [b"0", None, None], [b"1", b"new", b"n"]))
    assert [event.key == b"" for _, event in sent.events] == [True, True, False]


def test_a_key_that_the_stream_left_out_is_as_it_was() -> None:
    sent = Sent(state(EVERYTHING))
    sent.router.update(sent.transaction, Update(7, [b"1", None, None], [UNCHANGED, b"new", b"n"]))
    [body] = sent.bodies()
    assert body["data"]["record"] == {"id": 1, "status": "new", "note": "n"}
    assert (body["data"]["old"], body["data"]["changed"]) == ({"id": 1}, None)
    assert "unavailable" not in body["data"]


def test_a_type_that_is_altered_counts_from_there_on() -> None:
    body = state(EVERYTHING)
    body["types"] = {"25": {"kind": "composite", "attributes": [["a", 23]]}}
    sent = Sent(body)
    sent.router.insert(sent.transaction, Insert(7, [b"1", b"(1)", None]))
    sent.router.change_types(
        parse_types({"types": {"25": {"kind": "composite", "attributes": [["a", 23], ["b", 26]]}}})
    )
    sent.router.insert(sent.transaction, Insert(7, [b"2", b"(1,{})", None]))
    sent.router.change_types(parse_types({"types": {"26": {"kind": "array", "element": 23, "delimiter": ","}}}))
    sent.router.insert(sent.transaction, Insert(7, [b"3", b"(1,{})", None]))
    told = [body["data"]["record"]["status"] for body in sent.bodies()]
    assert told == [{"a": 1}, {"a": 1, "b": "{}"}, {"a": 1, "b": []}]


def test_a_type_that_a_state_leaves_out_stays_text() -> None:
    body = {**state(EVERYTHING), "types_left_out": True}
    body["types"] = {"20": {"kind": "composite", "attributes": [["a", 23]]}}
    sent = Sent(body)
    form = {"kind": "composite", "attributes": [["b", 23]]}
    sent.router.change_types(parse_types({"types": {"20": form, "25": form}}))
    sent.router.insert(sent.transaction, Insert(7, [b"(1)", b"(1)", None]))
    [sent_body] = sent.bodies()
    assert sent_body["data"]["record"] == {"id": {"b": 1}, "status": "(1)", "note": None}


def test_a_type_whose_new_form_is_not_told_is_text() -> None:
    body = state(EVERYTHING)
    body["types"] = {"25": {"kind": "composite", "attributes": [["a", 23]]}}
    sent = Sent(body)
    sent.router.change_types(parse_types({"types": {"25": {"kind": "text"}}}))
    sent.router.insert(sent.transaction, Insert(7, [b"1", b"(1)", None]))
    [sent_body] = sent.bodies()
    assert sent_body["data"]["record"]["status"] == "(1)"


def test_truncate_has_neither_record_nor_old() -> None:
    sent = Sent(state(EVERYTHING))
    sent.router.truncate(sent.transaction, Truncate((7,)))
    [body] = sent.bodies()
    assert (body["type"], body["data"]["record"], body["data"]["old"]) == ("integratedb.row.truncate", None, None)


def test_a_relation_that_changes_in_the_stream_changes_the_events() -> None:
    sent = Sent(state(EVERYTHING))
    sent.router.insert(sent.transaction, Insert(7, [b"1", b"a", b"b"]))
    sent.router.describe(Relation(7, "public", "orders", "d", COLUMNS[:2]))
    sent.router.insert(sent.transaction, Insert(7, [b"2", b"a"]))
    assert [body["data"]["record"] for body in sent.bodies()] == [
        {"id": 1, "status": "a", "note": "b"},
        {"id": 2, "status": "a"},
    ]
