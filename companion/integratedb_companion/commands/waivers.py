"""Implements `integratedb waiver`: dependencies that refuse no migration for a time."""

from __future__ import annotations

import click

from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import clean, print_json, print_table, say

from .framework import ListingGroup, connected, json_output

COLUMNS = ("id", "stakeholder", "path", "field", "until", "days_left", "waived_by", "reason")


@click.group(cls=ListingGroup)
def waiver() -> None:
    """Let migrations break one dependency of a stakeholder for a time.

    Without a command, `list` is meant. A migration that breaks it gets a warning, and the audit log has it. The rest of
    the stakeholder's claims stays enforced.

    \b
    Examples:
      integratedb waiver
      integratedb waiver add reporter shop.orders note --until 2027-01-15 --reason 'reporter 2.4 reads none'
      integratedb waiver end 7
    """


@waiver.command("list")
@connected
@json_output
def list_waivers(dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the waivers in force, those that end first first, and whether something is unmet under them.

    \b
    Examples:
      integratedb waiver list
      integratedb waiver list --json | jq '.[] | select(.unmet and .days_left < 7)'
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_waivers")
    if as_json:
        print_json(rows)
    elif rows:
        from rich.text import Text

        shown = [
            [*(row[name] for name in COLUMNS), Text("unmet" if row["unmet"] else "", style="bold red")] for row in rows
        ]
        print_table([*COLUMNS, ""], shown)
    else:
        say("Nothing is waived.")


@waiver.command()
@click.argument("stakeholder")
@click.argument("path")
@click.argument("field", required=False)
@click.option("--until", required=True, metavar="TIME", help="When the waiver ends, as in 2027-01-15.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it may be broken meanwhile; everybody can read it.")
@connected
@json_output
def add(
    stakeholder: str,
    path: str,
    field: str | None,
    until: str,
    reason: str,
    dsn: str,
    dbname: str | None,
    as_json: bool,
) -> None:
    """Waive what STAKEHOLDER claims of the table at PATH, or of its column FIELD. Again: change the end and the reason.

    For the stakeholder itself, and for admins.

    \b
    Example:
      integratedb waiver add reporter shop.orders note --until 2027-01-15 --reason 'reporter 2.4 reads none'
    """
    with opened(dsn, dbname) as database:
        number = database.value(
            "integratedb_waive", stakeholder=stakeholder, path=path, field=field, until=until, reason=reason
        )
    if as_json:
        print_json({"id": number})
    else:
        say(f"Waiver {number}: migrations may break it until {clean(until)}.")


@waiver.command()
@click.argument("number", metavar="ID", type=int)
@connected
@json_output
def end(number: int, dsn: str, dbname: str | None, as_json: bool) -> None:
    """End the waiver ID now. What is unmet under it is reported from then on.

    \b
    Example:
      integratedb waiver end 7
    """
    with opened(dsn, dbname) as database:
        was_in_force = database.value("integratedb_end_waiver", id=number)
    if as_json:
        print_json({"id": number, "was_in_force": was_in_force})
    else:
        say(f"Waiver {number} has ended{'' if was_in_force else '; its time had passed already'}.")
