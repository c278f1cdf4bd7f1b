"""Implements `integratedb stakeholder`: creates, renames, drops and adopts applications, and changes passwords."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from integratedb_companion.common.errors import STATUS_USAGE, CommandError
from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import print_json, print_table, say
from integratedb_companion.contracts.credentials import Credentials, CredentialsError, Target, issued
from integratedb_companion.contracts.handover import handover
from integratedb_companion.contracts.targets import target

from .framework import Group, confirm, connected, json_output

COLUMNS = ("name", "claims", "notifications", "unmet", "created_at")

CREDENTIALS_HELP = (
    "Where the credentials go: a file (mode 0600), - for standard output, vault:MOUNT/PATH or k8s:FILE.  [-]"
)


@click.group(cls=Group)
def stakeholder() -> None:
    """Manage stakeholders: the applications that share the database.

    A stakeholder has a login role and a schema of the same name. Its password is shown once: when the stakeholder is
    created or renamed, or gets a new password.
    """


def credentials_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --credentials."""
    return click.option("--credentials", "where", metavar="TARGET", help=CREDENTIALS_HELP)(function)


def find_target(where: str | None) -> Target | None:
    """Return the target of the option, checked as far as possible in advance; None for standard output."""
    if where in (None, "-"):
        return None
    try:
        found = target(str(where))
        found.prepare()
    except CredentialsError as problem:
        raise CommandError(str(problem), status=STATUS_USAGE, hint=problem.hint) from None
    return found


@stakeholder.command()
@click.argument("name")
@click.option("--valid-until", metavar="TIME", help="When the password expires, as in 2027-01-01.  [never]")
@credentials_option
@connected
@json_output
def add(name: str, valid_until: str | None, where: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Create a stakeholder, and print its credentials.

    \b
    Examples:
      integratedb stakeholder add mailer
      integratedb stakeholder add mailer --credentials mailer.json
      integratedb stakeholder add mailer --credentials vault:secret/integratedb
    """
    _issue(where, dsn, dbname, as_json, "integratedb_create_stakeholder", stakeholder=name, valid_until=valid_until)


@stakeholder.command("list")
@connected
@json_output
def list_stakeholders(dsn: str, dbname: str | None, as_json: bool) -> None:
    """List stakeholders, the number of their claims, and how many are unmet.

    \b
    Examples:
      integratedb stakeholder list
      integratedb stakeholder list --json | jq -r '.[] | select(.unmet > 0) | .name'
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_stakeholders")
    if as_json:
        print_json(rows)
    elif rows:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    else:
        say("There is no stakeholder. integratedb stakeholder add NAME makes one.")


@stakeholder.command()
@click.argument("name")
@click.argument("new_name")
@credentials_option
@connected
@json_output
def rename(name: str, new_name: str, where: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Rename a stakeholder, its role and its schema; it gets a new password.

    \b
    Example:
      integratedb stakeholder rename mailer newsletter
    """
    _issue(where, dsn, dbname, as_json, "integratedb_rename_stakeholder", stakeholder=name, new_name=new_name)


@stakeholder.command()
@click.argument("name")
@click.option("--valid-until", metavar="TIME", help="When the new password expires, as in 2027-01-01.  [never]")
@credentials_option
@connected
@json_output
def rotate(name: str, valid_until: str | None, where: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Give a stakeholder a new password. Open sessions continue.

    \b
    Examples:
      integratedb stakeholder rotate mailer --credentials k8s:mailer-secret.yaml
      integratedb stakeholder rotate mailer --valid-until "$(date -I -d '90 days')"
    """
    _issue(where, dsn, dbname, as_json, "integratedb_rotate_password", stakeholder=name, valid_until=valid_until)


@stakeholder.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connected
@json_output
def drop(name: str, yes: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Drop a stakeholder, its claims, its grants and its role; its sessions end. A schema that is not empty is kept.

    The command reports what is kept, and which role owns it now; with --json under `kept`.

    \b
    Example:
      integratedb stakeholder drop mailer --yes
    """
    with opened(dsn, dbname) as database:
        confirm(f"Drop stakeholder {name} of database {database.name}, and end its sessions?", yes=yes)
        with database.notices() as kept:
            schema_dropped = database.value("integratedb_drop_stakeholder", stakeholder=name)
    if as_json:
        print_json({"stakeholder": name, "schema_dropped": schema_dropped, "kept": kept})
    else:
        say(f"Stakeholder {name} is dropped{'' if schema_dropped else '; its schema is not empty, and was kept'}.")


@stakeholder.command()
@click.argument("name")
@connected
@json_output
def adopt(name: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Use the role with the stakeholder's name as its role: after a restore without roles, or for a recreated role.

    \b
    Example:
      integratedb stakeholder adopt mailer
    """
    with opened(dsn, dbname) as database:
        database.rows("integratedb_adopt_role", stakeholder=name)
    if as_json:
        print_json({"stakeholder": name, "adopted": True})
    else:
        say(f"The role {name} is the stakeholder's now, and is granted what it claims.")


def _issue(
    where: str | None, dsn: str, dbname: str | None, as_json: bool, function: str, **arguments: str | None
) -> None:
    """Call a function that issues credentials, and write them to their target before its transaction commits."""
    chosen = find_target(where)
    with opened(dsn, dbname) as database, handover(database.connection, chosen) as under_way:
        [row] = database.rows(function, **arguments)
        credentials = issued(database.connection, row)
        under_way.write([credentials])
        # Before COMMIT, because a password that could not be shown must not become valid.
        _show(credentials, chosen, as_json=as_json)
        sys.stdout.flush()


def _show(credentials: Credentials, chosen: Target | None, *, as_json: bool) -> None:
    if as_json:
        shown = (
            credentials.fields() if chosen is None else {"username": credentials.username, "credentials": str(chosen)}
        )
        print_json({"stakeholder": credentials.stakeholder, **shown})
    elif chosen is None:
        print_table(["credential", "value"], list(credentials.fields().items()))
        say("This is the only time that the password is shown.", err=True)
    else:
        say(f"The credentials of {credentials.stakeholder} are in {chosen}.")
