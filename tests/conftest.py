"""How many workers a run has: as many as clusters were made for it. Interrupts reach what the tests start.

After a run with --durations, the slowest files and the time of each folder are printed.
"""

from __future__ import annotations

import signal
from pathlib import PurePosixPath

import pytest

from tests.support import given_dsns

# A shell ignores SIGINT for what it runs in the background, and whatever that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer ``--numprocesses auto``."""
    return max(len(given_dsns()), 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print where the time goes: the sum over all workers, with what the fixtures take."""
    most = terminalreporter.config.getoption("durations")
    if most is None:
        return
    files: dict[str, float] = {}
    folders: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.partition("::")[0]
                files[file] = files.get(file, 0) + report.duration
                folder = str(PurePosixPath(file).parent)
                folders[folder] = folders.get(folder, 0) + report.duration
    for what, seconds in (("files", files), ("folders", folders)):
        terminalreporter.section(f"slowest {what}, of {sum(seconds.values()):.0f} s in all workers", sep="=")
        for name, duration in sorted(seconds.items(), key=lambda entry: -entry[1])[: most or None]:
            terminalreporter.write_line(f"{duration:.0f}s {name}")
