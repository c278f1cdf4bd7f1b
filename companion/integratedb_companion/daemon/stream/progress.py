"""Computes which LSN may be confirmed: all earlier events are delivered, durably spilled, or have no channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Progress:
    """The routed transactions, and how far the slot may be confirmed."""

    def __init__(self, confirmed_lsn: int) -> None:
        self.confirmed_lsn = confirmed_lsn
        #: The commit LSN of the last transaction that was routed completely.
        self.routed_lsn = 0
        #: The end of the last transaction that need not be sent again; nothing after it has a channel.
        self.done_lsn = 0
        #: How far the server has read.
        self.seen_lsn = 0
        self._routed: deque[tuple[int, int]] = deque()

    def routed(self, commit_lsn: int, end_lsn: int) -> None:
        """Record that a transaction has been routed completely."""
        self.routed_lsn = commit_lsn
        self._routed.append((commit_lsn, end_lsn))

    def seen(self, wal_end: int) -> None:
        """Record that the server has read up to this position and had nothing more to send."""
        self.seen_lsn = max(self.seen_lsn, wal_end)

    def advance(self, oldest_unsafe: Iterable[int | None]) -> int:
        """Advance up to the oldest event that is neither delivered nor durable; returns the position to confirm."""
        oldest = min((lsn for lsn in oldest_unsafe if lsn is not None), default=None)
        while self._routed and (oldest is None or self._routed[0][0] < oldest):
            _, end_lsn = self._routed.popleft()
            self.done_lsn = end_lsn
            self.confirmed_lsn = max(self.confirmed_lsn, end_lsn)
        if oldest is None and not self._routed:
            self.confirmed_lsn = max(self.confirmed_lsn, self.seen_lsn)
        return self.confirmed_lsn
