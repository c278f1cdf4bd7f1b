"""Implements `integratedb serve`: reads flags, environment and file, runs the service, and sets the exit status."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import read_file
from integratedb_companion.common.extras import needing
from integratedb_companion.serve.settings import DEFAULTS, OPTIONS, build

from .services import given, option, run


@click.command()
@option("--dsn", "Connection string; libpq's own PG* variables work too.")
@option("--listen", "HOST:PORT.  [127.0.0.1:4000]")
@option("--preview-dsn", "The login that runs previews; without it there are no previews.")
@option("--tls-certificate", "A PEM file with the certificate and its chain.", metavar="FILE")
@option("--tls-key", "A PEM file with the certificate's key.", metavar="FILE")
@option(
    "--trusted-proxy",
    "A network of proxies whose X-Forwarded-For is used; may be repeated.",
    multiple=True,
    metavar="CIDR",
)
@option("--connections", "The most connections to the database.  [10]")
@option("--log-level", "debug, info, warning or error.  [info]")
@option("--config", "A TOML file with the same options.")
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

    def service() -> int:
        settings = build(DEFAULTS | read_file(config, OPTIONS) | given(flags))
        logs.configure(settings.log_level)
        # Importing a web framework is slow, and the help and configuration errors do not need it.
        with needing("serve"):
            from integratedb_companion.serve import server

        asyncio.run(server.run(settings))
        return 0

    run(service)
