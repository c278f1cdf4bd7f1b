"""Starts etcd and Patroni so that they outlive the agent, takes over those that run, and restarts what dies."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

#: A log is moved away at a start when it is longer.
LOG_BYTES = 20 << 20
#: What has run for a while is started again at once. What dies soon waits longer each time.
SETTLED_S, LONGEST_PAUSE_S = 10.0, 10.0
#: What runs for so long is not about to end at its configuration.
SETTLING_S = 3.0


@functools.cache
def _boot() -> str:
    """Return what is another text after each start of the machine; a process is counted from there."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Process:
    """A process, known by its number and its start, since numbers are used again."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the process of this number; None: there is none, or only its exit status is left."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, f"{fields[19]} after {_boot()}")

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return Process.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self) -> None:
        """Wait for the end of the process, which need not be a child."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not self.runs:
                return
            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            loop.add_reader(descriptor, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(descriptor)
        finally:
            os.close(descriptor)


class Part:
    """etcd or Patroni: one program that is kept running."""

    def __init__(self, name: str, command: Sequence[str], note: Path, output: Path, patience_s: float) -> None:
        self.name, self._command, self._note, self._output = name, list(command), note, output
        self._patience_s = patience_s
        self.process: Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0
        self._pause_s = 0.0
        #: How often it was started again.
        self.restarts = 0
        self._stopping = False
        self._failing_since_s: float | None = None

    def begin(self) -> None:
        """Take over the process of an earlier agent, or start one."""
        self.process = self._noted()
        if self.process is not None:
            log.info("taken over", extra={"part": self.name, "pid": self.process.pid})
        else:
            self._start()

    def _noted(self) -> Process | None:
        try:
            found = json.loads(self._note.read_text())
            process = Process(int(found["pid"]), str(found["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return process if process.runs else None

    def _start(self) -> None:
        self._began_s = time.monotonic()
        with contextlib.suppress(OSError):
            if self._output.stat().st_size > LOG_BYTES:
                self._output.replace(self._output.with_name(f"{self._output.name}.1"))
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "INTEGRATEDB", "ETCD", "PATRONI"))
        }
        # A file, because a pipe would end with the agent, and the program by its next line.
        with self._output.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        self.process = Process.of(self._child.pid)
        if self.process is not None:
            new = self._note.with_name(f".{self._note.name}")
            new.write_text(json.dumps({"pid": self.process.pid, "started": self.process.started}))
            new.replace(self._note)
        log.info("started", extra={"part": self.name, "pid": self._child.pid})

    async def keep(self) -> None:
        """Start the program again whenever it ends, until `stop`."""
        while not self._stopping:
            if self.process is not None:
                await self.process.ended()
            status = self._child.wait() if self._child is not None else None
            if self._stopping:
                return
            # At once after a while of work: each second without Patroni is one nearer to the end of its key.
            has_settled = time.monotonic() - self._began_s > SETTLED_S
            self._pause_s = 0.0 if has_settled else min(LONGEST_PAUSE_S, max(0.2, self._pause_s * 2))
            if has_settled or self._failing_since_s is None:
                self._failing_since_s = time.monotonic()
            log.warning(
                "it has ended, and is started again",
                extra={"part": self.name, "status": status, "pause_s": self._pause_s, "log": str(self._output)},
            )
            await asyncio.sleep(self._pause_s)
            if not self._stopping:
                self.restarts += 1
                self._start()

    async def stop(self) -> None:
        """End the program; it is killed where it takes too long."""
        self._stopping = True
        if self.process is None:
            return
        for number, patience_s in ((signal.SIGTERM, self._patience_s), (signal.SIGKILL, 5.0)):
            self.process.signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.ended(), patience_s)
                break
            log.warning("it has not ended", extra={"part": self.name, "after_s": patience_s})
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(1)
        self._note.unlink(missing_ok=True)

    @property
    def runs(self) -> bool:
        """Whether the program runs now."""
        return self.process is not None and self.process.runs

    @property
    def failing_s(self) -> float:
        """Return for how long the program has ended soon after each start; 0: it runs, or is stopped."""
        now_s = time.monotonic()
        if self._stopping or self._failing_since_s is None or (self.runs and now_s - self._began_s > SETTLING_S):
            return 0.0
        return now_s - self._failing_since_s
