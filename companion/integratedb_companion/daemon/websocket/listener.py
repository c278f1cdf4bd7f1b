"""Serves the one port of the daemon: /live, /ready, /metrics and the WebSockets.

Any client can connect to the port. So idle connections make room for new ones, and the number of WebSockets is limited:
/live answers whatever other clients do.
"""

from __future__ import annotations

import http
import os
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request, Response

from integratedb_companion.common.feed_tokens import FeedTokenError
from integratedb_companion.common.networks import network_of
from integratedb_companion.common.open_files import Shares
from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.http.login import Logins, NoServerError, TooManyFailuresError, parse_basic

from .clients import Client
from .feeds import Feed, Feeds, FullError
from .handshakes import Handshakes
from .sockets import SocketChannel

SOCKET_PATH = "/v1/notifications/"
FEED_PATH = "/v1/feed"
#: How many connections the kernel queues until the daemon accepts them, and how many are accepted at once. A connection
#: that must make room is closed only after those have been accepted.
BACKLOG = 1024
ACCEPTED_AT_ONCE = 32
#: The kernel's buffer for a client that does not read. A larger one would hide for longer that the client does not.
SEND_BUFFER_BYTES = 256 << 10
HANDSHAKE_TIMEOUT_S = 5
FRAME_BYTES = 64 << 10
RETRY_AFTER_S = 2

FindChannel = Callable[[int, str], SocketChannel | None]
Readiness = Callable[[], str | None]


class Listener:
    """Answers HTTP requests and passes WebSockets to their channels."""

    def __init__(
        self,
        logins: Logins,
        find_channel: FindChannel,
        is_changing: Callable[[], bool],
        readiness: Readiness,
        metrics: Metrics,
        shares: Shares,
        feeds: Feeds,
    ) -> None:
        """`is_changing`: whether a channel that is not found now may exist in a moment."""
        self._logins = logins
        self._find_channel = find_channel
        self._is_changing = is_changing
        self._readiness = readiness
        self._metrics = metrics
        self._handshakes: Handshakes[ServerConnection] = Handshakes(shares.handshakes)
        self._feeds = feeds
        self._channels: dict[ServerConnection, SocketChannel | Feed] = {}
        #: How many WebSockets the role of each stakeholder has open.
        self._clients: Counter[int] = Counter()
        self._clients_allowed = shares.clients

    async def open(self, host: str, port: int) -> Server:
        """Listen."""
        listener = self

        class Connection(Client):
            """A connection that counts as a handshake until its handshake is done."""

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                peer = transport.get_extra_info("peername")
                leaving = listener._handshakes.begin(self, network_of(str(peer[0])) if peer else "")
                if leaving is not None:
                    leaving.transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                listener._handshakes.end(self)
                listener._channels.pop(self, None)
                if self.role is not None:
                    listener._disconnected(self.role)
                super().connection_lost(exc)

        async def handle(connection: ServerConnection) -> None:
            self._handshakes.end(connection)
            channel = self._channels.pop(connection, None)
            if channel is not None:  # otherwise the client has disconnected
                await channel.serve(connection)

        server = await serve(
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
            backlog=ACCEPTED_AT_ONCE,
        )
        for listening in server.sockets:
            # asyncio uses its backlog also as the number of connections to accept at once, so the kernel's is set here.
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # accepted sockets inherit it
                same.listen(BACKLOG)
        return server

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
        if path == FEED_PATH:
            return await self._admit_feed(connection, request)
        return _answer(404, "there is nothing here\n")

    async def _admit_feed(self, connection: ServerConnection, request: Request) -> Response | None:
        try:
            header = request.headers.get("Authorization")
        except MultipleValuesError:
            header = None
        # Before channels are in force, nothing is known of what stakeholders are notified of.
        if self._is_changing():
            return _too_early("the channels are not in force yet\n")
        try:
            feed = await self._feeds.admit(header)
        except FeedTokenError:
            return self._refuse(401, "no service of the data API of this database\n")
        except FullError:
            return self._refuse(503, "too many services are connected\n")
        if not connection.transport.is_closing():
            self._channels[connection] = feed
        return None

    async def _admit(self, connection: ServerConnection, request: Request, channel_name: str) -> Response | None:
        try:
            credentials = parse_basic(request.headers.get("Authorization"))
        except MultipleValuesError:
            credentials = None
        if credentials is None:
            return self._refuse(401, "give the stakeholder's database user and password by HTTP Basic\n")
        # Before channels are in force no login is possible, which says nothing about the password.
        if self._is_changing():
            return _too_early("the channels are not in force yet\n")
        user, password = credentials
        try:
            role = await self._logins.check(str(connection.remote_address[0]), user, password)
        except TooManyFailuresError:
            return self._refuse(429, "too many failed logins; try again in a minute\n")
        except NoServerError:
            return _too_early("the database cannot be reached\n")
        if role is None:
            return self._refuse(401, "user or password is wrong\n")
        if connection.transport.is_closing():  # the client has disconnected
            return self._refuse(401, "")
        channel = self._find_channel(role, channel_name)
        if channel is None and self._is_changing():
            return _too_early("the channel is being changed\n")
        if channel is None:
            return self._refuse(404, "no such SOCKET channel, or it is paused\n")
        # One stakeholder may use half of the connections, so that it cannot keep the others out.
        if self._clients.total() >= self._clients_allowed or self._clients[role] >= self._clients_allowed // 2:
            return self._refuse(503, "too many WebSocket connections are open\n")
        self._channels[connection] = channel
        self._clients[role] += 1
        connection.role = role  # type: ignore[attr-defined]  # of the class above
        return None

    def _disconnected(self, role: int) -> None:
        self._clients[role] -= 1
        if not self._clients[role]:
            del self._clients[role]

    def _refuse(self, status: int, text: str) -> Response:
        self._metrics.logins_refused.inc()
        return _answer(status, text)


def _too_early(text: str) -> Response:
    """Build the answer to a valid request that comes too early."""
    answer = _answer(503, text)
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _answer(status: int, body: str | bytes, content_type: str = "text/plain; charset=utf-8") -> Response:
    content = body.encode() if isinstance(body, str) else body
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(content)), "Connection": "close"})
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="integratedb"'
    return Response(status, http.HTTPStatus(status).phrase, headers, content)
