"""Implements `integratedb agent`: the agent of a node of a cluster, in the foreground."""

from __future__ import annotations

import asyncio
import signal

from integratedb_companion.cluster import machine
from integratedb_companion.cluster.agent import Agent
from integratedb_companion.cluster.application import serve
from integratedb_companion.cluster.layout import Layout
from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError, checked_log_level
from integratedb_companion.common.errors import CommandError

from .framework import command
from .services import option, run

#: Their messages may hold addresses and headers.
LIBRARIES = ("aiohttp", "asyncio")


@command()
@option("--dir", "The directory of the node.  [/var/lib/integratedb/cluster]", metavar="DIR")
@option("--log-level", "debug, info, warning or error.", default="info", show_default=True)
def agent(dir: str | None, log_level: str) -> None:  # noqa: A002  the option's name
    """Run the agent of a node: it supervises etcd and Patroni, and serves HTTPS on port 8650.

    What dies is started again at once. SIGTERM ends Patroni, which hands the primary over, then etcd, then the agent.
    SIGKILL ends the agent alone: the cluster goes on, and the next agent takes over what runs. Root becomes the user
    that runs Postgres.

    \b
    Exit status: 0 stopped; 1 a fault; 2 wrong configuration.

    \b
    Example:
      integratedb agent --dir /var/lib/integratedb/cluster
    """
    layout = Layout.of(dir)
    machine.become_owner(layout)

    def work() -> int:
        logs.configure(checked_log_level(log_level))
        logs.silence_texts(LIBRARIES)
        try:
            asyncio.run(_run(layout))
        except CommandError as problem:
            raise ConfigurationError(f"{problem.message}. {problem.hint or ''}".rstrip()) from None
        return 0

    with layout.claimed():
        run(work)


async def _run(layout: Layout) -> None:
    one = Agent(layout)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, one.stop.set)
    await one.run(serve)
