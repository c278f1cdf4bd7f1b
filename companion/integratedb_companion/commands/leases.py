"""Implements `integratedb lease` and `leases`: temporary logins that act as a stakeholder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import click
import psycopg

from integratedb_companion.common.errors import STATUS_USAGE, CommandError
from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import print_json, print_table, say
from integratedb_companion.contracts.credentials import Credentials

from .framework import ListingGroup, command, connected, json_output

#: What would lead a command to another login, or hold the secrets of this one.
OWN = ("PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGHOSTADDR", "PGREQUIREAUTH", "INTEGRATEDB_DSN")
#: How the server is reached safely is the same for the program.
SAFETY = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "channel_binding": "PGCHANNELBINDING"}
COLUMNS = ("id", "stakeholder", "username", "valid_until", "sessions", "leased_by", "note")


@command()
@click.argument("stakeholder")
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
@click.option("--ttl", metavar="INTERVAL", default="1 hour", show_default=True, help="How long the login is valid.")
@click.option("--note", metavar="TEXT", help="What it is for, such as the number of a job.")
@connected
@json_output
def lease(
    stakeholder: str,
    program: tuple[str, ...],
    ttl: str,
    note: str | None,
    dsn: str,
    dbname: str | None,
    as_json: bool,
) -> None:
    """Create a temporary login that acts as STAKEHOLDER, and print it, or run PROGRAM with it.

    PROGRAM gets the login in PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD and DATABASE_URL. The lease is revoked when
    PROGRAM ends, and the exit status is that of PROGRAM. Write -- before PROGRAM.

    \b
    Examples:
      integratedb lease reporter -- psql -c 'SELECT count(*) FROM shop.orders'
      integratedb lease reporter --ttl '30 minutes' --note "job $CI_JOB_ID" -- make report
      integratedb lease reporter --json | jq -r .uri
    """
    with opened(dsn, dbname) as database:
        [row] = database.rows("integratedb_lease", stakeholder=stakeholder, ttl=ttl, note=note)
        info = database.connection.info
        credentials = Credentials(stakeholder, row["username"], row["password"], info.host, str(info.port), info.dbname)
        given = info.get_parameters()
        safety = {variable: given[name] for name, variable in SAFETY.items() if name in given}
    if program:
        try:
            status = _run(program, credentials, safety)
        finally:
            _revoke(row["id"], dsn, dbname)
        raise click.exceptions.Exit(status)
    shown = {"id": row["id"], **credentials.fields(), "valid_until": row["valid_until"]}
    if as_json:
        print_json(shown)
    else:
        print_table(["credential", "value"], list(shown.items()))
        say("This is the only time that the password is shown.", err=True)


def _run(program: tuple[str, ...], credentials: Credentials, safety: dict[str, str]) -> int:
    """Run a program with a login; return its exit status, as a shell does."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN}
    login = {
        "PGHOST": credentials.host,
        "PGPORT": credentials.port,
        "PGDATABASE": credentials.dbname,
        "PGUSER": credentials.username,
        "PGPASSWORD": credentials.password,
        "DATABASE_URL": credentials.uri,
    }
    sys.stdout.flush()
    started: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def end(number: int, _: Any) -> None:
        told.append(number)
        for process in started:
            process.terminate()

    # Before the program begins, so that the lease is revoked whenever this process is told to end, also by a terminal
    # that is closed. nohup says that such a terminal means nothing.
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        process = subprocess.Popen(program, env=kept | safety | login)  # noqa: S603  # what the user asks for
    except OSError as problem:
        raise CommandError(f"{program[0]} cannot be run: {problem.strerror}", status=STATUS_USAGE) from None
    started.append(process)
    if told:  # between the start of the program and this line
        process.terminate()
    # A terminal sends an interrupt to the program, too. This process waits for the program, and revokes the lease.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _revoke(number: int, dsn: str, dbname: str | None) -> None:
    """Revoke a lease; a failure is a warning, because the lease ends by itself."""
    try:
        with opened(dsn, dbname) as database:
            database.rows("integratedb_revoke_lease", id=number)
    except (psycopg.Error, CommandError) as problem:
        say(f"Lease {number} is not revoked, and ends by itself: {' '.join(str(problem).split())}", err=True)


@click.group(cls=ListingGroup)
def leases() -> None:
    """List, renew and revoke temporary logins.

    Without a command, `list` is meant. `integratedb lease` creates them.

    \b
    Examples:
      integratedb leases
      integratedb leases renew 7 --ttl '2 hours'
      integratedb leases revoke 7
    """


@leases.command("list")
@connected
@json_output
def list_leases(dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the leases, those that end first first, with the number of their sessions.

    \b
    Examples:
      integratedb leases list
      integratedb leases list --json | jq '.[] | select(.sessions == 0) | .id'
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_leases")
    if as_json:
        print_json(rows)
    elif rows:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    else:
        say("There is no lease.")


@leases.command()
@click.argument("number", metavar="ID", type=int)
@click.option("--ttl", metavar="INTERVAL", default="1 hour", show_default=True, help="How long from now on.")
@connected
@json_output
def renew(number: int, ttl: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Let the lease ID last longer, or shorter. Its password stays.

    \b
    Example:
      integratedb leases renew 7 --ttl '2 hours'
    """
    with opened(dsn, dbname) as database:
        until = database.value("integratedb_renew_lease", id=number, ttl=ttl)
    if as_json:
        print_json({"id": number, "valid_until": until})
    else:
        say(f"Lease {number} is valid until {until:%Y-%m-%d %H:%M:%S%z}.")


@leases.command()
@click.argument("number", metavar="ID", type=int)
@connected
@json_output
def revoke(number: int, dsn: str, dbname: str | None, as_json: bool) -> None:
    """End the lease ID now: its sessions end, and its role is dropped.

    \b
    Example:
      integratedb leases revoke 7
    """
    with opened(dsn, dbname) as database:
        database.rows("integratedb_revoke_lease", id=number)
    if as_json:
        print_json({"id": number, "revoked": True})
    else:
        say(f"Lease {number} is revoked.")
