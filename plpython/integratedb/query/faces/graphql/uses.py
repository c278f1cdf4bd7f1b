"""Notes what an operation relies on beside the columns that its statements name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ...plan.reading import Read, Reading, merged, reading_of
from ...surface import Relation, Relationship, Surface
from .selections import Selected

#: Postgres cuts longer names.
MOST_CHARACTERS: Final = 63


@dataclass(slots=True)
class Uses:
    """The relationships of filters, unique keys, columns that are written, and functions."""

    related: dict[Relationship, None] = field(default_factory=dict)
    functions: dict[tuple[str, str], None] = field(default_factory=dict)
    #: The names of fields in the schema, which no request has chosen.
    names: set[str] = field(default_factory=set)
    _reads: list[Read] = field(default_factory=list)

    def name(self, selected: Selected) -> None:
        """Note that a field has its own name in the answer."""
        if selected.key == selected.name and len(selected.name) <= MOST_CHARACTERS:
            self.names.add(selected.name)

    def key(self, relation: Relation, columns: Iterable[str]) -> None:
        """Note a unique key: without it, an order is no order, or a row is not the only one."""
        key = tuple(columns)
        if key:
            self._reads.append(Read(relation.schema, relation.name, key, unique=(key,)))

    def written(self, relation: Relation, columns: Iterable[str]) -> None:
        """Note columns that are written."""
        self._reads.append(Read(relation.schema, relation.name, tuple(columns)))

    def reading(self, surface: Surface) -> Reading:
        """Return all that is noted."""
        noted = Reading(tuple(self._reads), functions=tuple(self.functions))
        return merged((noted, reading_of((), self.related, surface)))
