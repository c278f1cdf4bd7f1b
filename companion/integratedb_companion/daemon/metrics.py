"""Defines the metrics that /metrics shows in Prometheus's format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from integratedb_companion.common.metrics import Page

from .state import Channel

_LABELS = ("stakeholder", "channel")
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)


@dataclass(frozen=True, slots=True)
class ChannelMetrics:
    """The metrics of one channel."""

    delivered: Counter
    attempts: Counter
    failures: Counter
    dead: Counter
    lost: Counter
    latency_s: Histogram
    attempt_s: Histogram


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._page = Page(registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = _LABELS) -> Counter:
            return Counter(f"integratedb_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"integratedb_{name}", text, _LABELS, registry=registry, buckets=_BUCKETS_S)

        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"integratedb_{name}", text, labels, registry=registry)

        self._delivered = counter("events_delivered", "Events that a channel has delivered")
        self._attempts = counter("delivery_attempts", "Attempts to deliver")
        self._failures = counter("delivery_failures", "Attempts that failed")
        self._dead = counter("events_dead", "Events given up after the channel's max_attempts")
        self._lost = counter("events_lost", "Events dropped because the channel's queue was too long or too old")
        self._latency = histogram(
            "delivery_latency_seconds", "From commit to delivery, of the oldest event of an attempt"
        )
        self._attempt = histogram("delivery_attempt_seconds", "Duration of successful attempts")
        self.queue_events = gauge("queue_events", "Events of a channel that wait in memory", _LABELS)
        self.queue_spilled = gauge("queue_spilled", "1 while a channel's events go through the database", _LABELS)
        self.connections = gauge("websocket_connections", "Open WebSocket connections", _LABELS)
        self._of_channels = (
            *(self._delivered, self._attempts, self._failures, self._dead, self._lost, self._latency, self._attempt),
            *(self.queue_events, self.queue_spilled, self.connections),
        )
        self.changes = counter("changes", "Row changes read from the stream", ())
        self.transactions = counter("transactions", "Transactions read from the stream", ())
        self.lag_bytes = gauge("slot_lag_bytes", "WAL that the server has written and the slot has not confirmed")
        self.streaming = gauge("streaming", "1 while the daemon reads the stream")
        self.logins_refused = counter("logins_refused", "WebSocket logins that were refused", ())

    def of(self, channel: Channel) -> ChannelMetrics:
        """Return the metrics of one channel."""
        labels = (channel.stakeholder, channel.name)
        return ChannelMetrics(
            self._delivered.labels(*labels),
            self._attempts.labels(*labels),
            self._failures.labels(*labels),
            self._dead.labels(*labels),
            self._lost.labels(*labels),
            self._latency.labels(*labels),
            self._attempt.labels(*labels),
        )

    def show_queue(self, channel: Channel, length: Callable[[], float], spilled: Callable[[], float]) -> None:
        """Make the gauges of a channel call these functions whenever they are read."""
        self.queue_events.labels(channel.stakeholder, channel.name).set_function(length)
        self.queue_spilled.labels(channel.stakeholder, channel.name).set_function(spilled)

    def forget(self, channel: Channel) -> None:
        """Remove a channel that was dropped or renamed, so that a later channel of that name starts at zero."""
        for metric in self._of_channels:
            metric.remove(channel.stakeholder, channel.name)

    def render(self) -> bytes:
        """Return the page."""
        return self._page.render()
