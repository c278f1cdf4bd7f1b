"""Measures the processor time of processes, as Linux counts it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Use:
    """What one process used: the share of one processor, and the time for each event."""

    share: float
    per_event_us: float


class Processors:
    """Measures from its creation on."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = processes
        self._started_s = time.perf_counter()
        self._before = {name: _used_s(pid) for name, pid in processes.items()}

    def use(self, events: int) -> dict[str, Use]:
        """Return what each process has used for this number of events."""
        passed_s = time.perf_counter() - self._started_s
        used_s = {name: _used_s(pid) - self._before[name] for name, pid in self._processes.items()}
        return {name: Use(one_s / passed_s, one_s / events * 1e6) for name, one_s in used_s.items()}


def _used_s(pid: int) -> float:
    # The name of the program, in parentheses, may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
