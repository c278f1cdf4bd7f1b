"""Implements `integratedb cluster`: new, join, status, switchover, token, discovery, leave; and config."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from integratedb_companion.cluster import documents, machine, nodes, starting, tokens
from integratedb_companion.cluster.client import Client, checked, split_addresses
from integratedb_companion.cluster.discovery import FORMATS
from integratedb_companion.cluster.layout import Layout
from integratedb_companion.cluster.settings import Ports, Settings, from_document, size
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.errors import STATUS_REFUSED, STATUS_USAGE, CommandError
from integratedb_companion.common.output import print_json, print_table, say

from .cluster_configuration import config
from .framework import Command, Group, confirm, json_output
from .node_options import directory, node_options


@click.group(cls=Group)
def cluster() -> None:
    """Make and operate a highly available cluster of Postgres, with etcd and Patroni.

    \b
    Exit status: 0 done; 1 refused, or status: something is missing;
    2 wrong usage; 5 no agent answers.

    \b
    Examples:
      integratedb cluster new --config cluster.yaml
      integratedb cluster token
      integratedb cluster join 10.0.0.1:8650 --token TOKEN
      integratedb cluster status
    """


@cluster.command("new", cls=Command)
@click.option("--config", metavar="FILE", help="The configuration: YAML, TOML or EDN, by its extension.")
@click.option("--cluster", "cluster_name", metavar="NAME", help="The name of the cluster.  [integratedb]")
@click.option("--database", metavar="NAME", help="The database to create the extension in.  [main]")
@node_options
@json_output
def new(config: str | None, cluster_name: str | None, database: str | None, as_json: bool, **node: Any) -> None:
    """Make the first node of a cluster: etcd, Patroni, Postgres, the extension and the agent.

    Options replace what the file says. The command can be run again after a failure: it goes on where it was. Root
    becomes user postgres, who owns the directory.

    \b
    Examples:
      integratedb cluster new --config cluster.yaml
      integratedb cluster new --name a --address 10.0.0.1 --database shop
    """
    create(config, cluster_name, database, as_json=as_json, **node)


def create(config: str | None, cluster_name: str | None, database: str | None, *, as_json: bool, **node: Any) -> None:
    """Make the first node."""
    try:
        document = documents.read(config)
        overrides = {
            "name": cluster_name,
            "database": database,
            "node.address": node["address"],
            "node.name": node["name"],
            "memory": node["memory"],
            "bindir": node["bindir"],
            **{
                f"ports.{name[5:].replace('_', '-')}": value for name, value in node.items() if name.startswith("port_")
            },
        }
        named = isinstance(document, dict) and isinstance(document.get("node"), dict) and "name" in document["node"]
        if not named and overrides["node.name"] is None:
            overrides["node.name"] = machine.host_name()
        settings: Settings = from_document(document, overrides)
    except ConfigurationError as problem:
        raise CommandError(
            str(problem), status=STATUS_USAGE, hint="docs/cluster.md has a configuration to copy."
        ) from None
    layout = Layout.of(node["path"])
    machine.become_owner(layout)
    done = starting.create(layout, settings, _steps(as_json), agent=not node["no_agent"])
    _show_start(layout, done, as_json=as_json)
    if not as_json:
        say("Next: integratedb cluster token, and on another machine integratedb cluster join:")
        say(f"  integratedb cluster join {settings.agent} --token TOKEN")


@cluster.command("join", cls=Command)
@click.argument("agents", metavar="HOST:PORT[,HOST:PORT...]")
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="INTEGRATEDB_JOIN_TOKEN",
    help="The token of integratedb cluster token; - reads it from standard input.",
)
@node_options
@json_output
def join(agents: str, token: str | None, as_json: bool, **node: Any) -> None:
    """Join a cluster: get a certificate and a vote in etcd, take a base backup, and stream.

    The token proves to this node that the other one belongs to the cluster, and the other way round. A second run goes
    on where the first one has ended.

    \b
    Examples:
      integratedb cluster join 10.0.0.1:8650 --token TOKEN
      integratedb cluster join 10.0.0.1,10.0.0.2 --name c --token - < token
    """
    enter(agents, token, as_json=as_json, **node)


def enter(agents: str, token: str | None, *, as_json: bool, **node: Any) -> None:
    """Join."""
    given = {name[5:]: value for name, value in node.items() if name.startswith("port_") and value is not None}
    try:
        memory = size(node["memory"]) if node["memory"] else 0
    except ConfigurationError as problem:
        raise CommandError(str(problem), status=STATUS_USAGE) from None
    addresses = split_addresses(agents, Ports().agent)
    if token == "-":  # noqa: S105  not a token
        token = sys.stdin.readline().strip()
    layout = Layout.of(node["path"])
    machine.become_owner(layout)
    options = {
        "name": node["name"],
        "address": node["address"],
        "ports": Ports(**given),
        "bindir": node["bindir"],
        "memory_bytes": memory,
    }
    done = starting.join(layout, addresses, token, options, _steps(as_json), agent=not node["no_agent"])
    _show_start(layout, done, as_json=as_json)


def _steps(as_json: bool) -> Callable[[str], None]:
    return (lambda text: say(text, err=True)) if as_json else say


def _show_start(layout: Layout, done: dict[str, Any], *, as_json: bool) -> None:
    if done["running"]:
        done["status"] = Client.of(layout).want("GET", "/status")
    if as_json:
        print_json(done)
    elif done["running"]:
        say()
        _show_status(done["status"])
        say("For a start at boot: systemctl enable integratedb-agent (docs/integratedb-agent.service).")


@cluster.command("status", cls=Command)
@directory
@json_output
def status(path: str | None, as_json: bool) -> None:
    """Show the nodes: role, state, timeline, lag, which one is the synchronous standby.

    \b
    Exit status: 0 there is a primary, a majority of etcd, and no node is missing; 1 otherwise.

    \b
    Examples:
      integratedb cluster status
      integratedb cluster status --json | jq .primary
    """
    found = _client(path).want("GET", "/status")
    if as_json:
        print_json(found)
    else:
        _show_status(found)
    if not found["well"]:
        sys.exit(STATUS_REFUSED)


def _show_status(found: dict[str, Any]) -> None:
    known = set(nodes.Node.__dataclass_fields__)
    rows = [nodes.Node(**{name: one[name] for name in known & one.keys()}) for one in found["nodes"]]
    print_table(nodes.COLUMNS, [nodes.cells(row) for row in rows])
    say()
    state = nodes.Status(
        found["cluster"],
        found["quorum"],
        found["primary"],
        found["synchronous"],
        found["paused"],
        found["ttl"],
        tuple(rows),
        tuple(found["etcd"]),
    )
    for remark in nodes.remarks(state):
        say(remark)


@cluster.command("switchover", cls=Command)
@click.argument("to", required=False, metavar="[NODE]")
@click.option("--at", metavar="TIME", help="When, with the offset from UTC: 2026-05-04T03:00:00+00:00.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and what speaks against it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@directory
@json_output
def switchover(to: str | None, at: str | None, dry_run: bool, yes: bool, path: str | None, as_json: bool) -> None:
    """Make another node the primary; without NODE the best replica.

    \b
    Exit status: 0 done, or nothing speaks against it; 1 refused, with all reasons.

    \b
    Examples:
      integratedb cluster switchover --dry-run
      integratedb cluster switchover b
    """
    client = _client(path)
    body = {name: value for name, value in (("to", to), ("at", at)) if value is not None}
    if dry_run or (not yes and sys.stdin.isatty()):
        plan = client.want("POST", "/switchover", {**body, "dry_run": True})
        if dry_run or plan["reasons"]:
            _show_plan(plan, as_json=as_json)
            return
        confirm(
            f"Make {plan['to']} the primary in place of {plan['from']}, with {plan['read_only_s']} s without writes?",
            yes=False,
        )
    code, plan = client.ask("POST", "/switchover", body, 130.0)
    if isinstance(plan, dict) and "reasons" in plan:
        _show_plan(plan, as_json=as_json)
    else:
        checked(code, plan)


def _show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    reasons = list(plan["reasons"])
    if as_json:
        print_json(plan)
    elif plan["done"]:
        say(f"Node {plan['to']} is the primary after {plan['took_s']} s; it was {plan['from']}.")
    elif not reasons:
        lag = f"{plan['lag_bytes']} bytes behind" if plan["lag_bytes"] else "no lag"
        when = f"at {plan['at']}" if plan["at"] else "now"
        say(f"Node {plan['to']} would take over from {plan['from']} {when}: {lag}, {plan['sync']}.")
        say(f"About {plan['read_only_s']} s without writes.")
    if not reasons:
        return
    if as_json:
        sys.exit(STATUS_REFUSED)
    raise CommandError(
        f"no switchover from {plan['from']} to {plan['to']}: {'; '.join(reasons)}", hint="integratedb cluster status"
    )


@cluster.command("token", cls=Command)
@click.option("--valid", metavar="TIME", default="1h", show_default=True, help="How long, at most 24h: 30min, 1h.")
@directory
@json_output
def token(valid: str, path: str | None, as_json: bool) -> None:
    """Make a token that lets one node join.

    The token is shown once. etcd has its hash until a join uses it or its time is over.

    \b
    Example:
      integratedb cluster token --valid 30min
    """
    try:
        valid_s = tokens.duration_s(valid)
    except tokens.TokenError as problem:
        raise CommandError(f"--valid {problem}", status=STATUS_USAGE) from None
    made = _client(path).want("POST", "/tokens", {"valid_s": valid_s})
    if as_json:
        print_json(made)
    else:
        # Alone on standard output, so that a script can take it.
        say(made["token"])
        say(f"Valid for one join until {made['until']}.", err=True)


@cluster.command("discovery", cls=Command)
@click.option("--format", "form", type=click.Choice(FORMATS), default="json", help="json, haproxy or pgbouncer.")
@directory
@json_output
def discovery(form: str, path: str | None, as_json: bool) -> None:
    """Print how clients find the primary and the replicas.

    \b
    Examples:
      integratedb cluster discovery
      integratedb cluster discovery --format haproxy
    """
    code, found = _client(path).ask("GET", f"/discovery?format={form}")
    if isinstance(found, str) and code == 200:
        print_json({form: found}) if as_json else say(found.rstrip("\n"))
        return
    found = checked(code, found)
    if as_json:
        print_json(found)
    else:
        print_table(("purpose", "connection string"), found.items())


@cluster.command("leave", cls=Command)
@click.option("--node", metavar="NAME", help="Take out a node that is lost.  [this node]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@directory
@json_output
def leave(node: str | None, yes: bool, path: str | None, as_json: bool) -> None:
    """Take this node out of the cluster, or one that is lost.

    Patroni and etcd of this node end, and its data stays in the directory. The primary is refused: switch over first.

    \b
    Examples:
      integratedb cluster leave
      integratedb cluster leave --node c
    """
    layout = Layout.of(path)
    own = layout.read_settings().name
    name = node or own
    confirm(f"Take node {name} out of the cluster?", yes=yes)
    client = Client.of(layout, only_own=name == own)
    done = client.want("DELETE", f"/nodes/{name}", timeout_s=130.0)
    if as_json:
        print_json(done)
        return
    say(f"Node {name} has left.")
    if done["directory"]:
        say(f"Its data is still in {done['directory']}; remove the directory when nobody needs it.")


cluster.add_command(config)


def _client(path: str | None) -> Client:
    return Client.of(Layout.of(path))
