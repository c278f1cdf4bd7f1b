"""The connections of webhooks between their uses."""

from __future__ import annotations

import asyncio
import time

from integratedb_companion.daemon.delivery.addresses import AddressPolicy
from integratedb_companion.daemon.delivery.names import Lookups
from integratedb_companion.daemon.delivery.webhook import WebhookSink, open_session
from integratedb_companion.daemon.routing.events import Event

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver:
    """Answers each request, and then as often as told although nobody asks."""

    def __init__(self, further_answers: int) -> None:
        self.connections = 0
        self.is_cut_off = asyncio.Event()
        self._further = further_answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"{}")
                writer.write(ANSWER)
                await writer.drain()
                for _ in range(self._further):
                    await asyncio.sleep(0.05)
                    writer.write(ANSWER * 1000)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.is_cut_off.set()
        finally:
            writer.close()


async def deliver(receiver: Receiver, times: int, *, cut_off_within_s: float | None = None) -> None:
    """Deliver one event after another, each over a connection that is there afterwards."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    policy = AddressPolicy()
    async with server, open_session(policy, Lookups()) as session:
        sink = WebhookSink("shipping", {"url": url}, session, policy.sockets)
        for position in range(times):
            outcome = await sink.deliver([Event(1, position, b"", b"{}", time.time())])
            assert outcome.error is None
            assert policy.sockets.used() == 1
        if cut_off_within_s is not None:
            async with asyncio.timeout(cut_off_within_s):
                await receiver.is_cut_off.wait()
            assert policy.sockets.used() == 0


def test_a_connection_is_used_again() -> None:
    async def connections() -> int:
        receiver = Receiver(further_answers=0)
        await deliver(receiver, 3)
        return receiver.connections

    assert asyncio.run(connections()) == 1


def test_a_receiver_that_goes_on_answering_is_cut_off() -> None:
    # All of it would be kept in memory, for as long as the connection waits for its next use.
    async def attempt() -> None:
        await deliver(Receiver(further_answers=50), 1, cut_off_within_s=5)

    asyncio.run(attempt())
