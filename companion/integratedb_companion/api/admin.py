"""Serves /live, /ready and /metrics on a port of its own, in the process that runs the workers."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import psycopg

from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.logs import fault

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S: Final = 5.0
READY_TIMEOUT_S: Final = 3
#: Probes that come together get one answer of Postgres.
READY_FOR_S: Final = 1.0


class Readiness:
    """Whether the service can answer requests: all workers run and listen, and Postgres answers."""

    def __init__(self, dsn: str, address: tuple[str, int], workers: Callable[[], int], wanted: int) -> None:
        """``address`` is where the workers listen."""
        self._dsn = dsn
        self._address = address
        self._workers = workers
        self._wanted = wanted
        self._lock = threading.Lock()
        self._answer: tuple[float, str | None] = (float("-inf"), None)

    def problem(self) -> str | None:
        """Return what is not ready; None: everything is."""
        if self._workers() < self._wanted:
            return "not all workers run"
        with self._lock:
            asked_at_s, answer = self._answer
            if time.monotonic() > asked_at_s + READY_FOR_S:
                answer = self._ask()
                self._answer = (time.monotonic(), answer)
        return answer

    def _ask(self) -> str | None:
        # A worker runs for some time before it listens.
        try:
            socket.create_connection(self._address, READY_TIMEOUT_S).close()
        except OSError:
            return "no worker listens"
        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=READY_TIMEOUT_S) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as problem:
            log.warning("not ready", extra=fault(problem))
            return "the database does not answer"
        return None


def start(host: str, port: int, readiness: Readiness, render: Callable[[], bytes]) -> ThreadingHTTPServer:
    """Listen, and answer in threads. Error: ConfigurationError."""

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "integratedb", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/live":
                self._answer(200, b"live\n")
            elif path == "/ready":
                problem = readiness.problem()
                self._answer(200 if problem is None else 503, f"{problem or 'ready'}\n".encode())
            elif path == "/metrics":
                self._answer(200, render(), "text/plain; version=0.0.4; charset=utf-8")
            else:
                self._answer(404, b"there are /live, /ready and /metrics\n")

        do_HEAD = do_GET  # noqa: N815  the name that http.server calls

        def _answer(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing: a client that breaks off is no failure."""

    try:
        listening = Server((host, port), Handler)
    except OSError as problem:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {problem.strerror}") from None
    threading.Thread(target=listening.serve_forever, daemon=True, name="admin").start()
    return listening
