"""A shop's database for each test, and the command run in it as a process of its own."""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, clone
from tests.system import processes
from tests.system.conftest import TEMPLATE
from tests.system.harness import ROOT, Cluster
from tests.system.processes import COMMAND, Process

NUMBERS = itertools.count(1)
ROLES = "SELECT rolname FROM pg_roles"

#: What a shell of the machine may have, and would change what a test sees.
ELSEWHERE = re.compile(r"PG[A-Z]+|INTEGRATEDB_.*|VAULT_.*|NO_COLOR|FORCE_COLOR|COLUMNS")


def run(*arguments: str | Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    kept = {name: value for name, value in os.environ.items() if not ELSEWHERE.fullmatch(name)}
    return processes.run(list(map(str, arguments)), stdin=stdin, env=kept | environment)


@dataclass
class Terminal:
    """The command on a terminal of its own."""

    process: subprocess.Popen[bytes]
    descriptor: int
    shown: str = ""

    def expect(self, text: str, timeout_s: float = 30) -> str:
        """Wait until it has shown this."""
        deadline = time.monotonic() + timeout_s
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            if not self._read(0.1) and self.process.poll() is not None and not self._read(0.1):
                raise AssertionError(f"it ended without {text!r}: {self.shown!r}")
        return self.shown

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self.descriptor, text.encode())

    def end(self) -> int:
        """Wait for its end, and give the exit status."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self._read(0.05)
        while self._read(0.1):
            pass
        os.close(self.descriptor)
        return self.process.returncode

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], timeout_s)
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65_536)
        except OSError:  # the other side is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@dataclass
class Place:
    """A database with the shop, the extension and its admin; nobody claims anything."""

    cluster: Cluster
    database: str
    directory: Path

    def environment(self, user: str) -> dict[str, Any]:
        """Libpq's variables, by which the command finds it."""
        return {
            "PGHOST": self.cluster.socket,
            "PGPORT": str(self.cluster.port),
            "PGUSER": user,
            "PGDATABASE": self.database,
        }

    def run(
        self, *arguments: str | Path, user: str = "shop_admin", stdin: str = "", status: int = 0, **environment: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the command in it, and see that it ends with this status."""
        result = run(*arguments, stdin=stdin, **(self.environment(user) | environment))
        assert result.returncode == status, f"{result.returncode}: {result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr
        return result

    def terminal(self, *arguments: str | Path, user: str = "shop_admin", **environment: str) -> Terminal:
        """Run the command on a terminal."""
        ours, theirs = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if not ELSEWHERE.fullmatch(name)}
        process: subprocess.Popen[bytes] = Process(
            [*COMMAND, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=kept | {"TERM": "xterm-256color", "COLUMNS": "160"} | self.environment(user) | environment,
            start_new_session=True,
        )
        os.close(theirs)
        return Terminal(process, ours)

    def session(self, user: str = "postgres") -> Session:
        """Connect to it."""
        return self.cluster.session(self.database, user)

    def login(self, user: str, password: str) -> Session:
        """Connect by password."""
        return Session.open(
            host="127.0.0.1", port=self.cluster.port, dbname=self.database, user=user, password=password
        )

    def contract(self, text: str, name: str = "mailer.yaml") -> Path:
        """Write a contract, and give its directory."""
        directory = self.directory / "contracts"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(text)
        return directory


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """The database; the roles that a test makes go with it."""
    name = f"place{next(NUMBERS)}"
    with cluster.session("postgres") as superuser:
        roles = set(superuser.rows(ROLES))
        superuser.run("CREATE ROLE shop_admin LOGIN IN ROLE integratedb_admin")
        clone(superuser, name, TEMPLATE)
    with cluster.session(name) as superuser, cluster.session(name, "shop_owner") as owner:
        superuser.run("CREATE SCHEMA shop AUTHORIZATION shop_owner")
        superuser.run("REVOKE CREATE ON SCHEMA public FROM shop_owner")
        owner.run((ROOT / "demo/shop.sql").read_text())
    yield Place(cluster, name, tmp_path)
    with cluster.session("postgres") as superuser:
        superuser.run(f"DROP DATABASE {name} WITH (FORCE)")
        for (role,) in set(superuser.rows(ROLES)) - roles:
            superuser.run(f'DROP ROLE "{role}"')


@pytest.fixture
def stakeholder(place: Place) -> Callable[..., str]:
    """``stakeholder(name, *matches)``: create it with claims, and give its password."""

    def create(name: str, *matches: dict[str, object]) -> str:
        with place.session("shop_admin") as admin:
            password = admin.value("SELECT password FROM integratedb_create_stakeholder(%s)", name)
            if matches:
                admin.run("SELECT integratedb_claim(%s, %s)", name, Jsonb({"match": list(matches)}))
        return str(password)

    return create
