"""Which transactions of the stream a snapshot does not see yet, by the 32 bits that the stream has of them."""

from __future__ import annotations

import pytest

from integratedb_companion.api.subscriptions.visibility import under_way

WRAPPED = 5 << 32


@pytest.mark.parametrize(
    ("snapshot", "xids", "expected"),
    [
        ("100:100:", [99, 98], []),
        ("100:100:", [100, 101], [100, 101]),
        ("100:105:101,103", [100, 101, 102, 103, 104, 105], [101, 103, 105]),
        # After the numbers have wrapped around.
        (f"{WRAPPED + 2}:{WRAPPED + 4}:{WRAPPED + 2}", [(1 << 32) - 1, 1, 2, 3, 4], [2, 4]),
    ],
)
def test_what_is_under_way_and_what_begins_later_is_not_seen(
    snapshot: str, xids: list[int], expected: list[int]
) -> None:
    assert under_way(snapshot, xids) == expected
