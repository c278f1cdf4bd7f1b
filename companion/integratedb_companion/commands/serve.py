"""Implements `integratedb serve`: reads flags, environment and file, runs the service, and sets the exit status."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError, read_file
from integratedb_companion.common.extras import needing
from integratedb_companion.common.output import clean, say
from integratedb_companion.serve.settings import DEFAULTS, OPTIONS, build

log = logging.getLogger(__name__)

STATUS_FAILED, STATUS_CONFIGURATION = 1, 2
Command = TypeVar("Command", bound=Callable[..., None])


def _option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(name, help=text, envvar=f"INTEGRATEDB_{name[2:].replace('-', '_').upper()}", **settings)


@click.command()
@_option("--dsn", "Connection string; libpq's own PG* variables work too.")
@_option("--listen", "HOST:PORT.  [127.0.0.1:4000]")
@_option("--preview-dsn", "The login that runs previews; without it there are no previews.")
@_option("--tls-certificate", "A PEM file with the certificate and its chain.", metavar="FILE")
@_option("--tls-key", "A PEM file with the certificate's key.", metavar="FILE")
@_option(
    "--trusted-proxy",
    "A network of proxies whose X-Forwarded-For is used; may be repeated.",
    multiple=True,
    metavar="CIDR",
)
@_option("--connections", "The most connections to the database.  [10]")
@_option("--log-level", "debug, info, warning or error.  [info]")
@_option("--config", "A TOML file with the same options.")
def serve(config: str | None, **flags: Any) -> None:
    """Serve the management API over HTTP.

    The login must be a member of integratedb_admin and integratedb_management, and must not be a superuser. The first
    user that is created at /api/v1/users manages the others. /api/v1/docs documents the requests.

    \b
    Examples:
      integratedb serve --dsn "dbname=shop user=management"
      integratedb serve --listen 0.0.0.0:4000 --tls-certificate cert.pem --tls-key key.pem
      integratedb serve --preview-dsn "dbname=shop user=shop_owner"
    """
    try:
        given = {name: value for name, value in flags.items() if value not in (None, ())}
        settings = build(DEFAULTS | read_file(config, OPTIONS) | given)
        logs.configure(settings.log_level)
        # Importing a web framework is slow, and the help and configuration errors do not need it.
        with needing("serve"):
            from integratedb_companion.serve import server

        asyncio.run(server.run(settings))
        status = 0
        log.info("stopped")
    except ConfigurationError as problem:
        say(f"integratedb: {clean(str(problem))}", err=True)
        status = STATUS_CONFIGURATION
    except Exception as fault:
        from integratedb_companion.http.middleware import described

        # Without the exception's text, which may contain a credential.
        log.critical("cannot go on", extra={"fault": described(fault)})
        status = STATUS_FAILED
    sys.exit(status)
