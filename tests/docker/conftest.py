"""What the tests in containers share; scripts/test-docker runs them, and its summary tells how each suite ended."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

# Its helper that cleans up after killed tests is an image of a registry; scripts/test-docker cleans up instead.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

CLOSING_LINE = "closing line"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything, visibly, where there are no containers; the long suites come first."""
    here = [item for item in items if item.path.parent.name == "docker"]
    items.sort(key=lambda item: item.path.name != "test_suites.py")
    unusable = os.environ.get("INTEGRATEDB_DOCKER_UNUSABLE", "")
    if here and not unusable and subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        unusable = "no container runtime answers `docker info`"
    if unusable:
        for item in here:
            item.add_marker(pytest.mark.skip(reason=unusable))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the closing line of each suite that ran in a container."""
    lines = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == CLOSING_LINE
    ]
    if lines:
        terminalreporter.section("suites in containers")
        for line in sorted(lines):
            terminalreporter.write_line(line)
