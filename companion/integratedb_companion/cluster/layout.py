"""Lays out the directory of a node: its settings, secrets, certificates, data and logs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integratedb_companion.common.errors import STATUS_USAGE, CommandError

from .settings import Settings

DEFAULT, DEFAULT_OF_ROOT = "~/.local/share/integratedb/cluster", "/var/lib/integratedb/cluster"
#: The path of a socket is limited to 107 bytes on Linux.
LONGEST_SOCKET = 100
#: What is drawn at random when a cluster is made: passwords of Postgres' roles and of Patroni, tokens of the agents.
SECRETS = ("superuser", "replication", "rewind", "patroni", "admin_token", "read_token")


class Layout:
    """The paths of a node. All of them belong to the user that runs Postgres; nobody else enters."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path / "node.json"
        self.secrets = path / "secrets.json"
        self.tls = path / "tls"
        self.ca, self.ca_key = self.tls / "ca.crt", self.tls / "ca.key"
        self.certificate, self.key = self.tls / "node.crt", self.tls / "node.key"
        self.etcd = path / "etcd"
        self.data = path / "postgres" / "data"
        self.pgpass = path / "pgpass"
        self.sockets = path / "run"
        self.logs = path / "log"
        #: The agent holds its lock; its content is the pid.
        self.lock = path / "agent.lock"
        self.etcd_configuration, self.patroni_configuration = path / "etcd.yml", path / "patroni.yml"

    @classmethod
    def of(cls, given: str | None) -> Layout:
        """Return the directory of the option --dir."""
        default = DEFAULT_OF_ROOT if os.geteuid() == 0 else DEFAULT
        return cls(Path(os.path.realpath(Path(given or default).expanduser())))

    def create(self) -> None:
        """Make the directories. Error: CommandError, where the directory belongs to something else."""
        try:
            if self.path.exists() and any(self.path.iterdir()) and not self.tls.exists():
                raise CommandError(
                    f"{self.path} is not empty, and was not made by integratedb cluster",
                    hint="--dir names a new directory.",
                )
            for directory in (self.path, self.tls, self.etcd, self.data.parent, self.sockets, self.logs):
                directory.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise CommandError(
                f"{problem.filename or self.path}: {problem.strerror}", hint="--dir names another directory."
            ) from None
        if len(str(self.sockets / ".s.PGSQL.65535")) > LONGEST_SOCKET:
            raise CommandError(f"{self.path} is too long for the path of a socket", hint="--dir names a shorter one.")

    def read_settings(self) -> Settings:
        """Read the settings of the node. Error: CommandError."""
        found = self.read(self.settings)
        if found is None:
            raise CommandError(
                f"there is no node of a cluster in {self.path}",
                status=STATUS_USAGE,
                hint="--dir names its directory; integratedb cluster new or join makes one.",
            )
        try:
            return Settings.from_json(found)
        except (KeyError, TypeError, ValueError):
            raise CommandError(f"{self.settings} is damaged", hint="Restore it, or leave and join again.") from None

    def read_secrets(self) -> dict[str, str]:
        """Read the passwords and tokens. Error: CommandError."""
        found = self.read(self.secrets)
        if found is None or not all(isinstance(found.get(name), str) for name in SECRETS):
            raise CommandError(f"{self.secrets} is missing or damaged", hint="Copy it from another node.")
        return {name: str(found[name]) for name in SECRETS}

    def read(self, path: Path) -> dict[str, Any] | None:
        """Read one of the files; None where it does not exist. Error: CommandError."""
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise CommandError(
                f"{path}: permission denied", hint="Run this as root, or as the user that runs Postgres."
            ) from None
        except (OSError, ValueError, TypeError) as problem:
            said = problem.strerror if isinstance(problem, OSError) else "not JSON"
            raise CommandError(f"{path}: {said}") from None

    def write(self, path: Path, content: dict[str, Any] | bytes) -> None:
        """Replace a file durably; nobody else may read it."""
        text = content if isinstance(content, bytes) else f"{json.dumps(content, indent=2)}\n".encode()
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the lock of the agent for the length of the block. Error: CommandError."""
        # Children do not inherit the descriptor, so the lock ends with this process, however it ends.
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(f"an agent runs in {self.path} already") from None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def agent_runs(self) -> bool:
        """Whether an agent holds the lock."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def draw_secrets() -> dict[str, str]:
    """Draw all passwords and tokens of a new cluster."""
    return {name: secrets.token_urlsafe(32) for name in SECRETS}
