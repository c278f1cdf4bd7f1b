"""A server that does not answer is given up, and so is a stream that nothing comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from unittest.mock import patch

import psycopg
import pytest

from integratedb_companion.daemon import liveness
from integratedb_companion.daemon.liveness import Liveness

Answer = int | Exception


class FakeDatabase:
    """Answers as given, the last answer for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.ended = 0

    async def wal_position(self, timeout_s: float) -> int:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def break_off(self) -> None:
        self.ended += 1


def watched(
    database: FakeDatabase, prepare: Callable[[Liveness], None] = lambda _: None
) -> tuple[list[int], int, str | None]:
    """Ask five times; returns the positions, how often the stream was ended, and why the daemon is not ready then."""
    positions: list[int] = []
    ended: list[None] = []

    async def act() -> str | None:
        tested = Liveness(database, lambda: ended.append(None), positions.append)  # type: ignore[arg-type]  # stands for one
        tested.begin(0)
        prepare(tested)
        running = asyncio.create_task(tested.run())
        while database.asked < 5:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return tested.problem()

    with patch.object(liveness, "ASK_EVERY_S", 0):
        problem = asyncio.run(act())
    return positions, len(ended), problem


def test_a_server_that_answers_is_measured_and_left_alone() -> None:
    positions, ended, problem = watched(FakeDatabase(7), lambda tested: tested.expects(something=True))
    assert (set(positions), ended, problem) == ({7}, 0, None)


def test_a_server_that_does_not_answer_loses_all_connections() -> None:
    database = FakeDatabase(7, TimeoutError())
    positions, ended, _ = watched(database)
    assert (positions, ended, database.ended) == ([7], 4, 4)


def test_a_lost_connection_is_the_business_of_others() -> None:
    database = FakeDatabase(psycopg.OperationalError("gone"), 7)
    assert watched(database)[:2] == ([7] * 4, 0)
    assert database.ended == 0


@pytest.mark.parametrize(("expects", "ended"), [(True, 5), (False, 0)])
def test_a_stream_that_is_silent_is_ended_where_something_is_expected(expects: bool, ended: int) -> None:
    def prepare(tested: Liveness) -> None:
        tested.expects(something=expects)
        tested._longest_silence_s = -1  # as after a long time

    assert watched(FakeDatabase(7), prepare)[1] == ended


def test_the_daemon_is_not_ready_while_the_server_has_not_answered_for_long() -> None:
    with patch.object(liveness, "ANSWER_TIMEOUT_S", -1):
        assert watched(FakeDatabase(TimeoutError()))[2] == "the server has not answered for 0 s"
