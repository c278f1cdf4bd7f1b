"""Limits what waits in a WebSocket client's connection, and the time until a dismissed client is disconnected.

The library waits for a client without limit in several places, answers each ping, and processes all received data at
once. So the daemon uses every client's connection through this module.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, ClassVar, Literal

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING

#: The most pings whose answers a client has not read. More would fill the daemon's memory.
UNREAD_PINGS = 1_000
#: How long a client may read nothing of the data that waits for it.
READS_WITHIN_S = 30.0
#: How much is read of a client at once. It may hold hundreds of frames, and processing them blocks all other tasks.
READ_BYTES = 1 << 10
#: The most that a client may send before the handshake is finished: a request. The library would keep 1 MB of it.
HANDSHAKE_BYTES = 32 << 10
#: The pause in reading for each second of processing, times the roles that pause, times the pausing clients of the same
#: role. So a role with many clients slows down only these. Shorter processing causes no pause.
PAUSE_FACTOR = 2.0
PAUSE_AFTER_S = 0.002

Reason = Literal["the library has enough", "it rests"]


class Pauses:
    """Counts the clients that pause, by their roles."""

    def __init__(self) -> None:
        self._of_role: Counter[int | None] = Counter()

    def __len__(self) -> int:
        return self._of_role.total()

    def begin(self, role: int | None) -> int:
        """Count a client; returns how many times it has to pause as long as a client that is alone."""
        self._of_role[role] += 1
        return len(self._of_role) * self._of_role[role]

    def end(self, role: int | None) -> None:
        """Forget a client."""
        self._of_role[role] -= 1
        if not self._of_role[role]:
            del self._of_role[role]


class Client(ServerConnection):
    """A connection that is closed when its client does not read, and that is read slowly when it uses too much time."""

    _pausing: ClassVar[Pauses] = Pauses()
    #: The role that the client logged in as; None before its login.
    role: int | None = None
    _handshake_bytes = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: The total bytes that had to wait; bytes that still wait are in the transport.
        self._queued_bytes = 0
        self._pings = 0
        #: The value of `_queued_bytes` when the count of pings began.
        self._pings_counted_from = 0
        self._read_bytes_before = 0
        self._read_check: asyncio.TimerHandle | None = None
        #: The reasons why the daemon does not read from the client now.
        self._pause_reasons: set[Reason] = set()
        self._processing_s = 0.0
        self._pause_timer: asyncio.TimerHandle | None = None
        #: The role when the pause began.
        self._pausing_role: int | None = None

    def connection_made(self, transport: Any) -> None:
        """Set up a new connection."""
        super().connection_made(transport)
        transport.max_size = READ_BYTES
        self.recv_messages.pause = lambda: self._stop_reading("the library has enough")
        self.recv_messages.resume = lambda: self._resume_reading("the library has enough")

    def data_received(self, data: bytes) -> None:
        """Process frames, then pause in proportion to the processing time and to the clients that pause."""
        if self.protocol.state is CONNECTING:
            self._handshake_bytes += len(data)
            if self._handshake_bytes > HANDSHAKE_BYTES:
                self.transport.abort()
                return
        began_s = time.perf_counter()
        super().data_received(data)
        self._processing_s += time.perf_counter() - began_s
        if self._processing_s >= PAUSE_AFTER_S and self._pause_timer is None and not self.transport.is_closing():
            self._pausing_role = self.role
            pause_s = PAUSE_FACTOR * self._processing_s * self._pausing.begin(self._pausing_role)
            self._pause_timer = self.loop.call_later(pause_s, self._end_pause)
            self._stop_reading("it rests")

    def _end_pause(self) -> None:
        self._pausing.end(self._pausing_role)
        self._pause_timer, self._processing_s = None, 0.0
        self._resume_reading("it rests")

    def _stop_reading(self, reason: Reason) -> None:
        self._pause_reasons.add(reason)
        self.transport.pause_reading()

    def _resume_reading(self, reason: Reason) -> None:
        self._pause_reasons.discard(reason)
        if not self._pause_reasons:
            self.transport.resume_reading()

    @property
    def _read_bytes(self) -> int:
        return self._queued_bytes - self.transport.get_write_buffer_size()

    def send_data(self) -> None:
        """Write the library's data; all of it passes through this method."""
        before = self.transport.get_write_buffer_size()
        super().send_data()
        self._queued_bytes += self.transport.get_write_buffer_size() - before

    def process_event(self, event: Any) -> None:
        """Count pings; the library has answered a ping already."""
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            if self._read_bytes >= self._pings_counted_from:
                self._pings, self._pings_counted_from = 0, self._queued_bytes
            self._pings += 1
            if self._pings > UNREAD_PINGS:
                self.transport.abort()

    def pause_writing(self) -> None:
        """Record that the client is behind, and check later whether it reads, since it gets no pings meanwhile."""
        super().pause_writing()
        self._read_bytes_before = self._read_bytes
        self._read_check = self.loop.call_later(READS_WITHIN_S, self._abort_unless_reading)

    def resume_writing(self) -> None:
        """Record that the client has read nearly everything."""
        super().resume_writing()
        self._cancel_read_check()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers of a closed connection."""
        self._cancel_read_check()
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None
            self._pausing.end(self._pausing_role)
        super().connection_lost(exc)

    def _abort_unless_reading(self) -> None:
        if self._read_bytes > self._read_bytes_before:
            self._read_bytes_before = self._read_bytes
            self._read_check = self.loop.call_later(READS_WITHIN_S, self._abort_unless_reading)
        else:
            self.transport.abort()

    def _cancel_read_check(self) -> None:
        if self._read_check is not None:
            self._read_check.cancel()
            self._read_check = None


async def dismiss(client: ServerConnection, code: int, reason: str, within_s: float) -> None:
    """Close a client's connection, with a reason that the client may read in time; then abort the connection."""
    try:
        async with asyncio.timeout(within_s):
            await client.close(code, reason)
    except TimeoutError:
        pass  # the client does not read
    finally:
        client.transport.abort()
