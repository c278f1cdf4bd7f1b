"""Implements `integratedb new`: short forms of `cluster new` and `cluster join`."""

from __future__ import annotations

from typing import Any

import click

from .cluster import create, enter
from .framework import Command, Group, json_output
from .node_options import node_options


@click.group(cls=Group)
def new() -> None:
    """Make a cluster, or add a node to one: short forms of integratedb cluster new and join.

    \b
    Examples:
      integratedb new cluster --config cluster.edn
      integratedb new node --join 10.0.0.1:8650 --token TOKEN
    """


@new.command("cluster", cls=Command)
@click.option("--config", metavar="FILE", help="The configuration: YAML, TOML or EDN, by its extension.")
@click.option("--cluster", "cluster_name", metavar="NAME", help="The name of the cluster.  [integratedb]")
@click.option("--database", metavar="NAME", help="The database to create the extension in.  [main]")
@node_options
@json_output
def new_cluster(config: str | None, cluster_name: str | None, database: str | None, as_json: bool, **node: Any) -> None:
    """Do what integratedb cluster new does.

    \b
    Example:
      hipsterdb new cluster --config cluster.edn
    """
    create(config, cluster_name, database, as_json=as_json, **node)


@new.command("node", cls=Command)
@click.option("--join", "agents", metavar="HOST:PORT[,...]", required=True, help="Agents of the cluster.")
@click.option("--token", metavar="TOKEN", envvar="INTEGRATEDB_JOIN_TOKEN", help="The token; - reads it.")
@node_options
@json_output
def new_node(agents: str, token: str | None, as_json: bool, **node: Any) -> None:
    """Do what integratedb cluster join does.

    \b
    Example:
      hipsterdb new node --join 10.0.0.1:8650,10.0.0.2:8650 --token TOKEN
    """
    enter(agents, token, as_json=as_json, **node)
