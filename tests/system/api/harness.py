"""A real `integratedb api`, its database, and a client of it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt

from integratedb_companion.api.metrics import WRITE_AFTER_S
from tests.support import Session
from tests.system import processes
from tests.system.harness import Cluster, eventually, free_port
from tests.system.serve.harness import Raw

LOGIN, LOGIN_PASSWORD = "api_login", "api-password"
SECRET = "a secret of at least sixty-four bytes, so that no algorithm finds it short"
NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    """Make a name that no other test has."""
    return f"{prefix}_{next(NUMBERS)}"


def token(role: str, secret: str = SECRET, **claims: Any) -> str:
    """Sign a token."""
    content = {"role": role, "exp": int(time.time()) + 600, **claims}
    return jwt.encode({name: value for name, value in content.items() if value is not None}, secret, "HS256")


def run_command(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `integratedb api` that is expected to end by itself."""
    return processes.run(["api", *options], timeout_s=60, env={**os.environ, **environment})


@dataclass
class Place:
    """A database with the tables of these tests, and roles of its own."""

    cluster: Cluster
    name: str
    superuser: Session
    #: A role that reads people, and one that writes notes too.
    anonymous: str
    user: str

    @property
    def dsn(self) -> str:
        """How the service connects: over TCP, by password."""
        return f"host=127.0.0.1 port={self.cluster.port} dbname={self.name} user={LOGIN} password={LOGIN_PASSWORD}"

    def sessions(self) -> list[Any]:
        """Give the processes of the service's connections."""
        return self.superuser.rows(
            "SELECT pid, state, query FROM pg_stat_activity WHERE usename = %s AND datname = %s", LOGIN, self.name
        )

    def running(self, part: str) -> int:
        """Count the service's statements that are running and have this text in them."""
        return sum(state == "active" and part in query for _, state, query in self.sessions())


class Api:
    """A process of the service."""

    def __init__(
        self,
        place: Place,
        log: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        dsn: str | None = None,
        scheme: str = "http",
    ) -> None:
        self.place = place
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.log_file = log
        given = [*options]
        for flag, value in (
            ("--dsn", dsn or place.dsn),
            ("--listen", f"127.0.0.1:{self.port}"),
            ("--admin-listen", f"127.0.0.1:{self.admin_port}"),
            ("--workers", "1"),
            ("--anonymous", place.anonymous),
            ("--jwt-secret", SECRET),
        ):
            if environment is None and flag not in options:
                given += [flag, value]
        with log.open("ab") as output:
            self.process = processes.Process(
                [*processes.COMMAND, "api", *given],
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        eventually(self._has_started, timeout_s=60, message="api")
        assert self.process.poll() is None, self.log_file.read_text()

    def _has_started(self) -> bool:
        if self.process.poll() is not None:
            return True
        try:
            return httpx.get(f"{self.url}/", verify=False, timeout=5).status_code > 0
        except httpx.TransportError:
            return False

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = None,
        headers: Mapping[str, str] | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """Send a request: as a role with these claims, or as nobody."""
        given = dict(headers or {})
        if role is not None:
            given["Authorization"] = f"Bearer {token(role, **claims)}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        with httpx.Client(timeout=60, verify=False) as http:
            return http.request(method, f"{self.url}{path}", content=body, headers=given)

    def get(self, path: str, **more: Any) -> Any:
        """Read something that is there."""
        answer = self.send("GET", path, **more)
        assert answer.status_code in (200, 206), answer.text
        return answer.json()

    def raw(
        self, method: str, path: str, *headers: str, body: bytes = b"", role: str | None = None, **claims: Any
    ) -> Raw:
        """Connect, and send the head of a request and the beginning of its body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        if role is not None:
            lines.append(f"Authorization: Bearer {token(role, **claims)}")
        return Raw.open(self.port, "\n".join(lines), body)

    def workers(self) -> list[int]:
        """Give the processes of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return [pid for pid, command in commands.items() if b"spawn_main" in command]

    def metrics(self) -> dict[str, float]:
        """Give the figures of all workers, which write them a moment after an answer."""
        time.sleep(2 * WRITE_AFTER_S)
        lines = httpx.get(f"{self.admin_url}/metrics", timeout=10).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}

    def logs(self) -> list[dict[str, Any]]:
        """Give what it has logged."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def stop(self, timeout_s: float = 30) -> int:
        """Ask it to stop, and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)
