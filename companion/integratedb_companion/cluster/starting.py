"""Creates the first node of a cluster, or lets a node join one; both go on where an earlier run has ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.errors import STATUS_USAGE, CommandError

from . import certificates, defaults, machine
from .client import Client, verified
from .layout import Layout, draw_secrets
from .nodes import WELL
from .settings import Settings, checked_address, checked_name, difference, moved
from .tokens import Token, TokenError

Say = Callable[[str], None]
AGENT_S, PRIMARY_S, STREAMS_S = 20.0, 120.0, 6 * 3600.0
TICK_S = 0.3
#: How long a join waits for another one to end.
TURN_S = 120.0


def create(layout: Layout, given: Settings, say: Say, *, agent: bool) -> dict[str, Any]:
    """Make the first node of a cluster. Error: CommandError."""
    bindir, etcd = machine.programs(given.bindir)
    machine.versions(bindir)
    settings = moved(given, bindir=bindir, etcd_program=etcd, memory_bytes=given.memory_bytes or machine.memory_bytes())
    layout.create()
    kept = layout.read(layout.settings)
    if kept is not None:
        settings = _continued(layout, settings)
        say(f"node {settings.name} of cluster {settings.cluster} exists in {layout.path}")
    else:
        machine.check_ports(settings)
        say(f"making cluster {settings.cluster} with node {settings.name} in {layout.path}")
        _make_identity(layout, settings)
        layout.write(layout.settings, settings.as_json())
    for size in defaults.sizes(settings.memory_bytes):
        say(f"  {size.name} = {settings.parameters.get(size.name, size.value)}: {size.reason}")
    if not agent:
        return {"cluster": settings.cluster, "node": settings.name, "directory": str(layout.path), "running": False}
    start_agent(layout, say)
    say("waiting for Postgres")
    if _wait_for_primary(layout, settings):
        _create_database(layout, settings, say)
    else:
        say("another node is the primary")
    return {"cluster": settings.cluster, "node": settings.name, "directory": str(layout.path), "running": True}


def _continued(layout: Layout, settings: Settings) -> Settings:
    kept = layout.read_settings()
    if kept.initial_cluster:
        raise CommandError(
            f"{layout.path} is a node that has joined cluster {kept.cluster}", hint="--dir names another."
        )
    if differs := difference(kept, settings):
        raise CommandError(
            f"{layout.path} has a node with another {' and '.join(differs)}",
            hint="Give what the first run was given, or another --dir.",
        )
    return kept


def _make_identity(layout: Layout, settings: Settings) -> None:
    """Write the secrets, the authority and the node's certificate; what an earlier run has made is kept."""
    if not layout.secrets.exists():
        layout.write(layout.secrets, draw_secrets())
    # The key is written last: an authority without its certificate would be replaced.
    if not layout.ca_key.exists():
        ca, ca_key = certificates.new_authority(settings.cluster)
        layout.write(layout.ca, ca)
        layout.write(layout.ca_key, ca_key)
    key = _own_key(layout)
    request = certificates.request(key, settings.name)
    signed = certificates.sign(
        request, layout.ca.read_bytes(), layout.ca_key.read_bytes(), settings.name, settings.address
    )
    layout.write(layout.certificate, signed)


def _own_key(layout: Layout) -> bytes:
    if not layout.key.exists():
        layout.write(layout.key, certificates.new_key())
    return layout.key.read_bytes()


def join(
    layout: Layout, addresses: list[str], token: str | None, options: Mapping[str, Any], say: Say, *, agent: bool
) -> dict[str, Any]:
    """Let this machine join a cluster. Error: CommandError."""
    bindir, etcd = machine.programs(options["bindir"] or "")
    versions = machine.versions(bindir)
    layout.create()
    if layout.read(layout.settings) is None:
        answer = _ask_to_join(layout, addresses, token, options, versions, say)
        settings = moved(
            Settings.from_json(answer["settings"]),
            bindir=bindir,
            etcd_program=etcd,
            memory_bytes=options["memory_bytes"] or machine.memory_bytes(),
        )
        for path, text in ((layout.ca, "ca"), (layout.ca_key, "ca_key"), (layout.certificate, "certificate")):
            layout.write(path, str(answer[text]).encode())
        layout.write(layout.secrets, answer["secrets"])
        layout.write(layout.settings, settings.as_json())
    settings = layout.read_settings()
    if settings.left:
        raise CommandError(
            f"node {settings.name} in {layout.path} has left its cluster",
            hint="Remove the directory, and join with a new token.",
        )
    say(f"node {settings.name} belongs to cluster {settings.cluster}")
    if not agent:
        return {"cluster": settings.cluster, "node": settings.name, "directory": str(layout.path), "running": False}
    start_agent(layout, say)
    _wait_until_streaming(layout, settings, say)
    return {"cluster": settings.cluster, "node": settings.name, "directory": str(layout.path), "running": True}


def _ask_to_join(
    layout: Layout,
    addresses: list[str],
    token: str | None,
    options: Mapping[str, Any],
    versions: Mapping[str, str],
    say: Say,
) -> dict[str, Any]:
    if not token:
        raise CommandError(
            "a join needs a token", status=STATUS_USAGE, hint="integratedb cluster token on a node makes one: --token T"
        )
    try:
        read = Token.read(token)
    except TokenError as problem:
        raise CommandError(str(problem), status=STATUS_USAGE) from None
    problems: list[CommandError] = []
    for address in addresses:
        try:
            client, own = verified(address, read)
        except CommandError as problem:
            problems.append(problem)
            continue
        say(f"the agent at {address} has the authority of the token")
        try:
            name = checked_name("--name", options["name"] or machine.host_name())
            place = checked_address(options["address"] or own)
        except ConfigurationError as problem:
            raise CommandError(str(problem), status=STATUS_USAGE) from None
        node = {"name": name, "address": place, "ports": asdict(options["ports"])}
        machine.check_ports(Settings("", name, place, ports=options["ports"]))
        request = certificates.request(_own_key(layout), name).decode()
        until_s = time.monotonic() + TURN_S
        while True:
            try:
                return client.want("POST", "/join", {"node": node, "request": request, "versions": versions}, 30.0)
            except CommandError as refusal:
                if "another node is joining" not in refusal.message or time.monotonic() > until_s:
                    raise
            say("another node is joining: waiting for it")
            time.sleep(3)
    raise problems[-1]


def start_agent(layout: Layout, say: Say) -> None:
    """Start the agent, unless one runs, so that it outlives this command. Error: CommandError."""
    if not layout.agent_runs():
        say("starting the agent")
        command = [sys.executable, "-m", "integratedb_companion.cli", "agent", "--dir", str(layout.path)]
        with (layout.logs / "agent.log").open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
            )
        until_s = time.monotonic() + AGENT_S
        while not layout.agent_runs() and time.monotonic() < until_s:
            if process.poll() is not None:
                raise CommandError(
                    f"the agent has ended: {_last_line(layout.logs / 'agent.log')}",
                    hint=f"{layout.logs / 'agent.log'} says more.",
                )
            time.sleep(0.1)


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
        return (file.read().decode(errors="replace").splitlines() or [""])[-1]


def superuser(layout: Layout, settings: Settings, database: str = "postgres") -> str:
    """Return how this node's own Postgres is reached by its socket."""
    return make_conninfo(
        "",
        host=str(layout.sockets),
        port=str(settings.ports.postgres),
        user=defaults.SUPERUSER,
        password=layout.read_secrets()["superuser"],
        dbname=database,
        connect_timeout="3",
    )


def _wait_for_primary(layout: Layout, settings: Settings) -> bool:
    """Wait until this node takes writes or follows a primary; return whether it is the primary. Error: CommandError."""
    client = Client.of(layout, only_own=True)
    until_s = time.monotonic() + PRIMARY_S
    while time.monotonic() < until_s:
        _check_agent(layout)
        with contextlib.suppress(CommandError):
            found = client.want("GET", "/status")
            own = next((node for node in found["nodes"] if node["name"] == settings.name), None)
            if own is not None and own["answers"] and own["state"] in WELL:
                if found["primary"] == settings.name:
                    return True
                if found["primary"] is not None and own["state"] == "streaming":
                    return False
        time.sleep(TICK_S)
    raise CommandError(
        f"Postgres is not ready after {PRIMARY_S:.0f} s",
        hint=f"{layout.logs}/patroni.log and etcd.log say why. The same command goes on afterwards.",
    )


def _check_agent(layout: Layout) -> None:
    if not layout.agent_runs():
        raise CommandError("the agent has ended", hint=f"{layout.logs / 'agent.log'} says why.")


def _create_database(layout: Layout, settings: Settings, say: Say) -> None:
    with psycopg.connect(superuser(layout, settings), autocommit=True) as connection:
        found = connection.execute(
            "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [settings.database]
        ).fetchone()
        if found is None:
            say(f"creating database {settings.database}")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(settings.database)))
    with psycopg.connect(superuser(layout, settings, settings.database), autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("CREATE EXTENSION IF NOT EXISTS integratedb CASCADE")
    say(f"the extension is installed in database {settings.database}")


def _wait_until_streaming(layout: Layout, settings: Settings, say: Say) -> None:
    client = Client.of(layout, only_own=True)
    until_s, shown = time.monotonic() + STREAMS_S, ""
    while time.monotonic() < until_s:
        _check_agent(layout)
        state = _own_state(client, settings.name)
        if state != shown:
            say(f"Postgres: {state}")
            shown = state
        if state in ("streaming", "primary"):
            return
        time.sleep(TICK_S)
    raise CommandError(
        f"node {settings.name} does not stream after {STREAMS_S / 3600:.0f} h",
        hint=f"{layout.logs}/patroni.log says why.",
    )


def _own_state(client: Client, name: str) -> str:
    try:
        state = client.want("GET", "/status")
    except CommandError:
        return "waiting for the agent"
    if not any(one["name"] == name and one["votes"] for one in state["etcd"]):
        return "waiting for the vote in etcd"
    row = next((node for node in state["nodes"] if node["name"] == name), None)
    if row is None or row["role"] == "lost":
        return "waiting for Patroni"
    return "primary" if row["role"] == "primary" and row["state"] == "running" else str(row["state"])
