"""Decides whether a new specification requires no more than an old one, so that the stakeholder may replace it itself.

The decision is conservative: False where the documents alone are not sufficient. A new specification requires no more
if it meets two conditions:

- every relation and column that it may read, and every event that it receives, belongs to the old one too;
- whatever breaks a new match also broke the old specification.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from ..interrupts import step, steps
from .model import ALL, EVENTS, Alternative, Field, FieldAlternative, Match, Path, Specification
from .type_names import parse_type_name

_Paths = tuple[Path, ...]
_Names = tuple[str, ...]
_FieldsByNames = dict[_Names, Field]

_WILDCARD: _Names = ("*",)

#: Ordinary specifications need one for each match. More are left to an admin, since the session holds the lock.
MAX_COMPARISONS = 100_000


def is_weaker(old: Specification, new: Specification, relations: Collection[Path] = frozenset()) -> bool:
    """Whether each match of the new specification follows from a match of the old one.

    ``relations`` are the relations of the old ``schema.*`` in the baseline, which a document does not contain. Any
    other name, such as a single partition, would permit more than the old claim did. So without ``relations``, only
    ``schema.*`` itself follows from it.
    """
    if old.kind != new.kind or new.channels not in (None, old.channels):
        return False
    if not _targets_stay(old, new):
        return False
    known = _OldMatches(old, frozenset(relations))
    return all(known.implies(match) for match in new.match)


def _targets_stay(old: Specification, new: Specification) -> bool:
    """Whether the references of the new specification may still go to each table and column of the old one.

    A reference follows a match whose first alternative is the table, through its alternatives and those of its fields.
    """
    targets = {reference.to for match in new.match for one in match.alternatives for reference in steps(one.references)}
    if not targets:
        return True
    kept = set(map(_choices, steps(new.match)))
    followed = (_choices(match) for match in steps(old.match) if match.alternatives[0].path in targets)
    return all(choices in kept for choices in followed if len(choices) > 1 or choices[0][1])


def _choices(match: Match) -> tuple[tuple[Path, frozenset[Field]], ...]:
    """Return the tables of a match, each with those of its fields that have alternatives."""
    return tuple(
        (one.path, frozenset(field for field in one.fields if len(field.alternatives) > 1))
        for one in match.alternatives
    )


class _OldMatches:
    """Indexes the old matches by their content, so that not each new match is compared with each old one."""

    def __init__(self, old: Specification, relations: frozenset[Path]) -> None:
        self._relations = relations
        self._by_paths: dict[_Paths, list[_OldMatch]] = defaultdict(list)
        self._by_field: dict[tuple[_Paths, int, _Names], list[_OldMatch]] = defaultdict(list)
        self._comparisons = 0
        for match in dict.fromkeys(steps(old.match)):
            known = _OldMatch(match, [_fields_by_names(alternative) for alternative in match.alternatives])
            self._by_paths[known.paths].append(known)
            for position, names in _field_positions(match):
                self._by_field[known.paths, position, names].append(known)

    def implies(self, new: Match) -> bool:
        paths = _paths(new)
        if self._some_implies(paths, new):
            return True
        return (
            len(paths) == 1 and paths[0] in self._relations and self._some_implies((Path(paths[0].schema, None),), new)
        )

    def _some_implies(self, paths: _Paths, new: Match) -> bool:
        for old in self._candidates(paths, new):
            self._comparisons += 1
            if self._comparisons > MAX_COMPARISONS:
                return False
            if old.implies(new):
                return True
        return False

    def _candidates(self, paths: _Paths, new: Match) -> Sequence[_OldMatch]:
        """Return the old matches with these paths, limited to those with the rarest field of the new match."""
        candidates: Sequence[_OldMatch] = self._by_paths.get(paths, ())
        for position, names in _field_positions(new):
            if len(candidates) > 1:
                wildcards = self._by_field.get((paths, position, _WILDCARD), [])
                named = self._by_field.get((paths, position, names), []) if names != _WILDCARD else []
                if len(wildcards) + len(named) < len(candidates):
                    candidates = wildcards + named
        return candidates


class _OldMatch:
    """An old match with its fields by their names."""

    def __init__(self, match: Match, fields: list[_FieldsByNames]) -> None:
        self.paths = _paths(match)
        self._match = match
        self._fields = fields

    def implies(self, new: Match) -> bool:
        old = self._match
        return (
            (new.optional or not old.optional)
            # Days in this form compare as texts.
            and (new.until is None or (old.until is not None and new.until <= old.until))
            and _subset(new.events, old.events, frozenset(EVENTS))
            and _subset(new.channels, old.channels, None)
            and all(map(_alternative_implies, old.alternatives, self._fields, new.alternatives))
        )


def _field_positions(match: Match) -> Iterator[tuple[int, _Names]]:
    """Return each field of a match: the position of its alternative, and its names."""
    for position, alternative in enumerate(match.alternatives):
        step()
        if alternative.wildcard:
            yield position, _WILDCARD
        for field in steps(alternative.fields):
            yield position, _names(field)


def _paths(match: Match) -> _Paths:
    return tuple(alternative.path for alternative in match.alternatives)


def _fields_by_names(alternative: Alternative) -> _FieldsByNames:
    return {_names(field): field for field in alternative.fields}


def _names(field: Field) -> _Names:
    return tuple(alternative.name for alternative in field.alternatives)


def _subset(new: tuple[str, ...], old: tuple[str, ...], everything: frozenset[str] | None) -> bool:
    return old == ALL or set(new) <= set(old) or frozenset(old) == everything


def _alternative_implies(old: Alternative, old_fields: _FieldsByNames, new: Alternative) -> bool:
    if not set(map(frozenset, new.unique)) <= set(map(frozenset, old.unique)):
        return False
    if not set(new.references) <= set(old.references):
        return False
    if new.wildcard:
        return old.wildcard
    if old.wildcard:
        return all(_demands_only_existence(field) for field in new.fields)
    return all(
        (candidate := old_fields.get(_names(field))) is not None and _field_implies(candidate, field)
        for field in steps(new.fields)
    )


def _demands_only_existence(field: Field) -> bool:
    """Whether a field fits into ``["*"]``, which claims every column as it is: a written property may require more."""
    return all(
        one.type is None and one.min_length is None and one.is_nullable is not False for one in field.alternatives
    )


def _field_implies(old: Field, new: Field) -> bool:
    return (new.optional or not old.optional) and all(
        _column_implies(*pair) for pair in zip(old.alternatives, new.alternatives, strict=True)
    )


def _column_implies(old: FieldAlternative, new: FieldAlternative) -> bool:
    """Whether an old column implies a new one; an omitted property follows the catalog, which may be stricter."""
    old_type, old_length = _type_and_length(old)
    new_type, new_length = _type_and_length(new)
    return (
        old_type == new_type
        and (old_length == new_length or _at_most(new_length, old_length))
        and (old.is_nullable == new.is_nullable or new.is_nullable is True)
    )


def _type_and_length(column: FieldAlternative) -> tuple[str | None, int | None]:
    """Return the required type and length: ``varchar(40)`` is ``character varying`` with a ``min_length`` of 40."""
    if column.type is None:
        return None, column.min_length
    name = parse_type_name(column.type)
    return name.key, name.length if column.min_length is None else column.min_length


def _at_most(new: int | None, old: int | None) -> bool:
    return new is not None and old is not None and new <= old
