"""What /metrics says of a channel is of that channel, whatever others are called later."""

from __future__ import annotations

import time

from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.state import Channel


def channel(id_: int, stakeholder: str) -> Channel:
    return Channel(id_, stakeholder, id_, "hook", "WEBHOOK", False, 1, 1.0, {})


def test_a_new_stakeholder_of_an_old_name_begins_at_nothing() -> None:
    metrics = Metrics()
    old, new = channel(1, "shop"), channel(2, "shop")
    metrics.show_queue(old, lambda: 7, lambda: 1)
    metrics.of(old).delivered.inc(5)
    metrics.forget(old)
    metrics.show_queue(new, lambda: 0, lambda: 0)
    metrics.of(new)
    said = metrics.render().decode().splitlines()
    assert 'integratedb_events_delivered_total{channel="hook",stakeholder="shop"} 0.0' in said
    assert 'integratedb_queue_events{channel="hook",stakeholder="shop"} 0.0' in said


def test_who_asks_on_and_on_does_not_take_all_the_time() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.of(channel(number, f"shop{number}"))
    began_s = time.process_time()
    first = metrics.render()
    once_s = time.process_time() - began_s
    for _ in range(200):
        metrics.render()
    assert time.process_time() - began_s < 20 * once_s
    metrics.changes.inc()
    until_s = time.monotonic() + 60
    while metrics.render() == first:
        assert time.monotonic() < until_s
        time.sleep(once_s)
