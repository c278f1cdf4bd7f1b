"""Which timeline wrote a position, and where a server left its earlier ones."""

from __future__ import annotations

import pytest

from integratedb_companion.daemon.stream.timelines import FIRST, TimelineError, Timelines, parse_history

# As Postgres writes it, with the comment that an operator may add.
HISTORY = "1\t0/3000148\tno recovery target specified\n\n# by hand\n2\t1/0\tbefore 2026-01-01 00:00:00+00\n"


def test_a_history_is_read() -> None:
    assert parse_history(3, HISTORY) == Timelines(3, ((1, 0x3000148), (2, 0x100000000)))
    assert parse_history(1, "") == FIRST


@pytest.mark.parametrize("text", ["x\t0/1\t", "1", "1\tsomewhere\t"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(TimelineError, match="not a line of a timeline history"):
        parse_history(2, text)


@pytest.mark.parametrize(
    ("lsn", "timeline"),
    [(0, 1), (0x3000147, 1), (0x3000148, 2), (0xFFFFFFFF, 2), (0x100000000, 3), (1 << 40, 3)],
)
def test_a_position_belongs_to_the_timeline_that_wrote_it(lsn: int, timeline: int) -> None:
    assert parse_history(3, HISTORY).of(lsn) == timeline
    assert FIRST.of(lsn) == 1


def test_where_a_timeline_was_left() -> None:
    timelines = parse_history(3, HISTORY)
    assert (timelines.fork(1), timelines.fork(2), timelines.fork(3), timelines.fork(4)) == (
        0x3000148,
        0x100000000,
        None,
        None,
    )
