"""Ensures that the standard streams exist, and handles output that cannot be written."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

from integratedb_companion.common.errors import STATUS_OUTPUT_CLOSED, STATUS_USAGE

_MODES = {0: os.O_RDONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def complete() -> None:
    """Replace closed streams, so that no file or connection gets their file descriptors.

    Writing to a closed standard output then fails, because the output would be lost. Standard error discards it.
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
        if isinstance(stream, io.TextIOWrapper):  # the terminal may not be able to show a character
            stream.reconfigure(errors="backslashreplace")


def finish(status: int) -> int:
    """Flush standard output, and return the exit status."""
    if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):  # click found that the reader has closed the pipe
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
    """Report on standard error that standard output cannot be written, and return the exit status."""
    with suppress(OSError):
        print(f"integratedb: standard output cannot be written: {problem.strerror}", file=sys.stderr, flush=True)
    _discard()
    return STATUS_USAGE


def _discard() -> None:
    """Discard unwritten output; otherwise Python would try again at its end, and report an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
