"""Implements `integratedb deprecation`: what owners will remove, and who still depends on it."""

from __future__ import annotations

from typing import Any

import click

from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import clean, print_json, print_table, say

from .framework import ListingGroup, connected, json_output

COLUMNS = ("path", "field", "remove_after", "days_left", "removable_after", "claimed_by", "message")


@click.group(cls=ListingGroup)
def deprecation() -> None:
    """Announce that a table or column will be removed, and see who still depends on it.

    Without a command, `list` is meant. New claims on what is deprecated get a warning. After the date a migration may
    remove it although somebody claims it, where the setting deprecation is binding; docs/governance.md has the rules.

    \b
    Examples:
      integratedb deprecation
      integratedb deprecation add shop.orders note --remove-after 2027-03-01 --message 'read shop.notes'
      integratedb deprecation end shop.orders note
    """


@deprecation.command("list")
@connected
@json_output
def list_deprecations(dsn: str, dbname: str | None, as_json: bool) -> None:
    """List what is deprecated, what goes first first, and the stakeholders that claim it.

    \b
    Examples:
      integratedb deprecation list
      integratedb deprecation list --json | jq '.[] | select(.claimed_by == []) | .path'
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_deprecations")
    if as_json:
        print_json(rows)
    elif rows:
        print_table(COLUMNS, [_cells(row) for row in rows])
    else:
        say("Nothing is deprecated.")


def _cells(row: dict[str, Any]) -> list[Any]:
    return [", ".join(row[name]) if name == "claimed_by" else row[name] for name in COLUMNS]


@deprecation.command()
@click.argument("path")
@click.argument("field", required=False)
@click.option("--remove-after", metavar="TIME", help="When it will be removed, as in 2027-03-01.  [not known yet]")
@click.option("--message", metavar="TEXT", help="What to use instead.")
@connected
@json_output
def add(
    path: str,
    field: str | None,
    remove_after: str | None,
    message: str | None,
    dsn: str,
    dbname: str | None,
    as_json: bool,
) -> None:
    """Announce that the table at PATH, or its column FIELD, will be removed. Again: change the time and the message.

    For the owner of the table, and for admins.

    \b
    Examples:
      integratedb deprecation add shop.orders note --remove-after 2027-03-01 --message 'read shop.notes'
      integratedb deprecation add shop.visits
    """
    with opened(dsn, dbname) as database:
        number = database.value(
            "integratedb_deprecate", path=path, field=field, remove_after=remove_after, message=message
        )
    if as_json:
        print_json({"path": path, "field": field, "dependents": number})
    else:
        say(f"Deprecated: {_place(path, field)}. {_depend(number)} on it.")


@deprecation.command()
@click.argument("path")
@click.argument("field", required=False)
@connected
@json_output
def end(path: str, field: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Take a deprecation back.

    \b
    Example:
      integratedb deprecation end shop.orders note
    """
    with opened(dsn, dbname) as database:
        was_deprecated = database.value("integratedb_undeprecate", path=path, field=field)
    if as_json:
        print_json({"path": path, "field": field, "was_deprecated": was_deprecated})
    else:
        say(f"{_place(path, field)} {'is no longer' if was_deprecated else 'was not'} deprecated.")


def _place(path: str, field: str | None) -> str:
    return clean(path if field is None else f"{path}, column {field}")


def _depend(number: int) -> str:
    return "Nobody depends" if number == 0 else "1 stakeholder depends" if number == 1 else f"{number} depend"
