"""`integratedb start` as a process of its own, with real parts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from integratedb_companion.supervisor.launch import marked, working_in
from tests.support import Session
from tests.system.harness import eventually, free_port

PARTS = ("postgres", "daemon", "api", "serve")
COMMAND = [sys.executable, "-m", "integratedb_companion.cli"]
READY = "Ctrl-C stops it"


def environment(**more: str) -> dict[str, str]:
    """What a start has of this one: one worker is enough, and nothing of another database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "INTEGRATEDB_"))}
    config = {"PG_CONFIG": os.environ["PG_CONFIG"]} if "PG_CONFIG" in os.environ else {}
    return kept | config | {"INTEGRATEDB_API_WORKERS": "1"} | more


def command(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**more),
        timeout=60,
    )


@contextmanager
def place() -> Iterator[Path]:
    """A directory that the user of Postgres may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="integratedb-start-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


class Start:
    """The process, and what it runs in a directory."""

    def __init__(self, data: Path, *options: str, python: Path | str = sys.executable) -> None:
        self.data = data
        self._command = [str(python), *COMMAND[1:]]
        self.ports = {name: free_port() for name in ("daemon", "api", "serve")}
        self._options = options
        self.log = data.with_name(f"{data.name}.log")
        #: Processes that were there when it was killed.
        self.outlived: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Start it, again too."""
        self._said_before = len(self.said) if self.log.exists() else 0
        ports = [part for name, port in self.ports.items() for part in (f"--port-{name}", str(port))]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*self._command, "start", "--data", str(self.data), *ports, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
            )

    @property
    def said(self) -> str:
        """All that it has printed, in earlier runs too."""
        return self.log.read_text()

    @property
    def lines(self) -> list[str]:
        """What it has printed since it began."""
        return self.said[self._said_before :].splitlines()

    def says(self, words: str, timeout_s: float = 60) -> None:
        """Wait until it has printed that since it began."""
        eventually(
            lambda: any(words in line for line in self.lines) or self.process.poll() is not None, timeout_s=timeout_s
        )
        assert any(words in line for line in self.lines), "\n".join(self.lines)

    def ready(self) -> Start:
        """Wait until everything runs."""
        self.says(READY)
        return self

    def parts(self) -> dict[str, dict[str, Any]]:
        """What `integratedb status` says of the parts."""
        done = command("status", "--data", self.data, "--json")
        return {part["name"]: part for part in json.loads(done.stdout)["parts"]}

    def noted(self) -> dict[str, dict[str, Any]]:
        """The same, as it is noted."""
        return {part["name"]: part for part in json.loads((self.data / "parts.json").read_text())["parts"]}

    @property
    def passwords(self) -> dict[str, str]:
        """All of them."""
        return dict(json.loads((self.data / "passwords.json").read_text()))

    @property
    def postgres_port(self) -> int:
        """The one that it has chosen."""
        return int(json.loads((self.data / "settings.json").read_text())["postgres_port"])

    def dsn(self, role: str = "postgres") -> str:
        """How a role connects."""
        return make_conninfo("", **self._address(role))

    def _address(self, role: str) -> dict[str, Any]:
        address = {"host": "127.0.0.1", "port": self.postgres_port, "dbname": "main"}
        return {**address, "user": role, "password": self.passwords[role]}

    def session(self, role: str = "postgres") -> Session:
        """A session of a role."""
        return Session.open(**self._address(role))

    def get(self, part: str, path: str, data: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask a service."""
        body = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
        if body is not None and "authorization" not in headers:
            headers["content-type"] = "application/json"
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[part]}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read())

    def kill(self) -> None:
        """Kill the supervisor."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def remains(self) -> list[int]:
        """The processes that run for the directory, except for the supervisor."""
        of_services = [pid for name in PARTS for pid in marked(f"{self.data}:{name}")]
        return [*of_services, *working_in(self.data / "postgres")]

    def end(self) -> None:
        """End all of it, however it is."""
        self.stop(signal.SIGTERM)
        eventually(lambda: not self.remains(), timeout_s=30)


def copied(data: Path, to: Path) -> Path:
    """Copy a directory that nobody uses."""
    subprocess.run(["cp", "--archive", data, to], check=True)
    return to


def names_in_order(lines: list[str], words: str) -> list[str]:
    """The parts that the supervisor's lines say that of, in their order."""
    found = (re.search(rf"start +{words} (\w+)", line) for line in lines)
    return [match[1] for match in found if match]


def user_of(pid: int) -> int:
    """The user that a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid
