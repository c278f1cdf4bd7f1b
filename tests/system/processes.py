"""Starts processes of the companion, hundreds in a run, from a fork server that has imported its modules.

Importing them takes a process half a second, a daemon twice that, which is more than most tests take. A process of the
fork server is a real one: a child of the test with its own number, standard streams, environment, directory, session
and signals, and it ends as any process does. What differs from one that a shell starts: the modules are imported
already, those of all commands; the hash seed of the worker's processes is the same; `ps` shows the fork server's
command line. A test for which that matters uses `subprocess`. So does what sets how Python itself starts.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, AnyStr, ClassVar

COMMAND = [sys.executable, "-m", "integratedb_companion.cli"]
#: Variables that Python and its libraries read when they start or are imported.
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL_", "SSL_", "PSYCOPG_", "AIOHTTP_")
PR_SET_CHILD_SUBREAPER = 36


def at_start(environment: dict[str, str]) -> dict[str, str]:
    """The variables that take effect before a command runs."""
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


class ForkServer:
    """The process of this worker that forks others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environment = at_start(dict(os.environ))
        self._requests, theirs = socket.socketpair()
        with theirs:
            program = [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(theirs.fileno())]
            self._process = subprocess.Popen(program, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self.pid = self._process.pid
        atexit.register(self.stop)

    def serves(self, environment: dict[str, str]) -> bool:
        """Whether a process with this environment would start as the server did."""
        return at_start(environment) == self._environment

    def fork(self, request: dict[str, Any], streams: Sequence[int]) -> int:
        """Fork a process: its parent ends at once, and this process adopts it."""
        body = json.dumps(request).encode()
        with self._lock:
            self._adopt(True)
            try:
                socket.send_fds(self._requests, [len(body).to_bytes(4, "big")], list(streams))
                self._requests.sendall(body)
                answer = self._requests.recv(4)
            finally:
                self._adopt(False)
        assert answer, "the fork server has ended; its messages are among those of the tests"
        return int.from_bytes(answer, "big")

    def _adopt(self, whether: bool) -> None:
        assert self._prctl(PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0) == 0

    def stop(self) -> None:
        """Let it end."""
        self._requests.close()
        self._process.wait()


@functools.cache
def fork_server() -> ForkServer:
    """The fork server of this worker."""
    return ForkServer()


class Process(subprocess.Popen[AnyStr]):
    """A process of the companion by the arguments of Popen; any other command is started as Popen does it."""

    #: Benchmarks measure processes that are started as users start them.
    forks: ClassVar[bool] = True

    def _execute_child(self, *arguments: Any) -> None:
        start = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # subprocess's own
        given = inspect.signature(start).bind(self, *arguments).arguments
        environment = dict(os.environ) if given["env"] is None else given["env"]
        command = given["args"]
        usual = not (given["preexec_fn"] or given["pass_fds"] or given["shell"] or given["executable"])
        if not (self.forks and usual) or command[: len(COMMAND)] != COMMAND or not fork_server().serves(environment):
            start(self, *arguments)
            return
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "arguments": command[len(COMMAND) :],
            "environment": environment,
            "directory": str(given["cwd"] or Path.cwd()),
            "new_session": bool(given["start_new_session"]),
            "umask": umask,
        }
        streams = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        self.pid = fork_server().fork(request, [n if one == -1 else one for n, one in enumerate(streams)])
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]  # subprocess's own


def run(
    arguments: Sequence[str], *, stdin: str = "", timeout_s: float = 120, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments to its end, without a terminal, as subprocess.run() does it."""
    pipe = subprocess.PIPE
    with Process([*COMMAND, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True, **more) as process:
        try:
            output, errors = process.communicate(stdin, timeout_s)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
