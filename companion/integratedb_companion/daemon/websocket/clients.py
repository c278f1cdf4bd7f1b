"""A WebSocket client's connection: what waits for the client to read is bounded, and so is the time until it is gone.

The library waits for a client without end in several places, answers each ping, and takes all that has come at once. So
everything that the daemon does with a client's connection goes through here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar, Literal

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode

#: Pings whose answers a client has not read. More than that are sent to take our memory.
UNREAD_PINGS = 1_000
#: How long a client may read nothing of what waits for it.
READS_WITHIN_S = 30.0
#: What is read of a client at once. It may hold hundreds of frames, and nothing else goes on until they are taken.
TAKEN_BYTES = 1 << 10
#: For each second that the frames of all clients took, nothing is read of them for so long. After less it is not worth it.
REST = 2.0
REST_AFTER_S = 0.002

Reason = Literal["the library has enough", "it rests"]


class Client(ServerConnection):
    """A connection that ends when its client does not read, and is read no faster than leaves time for the others."""

    _resting: ClassVar[set[Client]] = set()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Bytes that had to wait, ever; those that still do are in the transport.
        self._waited = 0
        self._pings = 0
        #: So many bytes had waited when these pings were counted anew.
        self._pings_since = 0
        self._read_before = 0
        self._look: asyncio.TimerHandle | None = None
        #: Why nothing is read of the client now.
        self._unread_for: set[Reason] = set()
        self._took_s = 0.0
        self._rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a new connection."""
        super().connection_made(transport)
        transport.max_size = TAKEN_BYTES
        self.recv_messages.pause = lambda: self._stop_reading("the library has enough")
        self.recv_messages.resume = lambda: self._read_on("the library has enough")

    def data_received(self, data: bytes) -> None:
        """Take frames, and rest after many: in proportion to the time they took, and to how many clients send as many."""
        began_s = time.perf_counter()
        super().data_received(data)
        self._took_s += time.perf_counter() - began_s
        if self._took_s >= REST_AFTER_S and self._rest is None and not self.transport.is_closing():
            self._resting.add(self)
            self._rest = self.loop.call_later(REST * self._took_s * len(self._resting), self._end_rest)
            self._stop_reading("it rests")

    def _end_rest(self) -> None:
        self._resting.discard(self)
        self._rest, self._took_s = None, 0.0
        self._read_on("it rests")

    def _stop_reading(self, reason: Reason) -> None:
        self._unread_for.add(reason)
        self.transport.pause_reading()

    def _read_on(self, reason: Reason) -> None:
        self._unread_for.discard(reason)
        if not self._unread_for:
            self.transport.resume_reading()

    @property
    def _read(self) -> int:
        return self._waited - self.transport.get_write_buffer_size()

    def send_data(self) -> None:
        """Write what the library has to send; all of it goes through here."""
        before = self.transport.get_write_buffer_size()
        super().send_data()
        self._waited += self.transport.get_write_buffer_size() - before

    def process_event(self, event: Any) -> None:
        """Take a frame; a ping has been answered already."""
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            if self._read >= self._pings_since:
                self._pings, self._pings_since = 0, self._waited
            self._pings += 1
            if self._pings > UNREAD_PINGS:
                self.transport.abort()

    def pause_writing(self) -> None:
        """Note that the client is behind, and look later whether it reads at all: it answers no ping, for it gets none."""
        super().pause_writing()
        self._read_before = self._read
        self._look = self.loop.call_later(READS_WITHIN_S, self._end_unless_it_reads)

    def resume_writing(self) -> None:
        """Note that the client has read nearly everything."""
        super().resume_writing()
        self._stop_looking()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is gone."""
        self._stop_looking()
        self._resting.discard(self)
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)

    def _end_unless_it_reads(self) -> None:
        if self._read > self._read_before:
            self._read_before = self._read
            self._look = self.loop.call_later(READS_WITHIN_S, self._end_unless_it_reads)
        else:
            self.transport.abort()

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None


async def dismiss(client: ServerConnection, code: int, reason: str, within_s: float) -> None:
    """Send a client away, and tell it why if it reads that in time; in any case it is gone then."""
    try:
        async with asyncio.timeout(within_s):
            await client.close(code, reason)
    except TimeoutError:
        pass  # it does not even read that
    finally:
        client.transport.abort()
