"""Compares two states of a stakeholder, by matches (identified by their tables) and channels (identified by name)."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from integratedb.specification.type_spellings import folded_type_name, type_key

from .model import Document

_NAME = r'(?:"((?:[^"]|"")+)"|([^".(\[]+))'
_TYPE = re.compile(rf"(?:{_NAME}\.)?{_NAME}(?:\((\d+)\))?(\[\])?")

Action = Literal["add", "change", "remove"]


@dataclass(frozen=True)
class PartChange:
    """A match or a channel that is added, changed or removed; `before` or `after` is None where it does not exist."""

    part: Literal["claims", "notifications", "queries", "channels"]
    name: str
    before: Document | None
    after: Document | None

    @property
    def action(self) -> Action:
        """Whether the part is added, changed or removed."""
        return "add" if self.before is None else "remove" if self.after is None else "change"


@dataclass(frozen=True)
class Change:
    """The changes of one stakeholder. `hidden`: a secret of a channel changes too, which is shown to nobody."""

    stakeholder: str
    action: Action
    parts: tuple[PartChange, ...] = ()
    hidden: bool = False
    file: str | None = field(default=None, compare=False)


def compare(kind: Literal["claims", "notifications"], before: Document, after: Document) -> list[PartChange]:
    """Return the differences of two specifications in their short form."""
    matches = _paired(before["match"], after["match"], match_name, match_meaning)
    changes = [PartChange(kind, name, old, new) for name, old, new in matches]
    channels = _paired(before.get("channels", []), after.get("channels", []), channel_name, lambda channel: channel)
    return changes + [PartChange("channels", name, old, new) for name, old, new in channels]


def compare_queries(before: Mapping[str, Document], after: Mapping[str, Document]) -> list[PartChange]:
    """Return the differences of saved queries, which have the keys query and reads."""
    names = dict.fromkeys([*before, *after])
    changed = (name for name in names if before.get(name) != after.get(name))
    return [PartChange("queries", name, before.get(name), after.get(name)) for name in changed]


def match_name(match: Document) -> str:
    """Return the name by which a match is identified: its table, or its tables."""
    paths = [alternative["path"] for alternative in match.get("alternatives", [match])]
    return " or ".join(dict.fromkeys(paths))


def match_meaning(match: Document) -> Document:
    """Return a match with each type in its canonical spelling, so that another spelling is not a difference."""
    if "alternatives" in match:
        return {**match, "alternatives": [match_meaning(alternative) for alternative in match["alternatives"]]}
    if "fields" in match:
        return {**match, "fields": [_field_meaning(field) for field in match["fields"]]}
    return match


def _field_meaning(field: Any) -> Any:
    if not isinstance(field, dict):
        return field
    if "alternatives" in field:
        return {**field, "alternatives": [_field_meaning(alternative) for alternative in field["alternatives"]]}
    parts = _TYPE.fullmatch(field.get("type", ""))
    if parts is None:
        return field
    quoted_schema, schema, quoted_name, name, length, array = parts.groups()
    schema = _unquoted(quoted_schema) if quoted_schema else schema and schema.lower()
    name = _unquoted(quoted_name) if quoted_name else name.lower() if schema else folded_type_name(name)
    least = {} if length is None else {"min_length": int(length)}
    return {**field, "type": type_key(schema, name, array is not None), **least}


def _unquoted(name: str) -> str:
    return name.replace('""', '"')


def channel_name(channel: Document) -> str:
    """Return the name by which a channel is identified."""
    return f"{channel.get('name', channel['type'])} ({channel['type']})"


def _paired(
    before: Iterable[Document],
    after: Iterable[Document],
    name: Callable[[Document], str],
    meaning: Callable[[Document], Document],
) -> list[tuple[str, Document | None, Document | None]]:
    """Pair entries of the same name, in order; equal entries are removed first, so that only differences are paired."""
    old, new = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    meant = defaultdict[str, list[Document]](list)
    for entry in before:
        old[name(entry)].append(entry)
        meant[name(entry)].append(meaning(entry))
    for entry in after:
        key, means = name(entry), meaning(entry)
        if means in meant[key]:
            place = meant[key].index(means)
            del meant[key][place], old[key][place]
        else:
            new[key].append(entry)
    result: list[tuple[str, Document | None, Document | None]] = []
    for key in dict.fromkeys([*old, *new]):
        was, becomes = old[key], new[key]
        result += [(key, *pair) for pair in itertools.zip_longest(was, becomes)]
    return result
