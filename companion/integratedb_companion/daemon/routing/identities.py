"""Determines what the old row of a change contains, by the replica identity of the table that held the row; pure.

The stream sends rows of partitions as rows of their root, and does not name the partition. But it describes a partition
before its first row, and again after each change of the partition. So a row's partition is one of two kinds:

- a partition that the stream has described;
- a partition that existed when the root's current state came into force.

This module states only what is true of all these partitions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce

from integratedb_companion.daemon.stream.pgoutput import Relation, Row


@dataclass(frozen=True, slots=True)
class Identities:
    """The replica identities that a row may have been written under."""

    #: Whether one of them is FULL, so that an old row may be complete.
    may_be_full: bool = False
    #: The columns that all others share: an UPDATE without an old row left them unchanged. None: all are FULL.
    common: frozenset[str] | None = None
    #: The columns of any of the other identities. They are never null; an old row contains no other columns.
    union: frozenset[str] = frozenset()

    def __or__(self, other: Identities) -> Identities:
        """Combine two sets of possible identities."""
        if self.common is None or other.common is None:
            common = other.common if self.common is None else self.common
        else:
            common = self.common & other.common
        return Identities(self.may_be_full or other.may_be_full, common, self.union | other.union)

    @property
    def is_one_key(self) -> bool:
        """Whether the old row contains exactly these columns and no others."""
        return not self.may_be_full and self.common == self.union

    def knows(self, columns: Collection[str]) -> bool:
        """Whether an UPDATE without an old row left these columns unchanged."""
        return self.common is None or self.common.issuperset(columns)


def identity_of(relation: Relation) -> Identities:
    """Return the identity of a table as the stream describes it."""
    if relation.identity == "f":
        return Identities(may_be_full=True)
    key = frozenset(column.name for column in relation.columns if column.key)
    return Identities(common=key, union=key)


def one_of(identities: Iterable[Identities]) -> Identities:
    """Combine several identities; without any, nothing is known of the row."""
    found = list(identities)
    return reduce(Identities.__or__, found) if found else Identities(may_be_full=True, common=frozenset())


class OldRows:
    """Reads the old rows of one table."""

    def __init__(self, relation: Relation, identities: Identities) -> None:
        names = [column.name for column in relation.columns]
        self._all_full = identities.common is None
        #: The columns outside the keys: a value in one of them shows that the old row is complete.
        self._non_key_indexes: list[int] = []
        if identities.may_be_full and not self._all_full:
            self._non_key_indexes = [index for index, name in enumerate(names) if name not in identities.union]

    def is_full(self, old: Row) -> bool:
        """Whether an old row is complete, so that its nulls are nulls and not omitted columns."""
        return self._all_full or any(old[index] is not None for index in self._non_key_indexes)
