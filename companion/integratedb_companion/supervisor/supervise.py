"""Keeps the parts running: starts them in order, starts again what dies, stops them in reverse order."""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

import psycopg

from integratedb_companion.common.errors import CommandError

from . import launch
from .directory import Directory
from .lines import Lines
from .parts import Part

#: The pauses before a part is started again; the first one after it has run for a while.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
DEATHS, WITHIN_S = 5, 60.0
TICK_S = 0.2
#: A part that takes longer is reported, and the next one is started.
READY_S = 30.0
Result = TypeVar("Result")


class StoppedError(Exception):
    """A signal asked to stop."""


class GaveUpError(CommandError):
    """A part died too often."""


@dataclass
class Running:
    """A part, and its process."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    log: threading.Thread | None = None
    since: str = ""
    is_ready: bool = False
    problem: str | None = "it is starting"
    start_at_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    deaths: collections.deque[float] = field(default_factory=lambda: collections.deque(maxlen=DEATHS))


class Supervisor:
    """The parts of one directory."""

    def __init__(self, directory: Directory, lines: Lines) -> None:
        self._directory, self._lines = directory, lines
        self._running: list[Running] = []
        self._stop_signal: signal.Signals | None = None
        self._interruptible = False
        self._wake_read, self._wake_write = os.pipe()
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take signals for the length of the block."""
        handled = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._signalled) for number in handled}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if self._stop_signal is None:
            self._stop_signal = signal.Signals(number)
            if self._interruptible:
                raise StoppedError

    def interruptible(self, work: Callable[[], Result]) -> Result:
        """Run something that waits, and end it at a signal. Error: StoppedError."""
        self._interruptible = True
        try:
            self._check_stop()
            return work()
        finally:
            self._interruptible = False

    def _check_stop(self) -> None:
        if self._stop_signal is not None:
            raise StoppedError

    def start(self, *parts: Part) -> None:
        """Start parts in their order, and wait until all are ready. Errors: StoppedError, GaveUpError."""
        started = [Running(part) for part in parts]
        self._running += started
        deadline = time.monotonic() + READY_S
        self._tick()
        while not all(running.is_ready for running in started):
            # A Postgres that recovers takes its time, and without it nothing can be started.
            if time.monotonic() > deadline and all(part.name != "postgres" for part in parts):
                for name, problem in self.unready.items():
                    self._lines.say("start", f"{name} is not ready yet: {problem}", "warning")
                return
            self._wait()
            self._tick()

    def while_running(self, work: Callable[[], Result]) -> Result:
        """Run something that needs Postgres, and repeat it where Postgres dies meanwhile."""
        while True:
            try:
                return self.interruptible(work)
            except (psycopg.OperationalError, CommandError):
                # A connection may break before the process has ended.
                self._wait()
                ours = next((one for one in self._running if one.part.name == "postgres"), None)
                if ours is None or (ours.process is not None and ours.process.poll() is None):
                    raise
            self._tick()
            while ours.problem is not None:
                self._wait()
                self._tick()

    def watch(self) -> None:
        """Keep the parts running until a signal comes. Error: GaveUpError."""
        with contextlib.suppress(StoppedError):
            while True:
                self._wait()
                self._tick()

    def _wait(self) -> None:
        """Wait for a signal, which the end of a child is, too. Error: StoppedError."""
        self._check_stop()
        ready, _, _ = select.select([self._wake_read], [], [], TICK_S)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        self._check_stop()

    def _tick(self) -> None:
        changed = False
        for running in self._running:
            if running.process is not None and running.process.poll() is not None:
                self._died(running, running.process.returncode)
                changed = True
            elif running.process is None and time.monotonic() >= running.start_at_s and self._may_start(running):
                self._launch(running)
                changed = True
            if running.process is not None and not running.is_ready:
                running.problem = running.part.problem(running.process.pid)
                running.is_ready = running.problem is None
                if running.is_ready:
                    self._lines.say("start", f"{running.part.name} is ready: {running.part.url}")
                    changed = True
        self._reap()
        if changed:
            self._note()

    def _may_start(self, running: Running) -> bool:
        """Whether Postgres takes connections; without it the others would end at once."""
        return all(one is running or one.is_ready for one in self._running if one.part.name == "postgres")

    def _launch(self, running: Running) -> None:
        part = running.part
        self._lines.say("start", f"starting {part.name}")
        running.process = launch.start(part.command, part.environment, part.owner, part.ending[0][0])
        assert running.process.stdout is not None
        running.log = self._lines.follow(part.name, running.process.stdout)
        running.since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

    def _died(self, running: Running, status: int) -> None:
        part, now_s = running.part, time.monotonic()
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        # Others of its process group, such as the workers of the data API, would keep its port.
        self._kill_group(running)
        part.clean()
        if running.log is not None:
            running.log.join(1.0)
        if not running.deaths or now_s - running.deaths[-1] > WITHIN_S:
            running.pause_s = FIRST_PAUSE_S
        running.deaths.append(now_s)
        running.process, running.is_ready, running.problem = None, False, how
        if len(running.deaths) == DEATHS and now_s - running.deaths[0] < WITHIN_S:
            last = self._lines.last(part.name)
            raise GaveUpError(
                f"{part.name} died {DEATHS} times in a minute; it {how} at last{f': {last}' if last else ''}",
                hint="Everything was stopped. The lines above say more.",
            )
        running.start_at_s = now_s + running.pause_s
        self._lines.say("start", f"{part.name} {how}; it is started again in {running.pause_s:.1f} s", "warning")
        running.pause_s = min(running.pause_s * 2, LONGEST_PAUSE_S)

    def _kill_group(self, running: Running) -> None:
        if running.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Take the exit status of processes that this one has inherited, as process 1 of a container does."""
        ours = {one.process.pid for one in self._running if one.process is not None}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
                os.waitpid(ended.si_pid, 0)

    def _note(self) -> None:
        """Write what runs, for `integratedb status`."""
        parts = [
            {
                "name": one.part.name,
                "pid": one.process.pid if one.process is not None else None,
                "since": one.since,
                "url": one.part.url,
                "ready_url": one.part.ready_url,
                "ready": one.is_ready,
                "problem": one.problem,
                "deaths": len(one.deaths),
            }
            for one in self._running
        ]
        self._directory.write(self._directory.parts, {"parts": parts}, 0o644)

    def stop(self) -> None:
        """Stop the parts, the last one first; each gets its time."""
        for running in reversed(self._running):
            process = running.process
            if process is None:
                continue
            if process.poll() is None:
                self._lines.say("start", f"stopping {running.part.name}")
            for number, patience_s in running.part.ending:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience_s)
                    break
                self._lines.say("start", f"{running.part.name} has not ended within {patience_s:.0f} s", "warning")
            self._kill_group(running)
            if running.log is not None:
                running.log.join(1.0)
        with contextlib.suppress(OSError):
            self._directory.parts.unlink()

    @property
    def unready(self) -> dict[str, str]:
        """Return the parts that are not ready, each with the reason."""
        return {one.part.name: one.problem or "" for one in self._running if not one.is_ready}
