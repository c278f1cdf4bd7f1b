"""Words for deprecations and waivers, and for the unmet claims that they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def allowed_by(row: Mapping[str, Any]) -> str | None:
    """Return what lets an unmet claim refuse no migration: waived or deprecated; None: it refuses migrations."""
    kinds = {problem.get("allowed") for problem in row["problems"]}
    return str(kinds.pop()) if len(kinds) == 1 and None not in kinds else None


def reason_of(problem: Mapping[str, Any]) -> str | None:
    """Return why a problem is allowed; None: it is not allowed."""
    match problem:
        case {"allowed": "waived", "waiver": {"until": str(until), "days_left": int(days), "reason": str(reason)}}:
            return f"waived until {until[:10]} ({_left(days)}): {reason}"
        case {"allowed": "deprecated", "deprecation": {"at": str(at), "by": str(by)} as known}:
            return f"deprecated at {at[:10]} by {by}{_added(known.get('message'))}"
        case {"allowed": str(allowed)}:
            return allowed
    return None


def deprecation_line(row: Mapping[str, Any]) -> str:
    """Describe a row of integratedb_deprecations() in a line."""
    removal = row["remove_after"]
    when = "no date" if removal is None else f"removal after {removal:%Y-%m-%d} ({_left(row['days_left'])})"
    by = f", claimed by {', '.join(row['claimed_by'])}" if row["claimed_by"] else ""
    return f"{_place(row)} is deprecated, {when}{by}{_added(row['message'])}"


def waiver_line(row: Mapping[str, Any]) -> str:
    """Describe a row of integratedb_waivers() in a line."""
    unmet = ", and unmet" if row["unmet"] else ""
    until = f"{row['until']:%Y-%m-%d} ({_left(row['days_left'])})"
    return f"{_place(row)} of {row['stakeholder']} is waived until {until}{unmet}: {row['reason']}"


def _place(row: Mapping[str, Any]) -> str:
    return str(row["path"]) + (f", column {row['field']}," if row["field"] is not None else "")


def _left(days: int) -> str:
    return f"{days} {'day' if days == 1 else 'days'} left"


def _added(message: Any) -> str:
    return f": {message}" if message else ""
