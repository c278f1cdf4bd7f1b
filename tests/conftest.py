"""How many workers a run has: as many as clusters were made for it. Interrupts reach what the tests start.

After a run with --durations, the slowest files and the time of each folder are printed.
"""

from __future__ import annotations

import signal
from collections import Counter
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
    files: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.partition("::")[0]
                files[file] += report.duration
                folders[str(PurePosixPath(file).parent)] += report.duration
    for what, seconds in (("files", files.most_common(most or None)), ("folders", folders.most_common())):
        terminalreporter.section(f"slowest {what}, {files.total():.0f} s in all", sep="=")
        for name, duration in seconds:
            terminalreporter.write_line(f"{duration:.0f}s {name}")
