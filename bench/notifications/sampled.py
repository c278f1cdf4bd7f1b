"""Runs the daemon as its command does, and samples where its processor time goes.

A sample is taken each few milliseconds of processor time. It counts for the part of the daemon that the innermost known
module on the stack belongs to. So what a library does counts for the module that called it.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

#: Names the file that the shares are written to when the daemon ends.
OUTPUT: Final = "INTEGRATEDB_BENCH_SAMPLES"
EVERY_S: Final = 0.005
OTHER: Final = "the event loop"

#: The parts of the daemon, each with the modules that belong to it (the ends of their paths).
PARTS: Final = {
    "receiving": ("stream/replication.py", "daemon/daemon.py"),
    "decoding": ("stream/pgoutput.py", "stream/reader.py", "stream/encodings.py", "stream/runs.py", "stream/rows.py"),
    "routing": ("routing/router.py", "routing/ordering.py", "routing/identities.py", "delivery/queue.py"),
    "JSON": ("routing/events.py", "routing/json_values.py", "routing/json_columns.py", "routing/event_runs.py"),
    "Redis": (
        *("delivery/redis_sink.py", "delivery/redis_client.py", "delivery/attempts.py"),
        *("delivery/receiver_sockets.py", "delivery/secret_settings.py"),
    ),
    "confirming": ("stream/confirmation.py", "stream/progress.py", "daemon/database.py", "delivery/spill.py"),
}

samples: Counter[str] = Counter()
_part_of: dict[str, str | None] = {}


def part_of(path: str) -> str | None:
    """Return the part that a module belongs to."""
    if path not in _part_of:
        found = (part for part, modules in PARTS.items() if any(path.endswith(module) for module in modules))
        _part_of[path] = next(found, None) if "integratedb_companion" in path else None
    return _part_of[path]


def sample(_: int, frame: FrameType | None) -> None:
    """Count one sample."""
    while frame is not None:
        part = part_of(frame.f_code.co_filename)
        if part is not None:
            samples[part] += 1
            return
        frame = frame.f_back
    samples[OTHER] += 1


def main() -> None:
    """Run the rest of the command line, which is `python -m MODULE ARGUMENTS`."""
    module, arguments = sys.argv[3], sys.argv[4:]
    sys.argv = [module, *arguments]
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(os.environ[OUTPUT]).write_text(json.dumps(samples))


if __name__ == "__main__":
    main()
