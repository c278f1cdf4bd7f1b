"""Implements `integratedb status`, `unlock`, `access` and `log`: the state, read access, and the audit log."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

import click

from integratedb_companion.common.errors import STATUS_REFUSED
from integratedb_companion.common.extension import Extension, opened, transaction
from integratedb_companion.common.output import clean, print_json, print_table, say, styled, to_json

from .framework import command, confirm, connected, json_output

BAD = ("LOST", "OPEN", "CAPTURED", "DISABLED", "REPLICA ONLY", "failing", "no: ", "no daemon")
#: Facts about what a deprecation or a waiver allows. They hold texts of others.
AGREED = ("allowed", "deprecated", "waived")
POLL_S = 1.0
LONGEST_TRANSACTION = datetime.timedelta(minutes=10)


@command()
@click.option("--data", metavar="DIR", help="Show the parts that `integratedb start` runs there instead.")
@connected
@json_output
def status(data: str | None, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Show the status: settings, counts, the lock, the slot and the channels.

    With --data it shows what runs there. The exit status is 1 where a part is not ready, or nothing runs.

    \b
    Examples:
      integratedb status
      integratedb status --data ~/shop
      integratedb status --json | jq -r .unmet
      watch --color integratedb status
    """
    if data is not None:
        _status_of_parts(data, as_json=as_json)
        return
    with opened(dsn, dbname) as database:
        facts = {row["fact"]: row["value"] for row in database.rows("integratedb_status")}
    if as_json:
        print_json(facts)
        return
    from rich.text import Text

    print_table(
        ["fact", "value"],
        [[name, Text(clean(value or ""), style=_style(facts, name))] for name, value in facts.items()],
    )


def _status_of_parts(data: str, *, as_json: bool) -> None:
    from integratedb_companion.supervisor import holder
    from integratedb_companion.supervisor.directory import Directory

    found = holder.status(Directory.of(data))
    if as_json:
        print_json(found)
    elif found["pid"] is None:
        say(f"Nothing runs in {clean(found['data'])}.")
    else:
        say(f"pid {found['pid']} runs these parts since {found['since']}.")
        rows = [[part["name"], part["pid"], part["since"], part["url"], _state(part)] for part in found["parts"]]
        print_table(["part", "pid", "since", "where", "state"], rows)
    if not found["ready"]:
        raise click.exceptions.Exit(STATUS_REFUSED)


def _state(part: dict[str, Any]) -> str:
    deaths = f", died {part['deaths']} times" if part["deaths"] else ""
    return ("ready" if part["ready"] else str(part["problem"])) + deaths


def _style(facts: Mapping[str, str | None], fact: str) -> str:
    value = facts[fact] or ""
    if fact == "unmet":
        allowed = (facts.get("allowed") or "0").split()[0]
        return "" if value == "0" else "yellow" if value == allowed else "bold red"
    if fact in AGREED:
        return "yellow"
    is_bad = value != "0" if fact == "pending sync" else any(word in value for word in BAD)
    return "bold red" if is_bad else ""


@command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connected
@json_output
def unlock(yes: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """End the session that holds the lock between claims and migrations, so that the waiting sessions continue.

    Its transaction is rolled back. `integratedb status` shows the session that holds the lock.

    \b
    Example:
      integratedb unlock --yes
    """
    with opened(dsn, dbname) as database:
        facts = {row["fact"]: row["value"] for row in database.rows("integratedb_status")}
        if facts.get("lock holder") not in (None, "nobody"):
            confirm(f"End {facts['lock holder']}?", yes=yes)
        ended = database.value("integratedb_end_lock_holder")
    if as_json:
        print_json({"ended": ended})
    else:
        say(f"Ended: {clean(ended)}." if ended else "Nobody holds the lock.")


@command()
@click.argument("stakeholder")
@click.option("--excess", is_flag=True, help="Only columns that it has not claimed.")
@connected
@json_output
def access(stakeholder: str, excess: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """List every column that STAKEHOLDER can actually read, and why.

    \b
    Examples:
      integratedb access mailer
      integratedb access mailer --excess
    """
    with opened(dsn, dbname) as database:
        rows = [
            row for row in database.rows("integratedb_access", stakeholder=stakeholder) if row["excess"] or not excess
        ]
    if as_json:
        print_json(rows)
    elif rows:
        shown = [[row["path"], row["field"], row["reason"], "in excess" if row["excess"] else ""] for row in rows]
        print_table(["path", "field", "reason", ""], shown)
    else:
        say("Nothing." if not excess else "Nothing in excess.")


@command()
@click.option("--since", metavar="TIME", help="From this time on, as Postgres reads it: '2026-05-01 12:00', yesterday.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="The most events to print, the newest.",
)
@click.option("-f", "--follow", is_flag=True, help="Continue and print new events until interrupted.")
@connected
@json_output
def log(since: str | None, limit: int, follow: bool, dsn: str, dbname: str | None, as_json: bool) -> None:
    """Print the audit log of schema changes, the oldest first. With --json, one object a line.

    \b
    Examples:
      integratedb log -n 20
      integratedb log --since yesterday --json | jq -r 'select(.command_tag == "DROP TABLE")'
      integratedb log --follow
    """
    with opened(dsn, dbname) as database:
        known = {event["id"] for event in _recent(database)} if follow else set()
        events = database.rows("integratedb_ddl_events", since=since, max_results=limit)
        for event in reversed(events):
            _print_event(event, as_json=as_json)
        if follow:
            _follow(database, known | {event["id"] for event in events}, as_json=as_json)


def _recent(database: Extension) -> list[dict[str, Any]]:
    """Return recent events: an event has the time of its transaction's start, so a new one may look older."""
    with transaction(database.connection):
        row = database.connection.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
    assert row is not None
    return database.rows("integratedb_ddl_events", since=row[0] - LONGEST_TRANSACTION, max_results=None)


def _follow(database: Extension, known: set[int], *, as_json: bool) -> None:
    try:
        while True:
            time.sleep(POLL_S)
            recent = _recent(database)
            for event in reversed(recent):
                if event["id"] not in known:
                    _print_event(event, as_json=as_json)
            known = {event["id"] for event in recent}
    except KeyboardInterrupt:
        return


def _print_event(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(event, indent=None))
        return
    at = event["occurred_at"].isoformat(sep=" ", timespec="seconds")
    what = " ".join(str(event[key]) for key in ("command_tag", "object_identity") if event[key])
    reason = f"  ({event['reason']})" if event["reason"] else ""
    say(f"{styled(at, dim=True)}  {styled(event['session_user_name'], bold=True)}  {styled(what + reason)}")
