"""Renders the page of /metrics in Prometheus's format."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, generate_latest

#: After a page has been rendered, no other one is rendered for this many times as long.
_PAUSE = 9


class Page:
    """The metrics page of a registry. Frequent requests get the same page, so they cannot use all processor time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text = b""
        self._valid_until_s = float("-inf")

    def render(self) -> bytes:
        """Return the page; it is at most ten times as old as rendering takes."""
        began_s = time.monotonic()
        if began_s >= self._valid_until_s:
            self._text = generate_latest(self._registry)
            ended_s = time.monotonic()
            self._valid_until_s = ended_s + _PAUSE * (ended_s - began_s)
        return self._text
