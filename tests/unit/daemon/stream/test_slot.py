"""Which slots can be gone on with: one that is ours and stands where it was left. Behind others is a gap."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from integratedb_companion.daemon.database import Slot
from integratedb_companion.daemon.stream import slot as slots
from integratedb_companion.daemon.stream.slot import SlotLostError, attach, check, slot_problem
from integratedb_companion.daemon.stream.timelines import FIRST, Timelines

#: Made by this daemon, on this server, and where it was left.
OURS = Slot(
    exists=True,
    usable=True,
    active_pid=None,
    confirmed_lsn=10,
    known="created",
    ceiling_lsn=10,
    same_system=True,
    timeline=1,
    is_carried=True,
)
NONE = replace(OURS, exists=False, usable=False, confirmed_lsn=0, known=None, ceiling_lsn=0)
#: Noted, and the daemon ended before it was made, or before that was noted.
ANNOUNCED = replace(NONE, known="announced")

LOST = {
    "made on another server": replace(OURS, same_system=False),
    "is gone": replace(OURS, exists=False),
    "has removed WAL": replace(OURS, usable=False),
    "stands at 0/B, which this daemon never confirmed (at most 0/A)": replace(OURS, confirmed_lsn=11),
    "was not made by this daemon": replace(OURS, known=None),
}


class FakeDatabase:
    """What the server and the extension know of one slot; notes what it is told."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.done: list[Any] = []

    async def slot(self, name: str) -> Slot:
        return self._slot

    async def slot_announced(self, name: str) -> None:
        self.done.append("announced")

    async def control_ids_in(self, snapshot: str) -> list[int]:
        return [1, 2]

    async def slot_created(self, name: str, lsn: int, control_ids: list[int]) -> None:
        self.done.append(("created", lsn, control_ids))

    async def follow_timeline(self, name: str, confirmed_lsn: int, fork_lsn: int) -> int:
        self.done.append(("followed", confirmed_lsn, fork_lsn))
        return 0

    async def blockers(self, backend_pid: int) -> list[int]:
        return [0, 7]


class FakeConnection:
    """The replication connection of that database."""

    backend_pid = 3

    def __init__(self, database: FakeDatabase, wait_s: float = 0) -> None:
        self._done = database.done
        self._wait_s = wait_s

    async def open(self, dsn: str) -> FakeConnection:
        return self

    async def drop_slot(self, name: str) -> None:
        self._done.append("dropped")

    async def create_slot(self, name: str) -> tuple[int, str]:
        await asyncio.sleep(self._wait_s)
        if self._wait_s < 0:
            raise ConnectionError
        return 99, "snapshot"

    async def carry_slot(self, name: str) -> None:
        self._done.append("carried")

    async def close(self) -> None:
        self._done.append("closed")


def attached(
    slot: Slot, *, accept_gap: bool = False, wait_s: float = 0, timelines: Timelines = FIRST
) -> tuple[tuple[int, bool], list[Any], list[str]]:
    """What attach() says, what it did on the server, and what it said that it waits for."""
    database = FakeDatabase(slot)
    waits: list[str] = []
    with patch.object(slots, "ReplicationConnection", FakeConnection(database, wait_s)):
        answer = asyncio.run(attach("s", database, "dsn", timelines, waits.append, accept_gap=accept_gap))  # type: ignore[arg-type]  # stands for one
    return answer, database.done, waits


MADE = ["announced", ("created", 99, [1, 2]), "closed"]
MADE_AGAIN = ["announced", "dropped", ("created", 99, [1, 2]), "closed"]


@pytest.mark.parametrize("position", [0, 9, 10])
def test_a_slot_of_ours_is_gone_on_with_from_where_it_stands(position: int) -> None:
    slot = replace(OURS, confirmed_lsn=position)
    assert slot_problem("s", slot, FIRST) is None
    assert attached(slot) == ((position, False), [], [])
    assert attached(slot, accept_gap=True) == ((position, False), [], [])


@pytest.mark.parametrize(("said", "slot"), LOST.items())
def test_a_slot_that_was_lost_is_not_gone_on_with(said: str, slot: Slot) -> None:
    with pytest.raises(SlotLostError) as refused:
        attached(slot)
    assert said in str(refused.value)
    assert str(refused.value).endswith(slots.CURE)
    with pytest.raises(SlotLostError):
        asyncio.run(check("s", FakeDatabase(slot), FIRST))  # type: ignore[arg-type]  # stands for one


@pytest.mark.parametrize("slot", LOST.values(), ids=LOST)
def test_a_gap_that_is_accepted_is_told_of_and_the_slot_is_recreated(
    slot: Slot, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer, done, _ = attached(slot, accept_gap=True)
    assert answer == (99, True)
    assert done == (MADE_AGAIN if slot.exists else MADE)
    assert [record.message for record in caplog.records] == ["gap accepted: changes were missed"]


@pytest.mark.parametrize("accept_gap", [False, True])
@pytest.mark.parametrize(
    ("slot", "done"), [(NONE, MADE), (ANNOUNCED, MADE), (replace(ANNOUNCED, exists=True), MADE_AGAIN)]
)
def test_the_first_slot_has_no_gap_before_it(slot: Slot, done: list[Any], accept_gap: bool) -> None:
    assert attached(slot, accept_gap=accept_gap)[:2] == ((99, False), done)


def test_what_is_found_is_judged_whatever_else_is_true_of_it() -> None:
    """A slot is taken up only where all that is known of it speaks for it."""
    for exists, usable, known, same_system, position in itertools.product(
        (True, False), (True, False), ("created", "announced", None), (True, False), (10, 11)
    ):
        slot = Slot(exists, usable, None, position, known, 10, same_system)
        good = exists and usable and same_system and position == 10
        expected = good if known == "created" else not exists or known == "announced"
        assert (slot_problem("s", slot, FIRST) is None) is expected, slot


#: The server left timeline 1 at 12, and timeline 2 at 20.
THIRD = Timelines(3, ((1, 12), (2, 20)))


@pytest.mark.parametrize("position", [9, 10, 11, 12])
def test_a_slot_up_to_the_fork_is_gone_on_with_on_the_later_timeline(position: int) -> None:
    """A standby may have the slot at a position whose record it does not have."""
    slot = replace(OURS, confirmed_lsn=position)
    assert attached(slot, timelines=THIRD) == ((position, False), [("followed", position, 12)], [])
    slot = replace(OURS, confirmed_lsn=position + 8, ceiling_lsn=18, timeline=2)
    assert attached(slot, timelines=THIRD) == ((position + 8, False), [("followed", position + 8, 20)], [])


def test_a_slot_beyond_the_fork_or_of_another_branch_is_lost() -> None:
    assert "stands at 0/D" in str(slot_problem("s", replace(OURS, confirmed_lsn=13), THIRD))
    assert "which is not in the history" in str(slot_problem("s", replace(OURS, timeline=4), THIRD))
    assert "which is not in the history" in str(slot_problem("s", OURS, Timelines(3)))
    # The record of an earlier version has no timeline: as on one server.
    assert slot_problem("s", replace(OURS, timeline=None), THIRD) is None
    assert "stands at 0/B" in str(slot_problem("s", replace(OURS, timeline=None, confirmed_lsn=11), THIRD))


def test_a_slot_that_the_server_does_not_carry_is_carried_from_now_on() -> None:
    assert attached(replace(OURS, is_carried=False)) == ((10, False), ["carried", "closed"], [])


def test_a_slot_that_cannot_be_made_is_not_noted_and_the_connection_is_closed() -> None:
    database = FakeDatabase(NONE)
    with (
        patch.object(slots, "ReplicationConnection", FakeConnection(database, wait_s=-1)),
        pytest.raises(ConnectionError),
    ):
        asyncio.run(attach("s", database, "dsn", FIRST, lambda _: None, accept_gap=False))  # type: ignore[arg-type]  # stands for one
    assert database.done == ["announced", "closed"]


def test_what_a_new_slot_waits_for_is_told() -> None:
    with patch.object(slots, "REPORT_EVERY_S", 0.001):
        _, _, waits = attached(NONE, wait_s=0.2)
    assert set(waits) == {"the slot waits for a transaction that is open: a prepared transaction, process 7"}
