"""Creates the Postgres of a directory, and says how it is run."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.server_programs import find_programs, has_server

from . import launch
from .directory import Directory
from .launch import Owner

SUPERUSER = "postgres"
#: The first free port of these is kept. The system gives none of them to whoever connects somewhere.
PORTS = range(15_432, 15_532)
#: The path of a socket is limited to 107 bytes on Linux, and less elsewhere.
LONGEST_SOCKET = 100
#: A fast shutdown, then an immediate one: what is committed stays. At last what remains is killed.
ENDING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
#: Sessions without their server end at once, unless they compute something.
ENDING_OF_SESSIONS = ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
#: What the supervisor decides at each start; everything else is in postgresql.conf, which may be changed.
CONFIGURATION = """
# What integratedb start has added. Its options on the command line are the port, the addresses and the log.
wal_level = logical
max_slot_wal_keep_size = '10GB'     # how much WAL an absent daemon may keep before its slot is lost
password_encryption = 'scram-sha-256'
log_checkpoints = off
"""


class Server:
    """A server of one directory."""

    def __init__(self, directory: Directory, owner: Owner | None, bindir: str | None) -> None:
        self._directory, self._owner = directory, owner
        self.home = directory.postgres
        self._given = bindir
        self.programs = Path()
        self.port = 0
        self._reservation: socket.socket | None = None

    def prepare(self, port: int | None) -> None:
        """Find the programs, decide about the port, and end what an earlier start has left. Error: CommandError."""
        settings = self._directory.read(self._directory.settings)
        kept = settings.get("bindir")
        self.programs = find_programs(self._given or (kept if kept and has_server(Path(kept)) else None))
        self._check_version()
        self._check_owner()
        self.stop_leftover()
        self.port = port or settings.get("postgres_port") or self._reserve()
        if not port_is_free("127.0.0.1", self.port):
            raise CommandError(
                f"port {self.port} of 127.0.0.1, that of Postgres, is taken",
                hint="--port-postgres PORT gives it another one.",
            )
        settings |= {"postgres_port": self.port, "bindir": str(self.programs)}
        self._directory.write(self._directory.settings, settings)

    def _reserve(self) -> int:
        """Return a free port, which no other first start takes until `release`: initdb lasts seconds."""
        for port in PORTS:
            reservation = socket.socket()
            try:
                reservation.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                continue
            # Set after bind, it lets Postgres in beside this socket, and still nobody who reserves.
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reservation = reservation
            return port
        raise CommandError(
            f"no port from {PORTS[0]} to {PORTS[-1]} of 127.0.0.1 is free for Postgres",
            hint="--port-postgres PORT names one.",
        )

    def release(self) -> None:
        """Give up the reservation of the port: Postgres listens there, or the start has failed."""
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def _check_version(self) -> None:
        version = self.home / "PG_VERSION"
        if not version.exists():
            return
        wanted = version.read_text().strip()
        asked = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True, check=False)
        said = asked.stdout.strip()
        if re.search(rf" {wanted}(\D|$)", said) is None:
            raise CommandError(
                f"{self.home} is a cluster of Postgres {wanted}, and {self.programs} has {said}",
                hint=f"Debian, Ubuntu: apt-get install postgresql-{wanted}. Or name its directory by --bindir.",
            )

    def _check_owner(self) -> None:
        if self._owner and not launch.succeeds(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", self._directory.path], os.environ, self._owner
        ):
            raise CommandError(
                f"user {self._owner.name}, who runs Postgres for root, cannot enter {self._directory.path}",
                hint="--data names another directory, such as /var/lib/integratedb/main.",
            )

    def stop_leftover(self) -> int:
        """End the server of a killed supervisor, or the sessions of a killed server; return how many processes."""
        number = launch.end(self._postmasters, ENDING)
        number += launch.end(lambda: launch.working_in(self.home), ENDING_OF_SESSIONS)
        if launch.knows_processes():
            # After a crash of the machine, another process may have the number in it, and Postgres would not start.
            (self.home / "postmaster.pid").unlink(missing_ok=True)
        return number

    def _postmasters(self) -> Iterator[int]:
        return (pid for pid in launch.working_in(self.home) if pid == self._postmaster())

    def _postmaster(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdecimal() else None

    def _pid_file(self) -> list[str]:
        try:
            return (self.home / "postmaster.pid").read_text(errors="replace").splitlines()
        except OSError:
            return []

    def create(self, password: str, say: Callable[[str], None]) -> None:
        """Run initdb, unless the cluster exists. Error: CommandError.

        The cluster gets its name when it is complete, so remains of an interrupted initdb are known, and removed.
        """
        for remains in self._directory.path.glob("initialising.*"):
            shutil.rmtree(remains, ignore_errors=True)
        if self.home.exists():
            return
        say(f"creating a cluster in {self.home}")
        new = self._directory.path / f"initialising.{secrets.token_hex(4)}"
        # The directory stays root's, so that nobody else can put another file in the place of one that is handed over.
        new.mkdir()
        new.chmod(0o711 if self._owner else 0o700)
        secret = new / "password"
        secret.touch(0o600)
        secret.write_text(password)
        data = new / "data"
        data.mkdir(0o700)
        if self._owner:
            for path in (secret, data):
                os.chown(path, self._owner.uid, self._owner.gid, follow_symlinks=False)
        initdb: list[str | Path] = [
            self.programs / "initdb", f"--pgdata={data}", f"--username={SUPERUSER}", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        process = launch.start(initdb, environment, self._owner, signal.SIGKILL)
        said, _ = process.communicate()
        if process.returncode:
            raise CommandError(f"initdb failed: {' '.join(said.decode(errors='replace').split())[-500:]}")
        _append(data / "postgresql.conf", CONFIGURATION)
        data.rename(self.home)
        self._directory.sync()
        shutil.rmtree(new, ignore_errors=True)

    def command(self) -> list[str | Path]:
        """Return the command line of the server."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._socket_directory(),
            "unix_socket_permissions": "0700",
            "fsync": "on",
            "full_page_writes": "on",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_line_prefix": "",
            "lc_messages": "C",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.programs / "postgres", "-D", self.home, *options]

    def _socket_directory(self) -> str:
        """Return the directory of the socket; no socket where its path would be too long."""
        sockets = self._directory.sockets
        if len(str(sockets / f".s.PGSQL.{self.port}")) > LONGEST_SOCKET or set(str(sockets)) & set(",'\""):
            return ""
        sockets.mkdir(0o711, exist_ok=True)
        if self._owner:
            os.chown(sockets, self._owner.uid, self._owner.gid, follow_symlinks=False)
        return str(sockets)

    def problem(self, pid: int) -> str | None:
        """Return why the server with this pid takes no connection yet; None: it takes connections."""
        lines = self._pid_file()
        if len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready":
            return None
        return "it is starting"

    def dsn(self, database: str, user: str, password: str) -> dict[str, str]:
        """Return the parameters of a connection."""
        return {"host": "127.0.0.1", "port": str(self.port), "dbname": database, "user": user, "password": password}


def _append(path: Path, text: str) -> None:
    """Append to a file of the user that runs Postgres, durably. Error: CommandError, when it leads elsewhere."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        raise CommandError(f"{path}: {problem.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise CommandError(f"{path} is not a file of this directory alone")
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there. Error: CommandError, where the host is none of this machine."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return False
        raise CommandError(f"--host {host}: {problem.strerror or problem}") from None
    return True
