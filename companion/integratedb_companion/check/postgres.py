"""Runs a throw-away Postgres, from local binaries or in a container, and removes it after the check."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.server_programs import unprivileged_user

from .model import UnableError

USER = "integratedb_check"
START_S = 60

#: The log is read for messages that a migration tool did not show.
SETTINGS = {
    "wal_level": "logical",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_locks_per_transaction": "256",
    "max_prepared_transactions": "10",
    "password_encryption": "scram-sha-256",
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_directory": "log",
    "log_filename": "server",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
    "log_min_messages": "warning",
    "log_error_verbosity": "default",
    "lc_messages": "C",
}
LOG = "log/server.json"


class Postgres(ABC):
    """A server that runs between `start` and `stop`; a connection needs its password."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.password = secrets.token_urlsafe(24)
        self.port = 0

    @abstractmethod
    def start(self) -> None:
        """Start the server and create the database. Error: UnableError."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server and remove everything."""

    @property
    def programs(self) -> Path | None:
        """The directory of psql and pg_restore of this version, if it is known."""
        return None

    @property
    def dsn(self) -> str:
        """The connection string of the server."""
        return make_conninfo(
            "", host="127.0.0.1", port=self.port, user=USER, password=self.password, dbname=self.database
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of the check's commands: libpq's variables and DATABASE_URL lead to this server."""
        kept = {
            name: value for name, value in os.environ.items() if not (name.startswith("PG") and name[2:3].isalpha())
        }
        path = kept.get("PATH", os.defpath)
        return {
            **kept,
            "PATH": f"{self.programs}{os.pathsep}{path}" if self.programs else path,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "DATABASE_URL": f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}"
            f"/{quote(self.database, safe='')}",
        }

    def wait(self, alive: Any) -> None:
        """Wait until the server accepts a connection. Error: UnableError."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(make_conninfo(self.dsn, dbname="postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as problem:
                if time.monotonic() > deadline or not alive():
                    raise UnableError(f"the throw-away Postgres does not start: {str(problem).strip()}") from None
            time.sleep(0.1)


class LocalPostgres(Postgres):
    """Runs local binaries. Postgres refuses to run as root, so root runs it as another user."""

    def __init__(self, database: str, programs: Path) -> None:
        super().__init__(database)
        self._programs = programs
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = unprivileged_user() if os.geteuid() == 0 else None

    @property
    def programs(self) -> Path:
        return self._programs

    def start(self) -> None:
        self._home = home = Path(tempfile.mkdtemp(prefix="integratedb-check-", dir=_short_directory()))
        (home / "password").write_text(self.password)
        if self._owner:
            for path in (home, home / "password"):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        initialised = self._run(
            "initdb", f"--pgdata={home}/data", f"--username={USER}", "--auth=scram-sha-256", "--encoding=UTF8",
            f"--pwfile={home}/password", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip
        (home / "password").unlink()
        if initialised.returncode:
            raise UnableError(f"initdb failed: {initialised.stderr.decode(errors='replace').strip()}")
        # Another process may take a free port at any time, so only the server's start shows whether it is free.
        for _ in range(5):
            self.port = _free_port()
            self._launch(home)
            with contextlib.suppress(_EndedError):
                self.wait(self._alive)
                self._create_database()
                return
        raise UnableError(f"the throw-away Postgres does not start: {self._said()}")

    def stop(self) -> None:
        if self._process is not None:
            # SIGQUIT, because the data is discarded.
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(3)
            self._process.wait()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    def _launch(self, home: Path) -> None:
        settings = SETTINGS | {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(home)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (home / "start").open("wb") as output:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", f"{home}/data", "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                **self._as_owner(),
            )

    def _alive(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise _EndedError
        return True

    def _create_database(self) -> None:
        from psycopg import sql

        if self.database in ("postgres", "template1"):
            return
        conninfo = make_conninfo(self.dsn, dbname="postgres")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))

    def _said(self) -> str:
        return (self._home / "start").read_text(errors="replace").strip()[-1000:] if self._home else ""

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(self._programs / program), *arguments], check=False, capture_output=True, cwd="/", **self._as_owner()
        )

    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}


class _EndedError(Exception):
    """The server ended instead of starting."""


class DockerPostgres(Postgres):
    """Runs a container of an image that has the extension; it is removed after the check."""

    def __init__(self, database: str, image: str) -> None:
        super().__init__(database)
        self.image = image
        self._container = ""

    def start(self) -> None:
        # The password is passed in the environment, because everybody can see a command line.
        environment = os.environ | {
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_USER": USER,
            "POSTGRES_DB": self.database,
        }
        variables = [part for name in ("PASSWORD", "USER", "DB") for part in ("-e", f"POSTGRES_{name}")]
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._container = self._docker(
            # The label finds what a killed check has left: docker ps --filter label=integratedb.check
            "run", "--detach", "--rm", "--label", f"integratedb.check={os.getpid()}", "--publish", "127.0.0.1::5432",
            *variables, self.image, "postgres", *settings,
            environment=environment,
        )  # fmt: skip
        self.port = int(self._docker("port", self._container, "5432/tcp").splitlines()[0].rpartition(":")[2])
        self.wait(self._alive)

    def stop(self) -> None:
        if self._container:
            subprocess.run(["docker", "rm", "--force", "--volumes", self._container], check=False, capture_output=True)

    def _alive(self) -> bool:
        return self._docker("inspect", "--format", "{{.State.Running}}", self._container) == "true"

    def _docker(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        try:
            done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, env=environment)
        except FileNotFoundError:
            raise UnableError("there is no program docker", "Install it, or leave --docker out.") from None
        if done.returncode:
            raise UnableError(f"docker {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()


@contextlib.contextmanager
def running(postgres: Postgres) -> Iterator[Postgres]:
    """Run the server for the length of the block."""
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()


def _short_directory() -> str:
    """Return a short directory for sockets, because their paths are limited to about 100 bytes."""
    return tempfile.gettempdir() if len(tempfile.gettempdir()) < 50 else "/tmp"  # noqa: S108  a private one inside it


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
