"""Implements `integratedb request`: specifications that wait until those who may grant them approve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from integratedb_companion.common.errors import CommandError
from integratedb_companion.common.extension import opened
from integratedb_companion.common.output import print_json, print_table, say, styled
from integratedb_companion.contracts.reading import STANDARD_INPUT, read_document, read_standard_input, read_text
from integratedb_companion.contracts.variables import environment
from integratedb_companion.contracts.yaml_source import write

from .framework import ListingGroup, connected, json_output

STATES = ("open", "approved", "rejected", "withdrawn", "all")
NUMBER = click.argument("number", metavar="ID", type=int)


@click.group(cls=ListingGroup)
def request() -> None:
    """Ask for claims that somebody else must grant, and decide about such requests.

    Without a command, `list` is meant. Where several own what a request names, each approves a part. The claims are in
    force with the last approval.

    \b
    Examples:
      integratedb request
      integratedb request add reporter claims.yaml --reason 'the weekly report'
      integratedb request approve 7
      integratedb request reject 7 --note 'read shop.order_totals instead'
    """


@request.command("list")
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True, help="Which requests.")
@connected
@json_output
def list_requests(state: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """List the requests that you made, may approve, or that are yours; all of them for admins.

    \b
    Examples:
      integratedb request list
      integratedb request list --state all --json
    """
    with opened(dsn, dbname) as database:
        rows = database.rows("integratedb_requests", state=None if state == "all" else state)
    if as_json:
        print_json(rows)
    elif rows:
        for row in rows:
            _show(row)
    else:
        say("There is no request." if state == "all" else f"There is no request that is {state}.")


def _show(row: dict[str, Any]) -> None:
    by = f" by {row['decided_by']}" if row["decided_by"] else ""
    title = f"{row['id']}  {row['kind']} of {row['stakeholder']}, {row['status']}{by}"
    say(styled(title, bold=True) + styled(f"  asked for by {row['requested_by']}"))
    for label, text in (("Reason", row["reason"]), ("Note", row["note"])):
        if text:
            say(styled(f"    {label}: {text}"))
    for sign, color, matches in (("+", "green", row["added"]), ("-", "red", row["removed"])):
        for match in matches:
            for line in write(match).splitlines():
                say(styled(f"    {sign} {line}", fg=color))
    if row["approved_by"]:
        say(styled(f"    Approved by {', '.join(row['approved_by'])}"))
    for place, role in (row["missing"] or {}).items():
        say(styled(f"    Not approved yet: {place}, by {role} for example", fg="yellow"))


@request.command()
@click.argument("stakeholder")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--kind", type=click.Choice(["claims", "notifications"]), default="claims", show_default=True, help="What it is."
)
@click.option("--reason", metavar="TEXT", help="Why, for those who decide.")
@connected
@json_output
def add(
    stakeholder: str, file: str, kind: str, reason: str | None, dsn: str, dbname: str | None, as_json: bool
) -> None:
    """Ask for the whole specification in FILE, or on standard input (-). It takes the place of an open request.

    \b
    Examples:
      integratedb request add reporter claims.yaml --reason 'the weekly report'
      echo '{"match": {"path": "shop.customers", "fields": ["name"]}}' | integratedb request add mailer -
    """
    text, name = (read_standard_input(), STANDARD_INPUT) if file == "-" else (read_text(Path(file)), file)
    document, _ = read_document(text, name, environment(os.environ))
    if not isinstance(document, dict):
        raise CommandError(f"{name}: a specification is an object with the key match", status=2)
    with opened(dsn, dbname) as database:
        number = database.value(
            "integratedb_request_claim", stakeholder=stakeholder, spec=document, kind=kind, reason=reason
        )
        waits = next((row["missing"] for row in database.rows("integratedb_requests", state="open")
                      if row["id"] == number), None) or {}  # fmt: skip
    if as_json:
        print_json({"id": number, "missing": waits})
    else:
        say(f"Request {number} is open.")
        if waits:
            print_table(["waits for the approval of", "by, for example"], list(waits.items()))


@request.command()
@NUMBER
@click.option("--note", metavar="TEXT", help="For the stakeholder.")
@connected
@json_output
def approve(number: int, note: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Approve what you could grant of the request ID. With the last approval it is in force.

    \b
    Example:
      integratedb request approve 7 --note 'until the migration in May'
    """
    with opened(dsn, dbname) as database:
        in_force = database.value("integratedb_approve_request", id=number, note=note)
    if as_json:
        print_json({"id": number, "in_force": in_force})
    else:
        say(f"Request {number} is {'in force' if in_force else 'approved in part'}.")


@request.command()
@NUMBER
@click.option("--note", required=True, metavar="TEXT", help="What the stakeholder can do instead.")
@connected
@json_output
def reject(number: int, note: str, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Reject the request ID; one of those who could approve a part of it is enough.

    \b
    Example:
      integratedb request reject 7 --note 'read shop.order_totals instead'
    """
    with opened(dsn, dbname) as database:
        database.rows("integratedb_reject_request", id=number, note=note)
    _decided(number, "rejected", as_json=as_json)


@request.command()
@NUMBER
@connected
@json_output
def withdraw(number: int, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Take the request ID back.

    \b
    Example:
      integratedb request withdraw 7
    """
    with opened(dsn, dbname) as database:
        database.rows("integratedb_withdraw_request", id=number)
    _decided(number, "withdrawn", as_json=as_json)


def _decided(number: int, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": number, "status": state})
    else:
        say(f"Request {number} is {state}.")
