"""The standard streams: there, whatever the shell closed; and what becomes of output that cannot be written."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

from integratedb_companion.common.errors import STATUS_OUTPUT_CLOSED, STATUS_USAGE

_MODES = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def complete() -> None:
    """Put something in the place of streams that were closed, so that no file or connection takes their numbers.

    Writing to standard output then fails, as it should: what was asked for goes nowhere. Standard error is silent.
    """
    for descriptor, mode in _MODES.items():
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != descriptor:  # a lower number was free
                os.dup2(opened, descriptor)
                os.close(opened)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for the whole process
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for the whole process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for the whole process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the terminal may not know a character
            stream.reconfigure(errors="backslashreplace")


def finish(status: int) -> int:
    """Write what is left to standard output, and give the exit status."""
    if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):  # click found that nobody reads any more
        return STATUS_OUTPUT_CLOSED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
        return STATUS_OUTPUT_CLOSED
    except OSError as problem:
        return unwritten(problem)
    return status


def unwritten(problem: OSError) -> int:
    """Say on standard error that standard output cannot be written, and give the exit status."""
    with suppress(OSError):
        print(f"integratedb: standard output cannot be written: {problem.strerror}", file=sys.stderr, flush=True)
    _discard()
    return STATUS_USAGE


def _discard() -> None:
    """Let go of what could not be written: Python would try once more at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
