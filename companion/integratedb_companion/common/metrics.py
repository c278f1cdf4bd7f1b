"""The page of /metrics, in Prometheus's form."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, generate_latest

#: How many times as long as it takes to write the page no other one is written.
_PAUSE = 9


class Page:
    """What a registry says. Whoever asks again and again gets the same page: nobody can take all of our time by asking."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text = b""
        self._good_until_s = float("-inf")

    def render(self) -> bytes:
        """The page, as old as it took ten times to write at most."""
        began_s = time.monotonic()
        if began_s >= self._good_until_s:
            self._text = generate_latest(self._registry)
            ended_s = time.monotonic()
            self._good_until_s = ended_s + _PAUSE * (ended_s - began_s)
        return self._text
