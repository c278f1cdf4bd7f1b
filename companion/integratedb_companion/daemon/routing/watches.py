"""Finds the keys of changed rows, for services of the data API that watch a table for a stakeholder. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from integratedb_companion.daemon.stream.pgoutput import Relation, Row

from .events import Transaction
from .identities import Identities

Kind = Literal["I", "U", "D", "T"]
Key = list[str]
#: Takes a change: of which watch, its kind, the key of the row (None: not known), and the transaction.
Take = Callable[[int, Kind, Key | None, Transaction], None]

_KINDS: Final[dict[str, Kind]] = {"INSERT": "I", "UPDATE": "U", "DELETE": "D", "TRUNCATE": "T"}


@dataclass(frozen=True, slots=True)
class Watch:
    """What a service wants to know: keys of changed rows of a table that the stakeholder of a role is notified of."""

    number: int
    relid: int
    role: int
    columns: tuple[str, ...]
    take: Take


class Watches:
    """The watches of all services, by table."""

    def __init__(self) -> None:
        self._of: dict[int, list[Watch]] = {}

    def add(self, watch: Watch) -> None:
        """Add a watch."""
        self._of.setdefault(watch.relid, []).append(watch)

    def remove(self, watch: Watch) -> None:
        """Remove a watch."""
        watches = self._of.get(watch.relid, [])
        if watch in watches:
            watches.remove(watch)
        if not watches:
            self._of.pop(watch.relid, None)

    def of(self, relid: int) -> list[Watch]:
        """Return the watches of a table."""
        return self._of.get(relid, [])


class Watched:
    """Tells the watches of one table of its changes."""

    def __init__(
        self, relation: Relation, identities: Identities, watches: Iterable[tuple[Watch, Collection[str]]]
    ) -> None:
        """``watches``: each with the events that its stakeholder is notified of."""
        indexes = {column.name: index for index, column in enumerate(relation.columns)}
        #: For each kind: the watches, where their keys stand, and whether an UPDATE without an old row keeps the key.
        self._by_kind: dict[str, list[tuple[Watch, list[int] | None, bool]]] = {kind: [] for kind in _KINDS}
        for watch, events in watches:
            known = all(name in indexes for name in watch.columns)
            places = [indexes[name] for name in watch.columns] if known else None
            for kind in self._by_kind.keys() & events:
                self._by_kind[kind].append((watch, places, identities.knows(watch.columns)))

    def insert(self, transaction: Transaction, new: Row) -> None:
        """Tell of a new row."""
        for watch, places, _ in self._by_kind["INSERT"]:
            watch.take(watch.number, "I", _key(new, places), transaction)

    def update(self, transaction: Transaction, old: Row | None, new: Row) -> None:
        """Tell of a changed row; another key is another row, and the one before is gone."""
        for watch, places, keeps_key in self._by_kind["UPDATE"]:
            after = _key(new, places, old)
            before = after if old is None and keeps_key else _key(old, places)
            if before is not None and before != after:
                watch.take(watch.number, "D", before, transaction)
            watch.take(watch.number, "U", None if before is None else after, transaction)

    def delete(self, transaction: Transaction, old: Row) -> None:
        """Tell of a deleted row."""
        for watch, places, _ in self._by_kind["DELETE"]:
            watch.take(watch.number, "D", _key(old, places), transaction)

    def truncate(self, transaction: Transaction) -> None:
        """Tell of a truncated table."""
        for watch, _, _ in self._by_kind["TRUNCATE"]:
            watch.take(watch.number, "T", None, transaction)


def _key(row: Row | None, places: list[int] | None, old: Row | None = None) -> Key | None:
    """Return the values of a key as text; None: the stream does not say all of them."""
    if row is None or places is None:
        return None
    key = []
    for place in places:
        value = row[place]
        if not isinstance(value, bytes) and old is not None:
            value = old[place]
        if not isinstance(value, bytes):
            return None
        key.append(value.decode("utf-8", "replace"))
    return key
