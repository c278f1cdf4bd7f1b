"""Whether a new specification asks for no more than an old one: then the stakeholder may replace the old one itself.

Conservative: False where the documents alone cannot tell. Asking for no more means that every relation and column
that the new one may read, and every event it is told of, is the old one's too, and that whatever breaks a new match
broke the old one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from .model import Alternative, Field, FieldAlternative, Match, Path, Specification
from .short_form import ALL, EVENTS

_FieldsByNames = dict[tuple[str, ...], list[Field]]


def is_weaker(old: Specification, new: Specification, relations: Collection[Path] = frozenset()) -> bool:
    """Does each match of the new specification follow from a match of the old one.

    ``relations`` are those that the old ``schema.*`` stand for in the baseline. A document does not tell them, and
    naming any other (a single partition, say) would open what the old claim did not; so without them, only
    ``schema.*`` itself follows from ``schema.*``.
    """
    if old.kind != new.kind or new.channels not in (None, old.channels):
        return False
    known = _Known(old, frozenset(relations))
    return all(known.implies(match) for match in new.match)


class _Known:
    """The old matches by what they are about, so that comparing thousands does not compare each with each."""

    def __init__(self, old: Specification, relations: frozenset[Path]) -> None:
        self._relations = relations
        self._by_paths: dict[tuple[Path, ...], list[tuple[Match, list[_FieldsByNames]]]] = defaultdict(list)
        for match in old.match:
            fields = [_fields_by_names(alternative) for alternative in match.alternatives]
            self._by_paths[_paths(match)].append((match, fields))

    def implies(self, new: Match) -> bool:
        paths = _paths(new)
        candidates = list(self._by_paths.get(paths, ()))
        if len(paths) == 1 and paths[0] in self._relations:
            candidates += self._by_paths.get((Path(paths[0].schema, None),), ())
        return any(_implies(old, fields, new) for old, fields in candidates)


def _paths(match: Match) -> tuple[Path, ...]:
    return tuple(alternative.path for alternative in match.alternatives)


def _fields_by_names(alternative: Alternative) -> _FieldsByNames:
    by_names: _FieldsByNames = defaultdict(list)
    for field in alternative.fields:
        by_names[_names(field)].append(field)
    return by_names


def _names(field: Field) -> tuple[str, ...]:
    return tuple(alternative.name for alternative in field.alternatives)


def _implies(old: Match, old_fields: list[_FieldsByNames], new: Match) -> bool:
    return (
        (new.optional or not old.optional)
        and _subset(new.events, old.events, EVENTS)
        and _subset(new.channels, old.channels, None)
        and all(
            _alternative_implies(*pair) for pair in zip(old.alternatives, old_fields, new.alternatives, strict=True)
        )
    )


def _subset(new: tuple[str, ...], old: tuple[str, ...], everything: tuple[str, ...] | None) -> bool:
    return old == ALL or set(new) <= set(old) or (new == ALL and everything is not None and set(old) == set(everything))


def _alternative_implies(old: Alternative, old_fields: _FieldsByNames, new: Alternative) -> bool:
    if new.wildcard:
        return old.wildcard
    if old.wildcard:
        return all(_demands_only_existence(field) for field in new.fields)
    return all(
        any(_field_implies(candidate, field) for candidate in old_fields.get(_names(field), ())) for field in new.fields
    )


def _demands_only_existence(field: Field) -> bool:
    """A field out of ``["*"]``: that claims every column as it is, so a property written down may ask for more."""
    return all(
        one.type is None and one.min_length is None and one.is_nullable is not False for one in field.alternatives
    )


def _field_implies(old: Field, new: Field) -> bool:
    return (new.optional or not old.optional) and all(
        _column_implies(*pair) for pair in zip(old.alternatives, new.alternatives, strict=True)
    )


def _column_implies(old: FieldAlternative, new: FieldAlternative) -> bool:
    """A property left out is filled from the catalog, with what may be stricter than what was written."""
    return (
        old.type == new.type
        and (old.min_length == new.min_length or _at_most(new.min_length, old.min_length))
        and (old.is_nullable == new.is_nullable or new.is_nullable is True)
    )


def _at_most(new: int | None, old: int | None) -> bool:
    return new is not None and old is not None and new <= old
