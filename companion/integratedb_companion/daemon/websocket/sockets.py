"""Delivers SOCKET channels over WebSockets: to one consumer that acknowledges, or to all connected clients."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import orjson
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from integratedb_companion.daemon.delivery.attempts import Outcome
from integratedb_companion.daemon.delivery.queue import ChannelQueue
from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.model import Key, Report, key_of
from integratedb_companion.daemon.routing.events import Event, parse_event_id
from integratedb_companion.daemon.state import Channel

from .clients import dismiss

log = logging.getLogger(__name__)

REPLACED, BAD_FRAME, TOO_SLOW, GONE = 4000, 4002, 4008, 1001
CHANGED = "the channel is being changed or the daemon stops"
#: The most events that were sent to a consumer and are not acknowledged.
WINDOW = 1_000
WINDOW_BYTES = 4 << 20
#: How many events are sent before the window is checked again.
SEND_EVENTS = 50
#: The most bytes that may wait in a broadcast client's connection before the other clients wait for it.
BACKLOG_BYTES = 1 << 20
#: How long the others wait: this time, plus the time for the waiting bytes at this pace. The limit is a time and not a
#: size, because the daemon writes long events at once, and no network transmits them as fast.
CATCH_UP_S = 2.0
PACE_BYTES_PER_S = 1 << 20
CHECK_AGAIN_S = 0.01
#: How long a dismissed client may take to read the reason.
DISMISS_S = 3.0


class SocketChannel(Protocol):
    """A channel that clients connect to."""

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one client until it disconnects."""

    async def close_within(self, timeout_s: float) -> None:
        """Close all clients' connections, and abort those that are still open after the time limit."""


class QueueSocket:
    """Serves one consumer; a newer one replaces it. Unacknowledged events are sent again."""

    def __init__(self, channel: Channel, queue: ChannelQueue, metrics: Metrics) -> None:
        self._queue = queue
        self._window = int(channel.settings.get("window", WINDOW))
        self._metrics = metrics.of(channel)
        self._connections = metrics.connections.labels(channel.stakeholder, channel.name)
        self._names = {"stakeholder": channel.stakeholder, "channel": channel.name}
        self._consumer: ServerConnection | None = None
        self._queue_lock = asyncio.Lock()
        self._closed = False
        queue.spill()  # until a consumer connects
        queue.report(Report("waiting"))

    async def serve(self, connection: ServerConnection) -> None:
        """Serve the consumer; returns when it disconnects or is replaced."""
        older, self._consumer = self._consumer, connection
        if older is not None:
            await dismiss(older, REPLACED, "replaced by a newer connection", DISMISS_S)
        async with self._queue_lock:  # the older consumer no longer uses the queue
            if self._consumer is not connection:
                return
            if self._closed:  # since the consumer was admitted: another channel object may use the queue already
                await dismiss(connection, GONE, CHANGED, DISMISS_S)
                return
            log.info("consumer connected", extra=self._names)
            self._connections.set(1)
            self._queue.report(Report("ok"))
            try:
                await self._exchange(connection)
            finally:
                if self._consumer is connection:
                    self._consumer = None
                self._connections.set(0)
                self._queue.spill()
                self._queue.report(Report("waiting"))
                log.info("consumer gone", extra=self._names)

    async def close_within(self, timeout_s: float) -> None:
        """Dismiss the consumer."""
        self._closed = True
        if self._consumer is not None:
            await dismiss(self._consumer, GONE, CHANGED, timeout_s)
        async with self._queue_lock:
            pass

    async def _exchange(self, connection: ServerConnection) -> None:
        sent: deque[Event] = deque()
        may_send = asyncio.Event()
        sending = asyncio.create_task(self._send(connection, sent, may_send))
        try:
            async for frame in connection:
                if not self._acknowledge(frame, sent):
                    expected = 'expected {"ack": "<id of an event that was sent>"}'
                    await dismiss(connection, BAD_FRAME, expected, DISMISS_S)
                    return
                may_send.set()
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, connection: ServerConnection, sent: deque[Event], may_send: asyncio.Event) -> None:
        position = self._queue.head
        while True:
            may_send.clear()
            if len(sent) >= self._window or sum(len(event.payload) for event in sent) > WINDOW_BYTES:
                await may_send.wait()
                continue
            for event in await self._queue.peek(min(self._window - len(sent), SEND_EVENTS), position):
                position += 1
                sent.append(event)
                await connection.send(event.payload, text=True)

    def _acknowledge(self, frame: str | bytes, sent: deque[Event]) -> bool:
        """Process an acknowledgement, which covers all earlier events; returns False when it is invalid."""
        acknowledged = _parse_ack(frame)
        if acknowledged is None:
            return False
        event_id, key = acknowledged
        if sent and key < key_of(sent[0]):
            return True  # a repeated acknowledgement
        done: list[Event] = []
        while sent and key_of(sent[0]) <= key:
            done.append(sent.popleft())
        if not done:
            return key <= self._queue.last_settled
        # Before a failover, another event may have had this position.
        exact = done[-1].id == event_id
        if not exact:
            return False
        self._queue.settle(done)
        self._metrics.delivered.inc(len(done))
        return True


class BroadcastSocket:
    """Serves any number of clients, which get the events sent while they are connected; a slow client is dismissed."""

    window = 500

    def __init__(self, channel: Channel, metrics: Metrics) -> None:
        self._clients: set[ServerConnection] = set()
        self._connections = metrics.connections.labels(channel.stakeholder, channel.name)
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def serve(self, connection: ServerConnection) -> None:
        """Hold a client's connection until it disconnects."""
        if self._closed:  # since the client was admitted
            await dismiss(connection, GONE, CHANGED, DISMISS_S)
            return
        self._clients.add(connection)
        self._connections.set(len(self._clients))
        try:
            async for _ in connection:
                pass  # a client sends nothing that matters
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(connection)
            self._connections.set(len(self._clients))

    async def deliver(self, events: Sequence[Event]) -> Outcome:
        """Send events to all connected clients."""
        for event in events:
            broadcast(self._clients, event.payload, text=True)
            if self._slow_clients():
                await self._wait_for_slow_clients()
        return Outcome(events)

    async def close(self) -> None:
        """Dismiss all clients, because the delivery has ended."""
        await self.close_within(DISMISS_S)

    async def close_within(self, timeout_s: float) -> None:
        """Dismiss all clients."""
        self._closed = True
        await asyncio.gather(*(dismiss(client, GONE, CHANGED, timeout_s) for client in list(self._clients)))

    def _slow_clients(self) -> list[ServerConnection]:
        return [client for client in self._clients if client.transport.get_write_buffer_size() > BACKLOG_BYTES]

    async def _wait_for_slow_clients(self) -> None:
        """Wait for slow clients; dismiss those that do not catch up at the minimum pace."""
        began_s = time.monotonic()
        times_s = {
            client: CATCH_UP_S + client.transport.get_write_buffer_size() / PACE_BYTES_PER_S
            for client in self._slow_clients()
        }
        while slow := [client for client in self._slow_clients() if client in times_s]:
            waited_s = time.monotonic() - began_s
            for client in slow:
                if waited_s > times_s[client]:
                    self._dismiss(client)
            await asyncio.sleep(CHECK_AGAIN_S)

    def _dismiss(self, client: ServerConnection) -> None:
        self._clients.discard(client)
        task = asyncio.create_task(dismiss(client, TOO_SLOW, "too slow", DISMISS_S))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _parse_ack(frame: str | bytes) -> tuple[str, Key] | None:
    try:
        message = orjson.loads(frame)
        if isinstance(message, dict) and isinstance(message.get("ack"), str):
            return message["ack"], parse_event_id(message["ack"])
    except ValueError:
        pass
    return None
