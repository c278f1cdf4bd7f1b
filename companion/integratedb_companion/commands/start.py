"""Implements `integratedb start` and `stop`: all of IntegrateDB by one command."""

from __future__ import annotations

from importlib.util import find_spec

import click

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.output import print_json, say

from .framework import command, json_output
from .services import option

DATA = click.option(
    "--data",
    metavar="DIR",
    envvar="INTEGRATEDB_DATA",
    help="The directory of the server and its passwords.  [~/.local/share/integratedb/main]",
)
#: Some of the modules of each extra, which are looked for before anything is created.
NEEDED = {"daemon": ("aiohttp", "hiredis"), "data API": ("granian", "graphql"), "management API": ("argon2", "fastapi")}
PORT = click.IntRange(1, 65_535)


@command()
@DATA
@click.option("--demo", is_flag=True, help="Fill in the shop of the demo, with its stakeholders and contracts.")
@click.option("--dsn", metavar="CONNINFO", help="Use this server and database in place of a Postgres of its own.")
@option("--host", "Where the services listen. Postgres listens on 127.0.0.1.", default="127.0.0.1", show_default=True)
@option("--port-serve", "The port of the management API.", type=PORT, default=4000, show_default=True)
@option("--port-api", "The port of the data API.", type=PORT, default=3000, show_default=True)
@option("--port-daemon", "The port of WebSockets.", type=PORT, default=4400, show_default=True)
@option("--port-postgres", "The port of Postgres.  [a free one, which is kept]", type=PORT)
@option("--bindir", "The directory of initdb and postgres.  [of pg_config, or the newest]", metavar="DIR")
def start(
    data: str | None,
    demo: bool,
    dsn: str | None,
    host: str,
    port_serve: int,
    port_api: int,
    port_daemon: int,
    port_postgres: int | None,
    bindir: str | None,
) -> None:
    """Run all of IntegrateDB in the foreground: Postgres, the daemon, the data API, the management API.

    The first start creates a cluster, the logins with their passwords, and the root user. Later starts use them again.
    A part that dies is started again; one that dies five times in a minute stops everything. Ctrl-C stops all in order.
    Root runs Postgres and the services as user postgres, with /var/lib/integratedb/main as the default of --data.

    Further options of a part go to DIR/daemon.toml, DIR/api.toml and DIR/serve.toml.

    \b
    Examples:
      integratedb start --demo
      integratedb start --data ~/shop --port-api 3100
      integratedb start --data ~/shop --dsn "host=db dbname=shop user=postgres"
    """
    for extra, modules in NEEDED.items():
        for module in modules:
            if find_spec(module) is None:
                raise CommandError(
                    f"the Python module {module}, which the {extra} needs, is not installed",
                    hint="pip install 'integratedb[all]' brings it.",
                )
    from integratedb_companion.supervisor.run import Options, run

    run(Options(data, dsn, demo, host, port_postgres, port_daemon, port_api, port_serve, bindir))


@command()
@DATA
@json_output
def stop(data: str | None, as_json: bool) -> None:
    """Stop what `integratedb start` runs, and wait until it has ended.

    \b
    Examples:
      integratedb stop
      integratedb stop --data ~/shop
    """
    from integratedb_companion.supervisor import holder
    from integratedb_companion.supervisor.directory import Directory

    directory = Directory.of(data)
    pid = holder.stop(directory)
    if as_json:
        print_json({"data": str(directory.path), "stopped": pid})
    else:
        say(f"Stopped: pid {pid}." if pid is not None else f"Nothing runs in {directory.path}.")
