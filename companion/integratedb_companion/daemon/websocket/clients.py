"""A WebSocket client's connection: what waits for the client to read is bounded, and so is the time until it is gone.

The library waits for a client without end in several places, and answers each ping. So everything that the daemon does with
a client's connection goes through here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode

#: Pings whose answers a client has not read. More than that are sent to take our memory.
UNREAD_PINGS = 1_000
#: How long a client may read nothing of what waits for it.
READS_WITHIN_S = 30.0


class Client(ServerConnection):
    """A connection that ends when its client does not read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Bytes that had to wait, ever; those that still do are in the transport.
        self._waited = 0
        self._pings = 0
        #: So many bytes had waited when these pings were counted anew.
        self._pings_since = 0
        self._read_before = 0
        self._look: asyncio.TimerHandle | None = None

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
