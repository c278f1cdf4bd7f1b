"""Runs the application until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from integratedb_companion import __version__
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.open_files import FailedAcceptsLog
from integratedb_companion.http.connections import BACKLOG, KEEP_ALIVE_S, Connections, Listener
from integratedb_companion.http.protocol import protocol_for

from . import application
from .services import Services
from .settings import Settings

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 10
LOOPBACK = ("127.", "::1", "localhost")


class Server(uvicorn.Server):
    """A server that ends normally after a signal, since a stop by signal is not a failure."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the caller."""
        yield

    def stop(self) -> None:
        """Accept no more requests, and finish those under way."""
        self.should_exit = True


async def run(settings: Settings) -> None:
    """Connect, listen, and serve until SIGTERM or SIGINT."""
    services = Services.make(settings)
    connections = Connections(settings.trusted_proxies)
    with Listener.of(_listen(settings.host, settings.port), connections) as listener:
        try:
            await services.open()
            configuration = _configuration(settings, services, connections)
            server = Server(configuration)
            loop = asyncio.get_running_loop()
            for stop_signal in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(stop_signal, server.stop)
            loop.set_exception_handler(FailedAcceptsLog().handle)
            loop.add_signal_handler(signal.SIGHUP, _renew_certificate, settings, configuration)
            listening = {"version": __version__, "pid": os.getpid(), "listen": listener.getsockname()[:2]}
            log.info("starting", extra=listening)
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(connections.watch()),
                    tasks.create_task(services.history.collect(services.database)),
                ]
                await server.serve(sockets=[listener])
                for task in beside:
                    task.cancel()
        finally:
            await services.close()


def _configuration(settings: Settings, services: Services, connections: Connections) -> uvicorn.Config:
    is_plain = settings.tls_certificate is None and not settings.trusted_proxies
    is_local = settings.host.strip("[]").startswith(LOOPBACK)
    if is_plain and not is_local:
        log.warning(
            "passwords travel unencrypted: give --tls-certificate, or put a TLS proxy in front (--trusted-proxy)"
        )
    config = uvicorn.Config(
        application.create(services, is_local=is_plain and is_local),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=protocol_for(connections),
        backlog=BACKLOG,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as problem:
        raise ConfigurationError(f"tls-certificate and tls-key cannot be used: {problem.strerror or problem}") from None
    return config


def _renew_certificate(settings: Settings, configuration: uvicorn.Config) -> None:
    """Load the certificate and its key again, for new connections."""
    if configuration.ssl is None or settings.tls_certificate is None:
        return
    try:
        # Loaded into a new context first, because a bad certificate would leave the context in use half changed.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), configuration.ssl):
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (ssl.SSLError, OSError) as problem:
        log.error("certificate not taken over", extra={"error": str(problem)})
    else:
        log.info("certificate read again")


def _listen(host: str, port: int) -> socket.socket:
    """Open the port first, so that an occupied port is reported as a configuration error."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server((str(address[0]), int(address[1])), family=family, backlog=BACKLOG)
    except OSError as problem:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {problem.strerror}") from None
    return listener
