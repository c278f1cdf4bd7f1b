"""Defines the metrics of the HTTP service in Prometheus's format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from integratedb_companion.common.metrics import Page

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._page = Page(self.registry)
        self.requests = Counter(
            "integratedb_http_requests",
            "Requests answered; route is the path as documented, empty where there is none",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.duration_s = Histogram(
            "integratedb_http_request_seconds",
            "From a request's head to the end of its answer",
            ("method", "route"),
            registry=self.registry,
            buckets=_BUCKETS_S,
        )
        self.logins_refused = Counter(
            "integratedb_http_logins_refused", "Logins that were refused", ("reason",), registry=self.registry
        )
        self._connections = Gauge(
            "integratedb_http_database_connections", "Connections to the database", ("state",), registry=self.registry
        )

    def show_connections(self, size: Callable[[], float], available: Callable[[], float]) -> None:
        """Make the gauges of the pool call these functions whenever they are read."""
        self._connections.labels("open").set_function(size)
        self._connections.labels("idle").set_function(available)

    def render(self) -> bytes:
        """Return the page."""
        return self._page.render()
