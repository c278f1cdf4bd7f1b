"""The one port of the daemon: /live, /ready and /metrics, and the WebSockets."""

from __future__ import annotations

import http
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from .login import Logins, PasswordNotAskedError, TooManyFailuresError, parse_basic
from .metrics import Metrics
from .sockets import SocketChannel

log = logging.getLogger(__name__)

SOCKET_PATH = "/v1/notifications/"
#: Connections that have not finished their handshake; more are dropped at once.
HANDSHAKES_AT_ONCE = 500
HANDSHAKE_TIMEOUT_S = 5
FRAME_BYTES = 64 << 10

FindChannel = Callable[[str, str], SocketChannel | None]
Readiness = Callable[[], str | None]


class Listener:
    """Answers HTTP requests and hands WebSockets to their channels."""

    def __init__(self, logins: Logins, find_channel: FindChannel, readiness: Readiness, metrics: Metrics) -> None:
        self._logins = logins
        self._find_channel = find_channel
        self._readiness = readiness
        self._metrics = metrics
        self._handshakes = 0
        self._channels: dict[ServerConnection, SocketChannel] = {}

    async def open(self, host: str, port: int) -> Server:
        """Listen."""
        listener = self

        class Connection(ServerConnection):
            """A connection that counts as a handshake until that is done."""

            shaking = False

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if listener._handshakes >= HANDSHAKES_AT_ONCE:
                    transport.abort()
                    return
                listener._handshakes += 1
                self.shaking = True

            def shaken(self) -> None:
                if self.shaking:
                    self.shaking = False
                    listener._handshakes -= 1

            def connection_lost(self, exc: Exception | None) -> None:
                self.shaken()
                listener._channels.pop(self, None)
                super().connection_lost(exc)

        async def handle(connection: ServerConnection) -> None:
            if isinstance(connection, Connection):
                connection.shaken()
            await self._channels.pop(connection).serve(connection)

        return await serve(
            handle,
            host,
            port,
            process_request=self._request,
            create_connection=Connection,
            compression=None,
            open_timeout=HANDSHAKE_TIMEOUT_S,
            close_timeout=2,
            max_size=FRAME_BYTES,
            server_header=None,
        )

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/live":
            return _answer(200, "live\n")
        if path == "/ready":
            reason = self._readiness()
            return _answer(200, "ready\n") if reason is None else _answer(503, reason + "\n")
        if path == "/metrics":
            return _answer(200, self._metrics.render(), "text/plain; version=0.0.4; charset=utf-8")
        if path.startswith(SOCKET_PATH):
            return await self._admit(connection, request, unquote(path.removeprefix(SOCKET_PATH)))
        return _answer(404, "there is nothing here\n")

    async def _admit(self, connection: ServerConnection, request: Request, channel_name: str) -> Response | None:
        credentials = parse_basic(request.headers.get("Authorization"))
        if credentials is None:
            return self._refuse(401, "give the stakeholder's database user and password by HTTP Basic\n")
        user, password = credentials
        try:
            admitted = await self._logins.check(str(connection.remote_address[0]), user, password)
        except TooManyFailuresError:
            return self._refuse(429, "too many failed logins; try again in a minute\n")
        except PasswordNotAskedError:
            log.error("pg_hba.conf lets WebSocket logins in without a password: refused", extra={"stakeholder": user})
            return self._refuse(403, "the database does not ask for this password, so it proves nothing\n")
        if not admitted:
            return self._refuse(401, "user or password is wrong\n")
        channel = self._find_channel(user, channel_name)
        if channel is None:
            return self._refuse(404, "no such SOCKET channel, or it is paused\n")
        self._channels[connection] = channel
        return None

    def _refuse(self, status: int, text: str) -> Response:
        self._metrics.logins_refused.inc()
        return _answer(status, text)


def _answer(status: int, body: str | bytes, content_type: str = "text/plain; charset=utf-8") -> Response:
    content = body.encode() if isinstance(body, str) else body
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(content)), "Connection": "close"})
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="integratedb"'
    return Response(status, http.HTTPStatus(status).phrase, headers, content)
