"""Which keys of changed rows the watches of a table are told, and when a key is not known."""

from __future__ import annotations

from typing import Any

from integratedb_companion.daemon.routing.events import Transaction
from integratedb_companion.daemon.routing.router import Router
from integratedb_companion.daemon.routing.watches import Watch, Watches
from integratedb_companion.daemon.state import parse_state
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

ROLE = 16384
ALL = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


def relation(identity: str = "d", key: str = "id", names: tuple[str, ...] = ("id", "status")) -> Relation:
    columns = tuple(Column(name, 25, -1, name == key or identity == "f") for name in names)
    return Relation(7, "public", "orders", identity, columns)


class Told:
    """A router without channels, and what a watch is told."""

    def __init__(self, described: Relation, events: tuple[str, ...] = ALL, role: int | None = ROLE) -> None:
        self.watches = Watches()
        self.router = Router("/integratedb/shop", self.watches)
        self.changes: list[tuple[str, Any]] = []
        route = {"relid": 7, "path": "public.orders", "events": [*events], "fields": ["id"], "channels": []}
        body = {"id": 1, "stakeholder": "shop", "role": role, "channels": [], "routes": [route], "types": {}}
        if role is None:
            del body["role"]
        self.router.apply([parse_state(body)], {})
        self.router.describe(described)
        self.transaction = Transaction(Begin(0x16B3748, 86_400_000_001, 731), "/integratedb/shop")
        self.watch()

    def watch(self, role: int = ROLE, columns: tuple[str, ...] = ("id",)) -> None:
        watch = Watch(1, 7, role, columns, lambda _, kind, key, __: self.changes.append((kind, key)))
        self.watches.add(watch)
        self.router.watches_changed(7)


def test_inserts_updates_deletes_and_truncates_by_key() -> None:
    told = Told(relation())
    told.router.insert(told.transaction, Insert(7, [b"1", b"new"]))
    told.router.update(told.transaction, Update(7, None, [b"1", b"paid"]))
    told.router.update(told.transaction, Update(7, [b"1", None], [b"2", UNCHANGED]))
    told.router.delete(told.transaction, Delete(7, [b"2", None]))
    told.router.truncate(told.transaction, Truncate((7,)))
    assert told.changes == [("I", ["1"]), ("U", ["1"]), ("D", ["1"]), ("U", ["2"]), ("D", ["2"]), ("T", None)]


def test_a_key_that_the_stream_does_not_say_is_not_known() -> None:
    told = Told(relation("i", "status"))
    told.router.insert(told.transaction, Insert(7, [b"1", b"new"]))
    told.router.update(told.transaction, Update(7, None, [b"1", b"new"]))
    told.router.delete(told.transaction, Delete(7, [None, b"new"]))
    assert told.changes == [("I", ["1"]), ("U", None), ("D", None)]


def test_with_the_whole_row_every_key_is_known() -> None:
    told = Told(relation("f"))
    told.router.update(told.transaction, Update(7, [b"1", b"new"], [UNCHANGED, b"paid"]))
    told.router.delete(told.transaction, Delete(7, [b"1", b"paid"]))
    assert told.changes == [("U", ["1"]), ("D", ["1"])]


def test_a_renamed_column_of_the_key_makes_keys_unknown() -> None:
    told = Told(relation())
    told.router.describe(relation(key="number", names=("number", "status")))
    told.router.insert(told.transaction, Insert(7, [b"1", b"new"]))
    assert told.changes == [("I", None)]


def test_only_what_the_stakeholder_of_the_role_is_notified_of_is_told() -> None:
    told = Told(relation(), events=("INSERT",))
    told.router.update(told.transaction, Update(7, None, [b"1", b"paid"]))
    assert told.changes == []
    stranger = Told(relation(), role=ROLE + 1)
    stranger.router.insert(stranger.transaction, Insert(7, [b"1", b"new"]))
    assert stranger.changes == []
    # Control rows of earlier versions name no role.
    earlier = Told(relation(), role=None)
    earlier.router.insert(earlier.transaction, Insert(7, [b"1", b"new"]))
    assert earlier.changes == [("I", ["1"])]


def test_nothing_is_told_after_a_watch_was_removed_and_positions_stay() -> None:
    told = Told(relation())
    [watch] = told.watches.of(7)
    told.watches.remove(watch)
    told.router.watches_changed(7)
    assert told.router.column_count(7) == 2
    told.router.insert(told.transaction, Insert(7, [b"1", b"new"]))
    assert told.changes == []
    assert told.transaction.position == 1


def test_rows_of_a_watched_table_are_routed_one_by_one() -> None:
    assert Told(relation()).router.column_count(7) is None
