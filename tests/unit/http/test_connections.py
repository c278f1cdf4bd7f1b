"""Which connection is given up for another one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integratedb_companion.http.connections import UNREAD_TIMEOUT_S, Connection, Connections


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    """A few; each other side is held open."""
    with ExitStack() as stack:
        made = []
        for _ in range(3):
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            made.append(stack.enter_context(Connection(ours.family, ours.type, ours.proto, ours.detach())))
        yield made


def test_one_that_waits_for_its_client_to_read_makes_room(connections: list[Connection]) -> None:
    room = Connections((), limit=2)
    one, two, three = connections
    for number, busy in enumerate((one, two)):
        assert room.admit(busy, (f"10.0.0.{number}", 1))
        busy.is_busy = True
    assert not room.admit(three, ("10.0.0.9", 1))
    two.begins_waiting()
    assert room.admit(three, ("10.0.0.9", 1))
    assert room.of(("10.0.0.1", 1)) is None


def test_an_answer_must_be_read_in_time_but_not_at_once(connections: list[Connection]) -> None:
    [one, *_] = connections
    Connections(()).admit(one, ("10.0.0.1", 1))
    one.is_busy = True
    now_s, left = time.monotonic(), 1000
    one.unread = lambda: left
    for _ in range(5):
        now_s, left = now_s + UNREAD_TIMEOUT_S - 1, left - 1
        assert not one.is_overdue(now_s)
    assert not one.is_overdue(now_s + UNREAD_TIMEOUT_S)
    one.has_read()
    one.is_overdue(now_s)
    assert one.is_overdue(now_s + UNREAD_TIMEOUT_S + 1)
    left = 0
    assert not one.is_overdue(now_s + 1000), "however long the answer takes us"
