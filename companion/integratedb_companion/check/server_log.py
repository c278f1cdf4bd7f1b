"""Reads the log of the throw-away server for refusals and warnings that a migration tool may not show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The beginnings of the warnings about a migration that breaks a claim and is permitted.
_LET_THROUGH = ("enforcement is explicit: ", "overridden (")
_LINE = re.compile(r"^(?P<stakeholder>\w+) \((?P<kind>claims|notifications|query [a-z0-9_-]+)\): (?P<message>.*)$")


@dataclass(frozen=True)
class Refusal:
    """A claim that a transaction broke, in the words of the extension."""

    stakeholder: str
    kind: str
    message: str
    occasion: str


def refusals(log: str) -> Iterator[Refusal]:
    """Return the broken claims in order, each once; the log has one JSON object a line."""
    seen = set()
    for text in log.splitlines():
        try:
            entry = json.loads(text)
        except ValueError:  # the last line may be incomplete
            continue
        message = entry.get("message", "")
        if entry.get("state_code") != "IDB01" and not message.startswith(_LET_THROUGH):
            continue
        for line in (entry.get("detail") or "").splitlines():
            found = _LINE.match(line)
            if found and line not in seen:
                seen.add(line)
                occasion = "overridden" if message.startswith("overridden") else "refused"
                yield Refusal(found["stakeholder"], found["kind"], found["message"], occasion)
