"""A real `integratedb serve`, and a client of its API."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from tests.support import Session
from tests.system import processes
from tests.system.harness import Cluster, eventually, free_port
from tests.system.processes import COMMAND, Process

API_ROLE, API_PASSWORD = "management", "management-password"
ROOT_NAME, ROOT_PASSWORD = "root", "correct horse battery"
NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    """Make a name that no other test has."""
    return f"{prefix}_{next(NUMBERS)}"


def run_command(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `integratedb serve` that is expected to end by itself."""
    return processes.run(["serve", *options], timeout_s=60, env={**os.environ, **environment})


class Client:
    """Speaks JSON with the service, as one user or as nobody."""

    def __init__(self, base_url: str, token: str | None = None, address: str | None = None) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if address:
            self._headers["X-Forwarded-For"] = address
        self.base_url = base_url
        self.token = token

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a request."""
        if body is not None:
            # As ASCII, which can say halves of surrogate pairs.
            more |= {"content": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}
        # The certificates of the tests are their own.
        with httpx.Client(headers=self._headers, timeout=60, verify=False) as http:
            return http.request(method, f"{self.base_url}/api/v1{path}", **more)

    def data(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """Send a request that must succeed, and give its data."""
        answer = self.send(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"] if answer.content else None

    def refused(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a request that must be refused, and give its errors."""
        answer = self.send(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/json"
        (name,) = answer.json().keys()
        assert name == "errors"
        return answer.json()["errors"]

    def stakeholder(self, name: str) -> dict[str, Any]:
        """Create a stakeholder."""
        created: dict[str, Any] = self.data("POST", "/stakeholders", {"stakeholder": {"name": name}}, 201)
        return created


def login_body(username: str, password: str) -> dict[str, Any]:
    """Give the body of a login."""
    return {"data": {"username": username, "password": password}}


@dataclass
class Raw:
    """A connection on which bytes are sent as they are."""

    connection: socket.socket
    opened: ClassVar[list[Raw]] = []

    @classmethod
    def open(cls, port: int, head: str = "", body: bytes = b"") -> Self:
        """Connect, and send the head of a request, line by line, and the beginning of a body."""
        made = cls(socket.create_connection(("127.0.0.1", port), 30))
        cls.opened.append(made)
        if head:
            made.send("\r\n".join([*head.splitlines(), "", ""]).encode() + body)
        return made

    def send(self, data: bytes) -> None:
        """Send bytes, as many as the other side takes."""
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def answer(self, timeout_s: float = 30) -> str:
        """Read until the head and the body that it announces are there, or the end; empty when there is no answer."""
        self.connection.settimeout(timeout_s)
        said = b""
        with contextlib.suppress(OSError):
            while not self._is_whole(said):
                data = self.connection.recv(65_536)
                if not data:
                    break
                said += data
        return said.decode(errors="replace")

    @staticmethod
    def _is_whole(said: bytes) -> bool:
        head, end, body = said.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        return bool(end) and length is not None and len(body) >= int(length[1])

    def status(self, timeout_s: float = 30) -> int:
        """Give the status of the answer; 0 when there is none."""
        said = self.answer(timeout_s)
        return int(said.split(" ")[1]) if said.startswith("HTTP/1.1 ") else 0

    def is_closed(self, timeout_s: float) -> bool:
        """Whether the other side closes the connection in time."""
        self.connection.settimeout(timeout_s)
        try:
            while self.connection.recv(65_536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


class Service:
    """A process of the service."""

    def __init__(
        self,
        dsn: str,
        log: Path,
        *options: str,
        scheme: str = "http",
        environment: Mapping[str, str] | None = None,
        files: int | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.log_file = log
        command = [*COMMAND, "serve", "--listen", f"127.0.0.1:{self.port}"]
        command += [*(["--dsn", dsn] if dsn else []), *options]
        if files is not None:
            command = ["prlimit", f"--nofile={files}", *command]
        with log.open("ab") as output:
            self.process: subprocess.Popen[bytes] = Process(
                command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
            )
        eventually(self._has_started, timeout_s=60, message="serve")
        assert self.process.poll() is None, self.log_file.read_text()

    def _has_started(self) -> bool:
        if self.process.poll() is not None:
            return True
        try:
            return httpx.get(f"{self.url}/live", verify=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def client(self, token: str | None = None, address: str | None = None) -> Client:
        """Make a client; an address counts where the service trusts the proxy that says so."""
        return Client(self.url, token, address)

    def log_in(self, username: str, password: str, address: str | None = None) -> Client:
        """Make a client of a user."""
        session = self.client(address=address).data("POST", "/auth/login", login_body(username, password))
        return self.client(session["token"], address)

    def bootstrap(self) -> Client:
        """Create root, and make its client."""
        new = {"user": {"username": ROOT_NAME, "password": ROOT_PASSWORD}}
        return self.client(self.client().data("POST", "/users", new, 201)["token"])

    def logs(self) -> list[dict[str, Any]]:
        """Give what it has logged."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def resident_mb(self, which: str = "VmRSS") -> float:
        """Tell how much memory it has resident; VmHWM is the most it had since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(which)).split()[1]) / 1024

    def forget_peak(self) -> None:
        """Let VmHWM begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self, timeout_s: float = 20) -> int:
        """Ask it to stop, and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@dataclass
class Place:
    """A database of the cluster with the extension, and how to get there."""

    cluster: Cluster
    name: str
    superuser: Session
    owner: Session

    @property
    def dsn(self) -> str:
        """How the service connects: over TCP, by password."""
        return f"host=127.0.0.1 port={self.cluster.port} dbname={self.name} user={API_ROLE} password={API_PASSWORD}"

    @property
    def owner_dsn(self) -> str:
        """How previews connect."""
        return f"host={self.cluster.socket} port={self.cluster.port} dbname={self.name} user=shop_owner"

    def stakeholder_session(self, username: str, password: str) -> Session:
        """Connect as a stakeholder does."""
        return Session.open(
            host="127.0.0.1", port=self.cluster.port, dbname=self.name, user=username, password=password
        )
