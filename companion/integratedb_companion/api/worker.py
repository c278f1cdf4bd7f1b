"""Makes the application in each worker process, and starts the workers."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer
from jwt.warnings import InsecureKeyLengthWarning

from integratedb_companion.common import logs

from .settings import Settings

if TYPE_CHECKING:
    from .application import Application

log = logging.getLogger(__name__)

#: The directory of the workers' figures; prometheus_client reads it when it is imported.
FIGURES: Final = "PROMETHEUS_MULTIPROC_DIR"
STOP_TIMEOUT_S: Final = 15
HEAD_TIMEOUT_MS: Final = 10_000
OTHER_FILES: Final = 200
#: Of the head of a request and of what is read ahead; the service's own limit is lower.
BUFFER_BYTES: Final = 128 << 10
#: These libraries log texts from outside.
LIBRARIES: Final = ("_granian", "asyncio", "psycopg")


class Load:
    """Makes the application; an object, because it is sent to the processes of the workers."""

    def __init__(self, settings: Settings, secret: bytes) -> None:
        self.settings = settings
        self.secret = secret

    def __call__(self, *_: Any) -> Application:
        """Make the application."""
        logs.configure(self.settings.log_level)
        logs.silence_texts(LIBRARIES)
        # Secrets shorter than RFC 7518 asks for are accepted from 32 bytes on, as PostgREST does.
        warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)
        from .application import Application
        from .services import Services

        return Application(Services(self.settings, self.secret))


def server(settings: Settings, files: int) -> MPServer:
    """Return the server, which starts the workers and stops them at SIGTERM. ``files``: what a process may open.

    An idle client occupies a file and nothing else, so there may be many.
    """
    return MPServer(
        "integratedb api",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=settings.daemon_url is not None,
        backlog=1024,
        backpressure=max(1, min(settings.clients // settings.workers, files - settings.connections - OTHER_FILES)),
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_MS, max_buffer_size=BUFFER_BYTES),
        log_enabled=True,
        log_level=LogLevels.warning,
        log_dictconfig=_log_configuration(),
        ssl_cert=settings.tls_certificate,
        ssl_key=settings.tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        respawn_interval=1.0,
        workers_kill_timeout=STOP_TIMEOUT_S,
    )


def _log_configuration() -> dict[str, Any]:
    """Return a configuration by which the server's logs go through the handlers of the process."""
    loggers = {name: {"handlers": [], "propagate": True, "level": "WARNING"} for name in ("_granian", "granian.access")}
    return {"version": 1, "disable_existing_loggers": False, "loggers": loggers}


def end_unread(timeout_s: float) -> int:
    """Let the system end connections whose client reads nothing for so long; return the number of listening sockets.

    The server has no limit of its own for that. Its sockets are the only ones that listen in a worker, and connections
    inherit their options.
    """
    changed = 0
    for file in Path("/proc/self/fd").iterdir() if hasattr(socket, "TCP_USER_TIMEOUT") else ():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(file.name))) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.family != socket.AF_UNIX:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(timeout_s * 1000))
                changed += 1
    return changed


def use_figures(directory: Path) -> None:
    """Let workers write their figures into a directory."""
    os.environ[FIGURES] = str(directory)
