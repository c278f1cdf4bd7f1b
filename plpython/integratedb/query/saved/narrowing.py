"""Narrows a surface to what a saved query reads, so that nothing that is added later changes what the query means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..plan.reading import Link, Read, Reading
from ..surface import Relation, Relationship, Surface


def narrowed(surface: Surface, reading: Reading) -> Surface:
    """Return the part of a surface that was read when the query was saved, with relationships called as then."""
    relations = {
        (one.schema, one.name): _relation(surface.relations[one.schema, one.name], one)
        for one in reading.relations
        if (one.schema, one.name) in surface.relations
    }
    relationships: dict[int, list[Relationship]] = {}
    for link in reading.links:
        for relationship in _matching(surface, link):
            relationships.setdefault(relationship.source, []).append(relationship)
    return replace(
        surface,
        relations=relations,
        by_oid={relation.oid: relation for relation in relations.values()},
        relationships={source: tuple(those) for source, those in relationships.items()},
    )


def _relation(relation: Relation, read: Read) -> Relation:
    if read.is_whole:
        return relation
    columns = {name: column for name, column in relation.columns.items() if name in read.columns}
    # The query goes by the keys that it relies on, also where others are added later.
    usable = (key for key in relation.keys if {*key} <= {*columns})
    keys = tuple(sorted(usable, key=lambda key: key not in read.unique))
    is_kept = {*relation.primary_key} <= {*columns} and (not read.unique or relation.primary_key in read.unique)
    primary_key = relation.primary_key if is_kept else ()
    return replace(relation, columns=columns, keys=keys, primary_key=primary_key)


def _matching(surface: Surface, link: Link) -> Iterator[Relationship]:
    """Yield the relationship that a link is now; two with the same columns are one."""
    source, target = surface.relations.get(link.source), surface.relations.get(link.target)
    if source is None or target is None:
        return
    for each in surface.relationships.get(source.oid, ()):
        if each.target == target.oid and _is_same(surface, each, link):
            # A unique key that is added later does not make one row of a list.
            is_many = link.kind == "o2m"
            yield replace(each, name=link.name, kind=link.kind, to_one=each.to_one and not is_many)
            return


def _is_same(surface: Surface, relationship: Relationship, link: Link) -> bool:
    if link.kind == "computed":
        return relationship.kind == "computed" and relationship.name == link.name
    if link.junction is not None:
        junction = relationship.junction
        through = surface.relations.get(link.junction)
        if junction is None or through is None or junction.relation != through.oid:
            return False
        return {*junction.source_pairs, *junction.target_pairs} == {*link.pairs}
    is_one = link.references or link.kind == "o2m" or relationship.to_one
    return (
        relationship.junction is None
        and relationship.references == link.references
        and {*relationship.pairs} == {*link.pairs}
        and is_one
    )
