"""Implements `integratedb init`: checks the requirements, and installs the extension."""

from __future__ import annotations

from dataclasses import asdict

import click

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import connect, transaction
from integratedb_companion.common.output import print_json, say, styled
from integratedb_companion.common.preflight import Check, install, preflight
from integratedb_companion.common.session import EXTENSION

from .framework import command, connected, json_output


@command()
@connected
@json_output
@click.option("--check", is_flag=True, help="Check only; change nothing.")
@click.option("--schema", metavar="NAME", help="The schema of the public functions.  [public]")
@click.option("--admin", multiple=True, metavar="ROLE", help="Make a role a member of integratedb_admin; repeatable.")
def init(dsn: str, dbname: str | None, as_json: bool, check: bool, schema: str | None, admin: tuple[str, ...]) -> None:
    """Install the extension in a database, or report what is missing.

    The command first checks the server's version, superuser, PL/Python, the Python module jsonschema, the extension's
    files and wal_level. For each it names the package or the command that provides it. Then it runs CREATE EXTENSION
    and the grants in one transaction. Where the extension is installed already, it runs the grants only.

    \b
    Examples:
      sudo -u postgres integratedb init -d shop --admin shop_admin
      integratedb init --dsn "service=shop user=postgres" --check
    """
    with connect(dsn, dbname) as connection:
        database = connection.info.dbname
        with transaction(connection):
            checks = list(preflight(connection))
        missing = [entry for entry in checks if entry.state == "missing"]
        installed = connection.execute(EXTENSION).fetchone() is not None
        done = installed
        if not missing and not check:
            install(connection, schema, admin, installed=installed)
            done = True
    if as_json:
        print_json({"database": database, "installed": done, "checks": [asdict(c) for c in checks]})
    else:
        _show(checks)
    if missing:
        raise CommandError(
            f"{', '.join(c.name for c in missing)}: missing", hint="Nothing was changed. Each line says the cure."
        )
    if not as_json and not check:
        say()
        say(f"integratedb {'was' if installed else 'is'} installed in database {database}.")
        say("Next: integratedb stakeholder add NAME, or integratedb apply DIRECTORY.")


def _show(checks: list[Check]) -> None:
    colors = {"ok": "green", "warning": "yellow", "missing": "red"}
    for entry in checks:
        say(f"{styled(entry.state.ljust(8), fg=colors[entry.state], bold=True)} {entry.name}: {styled(entry.found)}")
        if entry.cure:
            say(f"         {styled(entry.cure)}")
