"""A process of the fork server is as one that a shell starts: what it prints, its status, signals and surroundings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.system import processes
from tests.system.harness import eventually
from tests.system.processes import COMMAND, Process

#: It takes no daemon's time, and stays until it is ended.
WAITING = ["daemon", "--dsn", "host=/nonexistent user=nobody dbname=nothing", "--listen", "127.0.0.1:0"]


def started(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """What the command itself does, the script that pip has installed."""
    program = str(Path(sys.executable).with_name("integratedb"))
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True, input="", **more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["daemon", "--slot", "Bad-Name"],
        ["serve", "--listen", "nowhere"],
        ["status", "--dsn", "host=/nonexistent"],
        ["status", "--no-such-option"],
        ["lint", "nowhere.yaml"],
        ["schema"],
        ["claim", "reporter", "-", "--dsn", "host=/nonexistent", "--json"],
    ],
    ids=" ".join,
)
def test_it_prints_the_same_and_ends_with_the_same_status(arguments: list[str], tmp_path: Path) -> None:
    expected, got = started(*arguments, cwd=tmp_path), processes.run(arguments, cwd=tmp_path)
    # What usage calls the program differs between the script and -m.
    said = [text.replace("python -m integratedb_companion.cli", "integratedb") for text in (got.stdout, got.stderr)]
    assert (got.returncode, *said) == (expected.returncode, expected.stdout, expected.stderr)


def status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def sockets_of(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed, or was that of this listing
            found.add(str(link.readlink()))
    return {name for name in found if name.startswith("socket")}


def test_it_is_a_child_in_the_given_surroundings(tmp_path: Path) -> None:
    surroundings = {**os.environ, "TEST_GIVEN": "ünïcode"}
    surroundings.pop("HOME", None)
    with (tmp_path / "log").open("wb") as log:
        process: subprocess.Popen[bytes] = Process(
            [*COMMAND, *WAITING], stdout=log, stderr=log, env=surroundings, cwd=tmp_path, start_new_session=True
        )
    pid = process.pid
    try:
        eventually((tmp_path / "log").read_text, message="it logs that there is no database")
        assert int(status_of(pid)["PPid"]) == os.getpid()
        assert os.getsid(pid) == pid
        assert Path(f"/proc/{pid}/cwd").resolve() == tmp_path.resolve()
        assert {Path(f"/proc/{pid}/fd/{number}").resolve() for number in (1, 2)} == {(tmp_path / "log").resolve()}
        assert sockets_of(pid).isdisjoint(sockets_of(processes.fork_server().pid))
    finally:
        process.kill()
        assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_its_program_says(number: signal.Signals, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process: subprocess.Popen[bytes] = Process([*COMMAND, *WAITING], stdout=log, stderr=log)
    eventually((tmp_path / "log").read_text, message="it logs that there is no database")
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(10) == 0


def test_the_test_does_not_adopt_what_others_leave_behind() -> None:
    left = subprocess.run(["sh", "-c", "sleep 5 & echo $!"], check=True, capture_output=True, text=True).stdout
    try:
        assert int(status_of(int(left))["PPid"]) != os.getpid()
    finally:
        os.kill(int(left), signal.SIGKILL)


def test_a_variable_that_python_reads_at_its_start_takes_effect() -> None:
    read = {**os.environ, "PYTHONPATH": "/nonexistent", "PYTHONVERBOSE": "1"}
    assert "import 'click.core'" in processes.run(["--version"], env=read).stderr
