"""Extends uvicorn's HTTP protocol: records when a connection is idle, and waits only briefly for unread data."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .connections import Connection, Connections
from .headers import SAFE_HEADERS

#: How long the rest of a body is read and discarded after its refusal. If the connection was closed at once, the client
#: might lose the refusal.
LINGER_S = 2.0


def protocol_for(connections: Connections) -> type[H11Protocol]:
    """Return the protocol class that records its state in these connections."""

    class Protocol(H11Protocol):
        """The protocol of one connection."""

        _connection: Connection | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
            super().connection_made(transport)
            self._connection = connections.of(transport.get_extra_info("peername"))
            if self._connection is not None:
                self._connection.unread = transport.get_write_buffer_size

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._connection is not None:
                self._connection.begins_waiting()

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._connection is not None:
                self._connection.has_read()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._connection is not None and not self._note_busy(self._connection):
                self._connection.begins_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._connection is not None and not self._note_busy(self._connection):
                self._connection.ends_answer()
            if self.conn.their_state is h11.SEND_BODY:
                self.loop.call_later(LINGER_S, self._stop_lingering, self.cycle)

        def _note_busy(self, connection: Connection) -> bool:
            connection.is_busy = self.cycle is not None and not self.cycle.response_complete
            return connection.is_busy

        def _stop_lingering(self, answered: Any) -> None:
            if self.cycle is answered and self.conn.their_state is h11.SEND_BODY:
                self.transport.close()

        def send_400_response(self, msg: str) -> None:
            """Answer a request that is not HTTP in the usual form."""
            body = json.dumps({"errors": {"detail": "Bad Request"}}).encode()
            headers = [
                ("Content-Type", "application/json"),
                ("Connection", "close"),
                ("Content-Length", str(len(body))),
            ]
            events = [
                h11.Response(status_code=400, headers=[*headers, *SAFE_HEADERS.items()], reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ]
            try:
                for event in events:
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:
                pass  # an answer is under way already
            self.transport.close()

    return Protocol
