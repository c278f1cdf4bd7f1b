"""Counts what a worker does; the process that runs the workers shows the sum of all."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from integratedb_companion.common.metrics import Page

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


#: So long after the first of some requests, all of them are written.
WRITE_AFTER_S: Final = 0.1


@dataclass(slots=True)
class _Took:
    """How long requests of one route took: the sum, and how many fall in each bucket, the last one without a bound."""

    sum_s: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_S) + 1))


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
        self.sessions_opened = Counter(
            "integratedb_api_sessions_opened",
            "Times that a session got the role and the settings of a request; plain statements mostly need none",
            registry=registry,
        )
        # Writing to the files of all workers costs more than most of a request, so it is done for many at once.
        self._answered: dict[tuple[str, str, int], int] = {}
        self._took: dict[str, _Took] = {}
        self._opened = 0
        self._is_due = False

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        self._answered[key] = self._answered.get(key, 0) + 1
        took = self._took.get(route)
        if took is None:
            took = self._took[route] = _Took()
        took.sum_s += seconds
        took.counts[bisect_left(_BUCKETS_S, seconds)] += 1
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(WRITE_AFTER_S, self.write)

    def opened(self) -> None:
        """Count a session that gets a role and settings; it is written with the request."""
        self._opened += 1

    def write(self) -> None:
        """Write what was counted."""
        self._is_due = False
        for (method, route, status), count in self._answered.items():
            self.requests.labels(method, route, str(status)).inc(count)
        for route, took in self._took.items():
            # What observe() does, for many.
            shown = self.duration_s.labels(route)
            shown._sum.inc(took.sum_s)  # the library has no public way to add several
            for bucket, count in zip(shown._buckets, took.counts, strict=True):  # as above
                if count:
                    bucket.inc(count)
        self.sessions_opened.inc(self._opened)
        self._answered.clear()
        self._took.clear()
        self._opened = 0

    def connections(self, opened: int, idle: int) -> None:
        """Show how many connections there are."""
        self._connections.labels("open").set(opened)
        self._connections.labels("idle").set(idle)


def page_of(directory: Path) -> Page:
    """Return the page of all workers, whose figures are files of a directory."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]  # prometheus_client declares none
    return Page(registry)
