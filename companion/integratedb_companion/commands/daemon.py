"""Implements `integratedb daemon`: reads flags, environment and file, runs the daemon, and sets the exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError, read_file
from integratedb_companion.common.output import clean, say
from integratedb_companion.daemon.daemon import Daemon
from integratedb_companion.daemon.settings import DEFAULTS, OPTIONS, Settings, build
from integratedb_companion.daemon.stream.replication import SlotInUseError
from integratedb_companion.daemon.stream.slot import SlotLostError

log = logging.getLogger(__name__)

STATUS_FAILED, STATUS_CONFIGURATION, STATUS_SLOT_LOST, STATUS_SLOT_IN_USE = 1, 2, 3, 4
#: These libraries log texts from outside, and the daemon's options.
LIBRARIES = ("aiohttp", "asyncio", "psycopg", "websockets")
Command = TypeVar("Command", bound=Callable[..., None])


def _option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(name, help=text, envvar=f"INTEGRATEDB_{name[2:].replace('-', '_').upper()}", **settings)


@click.command()
@_option("--dsn", "Connection string; libpq's own PG* variables work too.")
@_option("--slot", "Name of the replication slot.  [integratedb]")
@_option("--listen", "HOST:PORT for health, metrics and WebSockets.  [127.0.0.1:4400]")
@_option("--deny-address", "A network that webhooks must not call; may be repeated.", multiple=True, metavar="CIDR")
@_option("--max-lag", "How much unconfirmed WAL /ready tolerates.  [1GB]")
@_option("--log-level", "debug, info, warning or error.  [info]")
@_option("--accept-gap", "Continue from now if the slot was lost; channels are notified.", is_flag=True, default=None)
@_option("--config", "A TOML file with the same options; read again on SIGHUP.")
def daemon(config: str | None, **flags: Any) -> None:
    """Deliver row changes to webhooks, Redis and WebSockets."""

    def configure() -> Settings:
        given = {name: value for name, value in flags.items() if value not in (None, ())}
        settings = build(DEFAULTS | read_file(config, OPTIONS) | given)
        logs.configure(settings.log_level)
        logs.silence_texts(LIBRARIES)
        return settings

    try:
        settings = configure()
        status = asyncio.run(_run(settings, configure))
    except ConfigurationError as problem:
        say(f"integratedb: {clean(str(problem))}", err=True)
        status = STATUS_CONFIGURATION
    sys.exit(status)


async def _run(settings: Settings, configure: Any) -> int:
    running = Daemon(settings)

    def reload() -> None:
        try:
            running.reload(configure())
        except ConfigurationError as problem:
            log.error("configuration not taken over", extra={"error": str(problem)})

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, running.stop)
    try:
        await running.run()
    except SlotLostError as problem:
        log.critical("slot lost", extra={"error": str(problem), "slot": settings.slot})
        return STATUS_SLOT_LOST
    except SlotInUseError as problem:
        log.critical("slot in use", extra={"error": str(problem), "slot": settings.slot})
        return STATUS_SLOT_IN_USE
    except ConfigurationError:
        raise
    except Exception as problem:
        log.critical("cannot go on", extra=logs.fault(problem))
        return STATUS_FAILED
    log.info("stopped")
    return 0
