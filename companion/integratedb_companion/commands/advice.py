"""Implements `integratedb advice`: what should be changed in the database, and which findings may stay."""

from __future__ import annotations

from typing import Any

import click

from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import clean, print_json, print_table, say, styled

from .framework import ListingGroup, connected, json_output

LEVELS = ("ERROR", "WARN", "INFO")
COLOURS = {"ERROR": "red", "WARN": "yellow", "INFO": "cyan"}
STATUS_FOUND = 1


@click.group(cls=ListingGroup)
def advice() -> None:
    """List what should be changed in the database and its contracts, each finding with the statement that cures it.

    Without a command, `list` is meant. The advisers read catalogs, statistics and contracts, and no rows of tables. A
    view in schema integratedb_advisers with the columns of a finding is an adviser too.

    \b
    Examples:
      integratedb advice
      integratedb advice --level WARN --json | jq -r '.[].remediation'
      integratedb advice mute no_primary_key:shop.visits --reason 'append only'

    \b
    Exit status: 0 done, and nothing was found; 1 there are findings that are
    not muted, or the database refused; 2 wrong usage; 5 no connection.
    """


@advice.command("list")
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="The least serious level that is listed, and that counts for the exit status.",
)
@click.option("--adviser", metavar="NAME", help="Only the findings of this adviser.  [all]")
@click.option("--muted", is_flag=True, help="List muted findings too, with who muted them and why.")
@connected
@json_output
def list_findings(level: str, adviser: str | None, muted: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the findings, the worst first. Exit status 1 if any is not muted.

    \b
    Examples:
      integratedb advice --level ERROR || alert "the database needs a hand"
      integratedb advice --adviser unmet_claim --json | jq -r '.[].detail'
      integratedb advice --muted
    """
    with opened(dsn, dbname) as database:
        findings = [
            finding
            for finding in database.rows("integratedb_advice", with_muted=muted, adviser=adviser)
            if LEVELS.index(finding["level"]) <= LEVELS.index(level.upper())
        ]
    if as_json:
        print_json(findings)
    elif not findings:
        say("Nothing to advise.")
    else:
        for finding in findings:
            _show(finding)
    if any(finding["muted"] is None for finding in findings):
        click.get_current_context().exit(STATUS_FOUND)


def _show(finding: dict[str, Any]) -> None:
    level, muted = finding["level"], finding["muted"]
    say(f"{styled(level.ljust(5), fg=COLOURS[level], bold=True)}  {clean(finding['cache_key'])}")
    say(f"       {clean(finding['detail'])}")
    if muted is not None:
        until = f" until {muted['until']}" if muted["until"] else ""
        say(styled(f"       Muted by {muted['by']}{until}: {muted['reason']}", dim=True))
    say(styled(f"       {finding['remediation']}", bold=True))


@advice.command()
@connected
@json_output
def checks(dsn: str, dbname: str | None, as_json: bool) -> None:
    """List what is checked, also what finds nothing.

    \b
    Example:
      integratedb advice checks
    """
    with opened(dsn, dbname) as database:
        advisers = database.rows("integratedb_advisers")
    if as_json:
        print_json(advisers)
    else:
        print_table(["name", "level", "title"], [[row["name"], row["level"], row["title"]] for row in advisers])


@advice.command()
@click.argument("key")
@click.option("--reason", required=True, metavar="TEXT", help="Why the finding may stay.")
@click.option("--until", metavar="TIME", help="When it is shown again, as in 2027-01-01.  [never]")
@connected
@json_output
def mute(key: str, reason: str, until: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Mute the finding with this KEY, the first line of a finding. The audit log keeps who, and why.

    \b
    Examples:
      integratedb advice mute no_primary_key:shop.visits --reason 'append only'
      integratedb advice mute setting_hurts:fsync --reason 'a test server' --until 2027-01-01
    """
    with opened(dsn, dbname) as database:
        known = {row["cache_key"] for row in database.rows("integratedb_advice", with_muted=True, adviser=None)}
        database.value("integratedb_mute_advice", cache_key=key, reason=reason, until=until)
    if as_json:
        print_json({"muted": key, "found": key in known})
    else:
        say(f"Muted: {clean(key)}." + ("" if key in known else " No finding has this key now."))


@advice.command()
@click.argument("key")
@connected
@json_output
def unmute(key: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Show a muted finding again.

    \b
    Example:
      integratedb advice unmute no_primary_key:shop.visits
    """
    with opened(dsn, dbname) as database:
        was_muted = database.value("integratedb_unmute_advice", cache_key=key)
    if as_json:
        print_json({"unmuted": key, "was_muted": was_muted})
    else:
        say(f"Shown again: {clean(key)}." if was_muted else f"{clean(key)} was not muted.")
