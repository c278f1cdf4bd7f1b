"""How many workers a run has: as many as clusters were made for it. Interrupts reach what the tests start."""

from __future__ import annotations

import signal

import pytest

from tests.support import given_dsns

# A shell ignores SIGINT for what it runs in the background, and whatever that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer ``--numprocesses auto``."""
    return max(len(given_dsns()), 1)
