"""Whether a new specification asks for no more than an old one: then the stakeholder may replace the old one itself.

Conservative: False where the documents alone cannot tell. Asking for no more means that every relation and column
that the new one may read, and every event it is told of, is the old one's too, and that whatever breaks a new match
broke the old one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from .model import Alternative, Field, FieldAlternative, Match, Path, Specification
from .short_form import ALL, EVENTS

_Paths = tuple[Path, ...]
_Names = tuple[str, ...]
_FieldsByNames = dict[_Names, Field]

_WILDCARD: _Names = ("*",)


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
    """The old matches by what they are about, so that not each new match is compared with each old one."""

    def __init__(self, old: Specification, relations: frozenset[Path]) -> None:
        self._relations = relations
        self._by_paths: dict[_Paths, list[_Old]] = defaultdict(list)
        self._by_field: dict[tuple[_Paths, int, _Names], list[_Old]] = defaultdict(list)
        for match in dict.fromkeys(old.match):
            known = _Old(match, [_fields_by_names(alternative) for alternative in match.alternatives])
            self._by_paths[known.paths].append(known)
            for position, names in _places(match):
                self._by_field[known.paths, position, names].append(known)

    def implies(self, new: Match) -> bool:
        paths = _paths(new)
        if any(old.implies(new) for old in self._candidates(paths, new)):
            return True
        if len(paths) == 1 and paths[0] in self._relations:
            return any(old.implies(new) for old in self._candidates((Path(paths[0].schema, None),), new))
        return False

    def _candidates(self, paths: _Paths, new: Match) -> Sequence[_Old]:
        """The old matches with these paths; of the fields of the new one, its rarest tells which of them can do."""
        candidates: Sequence[_Old] = self._by_paths.get(paths, ())
        for position, names in _places(new):
            if len(candidates) > 1:
                wildcards = self._by_field.get((paths, position, _WILDCARD), [])
                named = self._by_field.get((paths, position, names), []) if names != _WILDCARD else []
                if len(wildcards) + len(named) < len(candidates):
                    candidates = wildcards + named
        return candidates


class _Old:
    """An old match with its fields by their names."""

    def __init__(self, match: Match, fields: list[_FieldsByNames]) -> None:
        self.paths = _paths(match)
        self._match = match
        self._fields = fields

    def implies(self, new: Match) -> bool:
        old = self._match
        return (
            (new.optional or not old.optional)
            and _subset(new.events, old.events, frozenset(EVENTS))
            and _subset(new.channels, old.channels, None)
            and all(map(_alternative_implies, old.alternatives, self._fields, new.alternatives))
        )


def _places(match: Match) -> Iterator[tuple[int, _Names]]:
    """Each field of a match: in which of its alternatives, and by what names."""
    for position, alternative in enumerate(match.alternatives):
        if alternative.wildcard:
            yield position, _WILDCARD
        for field in alternative.fields:
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
    if new.wildcard:
        return old.wildcard
    if old.wildcard:
        return all(_demands_only_existence(field) for field in new.fields)
    return all(
        (candidate := old_fields.get(_names(field))) is not None and _field_implies(candidate, field)
        for field in new.fields
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
