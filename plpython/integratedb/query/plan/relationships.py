"""Finds the relationship that an embed means."""

from __future__ import annotations

from ..problems import ProblemError
from ..request import Embed
from ..surface import Relation, Relationship, Surface


def find_relationship(surface: Surface, source: Relation, embed: Embed) -> Relationship:
    """Return the relationship by which a relation embeds another one. Error: ProblemError.

    The embed names the target, the foreign key, its referencing column or a computed relationship; with several
    candidates, its hint names a foreign key, a column or a junction.
    """
    if embed.by is not None:
        return embed.by
    candidates = [r for r in surface.relationships.get(source.oid, ()) if _is_named(surface, r, embed.relation)]
    # A computed relationship overrides those that Postgres knows.
    candidates = [r for r in candidates if r.kind == "computed"] or candidates
    if embed.hint is not None:
        candidates = _hinted(surface, candidates, embed.hint)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        related = {
            surface.by_oid[r.target].name
            for r in surface.relationships.get(source.oid, ())
            if r.target in surface.by_oid
        }
        raise ProblemError(
            "no relationship",
            embed.place,
            source=source.name,
            target=embed.relation,
            hint=embed.hint,
            schema=source.schema,
            near=sorted(related),
        )
    raise ProblemError(
        "ambiguous relationship",
        embed.place,
        source=source.name,
        target=embed.relation,
        candidates=[describe(surface, source, candidate) for candidate in candidates],
        hints=[f"{embed.relation}!{hint_of(surface, candidate)}" for candidate in candidates],
    )


def _is_named(surface: Surface, relationship: Relationship, name: str) -> bool:
    if relationship.name == name and relationship.junction is None:
        return True
    if relationship.kind == "computed":
        return False
    target = surface.by_oid.get(relationship.target)
    if target is not None and target.name == name:
        return True
    return relationship.references and len(relationship.pairs) == 1 and relationship.pairs[0][0] == name


def _hinted(surface: Surface, candidates: list[Relationship], hint: str) -> list[Relationship]:
    matching = [r for r in candidates if r.name == hint or _junction_name(surface, r) == hint]
    if matching:
        return matching
    # The own column goes first: of a table that refers to itself, the referencing column then means the one row above.
    by_own = [r for r in candidates if len(r.pairs) == 1 and r.pairs[0][0] == hint]
    return by_own or [r for r in candidates if len(r.pairs) == 1 and r.pairs[0][1] == hint]


def _junction_name(surface: Surface, relationship: Relationship) -> str | None:
    if relationship.junction is None:
        return None
    junction = surface.by_oid.get(relationship.junction.relation)
    return junction.name if junction is not None else None


def hint_of(surface: Surface, relationship: Relationship) -> str:
    """Return a hint that means this relationship only."""
    return _junction_name(surface, relationship) or relationship.name


CARDINALITIES = {
    "m2o": "many-to-one",
    "o2m": "one-to-many",
    "o2o": "one-to-one",
    "m2m": "many-to-many",
    "computed": "computed",
}


def describe(surface: Surface, source: Relation, relationship: Relationship) -> dict[str, str]:
    """Describe a candidate as PostgREST's error PGRST201 does."""
    target = surface.by_oid[relationship.target].name
    junction = relationship.junction
    if junction is not None:
        through = surface.by_oid[junction.relation]
        text = (
            f"{through.name} using {junction.source_key}({', '.join(b for _, b in junction.source_pairs)})"
            f" and {junction.target_key}({', '.join(a for a, _ in junction.target_pairs)})"
        )
    else:
        own = ", ".join(a for a, _ in relationship.pairs)
        theirs = ", ".join(b for _, b in relationship.pairs)
        text = f"{relationship.name} using {source.name}({own}) and {target}({theirs})"
    return {
        "cardinality": CARDINALITIES[relationship.kind],
        "embedding": f"{source.name} with {target}",
        "relationship": text,
    }
