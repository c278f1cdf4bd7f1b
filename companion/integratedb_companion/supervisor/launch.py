"""Starts programs that end with the supervisor, and finds those that a killed supervisor has left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.server_programs import unprivileged_user

#: Children have it in their environment, with the directory and the name of the part. So do their own children.
MARK = "INTEGRATEDB_SUPERVISED"
#: How long a program may take that only looks at something.
SHORT_S = 30.0
HELPER = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Owner:
    """The user that runs Postgres, and the parts where it can, in place of root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def find(cls) -> Owner | None:
        """Return the user; None: the present one. Error: CommandError."""
        if os.geteuid() != 0:
            return None
        user = unprivileged_user()
        return cls(user.pw_name, user.pw_uid, user.pw_gid)


def command(program: Sequence[str | Path], owner: Owner | None, when_orphaned: signal.Signals) -> list[str]:
    """Return the command line that runs a program as the owner, and signals it when this process ends."""
    user = [str(owner.uid), str(owner.gid)] if owner else ["-1", "-1"]
    helper = [sys.executable, "-I", "-S", str(HELPER), str(int(when_orphaned)), str(os.getpid()), *user]
    return [*helper, *map(str, program)]


def start(
    program: Sequence[str | Path],
    environment: Mapping[str, str],
    owner: Owner | None,
    when_orphaned: signal.Signals,
    output: int | IO[Any] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches the supervisor only."""
    return subprocess.Popen(
        command(program, owner, when_orphaned),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
    )


def succeeds(program: Sequence[str | Path], environment: Mapping[str, str], owner: Owner | None) -> bool:
    """Whether a short program ends with status 0 as the owner, within 30 s."""
    process = start(program, environment, owner, signal.SIGKILL, subprocess.DEVNULL)
    try:
        return process.wait(SHORT_S) == 0
    except subprocess.TimeoutExpired:  # such as on a mount that hangs
        process.kill()
        process.wait()
        return False


def marked(*marks: str) -> Iterator[int]:
    """Find the processes whose environment has one of these marks."""
    wanted = {f"{MARK}={mark}".encode() for mark in marks}
    for pid in _processes():
        with contextlib.suppress(OSError):
            if wanted & set((Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")):
                yield pid


def working_in(directory: Path) -> Iterator[int]:
    """Find the processes whose working directory is this one, as it is that of Postgres' own."""
    for pid in _processes():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == str(directory):  # noqa: PTH115  may end with " (deleted)"
                yield pid


def knows_processes() -> bool:
    """Whether the processes of this machine can be seen."""
    return Path("/proc/self/cwd").exists()


def _processes() -> Iterator[int]:
    with contextlib.suppress(OSError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                yield int(entry.name)


def end(find: Callable[[], Iterator[int]], signals: Sequence[tuple[signal.Signals, float]]) -> int:
    """Send the processes one signal after the other until they have ended; return how many there were.

    Each signal comes with the seconds that the processes have. Error: CommandError, when some remain.
    """
    number = len(list(find()))
    for one, patience_s in signals:
        for pid in find():
            with contextlib.suppress(OSError):
                os.kill(pid, one)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not any(True for _ in find()):
                return number
            time.sleep(0.05)
    if left := list(find()):
        raise CommandError(f"processes of an earlier start do not end: {', '.join(map(str, left))}")
    return number
