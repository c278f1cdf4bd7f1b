"""Runs `integratedb start`: prepares the directory, starts the parts, shows the first screen, and supervises."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import parameters

from . import demo, launch
from .database import DATABASE, Database
from .directory import Directory
from .launch import Owner
from .lines import Lines
from .parts import Places, check_ports, leftovers, postgres, services
from .postgres import SUPERUSER, Server, port_is_free
from .screen import first_screen, write_login_files
from .supervise import StoppedError, Supervisor

LAST_PORT = 65_535


@dataclass(frozen=True)
class Options:
    """What the command was given."""

    data: str | None
    dsn: str | None
    demo: bool
    host: str
    port_postgres: int | None
    port_daemon: int
    port_api: int
    port_serve: int
    bindir: str | None


def run(options: Options) -> None:
    """Run until a signal comes. Error: CommandError."""
    os.umask(0o077)
    directory = Directory.of(options.data)
    lines = Lines()
    with directory.claimed():
        supervisor = Supervisor(directory, lines)
        with supervisor.signals():
            _Start(directory, options, supervisor, lines).run()


class _Start:
    """One start."""

    def __init__(self, directory: Directory, options: Options, supervisor: Supervisor, lines: Lines) -> None:
        self._directory, self._options = directory, options
        self._supervisor, self._lines = supervisor, lines

    def _say(self, text: str) -> None:
        self._lines.say("start", text)

    def run(self) -> None:
        try:
            self._start()
            self._supervisor.watch()
        except StoppedError:
            pass
        finally:
            self._supervisor.stop()
        self._say("stopped")

    def _start(self) -> None:
        options, directory = self._options, self._directory
        self._check_kind()
        owner = Owner.find()
        parts_owner = self._owner_of_services(owner)
        if number := leftovers(directory):
            self._say(f"ended what a killed start had left: {number} process{'es' if number > 1 else ''}")
        places = self._places()
        check_ports(places)
        database = Database(directory, is_ours=options.dsn is None)
        server = None
        if options.dsn is None:
            server = Server(directory, owner, options.bindir)
            conninfo = self._start_postgres(server, owner, database)
        else:
            conninfo = parameters(options.dsn, None)
        is_new_root = self._supervisor.while_running(lambda: self._prepare(database, server, conninfo))
        write_login_files(database)
        self._supervisor.start(*services(database, places, parts_owner))
        for line in first_screen(
            database, places, server_owner=owner if server else None, parts_owner=parts_owner, is_new_root=is_new_root
        ):
            self._lines.show(line)

    def _check_kind(self) -> None:
        """Refuse to serve another database than the earlier starts did."""
        directory = self._directory
        settings = directory.read(directory.settings)
        kind = "dsn" if self._options.dsn is not None else "own"
        if settings.setdefault("kind", kind) != kind:
            raise CommandError(
                f"{directory.path} was started {'with' if settings['kind'] == 'dsn' else 'without'} --dsn",
                hint="Start it in the same way, or give another --data.",
            )
        directory.write(directory.settings, settings)

    def _owner_of_services(self, owner: Owner | None) -> Owner | None:
        """Return the user of the services: that of Postgres, if it may read the installed program."""
        if owner is None:
            return None
        program = [sys.executable, "-m", "integratedb_companion.cli", "--version"]
        if launch.succeeds(program, os.environ, owner):
            return owner
        self._lines.say(
            "start",
            f"the services run as root: user {owner.name} may not read {sys.prefix}. Install into /opt to change that",
            "warning",
        )
        return None

    def _places(self) -> Places:
        options = self._options
        taken = {options.port_daemon, options.port_serve, options.port_postgres}
        free = (
            port
            for port in range(options.port_api + 1, min(options.port_api + 200, LAST_PORT + 1))
            if port not in taken and port_is_free(options.host, port)
        )
        admin = next(free, None)
        if admin is None:
            raise CommandError(
                f"no port after {options.port_api} is free for the health of the data API",
                hint="--port-api PORT gives the data API another one.",
            )
        return Places(options.host, options.port_daemon, options.port_api, admin, options.port_serve)

    def _start_postgres(self, server: Server, owner: Owner | None, database: Database) -> str:
        try:
            server.prepare(self._options.port_postgres)
            password = database.passwords.of(SUPERUSER)
            self._supervisor.interruptible(lambda: server.create(password, self._say))
            self._supervisor.start(postgres(server, self._directory, owner))
        finally:
            server.release()
        return make_conninfo("", **server.dsn(DATABASE, SUPERUSER, password))

    def _prepare(self, database: Database, server: Server | None, conninfo: str) -> bool:
        if server is not None:
            database.create(conninfo)
        is_new_root = database.prepare(conninfo, self._say)
        if self._options.demo:
            demo.fill_in(database, conninfo, self._say)
        return is_new_root
