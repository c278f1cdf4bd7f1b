"""What /metrics says of a channel is of that channel, whatever others are called later."""

from __future__ import annotations

from integratedb_companion.metrics import Metrics
from integratedb_companion.state import Channel


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
