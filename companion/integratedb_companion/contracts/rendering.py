"""Renders a plan: as text with added, changed and removed parts, coloured on a terminal, or as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from integratedb_companion.common.agreements import deprecation_line, waiver_line
from integratedb_companion.common.masking import masked
from integratedb_companion.common.output import styled

from .difference import Change, PartChange
from .model import Document
from .reconcile import Outcome
from .yaml_source import write

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
WORDS = {"add": "to add", "change": "to change", "remove": "to remove"}
PARTS = ("claims", "notifications", "queries", "channels")


def as_text(outcome: Outcome, unmanaged: list[str], directory: str) -> Iterator[str]:
    """Return the lines of a plan."""
    for change in outcome.changes:
        sign, color = SIGNS[change.action]
        where = styled(f"  {change.file}", dim=True) if change.file else ""
        yield styled(f"{sign} {change.stakeholder}", fg=color, bold=True) + where
        for part in PARTS:
            parts = [entry for entry in change.parts if entry.part == part]
            if parts:
                yield f"    {part}"
                for entry in parts:
                    yield from _part(entry)
        if change.hidden:
            yield "    channels"
            yield styled("      ~ a secret, or a password in a URL, which is not shown", fg="yellow")
        yield ""
    if unmanaged:
        yield f"Without a contract in {directory}, and kept (--prune drops them): {', '.join(unmanaged)}"
        yield ""
    agreed = [*map(deprecation_line, outcome.deprecations), *map(waiver_line, outcome.waivers)]
    if agreed:
        yield from (styled(line, fg="yellow") for line in agreed)
        yield ""
    yield styled(summary(outcome.changes), bold=True)


def summary(changes: list[Change]) -> str:
    """Summarise a plan in one line."""
    if not changes:
        return "No changes: the database is as the contracts say."
    counts = ", ".join(f"{sum(c.action == action for c in changes)} {word}" for action, word in WORDS.items())
    return f"Stakeholders: {counts}."


def _part(change: PartChange) -> Iterator[str]:
    sign, color = SIGNS[change.action]
    yield styled(f"      {sign} {change.name}", fg=color)
    before, after = (_lines(side) for side in _shown(change))
    if change.action == "change":
        for tag, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(a=before, b=after).get_opcodes():
            if tag == "equal":
                yield from (styled(f"            {line}") for line in before[old_from:old_to])
            else:
                yield from (styled(f"          - {line}", fg="red") for line in before[old_from:old_to])
                yield from (styled(f"          + {line}", fg="green") for line in after[new_from:new_to])
    else:
        for line in after or before:
            yield styled(f"          {sign} {line}", fg=color)


def _shown(change: PartChange) -> tuple[Document | None, Document | None]:
    """Return both sides as they may be shown: without values of variables, and without the earlier value of one."""
    if change.part != "channels":
        return change.before, change.after
    before, after = masked(change.before), masked(change.after)
    if before and after and change.after:
        for key, text in after.items():
            if text != change.after[key] and key in before and before[key] != text:
                before[key] = "(another value, which is not shown)"
    return before, after


def _lines(part: Document | None) -> list[str]:
    """Return the lines of a part, without what its heading shows."""
    if part is None:
        return []
    told = ("path",) if "path" in part else ("name", "type") if "type" in part else ()
    rest = {key: value for key, value in part.items() if key not in told}
    return write(rest).splitlines() if rest else []


def as_json(outcome: Outcome, unmanaged: list[str]) -> dict[str, Any]:
    """Return the plan as a document."""
    return {
        "changes": [
            {
                "stakeholder": change.stakeholder,
                "action": change.action,
                "file": change.file,
                "secrets_change": change.hidden,
                **{
                    part: [
                        {"action": entry.action, "name": entry.name, "before": before, "after": after}
                        for entry in change.parts
                        if entry.part == part
                        for before, after in [_shown(entry)]
                    ]
                    for part in PARTS
                },
            }
            for change in outcome.changes
        ],
        "unmanaged": unmanaged,
        "deprecations": outcome.deprecations,
        "waivers": outcome.waivers,
    }
