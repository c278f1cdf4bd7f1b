"""Implements `integratedb cluster config`: show, set, edit, diff, history, rollback."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from typing import Any

import click
import yaml

from integratedb_companion.cluster import versions
from integratedb_companion.cluster.client import Client
from integratedb_companion.cluster.layout import Layout
from integratedb_companion.cluster.versions import ConfigurationRefusedError
from integratedb_companion.common.errors import STATUS_USAGE, CommandError
from integratedb_companion.common.output import print_json, print_table, say

from .framework import Command, Group, confirm, json_output
from .node_options import directory

#: A change is tried by a server that is made for it.
TRY_S = 90.0


@click.group("config", cls=Group)
def config() -> None:
    """Show and change the configuration of all nodes, in versions that can be taken back.

    A change is checked before any node sees it: by the rules of Patroni, and by the programs of Postgres. NAME is one
    of Patroni's (ttl, loop_wait, retry_timeout, synchronous_mode and others), or a parameter of Postgres.

    \b
    Exit status: 0 done; 1 refused; 2 wrong usage; 5 no agent answers.

    \b
    Examples:
      integratedb cluster config show
      integratedb cluster config set work_mem=64MB --why "reports spill"
      integratedb cluster config rollback 3
    """


@config.command("show", cls=Command)
@directory
@json_output
def show(path: str | None, as_json: bool) -> None:
    """Show the present configuration, its version, and what each node made of it."""
    found = _client(path).want("GET", "/config")
    if as_json:
        print_json(found)
        return
    say(yaml.safe_dump(found["document"], sort_keys=False).rstrip())
    say()
    rows = [(name, one["version"], one["state"], one["detail"] or "") for name, one in sorted(found["nodes"].items())]
    print_table(("node", "version", "state", "detail"), rows)
    say()
    say(f"Version {found['version']}.")


def change_options(function: Any) -> Any:
    """Add what every change takes."""
    for flags, settings in (
        (("--yes",), {"is_flag": True, "help": "Do not ask."}),
        (("--dry-run",), {"is_flag": True, "help": "Check the change, and say what it needs."}),
        (("--why",), {"metavar": "TEXT", "default": "", "help": "The reason, for the history."}),
    ):
        function = click.option(*flags, **settings)(function)
    return function


@config.command("set", cls=Command)
@click.argument("assignments", nargs=-1, required=True, metavar="NAME=VALUE...")
@change_options
@directory
@json_output
def set_values(
    assignments: tuple[str, ...], why: str, dry_run: bool, yes: bool, path: str | None, as_json: bool
) -> None:
    """Change settings on all nodes; NAME= gives one its default back.

    \b
    Examples:
      integratedb cluster config set work_mem=64MB --why "reports spill"
      integratedb cluster config set max_connections=400 --dry-run
      integratedb cluster config set work_mem=
    """
    try:
        patch = versions.patch_of(assignments)
    except ConfigurationRefusedError as problem:
        raise CommandError(str(problem), status=STATUS_USAGE) from None
    _change(_client(path), "/config", {"patch": patch}, why, dry_run=dry_run, yes=yes, as_json=as_json)


@config.command("edit", cls=Command)
@change_options
@directory
@json_output
def edit(why: str, dry_run: bool, yes: bool, path: str | None, as_json: bool) -> None:
    """Change the whole configuration in your editor ($EDITOR), as YAML."""
    client = _client(path)
    old = client.want("GET", "/config")["document"]
    text = click.edit(yaml.safe_dump(old, sort_keys=False), extension=".yaml")
    if text is None:
        raise CommandError("nothing was changed")
    try:
        new = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise CommandError(f"that is not YAML: {' '.join(str(problem).split())[:200]}", status=STATUS_USAGE) from None
    if not isinstance(new, dict):
        raise CommandError("the configuration must be a mapping", status=STATUS_USAGE)
    patch = versions.patch_between(old, json.loads(json.dumps(new)))
    _change(client, "/config", {"patch": patch}, why, dry_run=dry_run, yes=yes, as_json=as_json)


@config.command("history", cls=Command)
@directory
@json_output
def history(path: str | None, as_json: bool) -> None:
    """Show the versions, the newest first: who, when, why, and what changed."""
    found = _client(path).want("GET", "/config/versions")["versions"]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["number"],
            one["at"],
            "somebody, past the agents" if one["foreign"] else one["who"],
            one["why"],
            "; ".join(_shown(change) for change in one["changes"]),
        )
        for one in found
    ]
    print_table(("version", "at", "who", "why", "changes"), rows)


@config.command("diff", cls=Command)
@click.argument("number", type=click.IntRange(1))
@click.argument("against", type=click.IntRange(0), required=False, metavar="[AGAINST]")
@directory
@json_output
def diff(number: int, against: int | None, path: str | None, as_json: bool) -> None:
    """Show what a version changed, or what differs from the version AGAINST."""
    query = "" if against is None else f"?against={against}"
    found = _client(path).want("GET", f"/config/versions/{number}/diff{query}")
    if as_json:
        print_json(found)
    else:
        _show_changes(found["changes"])


@config.command("rollback", cls=Command)
@click.argument("number", type=click.IntRange(1))
@change_options
@directory
@json_output
def rollback(number: int, why: str, dry_run: bool, yes: bool, path: str | None, as_json: bool) -> None:
    """Make a new version with the content of an old one.

    \b
    Examples:
      integratedb cluster config rollback 3 --dry-run
      integratedb cluster config rollback 3 --why "reports spill again"
    """
    body = {"version": number}
    _change(_client(path), "/config/rollback", body, why, dry_run=dry_run, yes=yes, as_json=as_json)


def _change(
    client: Client, path: str, body: dict[str, Any], why: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    body = {**body, "who": f"{getpass.getuser()}@{socket.gethostname()}", "why": why}
    if dry_run or (not yes and sys.stdin.isatty()):
        plan = client.want("POST", path, {**body, "dry_run": True}, TRY_S)
        if not as_json:
            _show_changes(plan["changes"])
            _show_restart(plan["restart"])
        elif dry_run:
            print_json(plan)
        if dry_run:
            return
        confirm("Make this change on all nodes?", yes=False)
    made = client.want("POST", path, body, TRY_S)
    if as_json:
        print_json(made)
        return
    say(f"Version {made['version']}. integratedb cluster config show tells what each node makes of it.")
    _show_restart(made["restart"])


def _show_changes(changes: list[dict[str, Any]]) -> None:
    print_table(("setting", "old", "new"), [(one["name"], _text(one["old"]), _text(one["new"])) for one in changes])


def _show_restart(order: str | None) -> None:
    if order is not None:
        say(f"Postgres takes it with its next restart. Restart {order}.")


def _shown(change: dict[str, Any]) -> str:
    return f"{change['name']}: {_text(change['old'])} -> {_text(change['new'])}"


def _text(value: Any) -> str:
    return "(default)" if value is None else value if isinstance(value, str) else json.dumps(value)


def _client(path: str | None) -> Client:
    return Client.of(Layout.of(path))
