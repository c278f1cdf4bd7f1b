"""Runs the service: checks the login, starts the workers and the admin listener, and stops them at a signal."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import tempfile
from pathlib import Path

from integratedb_companion import __version__
from integratedb_companion.common import open_files
from integratedb_companion.common.configuration import ConfigurationError

from . import admin, keys, login_check, worker
from .pool import conninfo
from .settings import Settings

log = logging.getLogger(__name__)

LOOPBACK = ("127.", "::1", "localhost")


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Error: ConfigurationError, before anything is served."""
    files = open_files.raise_limit()
    try:
        keys.read_all(settings.jwt_secrets, is_base64=settings.jwt_secret_base64)
    except keys.UnusableKeyError as problem:
        raise ConfigurationError(f"jwt-secret: {problem}") from None
    dsn = conninfo(settings.dsn)
    asyncio.run(login_check.check(dsn, settings.schemas, settings.anonymous))
    _check_port(settings.host, settings.port)
    if settings.tls_certificate is None and not settings.trusted_proxies and not settings.host.startswith(LOOPBACK):
        log.warning("tokens travel unencrypted: give --tls-certificate, or put a TLS proxy in front (--trusted-proxy)")
    with tempfile.TemporaryDirectory(prefix="integratedb-api-") as directory:
        worker.use_figures(Path(directory))
        from .metrics import page_of

        # A fork would inherit the locks of the threads of the admin listener.
        multiprocessing.set_start_method("spawn", force=True)
        serving = worker.server(settings, files)
        listening = None
        if settings.admin_host is not None:
            readiness = admin.Readiness(
                dsn,
                (settings.host.strip("[]"), settings.port),
                lambda: sum(one.is_alive() for one in list(serving.wrks)),  # type: ignore[no-untyped-call]  # granian's
                settings.workers,
            )
            page = page_of(Path(directory))
            listening = admin.start(settings.admin_host, settings.admin_port, readiness, page.render)
        for reload in (signal.SIGUSR1, signal.SIGUSR2):
            # Scripts send these to PostgREST, to let it read the schema or its file again. They would end the process.
            signal.signal(reload, signal.SIG_IGN)
        try:
            log.info(
                "starting",
                extra={
                    "version": __version__,
                    "pid": os.getpid(),
                    "listen": [settings.host, settings.port],
                    "admin": None if listening is None else list(listening.server_address[:2]),
                    "workers": settings.workers,
                },
            )
            # The secret of the tokens that the service gives, for a login that may not read those of the database.
            serving.serve(target_loader=worker.Load(settings, secrets.token_bytes(32)), wrap_loader=False)
        finally:
            if listening is not None:
                listening.shutdown()


def _check_port(host: str, port: int) -> None:
    """Refuse an occupied port at once; the workers share the port, so they would not notice."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        socket.create_server((str(address[0]), int(address[1])), family=family).close()
    except OSError as problem:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {problem.strerror}") from None
