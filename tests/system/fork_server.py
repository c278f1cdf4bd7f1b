"""Forks processes of the companion: imports its modules once, so that a process starts in milliseconds.

Run as a program by tests/system/processes.py, which describes what such a process has in common with one of a shell. A
request comes over the socket of the first argument: the command line as JSON, and the three standard streams. The
answer is the number of the process.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

PROGRAM = "integratedb_companion.cli"
#: The program itself is run and not imported; Django is needed by the users of one module.
NOT_IMPORTED = (PROGRAM, "integratedb_companion.migrations.django")
#: Those that commands import when they need them.
LATE = ("click.shell_completion", "encodings.idna", "hvac", "psycopg_pool", "rich.console", "rich.table", "uvicorn")


def import_all() -> None:
    """Import what a process would import."""
    for package in ("integratedb", "integratedb_companion"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if module.name not in NOT_IMPORTED:
                importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)


def received(requests: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Wait for a request; None when nobody can ask any more."""
    length, descriptors, _, _ = socket.recv_fds(requests, 4, 3)
    if not length:
        return None
    wanted, body = int.from_bytes(length, "big"), b""
    while len(body) < wanted:
        body += requests.recv(wanted - len(body))
    return json.loads(body), descriptors


def fork_orphan() -> int:
    """Fork a process whose parent ends at once: its number, or 0 in that process."""
    numbers, number = os.pipe()
    between = os.fork()
    if between == 0:
        os.close(numbers)
        orphan = os.fork()
        if orphan == 0:
            os.close(number)
            return 0
        os.write(number, orphan.to_bytes(4, "big"))
        os._exit(0)
    os.close(number)
    os.waitpid(between, 0)
    orphan = int.from_bytes(os.read(numbers, 4), "big")
    os.close(numbers)
    return orphan


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make this process the one of the request, as if it had been started so."""
    if request["new_session"]:
        os.setsid()
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        before = getattr(sys, f"__{name}__")
        stream = open(before.fileno(), mode, encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115  for the whole process
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream, just opened
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["directory"])
    sys.path[0] = str(Path.cwd())
    sys.argv[1:] = request["arguments"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run() -> None:
    """Run the command, and end as Python does, except that the memory is not freed, which takes four times as long."""
    try:
        runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        threading._shutdown()  # type: ignore[attr-defined]  # Python's own, at its end
        atexit._run_exitfuncs()
        gc.collect()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            os._exit(120)
        os._exit(end.code & 0xFF)


def main() -> None:
    """Fork what is asked for, until the socket is closed; a forked process runs the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=int(sys.argv[1]))
    import_all()
    gc.collect()
    gc.freeze()
    while (asked := received(requests)) is not None:
        request, descriptors = asked
        orphan = fork_orphan()
        if orphan == 0:
            requests.close()
            become(request, descriptors)
            run()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        requests.sendall(orphan.to_bytes(4, "big"))


if __name__ == "__main__":
    main()
