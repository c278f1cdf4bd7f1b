"""Knows which LSN may be confirmed: everything before it was delivered, is durably spilled, or concerned nobody."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Progress:
    """Transactions that were routed, and how far the slot may go."""

    def __init__(self, confirmed_lsn: int) -> None:
        self.confirmed_lsn = confirmed_lsn
        #: The commit LSN of the last transaction that was routed as a whole.
        self.routed_lsn = 0
        #: Where the last transaction ends that need not come again; beyond it, nothing concerned anybody.
        self.done_lsn = 0
        #: How far the server has read.
        self.seen_lsn = 0
        self._routed: deque[tuple[int, int]] = deque()

    def routed(self, commit_lsn: int, end_lsn: int) -> None:
        """A transaction has been routed as a whole."""
        self.routed_lsn = commit_lsn
        self._routed.append((commit_lsn, end_lsn))

    def seen(self, wal_end: int) -> None:
        """The server has read up to here and had nothing more to send."""
        self.seen_lsn = max(self.seen_lsn, wal_end)

    def advance(self, oldest_unsafe: Iterable[int | None]) -> int:
        """Move on as far as the oldest event that is neither delivered nor durable lets it."""
        oldest = min((lsn for lsn in oldest_unsafe if lsn is not None), default=None)
        while self._routed and (oldest is None or self._routed[0][0] < oldest):
            _, end_lsn = self._routed.popleft()
            self.done_lsn = end_lsn
            self.confirmed_lsn = max(self.confirmed_lsn, end_lsn)
        if oldest is None and not self._routed:
            self.confirmed_lsn = max(self.confirmed_lsn, self.seen_lsn)
        return self.confirmed_lsn
