"""Says what a statement reads: relations with their columns, and the keys by which it goes from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..surface import Relation, Relationship, Surface
from .scope import WHOLE, Source

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, by the names of the surface."""

    columns: Columns
    to: tuple[str, str]
    to_columns: Columns


@dataclass(frozen=True, slots=True)
class Read:
    """What is read of one relation. ``is_whole``: the whole row, also columns that are added later."""

    schema: str
    name: str
    columns: Columns
    is_whole: bool = False
    unique: tuple[Columns, ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship that a statement uses, and what it was called."""

    source: tuple[str, str]
    target: tuple[str, str]
    name: str
    kind: Literal["m2o", "o2m", "o2o", "m2m", "computed"]
    #: Whether the source has the referencing columns.
    references: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    junction: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement reads."""

    relations: tuple[Read, ...] = ()
    links: tuple[Link, ...] = ()
    #: The functions that a document of GraphQL calls, by schema and name.
    functions: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, which reading_from() reads."""
        return asdict(self)


NOTHING = Reading()


def reading_from(given: Any) -> Reading:
    """Return what as_json() returned, after JSON."""
    return Reading(
        tuple(
            Read(
                one["schema"],
                one["name"],
                tuple(one["columns"]),
                one["is_whole"],
                tuple(map(tuple, one["unique"])),
                tuple(
                    Reference(tuple(each["columns"]), _name(each["to"]), tuple(each["to_columns"]))
                    for each in one["references"]
                ),
            )
            for one in given["relations"]
        ),
        tuple(
            Link(
                _name(one["source"]),
                _name(one["target"]),
                one["name"],
                one["kind"],
                one["references"],
                tuple(map(_name, one["pairs"])),
                None if one["junction"] is None else _name(one["junction"]),
            )
            for one in given["links"]
        ),
        tuple(map(_name, given.get("functions", ()))),
    )


def merged(readings: Iterable[Reading]) -> Reading:
    """Return what several statements read together."""
    relations: dict[tuple[str, str], Read] = {}
    links: dict[Link, None] = {}
    functions: dict[tuple[str, str], None] = {}
    for reading in readings:
        links |= dict.fromkeys(reading.links)
        functions |= dict.fromkeys(reading.functions)
        for one in reading.relations:
            key = (one.schema, one.name)
            known = relations.get(key, Read(*key, ()))
            relations[key] = Read(
                *key,
                tuple(sorted({*known.columns, *one.columns})),
                known.is_whole or one.is_whole,
                tuple(dict.fromkeys((*known.unique, *one.unique))),
                tuple(dict.fromkeys((*known.references, *one.references))),
            )
    return Reading(tuple(relations[key] for key in sorted(relations)), tuple(links), tuple(functions))


def _name(given: Any) -> tuple[str, str]:
    first, second = given
    return first, second


class _Parts:
    """What is read of one relation, so far."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.columns: set[str] = set()
        self.unique: set[Columns] = set()
        self.references: set[Reference] = set()

    def read(self) -> Read:
        names = [column.name for column in self.relation.columns.values() if column.can_select]
        is_whole = WHOLE in self.columns
        return Read(
            self.relation.schema,
            self.relation.name,
            tuple(sorted(names if is_whole else self.columns)),
            is_whole,
            tuple(sorted(self.unique)),
            tuple(sorted(self.references, key=lambda one: (one.columns, one.to, one.to_columns))),
        )


class _Parted:
    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._parts: dict[int, _Parts] = {}

    def of(self, relation: Relation) -> _Parts:
        return self._parts.setdefault(relation.oid, _Parts(relation))

    def all(self) -> Iterator[Read]:
        yield from sorted((parts.read() for parts in self._parts.values()), key=lambda one: (one.schema, one.name))

    def add_reference(self, source: int, target: int, pairs: Iterable[tuple[str, str]]) -> None:
        """Add a foreign key, and its columns."""
        referencing, referenced = self._surface.by_oid[source], self._surface.by_oid[target]
        ordered = sorted(pairs)
        columns, to_columns = tuple(a for a, _ in ordered), tuple(b for _, b in ordered)
        parts = self.of(referencing)
        parts.columns.update(columns)
        parts.references.add(Reference(columns, (referenced.schema, referenced.name), to_columns))
        self.of(referenced).columns.update(to_columns)

    def add_unique(self, relation: int, key: Columns) -> None:
        """Add a unique key, and its columns."""
        parts = self.of(self._surface.by_oid[relation])
        parts.columns.update(key)
        parts.unique.add(key)


def reading_of(sources: Iterable[Source], related: Iterable[Relationship], surface: Surface) -> Reading:
    """Return what a statement reads, of its sources and the relationships that it goes by."""
    parted = _Parted(surface)
    for source in sources:
        if source.relation is not None:
            parts = parted.of(source.relation)
            parts.columns |= source.used
            parts.unique |= source.keys
    links: dict[Link, None] = {}
    for relationship in related:
        links[_link(relationship, surface)] = None
        _add(parted, relationship, surface)
    return Reading(tuple(parted.all()), tuple(links))


def _add(parted: _Parted, by: Relationship, surface: Surface) -> None:
    if by.junction is not None:
        through = surface.by_oid[by.junction.relation]
        parted.add_reference(through.oid, by.source, [(b, a) for a, b in by.junction.source_pairs])
        parted.add_reference(through.oid, by.target, by.junction.target_pairs)
        both = {b for _, b in by.junction.source_pairs} | {a for a, _ in by.junction.target_pairs}
        # By such a key it is a junction.
        if key := next((key for key in through.keys if both <= {*key}), None):
            parted.add_unique(through.oid, key)
    elif by.kind != "computed" and by.references:
        parted.add_reference(by.source, by.target, by.pairs)
    elif by.kind != "computed":
        parted.add_reference(by.target, by.source, [(b, a) for a, b in by.pairs])
        referencing = {b for _, b in by.pairs}
        keys = surface.by_oid[by.target].keys if by.to_one else ()
        # By such a key one row is related, and not many.
        if key := next((key for key in keys if key and {*key} <= referencing), None):
            parted.add_unique(by.target, key)


def _link(by: Relationship, surface: Surface) -> Link:
    source, target = surface.by_oid[by.source], surface.by_oid[by.target]
    through = surface.by_oid[by.junction.relation] if by.junction is not None else None
    pairs = by.pairs if by.junction is None else (*by.junction.source_pairs, *by.junction.target_pairs)
    return Link(
        (source.schema, source.name),
        (target.schema, target.name),
        by.name,
        by.kind,
        by.references,
        pairs,
        None if through is None else (through.schema, through.name),
    )
