"""Limits clients' connections, and closes idle ones to make room for others."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from integratedb_companion.common.networks import network_of

LIMIT = 1000
#: Descriptors for other uses: connections to the database, files, and connections that the kernel hands over at once.
OTHER_FILES, BACKLOG = 100, 128
#: One address that is not a trusted proxy may use the limit divided by this.
SHARE = 4
HEAD_TIMEOUT_S, KEEP_ALIVE_S = 10, 75
#: How long a client may read nothing of an answer. The kernel's buffer is limited, so that the daemon sees the reading.
UNREAD_TIMEOUT_S = 10
SEND_BUFFER_BYTES = 64 << 10
CHECK_EVERY_S = 1.0

Address = tuple[Any, ...]


class Connection(socket.socket):
    """A client's connection; busy from the head of a request to the end of its answer, unless the client is slow."""

    on_close: Callable[[Connection], None] = staticmethod(lambda _: None)
    network = ""
    is_busy = False
    has_answered = False
    deadline_s = 0.0
    #: Returns how many bytes of answers wait for the client.
    unread: Callable[[], int] = staticmethod(lambda: 0)
    #: Whether the rest of the answer must wait, because too many bytes wait for the client.
    is_behind = False
    _unread_before = 0
    _read_at_s = 0.0

    @property
    def is_replaceable(self) -> bool:
        """Whether only the client holds up this connection, so that it may be closed for another one."""
        return not self.is_busy or self.is_behind

    def close(self) -> None:
        """Close the connection, and make room for another one."""
        self.on_close(self)
        self.on_close = lambda _: None
        super().close()

    def begins_head(self) -> None:
        """Record that bytes have arrived between requests, so that the head of the next request is due soon."""
        if self.has_answered:
            self.has_answered = False
            self.deadline_s = time.monotonic() + HEAD_TIMEOUT_S

    def ends_answer(self) -> None:
        """Record that the answer is complete."""
        self.is_busy = False
        self.has_answered = True
        self.deadline_s = time.monotonic() + KEEP_ALIVE_S

    def begins_waiting(self) -> None:
        """Record that the client reads too slowly."""
        self.is_behind = True

    def has_read(self) -> None:
        """Record that the client has read nearly everything."""
        self.is_behind = False
        self._read_at_s = time.monotonic()

    def is_overdue(self, now_s: float) -> bool:
        """Whether the client sends no request, or does not read, in time; to be called at intervals."""
        unread = self.unread()
        if not unread or unread < self._unread_before:
            self._read_at_s = now_s
        self._unread_before = unread
        if unread and now_s > self._read_at_s + UNREAD_TIMEOUT_S:
            return True
        return not self.is_busy and now_s > self.deadline_s

    def give_up(self) -> None:
        """Shut down the socket, so that its reader notices the end at once."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)


class Connections:
    """The open connections."""

    def __init__(self, trusted_proxies: tuple[str, ...], limit: int | None = None) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]
        self._limit = limit or min(LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OTHER_FILES - BACKLOG)
        self._open: dict[Address, Connection] = {}
        self._per_network: Counter[str] = Counter()
        self._sockets = 0

    @property
    def are_settling(self) -> bool:
        """Whether the sockets of closed connections must be released first, because there are too many."""
        return self._sockets >= self._limit + BACKLOG

    def of(self, peer: Address) -> Connection | None:
        """Return the connection of a client."""
        return self._open.get(peer)

    def admit(self, connection: Connection, peer: Address) -> bool:
        """Accept a connection, in place of an idle one if necessary; returns False when there is no room."""
        connection.network = network_of(str(peer[0]))
        if not self._has_room(connection.network, str(peer[0])):
            return False
        connection.deadline_s = time.monotonic() + HEAD_TIMEOUT_S
        connection.has_read()
        connection.on_close = lambda closed: self._closed(closed, peer)
        self._sockets += 1
        self._open[peer] = connection
        self._per_network[connection.network] += 1
        return True

    def _has_room(self, network: str, address: str) -> bool:
        if self._per_network[network] >= max(1, self._limit // SHARE) and not self._is_trusted(address):
            return self._evict(network)
        if len(self._open) >= self._limit:
            # The busiest network loses one first, so that an occasional health check loses its connection last.
            return any(self._evict(busiest) for busiest, _ in self._per_network.most_common())
        return True

    def _is_trusted(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in network for network in self._trusted)

    def _evict(self, network: str) -> bool:
        for peer, connection in self._open.items():
            if connection.network == network and connection.is_replaceable:
                connection.give_up()
                self._forget(connection, peer)
                return True
        return False

    def _closed(self, connection: Connection, peer: Address) -> None:
        self._sockets -= 1
        self._forget(connection, peer)

    def _forget(self, connection: Connection, peer: Address) -> None:
        if self._open.get(peer) is connection:
            del self._open[peer]
            self._per_network[connection.network] -= 1
            if not self._per_network[connection.network]:
                del self._per_network[connection.network]

    async def watch(self) -> None:
        """Close connections whose client sends no request, or does not read, in time; TLS handshakes are included."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            now_s = time.monotonic()
            for connection in list(self._open.values()):
                if connection.is_overdue(now_s):
                    connection.give_up()


class Listener(socket.socket):
    """A listening socket that accepts connections while there is room for them."""

    connections: Connections

    @classmethod
    def of(cls, listening: socket.socket, connections: Connections) -> Listener:
        """Take over a listening socket."""
        made = cls(listening.family, listening.type, listening.proto, listening.detach())
        made.connections = connections
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # accepted sockets inherit it
        return made

    def accept(self) -> tuple[socket.socket, Address]:
        """Accept a connection; without room, close it as if its client had."""
        if self.connections.are_settling:
            raise BlockingIOError
        accepted, peer = super().accept()
        connection = Connection(accepted.family, accepted.type, accepted.proto, accepted.detach())
        if not self.connections.admit(connection, peer):
            connection.close()
            raise ConnectionAbortedError
        return connection, peer
