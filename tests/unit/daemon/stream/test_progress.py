"""How far the slot may go."""

from __future__ import annotations

from integratedb_companion.daemon.stream.progress import Progress


def test_only_what_is_safe_is_confirmed() -> None:
    progress = Progress(5)
    progress.routed(10, 11)
    progress.routed(20, 21)
    progress.routed(30, 31)
    assert progress.advance([20, None]) == 11
    assert progress.advance([30]) == 21
    progress.seen(99)
    assert progress.advance([30]) == 21
    assert progress.advance([None]) == 99
