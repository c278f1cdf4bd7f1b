"""Describes the parts that are supervised: how each is started, when it is ready, and how it is stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integratedb_companion.common.errors import CommandError

from . import launch
from .database import OWNER, Database
from .directory import Directory
from .launch import MARK, Owner
from .postgres import ENDING, Server, port_is_free

PROBE_TIMEOUT_S = 3.0
#: The part that is started last.
LAST = "serve"
#: A service finishes its requests in 10 s. The daemon finishes its attempts in as many.
SERVICE_ENDING = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
#: Of services whose supervisor was killed. They were told to end then, and a kill loses nothing of any. The daemon
#: waits for its Postgres, which has ended, too.
ENDING_OF_LEFTOVERS = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))
#: Where clients of this machine find who listens everywhere.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104  compared only


#: Variables with the option of the file that replaces them, and what is usual.
Defaults = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One process that is kept running."""

    name: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    owner: Owner | None
    #: Why the process with this pid is not ready; None: it is.
    problem: Callable[[int], str | None]
    #: The signals that end it, each with the seconds that it has.
    ending: Sequence[tuple[signal.Signals, float]]
    #: For `integratedb status`: where it is reached, and where it says whether it is ready.
    url: str
    ready_url: str | None = None
    #: Ends what a killed process has left behind.
    clean: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Places:
    """Where the services listen."""

    host: str
    daemon: int
    api: int
    api_admin: int
    serve: int

    def url(self, port: int, scheme: str = "http") -> str:
        """Return the URL by which this machine reaches a service."""
        host = ANYWHERE.get(self.host, self.host)
        return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"

    def listen(self, port: int) -> str:
        """Return the option of a service."""
        return f"[{self.host}]:{port}" if ":" in self.host and not self.host.startswith("[") else f"{self.host}:{port}"


def postgres(server: Server, directory: Directory, owner: Owner | None) -> Part:
    """Return the Postgres of the directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "INTEGRATEDB_"))}
    return Part(
        "postgres", server.command(), kept, owner, server.problem, ENDING, f"127.0.0.1:{server.port}",
        clean=server.stop_leftover,
    )  # fmt: skip


def services(database: Database, places: Places, owner: Owner | None) -> list[Part]:
    """Return the daemon and the HTTP services, in the order of their start."""
    directory = database.directory
    schemas = "shop,public" if database.recalls("demo") else "public"
    preview = {"INTEGRATEDB_PREVIEW_DSN": ("preview_dsn", database.dsn(OWNER))} if database.is_ours else {}

    def service(
        name: str, port: int, ready: int, options: Sequence[str], variables: dict[str, str], defaults: Defaults
    ) -> Part:
        file = directory.options_of(name)
        further = ["--config", str(file)] if file.exists() else []
        # What the file says is not replaced by what is usual.
        chosen = _options(file)
        usual = {variable: value for variable, (option, value) in defaults.items() if option not in chosen}
        mark = f"{directory.path}:{name}"
        ready_url = f"{places.url(ready)}/ready"
        return Part(
            name,
            [sys.executable, "-m", "integratedb_companion.cli", name, *options, *further],
            _environment() | usual | variables | {MARK: mark},
            owner,
            lambda _: unready(ready_url),
            SERVICE_ENDING,
            places.url(port),
            ready_url,
            lambda: launch.end(lambda: launch.marked(mark), ((signal.SIGKILL, 5.0),)),
        )

    def dsn(name: str) -> str:
        return database.dsn(database.login(name))

    api_options = ["--listen", places.listen(places.api), "--admin-listen", places.listen(places.api_admin)]
    api_defaults = {
        "INTEGRATEDB_API_SCHEMAS": ("schemas", schemas),
        "INTEGRATEDB_API_DAEMON_URL": ("daemon_url", places.url(places.daemon)),
    }
    given = {name: value for name, value in os.environ.items() if name.startswith("INTEGRATEDB_API_")}
    return [
        service(
            "daemon", places.daemon, places.daemon, ["--listen", places.listen(places.daemon)],
            {"INTEGRATEDB_DSN": dsn("daemon")}, {},
        ),
        service(
            "api", places.api, places.api_admin, api_options,
            given | {"INTEGRATEDB_API_DSN": dsn("api")}, api_defaults,
        ),
        service(
            "serve", places.serve, places.serve, ["--listen", places.listen(places.serve)],
            {"INTEGRATEDB_DSN": dsn("serve")}, preview,
        ),
    ]  # fmt: skip


def leftovers(directory: Directory) -> int:
    """End the services that a killed supervisor has left; return how many processes."""
    marks = [f"{directory.path}:{name}" for name in ("daemon", "api", "serve")]
    return launch.end(lambda: launch.marked(*marks), ENDING_OF_LEFTOVERS)


def _environment() -> dict[str, str]:
    """Return the environment of a service, without what is meant for other databases, with the secrets of channels."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "INTEGRATEDB_")) or name.startswith("INTEGRATEDB_SECRET_")
    }


def _options(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the part itself says what is wrong with its file
        return {}


def unready(url: str) -> str | None:
    """Return why a service is not ready; None: it is."""
    _, _, address, path = url.split("/", 3)
    try:
        connection = http.client.HTTPConnection(address, timeout=PROBE_TIMEOUT_S)
        try:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            said = answer.read(1000).decode(errors="replace").strip()
        finally:
            connection.close()
    except (ConnectionResetError, http.client.HTTPException):
        return None  # it listens, and speaks TLS
    except (OSError, socket.gaierror) as problem:
        return f"it does not answer: {getattr(problem, 'strerror', None) or problem}"
    return None if answer.status == 200 else said.splitlines()[0] if said else f"HTTP status {answer.status}"


def check_ports(places: Places) -> None:
    """Refuse occupied ports at once. Error: CommandError, which names the option."""
    for name, port in (("daemon", places.daemon), ("api", places.api), ("serve", places.serve)):
        if not port_is_free(places.host, port):
            raise CommandError(
                f"port {port} of {places.host}, that of integratedb {name}, is taken",
                hint=f"--port-{name} PORT gives it another one.",
            )
