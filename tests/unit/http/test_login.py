"""How many passwords can be guessed, at once and one after the other, and what the answers give away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from integratedb_companion.daemon.websocket.handshakes import Handshakes
from integratedb_companion.http import login
from integratedb_companion.http.login import Logins, TooManyFailuresError

ROLE = 16400


class Postgres(Logins):
    """Logins at a server that takes its time and knows one password."""

    def __init__(self, role_of: Callable[[str], int | None] = lambda _: ROLE, takes_s: float = 0.02) -> None:
        super().__init__(lambda: {}, role_of)
        self.tried: list[tuple[str, str]] = []
        self.takes_s = takes_s
        self.role = ROLE

    async def _log_in(self, user: str, password: str) -> int | None:
        self.tried.append((user, password))
        await asyncio.sleep(self.takes_s)
        return self.role if password == "right" else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "REFUSED_AFTER_S", 0.1)


async def answer(logins: Logins, address: str, user: str, password: str) -> bool | str:
    try:
        return await logins.check(address, user, password) == ROLE
    except TooManyFailuresError:
        return "too many"


def run(logins: Logins, *attempts: tuple[str, str, str]) -> list[bool | str]:
    async def all_at_once() -> list[bool | str]:
        return await asyncio.gather(*(answer(logins, *attempt) for attempt in attempts))

    return asyncio.run(all_at_once())


def test_guesses_at_the_same_time_are_counted_before_they_are_tried() -> None:
    logins = Postgres()
    answers = run(logins, *(("10.0.0.1", "shop", f"guess {n}") for n in range(100)))
    assert len(logins.tried) == answers.count(False) == 5
    assert answers.count("too many") == 95


def test_guesses_of_many_names_are_bounded_too() -> None:
    logins = Postgres()
    run(logins, *(("10.0.0.1", f"name{n}", "guess") for n in range(100)))
    assert len(logins.tried) == 20


def test_guesses_of_one_name_from_everywhere_are_bounded() -> None:
    logins = Postgres(takes_s=0)
    run(logins, *((f"10.0.{n}.1", "shop", "guess") for n in range(250)))
    assert len(logins.tried) == 100


def test_guesses_from_everywhere_do_not_shut_out_a_client_that_was_here_before() -> None:
    logins = Postgres(takes_s=0)

    async def story() -> None:
        assert await answer(logins, "192.168.0.1", "shop", "right") is True
        await asyncio.gather(*(answer(logins, f"10.0.{n}.1", "shop", "guess") for n in range(200)))
        assert await answer(logins, "172.16.0.1", "shop", "right") == "too many"
        assert await answer(logins, "192.168.0.1", "shop", "right") is True

    asyncio.run(story())


@pytest.mark.parametrize("address", ["2001:db8::{:x}", "::ffff:10.0.0.1", "fe80::{:x}%eth0"])
def test_the_addresses_of_one_client_count_together(address: str) -> None:
    logins = Postgres()
    run(logins, *((address.format(n), "shop", "guess") for n in range(1, 30)))
    assert len(logins.tried) == 5


def test_a_name_that_postgres_cuts_is_counted_as_what_it_is_cut_to() -> None:
    logins = Postgres()
    run(logins, *(("10.0.0.1", "n" * 63 + str(n), "guess") for n in range(30)))
    assert len(logins.tried) == 5


def test_clients_that_come_all_at_once_are_all_let_in() -> None:
    logins = Postgres()
    assert run(logins, *[("10.0.0.1", "shop", "right")] * 60) == [True] * 60
    assert not logins._pending
    assert not logins._failures


def test_slow_logins_of_one_name_leave_room_for_others() -> None:
    logins = Postgres()

    async def log_in(user: str, password: str) -> int:
        await asyncio.sleep(10 if user == "slow" else 0)
        return ROLE

    logins._log_in = log_in  # type: ignore[method-assign]  # stands for the real one

    async def story() -> None:
        slow = [asyncio.create_task(answer(logins, "10.0.0.1", "slow", "right")) for _ in range(5)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(1):
            assert await answer(logins, "10.0.0.2", "shop", "right") is True
        for attempt in slow:
            attempt.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(story())
    assert not logins._names


def test_the_password_of_a_role_that_may_not_log_in_is_never_tried() -> None:
    logins = Postgres(lambda user: ROLE if user == "shop" else None)
    assert run(logins, ("10.0.0.1", "postgres", "right")) == [False]
    [(user, password)] = logins.tried
    assert user == "postgres"
    assert password != "right"


def test_another_role_of_the_name_is_refused_and_is_not_the_one_that_was_here_before() -> None:
    logins = Postgres(takes_s=0)

    async def story() -> None:
        assert await answer(logins, "192.168.0.1", "shop", "right") is True
        logins.role = ROLE + 1
        assert await answer(logins, "192.168.0.1", "shop", "right") is False  # until the stream tells of it
        logins._role_of = lambda _: ROLE + 1
        assert await logins.check("192.168.0.2", "shop", "right") == ROLE + 1
        await asyncio.gather(*(answer(logins, f"10.0.{n}.1", "shop", "guess") for n in range(200)))
        assert await answer(logins, "192.168.0.1", "shop", "right") == "too many"
        assert await logins.check("192.168.0.2", "shop", "right") == ROLE + 1

    asyncio.run(story())


def test_a_guess_whose_client_goes_away_is_counted() -> None:
    logins = Postgres(takes_s=10)

    async def impatient() -> None:
        for _ in range(8):
            with pytest.raises((TimeoutError, TooManyFailuresError)):
                async with asyncio.timeout(0.01):
                    await logins.check("10.0.0.1", "shop", "guess")

    asyncio.run(impatient())
    assert len(logins.tried) == 5


def test_how_long_postgres_took_is_not_to_be_seen() -> None:
    def answered_within(takes_s: float) -> float:
        started_s = time.monotonic()
        run(Postgres(takes_s=takes_s), ("10.0.0.1", "shop", "guess"))
        return time.monotonic() - started_s

    # The shortest of several: a machine that is busy makes some of them longer.
    times = [min(answered_within(takes_s) for _ in range(5)) for takes_s in (0.0, 0.03, 0.06)]
    assert max(times) - min(times) < 0.03


def test_handshakes_make_room_from_the_address_that_has_most() -> None:
    handshakes: Handshakes[int] = Handshakes(10)
    assert handshakes.begin(100, "probe") is None
    assert [handshakes.begin(n, "flood") for n in range(9)] == [None] * 9
    assert [handshakes.begin(n, "flood") for n in range(9, 100)] == list(range(91))
    assert handshakes.begin(101, "probe") == 91
    handshakes.end(101)
    handshakes.end(101)
    handshakes.end(91)
    assert len(handshakes) == 9
    for n in range(200, 220):
        handshakes.begin(n, f"address {n}")
    assert len(handshakes) == 10
