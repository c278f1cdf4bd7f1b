"""How many workers a run has: as many as clusters were made for it."""

from __future__ import annotations

import pytest

from tests.support import given_dsns


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer ``--numprocesses auto``."""
    return max(len(given_dsns()), 1)
