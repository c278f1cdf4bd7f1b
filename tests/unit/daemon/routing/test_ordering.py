"""Which events keep their order, and how the others are dealt out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integratedb_companion.daemon.routing.events import Event
from integratedb_companion.daemon.routing.ordering import BARRIER, RowKeys, segments
from integratedb_companion.daemon.stream.pgoutput import OMITTED, UNCHANGED, Column, Relation, Row

TEXT = 25


def relation(*keys: str, identity: str = "d", relid: int = 7) -> Relation:
    columns = tuple(Column(name, TEXT, -1, name in keys or identity == "f") for name in ("id", "code", "note"))
    return Relation(relid, "shop", "orders", identity, columns)


BY_ID = RowKeys(relation("id"))


def are_ordered(first: bytes, second: bytes) -> bool:
    """Whether two events of these keys are kept in order."""
    events = [Event(1, position, key, b"", 0.0) for position, key in enumerate((first, second))]
    return not any(len(lanes) == 2 for lanes in segments(events, 2))


def test_events_of_one_row_keep_their_order_and_those_of_two_do_not() -> None:
    first = BY_ID.of(None, [b"1", b"a", b"n"])
    assert are_ordered(first, BY_ID.of(None, [b"1", b"b", None]))
    assert are_ordered(first, BY_ID.of([b"1", None, None], None))
    assert not are_ordered(first, BY_ID.of(None, [b"2", b"a", b"n"]))


def test_an_event_that_changes_the_key_belongs_to_both() -> None:
    moved = BY_ID.of([b"1", None, None], [b"101", b"a", b"n"])
    for key in (b"1", b"101"):
        assert are_ordered(moved, BY_ID.of([key, None, None], None))
    assert not are_ordered(moved, BY_ID.of([b"2", None, None], None))


def test_values_do_not_run_into_each_other() -> None:
    keys = RowKeys(relation("id", "code"))
    assert not are_ordered(keys.of(None, [b"1", b"1:2", None]), keys.of(None, [b"1", b"1", None]))
    assert not are_ordered(keys.of(None, [b"1\0", b"2", None]), keys.of(None, [b"1", b"\02", None]))


def test_a_key_that_the_change_left_alone_is_that_of_before() -> None:
    both: Row = [b"long", None, None]
    assert are_ordered(BY_ID.of(both, [UNCHANGED, b"a", b"n"]), BY_ID.of(both, None))
    assert BY_ID.of(both, [UNCHANGED, b"a", b"n"]) == BY_ID.of(both, None)


def test_a_key_that_is_not_told_is_a_barrier() -> None:
    for old, new in (
        (None, [OMITTED, b"a", None]),
        (None, [UNCHANGED, b"a", None]),
        ([None, b"a", None], None),  # of a partition that is identified by another column
        ([b"1", None, None], [OMITTED, b"a", None]),
    ):
        assert BY_ID.of(old, new) == BARRIER  # type: ignore[arg-type]  # lists in place of rows


def test_a_table_whose_rows_cannot_be_told_apart_is_one_key() -> None:
    for keys in (RowKeys(relation(identity="f")), RowKeys(relation())):
        assert are_ordered(keys.of([b"1", b"a", b"n"], None), keys.of(None, [b"2", b"b", b"n"]))
    other = RowKeys(relation(identity="f", relid=8))
    assert not are_ordered(keys.of(None, [b"1", b"a", b"n"]), other.of(None, [b"1", b"a", b"n"]))


def test_rows_that_are_identified_otherwise_from_here_on_wait_for_those_before() -> None:
    assert are_ordered(BY_ID.of(None, [b"1", b"a", None]), RowKeys(relation("code")).of(None, [b"2", b"b", None]))


def test_a_key_of_an_earlier_version_is_a_barrier() -> None:
    for earlier in (b"", b"1", b"17\0abcdefgh", b"x" * 40, b"\xff"):
        assert are_ordered(earlier, BY_ID.of(None, [b"2", b"a", None]))
        assert are_ordered(BY_ID.of(None, [b"2", b"a", None]), earlier)


ROWS = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([7, 7, 7, 8]), st.sampled_from(["id", "code"]))


@given(st.lists(st.one_of(st.none(), ROWS), max_size=60), st.integers(2, 5))
def test_whatever_is_dealt_out_no_event_can_overtake_one_of_its_rows(
    changes: list[tuple[int, int, int, str] | None], lanes: int
) -> None:
    events = []
    for position, change in enumerate(changes):
        key = BARRIER
        if change is not None:
            before, after, relid, column = change
            rows: list[Row] = [[b"%d" % value, b"%d" % value, None] for value in (before, after)]
            key = RowKeys(relation(column, relid=relid)).of(*rows)
        events.append(Event(1, position, key, b"", 0.0))
    dealt = list(segments(events, lanes))
    place = {
        event.position: (segment, lane, at)
        for segment, several in enumerate(dealt)
        for lane, together in enumerate(several)
        for at, event in enumerate(together)
    }
    assert sorted(place) == list(range(len(events)))
    assert all(len(several) <= lanes for several in dealt)
    for later, change in enumerate(changes):
        for earlier, other in enumerate(changes[:later]):
            segment, lane, at = place[later]
            before_segment, before_lane, before_at = place[earlier]
            together = (
                change is None
                or other is None
                or (change[2] == other[2] and (change[3] != other[3] or {*change[:2]} & {*other[:2]}))
            )
            if together:
                assert before_segment < segment or (
                    before_segment == segment and before_lane == lane and before_at < at
                )
            else:
                assert before_segment <= segment
