"""Judges a change of the primary before it is made: who takes over, how long, and what speaks against it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from .nodes import WELL, Node, Status

#: A new primary must not have to catch up for long, while nothing can be written.
MOST_LAG_BYTES = 16 << 20
#: Measured: 2.8 to 3.0 s on an idle machine. Each 16 MB of lag adds about a second.
USUAL_S = 3.0


@dataclass(frozen=True)
class Preview:
    """What a switchover would do."""

    old: str | None
    new: str | None
    lag_bytes: int | None
    sync: str | None
    slot: str | None
    read_only_s: float
    at: str | None
    #: What speaks against it. The switchover is refused while there is any.
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document of POST /switchover."""
        found = asdict(self)
        return {"from": found.pop("old"), "to": found.pop("new"), **found}


def preview(state: Status, to: str | None, at: str | None, now: datetime) -> Preview:
    """Return what a switchover to a node would do; without a name the best replica is chosen."""
    chosen = state.node(to) if to is not None else _best(state)
    reasons: list[str] = []
    if not state.quorum:
        reasons.append("etcd has no majority, so nobody can become the primary")
    if state.primary is None:
        reasons.append("there is no primary to take over from")
    if state.paused:
        reasons.append("Patroni is paused")
    if to is not None and chosen is None:
        reasons.append(f"there is no node {to}: there are {', '.join(node.name for node in state.nodes)}")
    elif chosen is None:
        reasons.append("no replica is able to take over")
    else:
        reasons += _against(chosen, state)
    reasons += _against_time(at, now)
    lag = chosen.lag_bytes if chosen else None
    return Preview(
        state.primary,
        chosen.name if chosen else to,
        lag,
        chosen.sync if chosen else None,
        chosen.slot if chosen else None,
        round(USUAL_S + (lag or 0) / (16 << 20), 1),
        at,
        tuple(reasons),
    )


def _best(state: Status) -> Node | None:
    able = [node for node in state.nodes if not _against(node, state)]
    return min(able, key=lambda node: node.lag_bytes or 0, default=None)


def _against(node: Node, state: Status) -> list[str]:
    if node.name == state.primary:
        return [f"node {node.name} is the primary already"]
    if node.role == "lost":
        return [f"node {node.name} is lost"]
    reasons = []
    if not node.answers:
        reasons.append(f"Patroni of node {node.name} does not answer")
    if node.state not in WELL:
        reasons.append(f"node {node.name} is {node.state}, not streaming")
    if state.synchronous and node.sync != "sync":
        reasons.append(f"node {node.name} is not the synchronous standby, and may lack the last commits")
    primary = state.node(state.primary) if state.primary else None
    if primary and primary.timeline and node.timeline and node.timeline != primary.timeline:
        reasons.append(f"node {node.name} is on timeline {node.timeline}, the primary on {primary.timeline}")
    if node.lag_bytes is None:
        reasons.append(f"the lag of node {node.name} is unknown")
    elif node.lag_bytes > MOST_LAG_BYTES:
        reasons.append(f"node {node.name} is {node.lag_bytes >> 20} MB behind")
    if node.slot not in (None, "ready"):
        reasons.append(f"node {node.name} has no usable copy of the daemon's slot, so notifications would be lost")
    return reasons


def _against_time(at: str | None, now: datetime) -> list[str]:
    if at is None:
        return []
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        return [f"{at[:40]!a} is not a time such as 2026-05-04T03:00:00+00:00"]
    if time.tzinfo is None or not re.search(r"([+-]\d\d:?\d\d|Z)$", at):
        return ["the time must name its offset from UTC, such as +00:00"]
    return ["the time has passed"] if time <= now else []
