"""How long a channel pauses between its attempts."""

from __future__ import annotations

from integratedb_companion.daemon.delivery.attempts import retry_delay_s


def test_pauses_double_from_a_second_to_five_minutes() -> None:
    assert [retry_delay_s(n, 0) for n in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, 300, 300]
    assert all(retry_delay_s(n, 1) >= 0.8 * retry_delay_s(n, 0) for n in range(1, 20))
