"""Programs that outlive their supervisor, are taken over by the next one, and are started again when they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from integratedb_companion.cluster.processes import Part, Process

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
ENDS = [sys.executable, "-c", ""]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def part(directory: Path, command: list[str], patience_s: float = 5.0) -> Part:
    return Part("sleeper", command, directory / "sleeper.pid", directory / "sleeper.log", patience_s)


async def until_up(directory: Path, times: int = 1) -> None:
    async with asyncio.timeout(20):
        while (directory / "sleeper.log").read_text().count("up") < times:
            await asyncio.sleep(0.02)


def test_what_is_killed_is_started_again_at_once(tmp_path: Path) -> None:
    async def story() -> tuple[int, int, int]:
        one = part(tmp_path, SLEEPS)
        one.begin()
        keeper = asyncio.create_task(one.keep())
        await until_up(tmp_path)
        assert one.process is not None
        first = one.process.pid
        os.kill(first, signal.SIGKILL)
        await until_up(tmp_path, 2)
        second, restarts = one.process.pid, one.restarts
        await one.stop()
        await keeper
        assert not one.runs
        return first, second, restarts

    first, second, restarts = asyncio.run(story())
    assert first != second
    assert restarts == 1


def test_a_second_supervisor_takes_over_what_runs(tmp_path: Path) -> None:
    async def story() -> None:
        first = part(tmp_path, SLEEPS)
        first.begin()
        await until_up(tmp_path)
        second = part(tmp_path, SLEEPS)
        second.begin()
        assert second.process == first.process
        keeper = asyncio.create_task(second.keep())
        await second.stop()
        await keeper
        assert first._child is not None
        assert first._child.wait(5) == -signal.SIGTERM
        assert not (tmp_path / "sleeper.pid").exists()

    asyncio.run(story())


def test_a_number_that_another_process_has_by_now_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "sleeper.pid").write_text(json.dumps({"pid": os.getpid(), "started": "1"}))
    assert part(tmp_path, ENDS)._noted() is None
    (tmp_path / "sleeper.pid").write_text("damaged")
    assert part(tmp_path, ENDS)._noted() is None
    assert Process.of(os.getpid()) is not None


def test_what_ends_at_once_waits_longer_each_time_and_counts_as_failing(tmp_path: Path) -> None:
    async def story() -> float:
        one = part(tmp_path, ENDS)
        one.begin()
        keeper = asyncio.create_task(one.keep())
        await asyncio.sleep(1.5)
        failing_s, restarts = one.failing_s, one.restarts
        keeper.cancel()
        await one.stop()
        assert 1 <= restarts <= 4
        return failing_s

    assert asyncio.run(story()) > 1


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    async def story() -> None:
        one = part(tmp_path, STUBBORN, patience_s=0.2)
        one.begin()
        await until_up(tmp_path)
        await one.stop()
        assert not one.runs

    asyncio.run(story())


def test_the_environment_of_the_agent_is_not_passed_on(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("ETCD_NAME", "other")
    shows = [sys.executable, "-c", "import os; print(sorted(os.environ), 'up', flush=True)"]

    async def story() -> None:
        one = part(tmp_path, shows)
        one.begin()
        await until_up(tmp_path)
        await one.stop()

    asyncio.run(story())
    assert "PGPASSWORD" not in (tmp_path / "sleeper.log").read_text()
    assert "ETCD_NAME" not in (tmp_path / "sleeper.log").read_text()
