"""Counts what a worker does; the process that runs the workers shows the sum of all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from integratedb_companion.common.metrics import Page

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Metrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(
            "integratedb_api_requests",
            "Requests answered; route is the kind of resource, not its name",
            ("method", "route", "status"),
            registry=registry,
        )
        self.duration_s = Histogram(
            "integratedb_api_request_seconds",
            "From a request's head to the end of its answer",
            ("route",),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self.surfaces_read = Counter(
            "integratedb_api_surfaces_read", "Surfaces that were read from the catalog", registry=registry
        )
        self.tokens_refused = Counter(
            "integratedb_api_tokens_refused", "Requests whose token was refused", ("code",), registry=registry
        )
        self.subscriptions = Gauge(
            "integratedb_api_subscriptions", "Open subscriptions", registry=registry, multiprocess_mode="livesum"
        )
        self.subscriptions_failed = Counter(
            "integratedb_api_subscriptions_failed", "Subscriptions that ended with an error", registry=registry
        )
        self.too_slow = Counter(
            "integratedb_api_subscribers_too_slow",
            "Clients that read too slowly, and were disconnected",
            registry=registry,
        )
        self._connections = Gauge(
            "integratedb_api_database_connections",
            "Connections to the database",
            ("state",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        # A label is looked up once; the lookup costs more than counting.
        self._known: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._timers: dict[str, Callable[[float], None]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        count = self._known.get((method, route, status))
        if count is None:
            count = self._known[method, route, status] = self.requests.labels(method, route, str(status)).inc
        count()
        observe = self._timers.get(route)
        if observe is None:
            observe = self._timers[route] = self.duration_s.labels(route).observe
        observe(seconds)

    def connections(self, opened: int, idle: int) -> None:
        """Show how many connections there are."""
        self._connections.labels("open").set(opened)
        self._connections.labels("idle").set(idle)


def page_of(directory: Path) -> Page:
    """Return the page of all workers, whose figures are files of a directory."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]  # the library's
    return Page(registry)
