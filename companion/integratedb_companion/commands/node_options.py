"""The options of commands that work on a node of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from integratedb_companion.cluster.settings import Ports

PORT = click.IntRange(1, 65_535)
Decorated = Callable[..., Any]


def directory(function: Decorated) -> Decorated:
    """Add --dir."""
    return click.option(
        "--dir",
        "path",
        metavar="DIR",
        envvar="INTEGRATEDB_CLUSTER_DIR",
        help="The directory of the node.  [of root: /var/lib/integratedb/cluster]",
    )(function)


def node_options(function: Decorated) -> Decorated:
    """Add what a node says about itself."""
    for name in reversed(("agent", "patroni", "etcd", "etcd-peer", "postgres")):
        default = getattr(Ports(), name.replace("-", "_"))
        function = click.option(f"--port-{name}", type=PORT, help=f"The port of {name}.  [{default}]")(function)
    for flag, metavar, text in (
        ("--no-agent", None, "Prepare the directory only; the systemd unit starts the agent."),
        ("--bindir", "DIR", "The directory of initdb and postgres.  [of pg_config, or the newest]"),
        ("--memory", "SIZE", "The memory that the sizes of Postgres are computed from.  [all of the machine's]"),
        ("--address", "ADDRESS", "The address by which the other nodes reach this one."),
        ("--name", "NAME", "The name of this node.  [that of the machine]"),
    ):
        settings: dict[str, Any] = {"is_flag": True} if metavar is None else {"metavar": metavar}
        function = click.option(flag, help=text, **settings)(function)
    return directory(function)
