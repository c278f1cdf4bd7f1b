"""Knows what the old row of a change says, which depends on the replica identity of the table that the row was in; pure.

The stream gives rows of partitions as rows of their root, and does not say which partition each row was in. But it describes a
partition before its first row, and again after each change of it. So the partition of a row is one of those that were
described, or that were there when the root's present state came in force, and nothing is said that is not true of all these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce

from integratedb_companion.daemon.stream.pgoutput import Relation, Row


@dataclass(frozen=True, slots=True)
class Identities:
    """The replica identities that a row may have been written by."""

    #: Whether one of them is FULL, and so all of the old row is there.
    may_be_full: bool = False
    #: The columns of each of the others, that is the columns which an UPDATE without an old row left as they were. None: all are FULL.
    common: frozenset[str] | None = None
    #: The columns of any of the others. They are never null, and of other columns the old row has none.
    union: frozenset[str] = frozenset()

    def __or__(self, other: Identities) -> Identities:
        """One of these or one of those."""
        if self.common is None or other.common is None:
            common = other.common if self.common is None else self.common
        else:
            common = self.common & other.common
        return Identities(self.may_be_full or other.may_be_full, common, self.union | other.union)

    @property
    def is_one_key(self) -> bool:
        """Whether exactly these columns of the old row are there, no others."""
        return not self.may_be_full and self.common == self.union

    def knows(self, columns: Collection[str]) -> bool:
        """Whether an UPDATE without an old row left these columns as they were."""
        return self.common is None or self.common.issuperset(columns)


def identity_of(relation: Relation) -> Identities:
    """The identity of a table as it is described."""
    if relation.identity == "f":
        return Identities(may_be_full=True)
    key = frozenset(column.name for column in relation.columns if column.key)
    return Identities(common=key, union=key)


def one_of(identities: Iterable[Identities]) -> Identities:
    """One of several; of none, one of which nothing is known."""
    found = list(identities)
    return reduce(Identities.__or__, found) if found else Identities(may_be_full=True, common=frozenset())


class OldRows:
    """Reads the old rows of one table."""

    def __init__(self, relation: Relation, identities: Identities) -> None:
        names = [column.name for column in relation.columns]
        self._all_full = identities.common is None
        #: Where a value shows that the old row is all there.
        self._beyond: list[int] = []
        if identities.may_be_full and not self._all_full:
            self._beyond = [index for index, name in enumerate(names) if name not in identities.union]

    def is_full(self, old: Row) -> bool:
        """Whether all of an old row is there, so that nulls in it are nulls and not columns left out."""
        return self._all_full or any(old[index] is not None for index in self._beyond)
