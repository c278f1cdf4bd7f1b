"""The timelines of a server: after a failover, positions beyond the fork are used a second time, for other changes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from .pgoutput import parse_lsn


class TimelineError(ValueError):
    """A timeline history does not have the form that Postgres documents."""


@dataclass(frozen=True, slots=True)
class Timelines:
    """The present timeline of a server, and where it left its earlier ones."""

    current: int
    #: The earlier timelines with the positions at which the server left them, in order.
    left: tuple[tuple[int, int], ...] = ()

    def of(self, lsn: int) -> int:
        """Return the timeline on which the server wrote this position."""
        if not self.left or lsn >= self.left[-1][1]:
            return self.current
        return self.left[bisect_right(self.left, lsn, key=lambda fork: fork[1])][0]

    def fork(self, timeline: int) -> int | None:
        """Return where the server left an earlier timeline; None when it was never on it, or still is."""
        return dict(self.left).get(timeline)


#: Of a server that was always a primary.
FIRST: Final = Timelines(1)


def parse_history(current: int, text: str) -> Timelines:
    """Parse a timeline history file: the number of a timeline, the position of its end, and a reason in each line."""
    left = []
    for line in text.splitlines():
        words = line.split(maxsplit=2)
        if not words or words[0].startswith("#"):
            continue
        try:
            left.append((int(words[0]), parse_lsn(words[1])))
        except (ValueError, IndexError):
            raise TimelineError(f"not a line of a timeline history: {line[:80]!r}") from None
    return Timelines(current, tuple(left))
