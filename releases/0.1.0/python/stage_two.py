"""Stage two: the rules about a well-shaped document that a JSON Schema cannot say, as far as no catalog is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import forms
from .channels import TYPES, Channel, channel_name, check_channels
from .document import pointer, show
from .forms import Document, Steps
from .identifiers import PathError, name_problem, parse_path, schema_problem
from .model import Refusal
from .short_form import read_alternative, read_field_alternative
from .type_names import TypeNameError, parse_type_name


def check_rules(document: Document, channels: Sequence[Channel] | None) -> Iterator[Refusal]:
    """What is refused; ``channels`` are those that matches may name, None when they are not known."""
    if "channels" in document:
        yield from check_channels(document["channels"])
    names = None if channels is None else {known for one in channels for known in (channel_name(one), one["type"])}
    for steps, match in forms.matches(document):
        yield from _check_words(match.get("events", ()), (*steps, "events"))
        yield from _check_words(match.get("channels", ()), (*steps, "channels"))
        if names is not None:
            yield from _check_channel_names(match.get("channels", ()), names, (*steps, "channels"))
        seen = set()
        for place, alternative in forms.alternatives(steps, match):
            refusals = list(_check_alternative(place, alternative, inside_alternatives="alternatives" in match))
            yield from refusals
            if not refusals:
                meaning = read_alternative(alternative)
                if meaning in seen:
                    yield Refusal("the same alternative stands before it", pointer(place))
                seen.add(meaning)


def _check_words(words: Sequence[str], steps: Steps) -> Iterator[Refusal]:
    if "*" in words and len(words) > 1:
        yield Refusal('"*" stands for all and must be the only entry', pointer((*steps, words.index("*"))))
    seen: set[str] = set()
    for index, word in enumerate(words):
        if word in seen:
            yield Refusal(f"{show(word)} stands before it", pointer((*steps, index)))
        seen.add(word)


def _check_channel_names(words: Sequence[str], names: set[str], steps: Steps) -> Iterator[Refusal]:
    for index, word in enumerate(words):
        if word == "*" or word in names:
            continue
        if word in TYPES:
            yield Refusal(f"there is no channel of type {word}", pointer((*steps, index)))
        else:
            yield Refusal(f"there is no channel {show(word)}", pointer((*steps, index)))


def _check_alternative(steps: Steps, alternative: Document, *, inside_alternatives: bool) -> Iterator[Refusal]:
    text = alternative["path"]
    place = pointer((*steps, "path"))
    try:
        path = parse_path(text)
    except PathError as error:
        yield Refusal(f"{show(text)} is not a table path: {error}", place)
    else:
        if (problem := schema_problem(path.schema)) is not None:
            yield Refusal(f"{show(text)} cannot be claimed: {problem}", place)
        if path.relation is None and inside_alternatives:
            yield Refusal(f"{show(text)} cannot stand inside alternatives: a whole schema has none", place)
        elif path.relation is None and not forms.is_wildcard(alternative):
            yield Refusal(f'{show(text)} stands for many tables and goes only with "fields": ["*"]', place)
    yield from _check_fields(steps, alternative)


def _check_fields(steps: Steps, alternative: Document) -> Iterator[Refusal]:
    if forms.is_wildcard(alternative):
        return
    named: set[tuple[str, ...]] = set()
    for place, field in forms.fields(steps, alternative):
        if field == "*":
            yield Refusal('"*" stands for all columns and must be the only entry', pointer(place))
            continue
        entries = list(forms.field_alternatives(place, field))
        seen = set()
        for spot, entry in entries:
            refusals = list(_check_column(spot, entry))
            yield from refusals
            if not refusals:
                meaning = read_field_alternative(entry)
                if meaning in seen:
                    yield Refusal("the same alternative stands before it", pointer(spot))
                seen.add(meaning)
        names = tuple(forms.column_name(entry) for _, entry in entries)
        if names in named:
            yield Refusal(f"the field {show(names[0])} stands before it; a field is named once", pointer(place))
        named.add(names)


def _check_column(steps: Steps, entry: str | Document) -> Iterator[Refusal]:
    name = forms.column_name(entry)
    place = pointer(steps if isinstance(entry, str) else (*steps, "name"))
    if name == "*":
        yield Refusal('"*" is no column: it stands for all of them, alone, as "fields": ["*"]', place)
    elif (problem := name_problem(name)) is not None:
        yield Refusal(f"{show(name)} is no column: {problem}", place)
    if isinstance(entry, dict) and "type" in entry:
        try:
            parse_type_name(entry["type"])
        except TypeNameError as error:
            yield Refusal(f"{show(entry['type'])} is not a type to claim: {error}", pointer((*steps, "type")))
