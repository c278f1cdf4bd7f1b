"""Reads a document of the right shape into the model, and says what the rules refuse that a JSON Schema cannot say.

A stored document was checked when it was stored. Without a place for refusals, the same code reads it unchecked.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date

from . import forms
from .channels import TYPES, Channel, channel_name, check_channels, fill
from .document import pointer, show
from .forms import Document, Steps
from .identifiers import PathError, name_problem, parse_path, schema_problem
from .keys import KeyFields, check_target_fields
from .model import (
    ALL,
    EVENTS,
    UNLIMITED,
    Alternative,
    Field,
    FieldAlternative,
    Match,
    Path,
    Reference,
    Refusal,
    Specification,
)
from .type_names import TypeNameError, parse_type_name

UNLIMITED_TEXT = "unlimited"

_BOOLEANS = {"true": True, "false": False, True: True, False: False}


class Refusals(list[Refusal]):
    """What is refused so far, at most so many."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def add(self, message: str, steps: Steps) -> None:
        """Add one. Error: EnoughError, when there are as many as anybody reads."""
        self.append(Refusal(message, pointer(steps)))
        if len(self) == self._limit:
            raise EnoughError


class EnoughError(Exception):
    """There are as many refusals as anybody reads."""


def read(document: Document, kind: str) -> Specification:
    """The specification that a document says which was checked: now, or when it was stored."""
    return _Reader(kind, None, None).specification(document)


def read_checked(
    document: Document, kind: str, channels: Sequence[Channel] | None, stakeholder: str | None, limit: int
) -> Specification | Refusals:
    """The specification, or what is refused, at most ``limit``.

    ``channels`` are those that matches may name, ``stakeholder`` is whose specification it is; None: not known.
    """
    refusals = Refusals(limit)
    names = None if channels is None else {name for one in channels for name in (channel_name(one), one["type"])}
    try:
        if "channels" in document:
            for message, steps in check_channels(document["channels"], stakeholder):
                refusals.add(message, steps)
        specification = _Reader(kind, refusals, names).specification(document)
    except EnoughError:
        return refusals
    return refusals or specification


class _Reader:
    """Reads one document. What a match says of which something is refused is None."""

    def __init__(self, kind: str, refusals: Refusals | None, channel_names: set[str] | None) -> None:
        self._kind = kind
        self._refusals = refusals
        self._channel_names = channel_names
        #: Where each match stands, by what it means.
        self._known: dict[Hashable, Steps] = {}

    def specification(self, document: Document) -> Specification:
        matches = (self._match(steps, match) for steps, match in forms.matches(document))
        read_matches = tuple(match for match in matches if match is not None)
        channels = document.get("channels")
        filled = None if channels is None else tuple(fill(channel) for channel in channels)
        return Specification(self._kind, read_matches, filled)

    def _match(self, steps: Steps, match: Document) -> Match | None:
        events: Sequence[str] = match.get("events", ALL)
        channels: Sequence[str] = match.get("channels", ALL)
        if self._refusals is not None:
            _check_words(self._refusals, events, (*steps, "events"))
            _check_words(self._refusals, channels, (*steps, "channels"))
            if self._channel_names is not None:
                _check_channel_names(self._refusals, channels, self._channel_names, (*steps, "channels"))
            if "until" in match:
                _check_date(self._refusals, match["until"], (*steps, "until"))
        alternatives = self._alternatives(steps, match)
        if alternatives is None:
            return None
        said = ALL if list(events) == ["*"] else tuple(event for event in EVENTS if event in events)
        is_optional = match.get("optional", False)
        if self._refusals is not None:
            # The order of fields, events and channels says nothing.
            meaning = (
                tuple(
                    (
                        one.path,
                        one.wildcard,
                        frozenset(one.fields),
                        frozenset(map(frozenset, one.unique)),
                        frozenset(one.references),
                    )
                    for one in alternatives
                ),
                is_optional,
                ALL if set(said) == set(EVENTS) else said,
                frozenset(channels),
            )
            if (first := self._known.setdefault(meaning, steps)) != steps:
                self._refusals.add(f"the same match stands before it, at {pointer(first)}", steps)
        until: str | None = match.get("until")
        if self._kind in ("claims", "queries"):
            return Match(alternatives, is_optional, query=match.get("query"), until=until)
        return Match(alternatives, is_optional, said, tuple(channels), until=until)

    def _alternatives(self, steps: Steps, match: Document) -> tuple[Alternative, ...] | None:
        alternatives: list[Alternative] = []
        seen: set[Alternative] = set()
        is_refused = False
        for place, entry in forms.alternatives(steps, match):
            before = len(self._refusals or ())
            alternative = self._alternative(place, entry, inside_alternatives="alternatives" in match)
            if alternative is None or len(self._refusals or ()) > before:
                is_refused = True
                continue
            if self._refusals is not None:
                if alternative in seen:
                    self._refusals.add("the same alternative stands before it", place)
                seen.add(alternative)
            alternatives.append(alternative)
        return None if is_refused else tuple(alternatives)

    def _alternative(self, steps: Steps, alternative: Document, *, inside_alternatives: bool) -> Alternative | None:
        path = self._path(steps, alternative, inside_alternatives=inside_alternatives)
        wildcard = forms.is_wildcard(alternative)
        fields = () if wildcard else self._fields(steps, alternative)
        if self._refusals is not None:
            self._check_keys(self._refusals, steps, alternative, path)
        unique = tuple(tuple(names) for _, names in forms.unique_keys(steps, alternative))
        references = self._references(steps, alternative)
        return None if path is None else Alternative(path, fields, wildcard, unique, references)

    def _path(self, steps: Steps, alternative: Document, *, inside_alternatives: bool) -> Path | None:
        text = alternative["path"]
        if self._refusals is None:
            return parse_path(text)
        place = (*steps, "path")
        try:
            path = parse_path(text)
        except PathError as error:
            self._refusals.add(f"{show(text)} is not a table path: {error}", place)
            return None
        if (problem := schema_problem(path.schema)) is not None:
            self._refusals.add(f"{show(text)} cannot be claimed: {problem}", place)
        if path.relation is None and inside_alternatives:
            self._refusals.add(f"{show(text)} cannot stand inside alternatives: a whole schema has none", place)
        elif path.relation is None and not forms.is_wildcard(alternative):
            self._refusals.add(f"{show(text)} stands for many tables and goes only with 'fields': ['*']", place)
        return path

    def _check_keys(self, refusals: Refusals, steps: Steps, alternative: Document, path: Path | None) -> None:
        if path is not None and path.relation is None:
            for key in ("unique", "references"):
                if alternative.get(key):
                    refusals.add(f"{show(alternative['path'])} stands for many tables; a key is of one", (*steps, key))
            return
        fields: KeyFields | None = None
        seen: set[frozenset[str]] = set()
        for place, names in forms.unique_keys(steps, alternative):
            fields = fields or KeyFields(steps, alternative)
            fields.check(names, place, refusals.add)
            if frozenset(names) in seen:
                refusals.add("the same key stands before it", place)
            seen.add(frozenset(names))
        for place, reference in forms.references(steps, alternative):
            fields = fields or KeyFields(steps, alternative)
            fields.check(reference["fields"], (*place, "fields"), refusals.add)
            check_target_fields(reference, place, refusals.add)

    def _references(self, steps: Steps, alternative: Document) -> tuple[Reference, ...]:
        references: list[Reference] = []
        seen: set[Reference] = set()
        for place, entry in forms.references(steps, alternative):
            target = self._target(place, entry["to"])
            if target is None:
                continue
            reference = Reference(tuple(entry["fields"]), target, tuple(entry.get("to_fields", ())))
            if self._refusals is not None:
                if reference in seen:
                    self._refusals.add("the same reference stands before it", place)
                seen.add(reference)
            references.append(reference)
        return tuple(references)

    def _target(self, steps: Steps, text: str) -> Path | None:
        if self._refusals is None:
            return parse_path(text)
        place = (*steps, "to")
        try:
            path = parse_path(text)
        except PathError as error:
            self._refusals.add(f"{show(text)} is not a table path: {error}", place)
            return None
        if (problem := schema_problem(path.schema)) is not None:
            self._refusals.add(f"{show(text)} cannot be referenced: {problem}", place)
        if path.relation is None:
            self._refusals.add(f"{show(text)} stands for many tables; a reference is to one", place)
        return path

    def _fields(self, steps: Steps, alternative: Document) -> tuple[Field, ...]:
        fields = []
        named: set[tuple[str, ...]] = set()
        for place, field in forms.fields(steps, alternative):
            if self._refusals is not None and field == "*":
                self._refusals.add("'*' stands for all columns and must be the only entry", place)
                continue
            entries = list(forms.field_alternatives(place, field))
            alternatives: list[FieldAlternative] = []
            seen: set[FieldAlternative] = set()
            for spot, entry in entries:
                column = self._column(spot, entry)
                if column is None:
                    continue
                if self._refusals is not None:
                    if column in seen:
                        self._refusals.add("the same alternative stands before it", spot)
                    seen.add(column)
                alternatives.append(column)
            if self._refusals is not None:
                names = tuple(forms.column_name(entry) for _, entry in entries)
                if names in named:
                    self._refusals.add(f"the field {show(names[0])} stands before it; a field is named once", place)
                named.add(names)
            fields.append(Field(tuple(alternatives), isinstance(field, dict) and field.get("optional", False)))
        return tuple(fields)

    def _column(self, steps: Steps, entry: str | Document) -> FieldAlternative | None:
        before = len(self._refusals or ())
        name = forms.column_name(entry)
        if self._refusals is not None:
            place = steps if isinstance(entry, str) else (*steps, "name")
            if name == "*":
                self._refusals.add("'*' is no column: it stands for all of them, alone, as 'fields': ['*']", place)
            elif (problem := name_problem(name)) is not None:
                self._refusals.add(f"{show(name)} is no column: {problem}", place)
        if isinstance(entry, str):
            return FieldAlternative(name) if len(self._refusals or ()) == before else None
        type_name = self._type(steps, entry) if "type" in entry else None
        if len(self._refusals or ()) > before:
            return None
        min_length, is_nullable = entry.get("min_length"), entry.get("is_nullable")
        return FieldAlternative(
            name=name,
            type=type_name,
            min_length=None if min_length is None else UNLIMITED if min_length == UNLIMITED_TEXT else int(min_length),
            is_nullable=None if is_nullable is None else _BOOLEANS[is_nullable],
        )

    def _type(self, steps: Steps, entry: Document) -> str | None:
        if self._refusals is None:
            return parse_type_name(entry["type"]).text
        try:
            parsed = parse_type_name(entry["type"])
        except TypeNameError as error:
            self._refusals.add(f"{show(entry['type'])} is not a type to claim: {error}", (*steps, "type"))
            return None
        least = entry.get("min_length")
        if None not in (parsed.length, least) and parsed.length != least:
            self._refusals.add(
                f"{show(least)} is not the length that the type says; leave one of the two out", (*steps, "min_length")
            )
        return parsed.text


def _check_words(refusals: Refusals, words: Sequence[str], steps: Steps) -> None:
    if "*" in words and len(words) > 1:
        refusals.add("'*' stands for all and must be the only entry", (*steps, words.index("*")))
    seen: set[str] = set()
    for index, word in enumerate(words):
        if word in seen:
            refusals.add(f"{show(word)} stands before it", (*steps, index))
        seen.add(word)


def _check_date(refusals: Refusals, text: str, steps: Steps) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        refusals.add(f"{show(text)} is not a day of the calendar; expected YYYY-MM-DD", steps)


def _check_channel_names(refusals: Refusals, words: Sequence[str], names: set[str], steps: Steps) -> None:
    for index, word in enumerate(words):
        if word == "*" or word in names:
            continue
        if word in TYPES:
            refusals.add(f"there is no channel of type {word}", (*steps, index))
        else:
            refusals.add(f"there is no channel {show(word)}", (*steps, index))
