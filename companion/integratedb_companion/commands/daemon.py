"""Implements `integratedb daemon`: reads flags, environment and file, runs the daemon, and sets the exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError, read_file
from integratedb_companion.daemon.daemon import Daemon
from integratedb_companion.daemon.settings import DEFAULTS, OPTIONS, Settings, build
from integratedb_companion.daemon.stream.replication import ServerChangedError, SlotInUseError
from integratedb_companion.daemon.stream.slot import SlotLostError

from .services import Switch, given, option, run

log = logging.getLogger(__name__)

STATUS_SLOT_LOST, STATUS_SLOT_IN_USE = 3, 4
#: These libraries log texts from outside, and the daemon's options.
LIBRARIES = ("aiohttp", "asyncio", "psycopg", "websockets")


@click.command()
@option("--dsn", "Connection string; libpq's own PG* variables work too.")
@option("--slot", "Name of the replication slot.  [integratedb]")
@option("--listen", "HOST:PORT for health, metrics and WebSockets.  [127.0.0.1:4400]")
@option("--deny-address", "A network that webhooks must not call; may be repeated.", multiple=True, metavar="CIDR")
@option("--max-lag", "How much unconfirmed WAL /ready tolerates.  [1GB]")
@option("--log-level", "debug, info, warning or error.  [info]")
@option(
    "--accept-gap",
    "Continue from now if the slot was lost; channels are notified.",
    is_flag=True,
    type=Switch(),
    default=None,
)
@option("--config", "A TOML file with the same options; read again on SIGHUP.")
def daemon(config: str | None, **flags: Any) -> None:
    """Deliver row changes to webhooks, Redis and WebSockets."""

    def configure() -> Settings:
        settings = build(DEFAULTS | read_file(config, OPTIONS) | given(flags))
        logs.configure(settings.log_level)
        logs.silence_texts(LIBRARIES)
        return settings

    run(lambda: asyncio.run(_run(configure(), configure)))


async def _run(settings: Settings, configure: Callable[[], Settings]) -> int:
    running = Daemon(settings)

    def reload() -> None:
        nonlocal settings
        try:
            settings = configure()
            running.reload(settings)
        except ConfigurationError as problem:
            log.error("configuration not taken over", extra={"error": str(problem)})

    def stop() -> None:
        running.stop()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, stop)
    try:
        while True:
            try:
                await running.run()
                return 0
            except ServerChangedError as problem:
                # Nothing in memory is true on another timeline. What was not confirmed comes again.
                log.warning("attaching again: the primary has changed", extra={"error": str(problem)})
                stopping = running.is_stopping
                # A gap is accepted once, at the start.
                running = Daemon(replace(settings, accept_gap=False), after=running.system)
                if stopping:
                    running.stop()
    except SlotLostError as problem:
        log.critical("slot lost", extra={"error": str(problem), "slot": settings.slot})
        return STATUS_SLOT_LOST
    except SlotInUseError as problem:
        log.critical("slot in use", extra={"error": str(problem), "slot": settings.slot})
        return STATUS_SLOT_IN_USE
