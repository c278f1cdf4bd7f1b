"""Subscribers: clients of the protocol graphql-transport-ws, and the daemon that tells of changes."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb
from websockets.client import ClientProtocol
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.support import Session
from tests.system.api.harness import Api, Place, token, unique
from tests.system.harness import DAEMON_PASSWORD, DAEMON_ROLE, Daemon

ORDERS = "subscription { ordersNodes { resync nodes { rowId status } removedIds } }"
SUBPROTOCOL = "graphql-transport-ws"


#: The clients of a test, which end with it.
OPENED: list[Subscriber | Slow] = []


class Subscriber:
    """One connection."""

    def __init__(self, api: Api, **options: Any) -> None:
        url = api.url.replace("http", "ws", 1) + options.pop("path", "/graphql")
        offered = options.pop("subprotocols", [SUBPROTOCOL])
        self._open = contextlib.ExitStack()
        connecting = connect(url, subprotocols=offered, max_size=None, compression=None, **options)
        self.socket: ClientConnection = self._open.enter_context(connecting)
        OPENED.append(self)

    @classmethod
    def opened(cls, api: Api, role: str, **claims: Any) -> Subscriber:
        """Connect, and say who is asking."""
        made = cls(api)
        made.send(type="connection_init", payload={"Authorization": f"Bearer {token(role, **claims)}"})
        assert made.receive() == {"type": "connection_ack"}
        return made

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps(message))

    def receive(self, timeout_s: float = 10) -> Any:
        """Receive a message."""
        return json.loads(self.socket.recv(timeout=timeout_s))

    def subscribe(self, query: str = ORDERS, id_: str = "1", **variables: Any) -> None:
        """Subscribe, and wait until changes are told."""
        self.send(id=id_, type="subscribe", payload={"query": query, "variables": variables})
        first = self.receive()
        assert first["type"] == "next", first
        [payload] = first["payload"]["data"].values()
        assert payload["resync"] is True

    def next(self, timeout_s: float = 10) -> Any:
        """Receive the payload of the next message of a subscription."""
        message = self.receive(timeout_s)
        assert message["type"] == "next", message
        [payload] = message["payload"]["data"].values()
        return payload

    def close_code(self) -> int:
        """Wait until the service closes the connection; return why."""
        with contextlib.suppress(Exception):
            while True:
                self.socket.recv(timeout=10)
        return self.socket.close_code or 0

    def close(self) -> None:
        """Disconnect."""
        self._open.close()


class Slow:
    """A client that subscribes and then reads nothing."""

    def __init__(self, api: Api, role: str, query: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", api.port), 10)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 << 10)
        uri = parse_uri(api.url.replace("http", "ws") + "/graphql")
        self._protocol = ClientProtocol(uri, subprotocols=[Subprotocol(SUBPROTOCOL)])
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while not self._protocol.events_received():
            self._protocol.receive_data(self.socket.recv(4096))
        self.send(type="connection_init", payload={"Authorization": f"Bearer {token(role)}"})
        self.socket.recv(4096)
        self.send(id="1", type="subscribe", payload={"query": query})
        OPENED.append(self)

    def close(self) -> None:
        """Disconnect."""
        self.socket.close()

    def send(self, **message: Any) -> None:
        """Send a message."""
        self._protocol.send_text(json.dumps(message).encode())
        self._flush()

    def _flush(self) -> None:
        self.socket.sendall(b"".join(self._protocol.data_to_send()))

    def is_disconnected(self, timeout_s: float = 30) -> bool:
        """Read what was sent; return whether the connection has ended."""
        self.socket.settimeout(timeout_s)
        with contextlib.suppress(ConnectionError):
            try:
                while self.socket.recv(1 << 20):
                    pass
            except TimeoutError:
                return False
        return True


@dataclass
class Shop:
    """A database with orders, a stakeholder that is notified of them, and the daemon."""

    place: Place
    stakeholder: str
    daemon: Daemon
    directory: Path
    slot: str

    @property
    def superuser(self) -> Session:
        """A session that changes orders."""
        return self.place.superuser

    def start_daemon(self) -> None:
        """Start a daemon, where no other one runs."""
        port = self.daemon.port
        self.daemon = _daemon(self.place, self.slot, self.directory, port)

    def options(self) -> tuple[str, ...]:
        """Return the options of the service."""
        return ("--daemon-url", f"ws://127.0.0.1:{self.daemon.port}")


def _daemon(place: Place, slot: str, directory: Path, port: int | None = None) -> Daemon:
    dsn = f"host=127.0.0.1 port={place.cluster.port} dbname={place.name} user={DAEMON_ROLE} password={DAEMON_PASSWORD}"
    return Daemon(dsn, slot, directory / "daemon.log", port=port).ready()


def notify(superuser: Session, stakeholder: str, *match: dict[str, Any]) -> None:
    """Let a stakeholder be notified."""
    superuser.run("SELECT integratedb_notify(%s, %s)", stakeholder, Jsonb({"match": list(match)}))


@contextlib.contextmanager
def new_shop(place: Place, directory: Path) -> Iterator[Shop]:
    """Make the tables of a shop in a place, and start its daemon."""
    superuser, stakeholder = place.superuser, unique("reporter")
    superuser.run("CREATE TABLE orders (id int PRIMARY KEY, status text, note text, owner text)")
    superuser.run("GRANT integratedb_authenticator TO api_login")
    superuser.run("SELECT integratedb_create_stakeholder(%s)", stakeholder)
    fields = ["id", "status", "note", "owner"]
    claim = Jsonb({"match": [{"path": "public.orders", "fields": fields}]})
    superuser.run("SELECT integratedb_claim(%s, %s)", stakeholder, claim)
    notify(superuser, stakeholder, {"path": "public.orders", "fields": ["id"]})
    superuser.run("SELECT integratedb_allow_api(%s)", stakeholder)
    slot = unique("slot")
    made = Shop(place, stakeholder, _daemon(place, slot, directory), directory, slot)
    try:
        yield made
    finally:
        if made.daemon.process.poll() is None:
            made.daemon.stop()
        superuser.run("SELECT pg_drop_replication_slot(%s)", slot)
        superuser.run("SELECT integratedb_drop_stakeholder(%s)", stakeholder)
