"""Defines plain data that the parts of the daemon pass to one another."""

from __future__ import annotations

from dataclasses import dataclass

from integratedb_companion.daemon.routing.events import Event

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an earlier daemon left in the delivery table for a channel: whether events wait, and the last event."""

    waiting: bool
    bytes: int
    last: Key


NO_BACKLOG = Backlog(False, 0, (0, 0))


def key_of(event: Event) -> Key:
    """Return the position of an event in the stream."""
    return event.commit_lsn, event.position


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a channel, as integratedb_status() shows it."""

    state: str
    error: str | None = None
    attempts: int = 0
    retry_in_s: float | None = None
