"""What is said of an attempt that failed."""

from __future__ import annotations

import asyncio
import time

from integratedb_companion.daemon.delivery.addresses import AddressPolicy
from integratedb_companion.daemon.delivery.names import Lookups
from integratedb_companion.daemon.delivery.redis_sink import RedisSink
from integratedb_companion.daemon.delivery.webhook import WebhookSink, open_session
from integratedb_companion.daemon.routing.events import Event

EVENT = Event(1, 0, b"", b'{"id":"00000001-0000000000000001-00000000"}', time.time())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"no TLS is spoken here")
    writer.close()


def test_a_receiver_that_speaks_no_tls_is_told_of_as_such() -> None:
    async def errors() -> list[tuple[int, str | None]]:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        policy, names = AddressPolicy(), Lookups()
        async with server, open_session(policy, names) as session:
            sinks = (
                WebhookSink("shipping", {"url": f"https://127.0.0.1:{port}/"}, session, policy.sockets),
                RedisSink("shipping", {"url": f"rediss://127.0.0.1:{port}"}, policy, names),
            )
            outcomes = [await sink.deliver([EVENT]) for sink in sinks]
        return [(port, outcome.error) for outcome in outcomes]

    [(port, webhook), (_, redis)] = asyncio.run(errors())
    assert webhook == f"127.0.0.1:{port}: no encrypted connection (WRONG_VERSION_NUMBER)"
    assert redis == f"Redis at {webhook}"
