"""What changes between two states of a stakeholder, in the parts that people think in: matches by table, channels by name."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .model import Document

Action = Literal["add", "change", "remove"]


@dataclass(frozen=True)
class PartChange:
    """A match or a channel that is added, changed or removed; `before` or `after` is None where there is none."""

    part: Literal["claims", "notifications", "channels"]
    name: str
    before: Document | None
    after: Document | None

    @property
    def action(self) -> Action:
        """Which of the three it is."""
        return "add" if self.before is None else "remove" if self.after is None else "change"


@dataclass(frozen=True)
class Change:
    """What happens to one stakeholder. `hidden`: something that nobody is shown changes too, a secret of a channel."""

    stakeholder: str
    action: Action
    parts: tuple[PartChange, ...] = ()
    hidden: bool = False
    file: str | None = field(default=None, compare=False)


def compare(kind: Literal["claims", "notifications"], before: Document, after: Document) -> list[PartChange]:
    """The difference of two specifications in their short form."""
    matches = _paired(before["match"], after["match"], match_name)
    changes = [PartChange(kind, name, old, new) for name, old, new in matches]
    channels = _paired(before.get("channels", []), after.get("channels", []), channel_name)
    return changes + [PartChange("channels", name, old, new) for name, old, new in channels]


def match_name(match: Document) -> str:
    """What a match is known by: its table, or its tables."""
    paths = [alternative["path"] for alternative in match.get("alternatives", [match])]
    return " or ".join(dict.fromkeys(paths))


def channel_name(channel: Document) -> str:
    """What a channel is known by."""
    return f"{channel.get('name', channel['type'])} ({channel['type']})"


def _paired(
    before: Iterable[Document], after: Iterable[Document], name: Callable[[Document], str]
) -> list[tuple[str, Document | None, Document | None]]:
    """Pairs what has the same name, in order; what is equal falls out first, so that only what differs is paired."""
    old, new = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    for entry in before:
        old[name(entry)].append(entry)
    for entry in after:
        if entry in old[name(entry)]:
            old[name(entry)].remove(entry)
        else:
            new[name(entry)].append(entry)
    result: list[tuple[str, Document | None, Document | None]] = []
    for key in dict.fromkeys([*old, *new]):
        was, becomes = old[key], new[key]
        result += [(key, *pair) for pair in itertools.zip_longest(was, becomes)]
    return result
