"""The REDIS sink: XADD to a stream or PUBLISH to a topic, one command for many events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from aiohappyeyeballs import start_connection
from hiredis import pack_command
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from .addresses import AddressPolicy
from .delivery import Outcome
from .events import Event
from .secret_settings import MissingSecretError, resolve

#: A command of its own for each event would cost several times as much, here and in Redis.
_XADD = """
for i = 2, #ARGV do
  if ARGV[1] == '' then redis.call('XADD', KEYS[1], '*', 'event', ARGV[i])
  else redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[i]) end
end
return #ARGV - 1
"""
_PUBLISH = """
for i = 2, #ARGV do redis.call('PUBLISH', KEYS[1], ARGV[i]) end
return #ARGV - 1
"""


#: How long an address of a name is tried before the next one is tried beside it (RFC 8305).
HAPPY_EYEBALLS_S = 0.25


class CheckedConnection(Connection):
    """A connection whose address is checked when it is connected to: a name may lead elsewhere every time it is asked."""

    def __init__(self, *, policy: AddressPolicy, **options: Any) -> None:
        super().__init__(**options)
        self._policy = policy
        self._socket: socket.socket | None = None

    async def _connect(self) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            loop = asyncio.get_running_loop()
            addresses = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self._socket = await start_connection(
                addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_S, socket_factory=self._policy.socket
            )
        await super()._connect()  # type: ignore[no-untyped-call]

    def _connection_arguments(self) -> Mapping[str, Any]:
        encryption = {name: value for name, value in super()._connection_arguments().items() if name == "ssl"}
        return {"sock": self._socket, **encryption, **({"server_hostname": self.host} if encryption else {})}


class CheckedSSLConnection(CheckedConnection, SSLConnection):
    """The same, encrypted."""


class RedisSink:
    """Sends to one stream or topic."""

    window = 2000

    def __init__(self, stakeholder: str, settings: Mapping[str, Any], policy: AddressPolicy) -> None:
        self._url: str = settings["url"]
        self._topic: str | None = settings.get("topic")
        self._key: str = self._topic or settings.get("stream") or f"integratedb:{stakeholder}"
        maxlen = settings.get("maxlen")
        self._maxlen: int | None = None if maxlen is None else int(maxlen)
        self._timeout_s = float(settings.get("timeout", 10))
        self._policy = policy
        self._client: Redis | None = None
        self._scripting = True
        self._loaded: bytes | None = None

    async def deliver(self, events: Sequence[Event]) -> Outcome:
        """Send events in order. Some may arrive although the attempt fails: they arrive again."""
        try:
            client = self._client or await self._open()
            try:
                await self._send(client, [event.payload for event in events])
            except (RedisError, OSError):
                await self.close()
                raise
        except (RedisError, OSError, TimeoutError, MissingSecretError, ValueError) as problem:
            return Outcome((), events[:1], str(problem) or type(problem).__name__)
        return Outcome(events)

    async def close(self) -> None:
        """Close the connection."""
        client, self._client, self._loaded = self._client, None, None
        if client is not None:
            await client.aclose()

    async def _open(self) -> Redis:
        # Tried once: the pauses between attempts are ours.
        pool = ConnectionPool.from_url(
            resolve(self._url),
            socket_timeout=self._timeout_s,
            socket_connect_timeout=self._timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        if issubclass(pool.connection_class, Connection):  # and no Unix socket
            encrypted = issubclass(pool.connection_class, SSLConnection)
            pool.connection_class = CheckedSSLConnection if encrypted else CheckedConnection
            pool.connection_kwargs["policy"] = self._policy
        self._client = Redis.from_pool(pool)
        return self._client

    async def _send(self, client: Redis, payloads: list[bytes]) -> None:
        if self._scripting:
            script = _PUBLISH if self._topic else _XADD
            maxlen = "" if self._maxlen is None else str(self._maxlen)
            try:
                await self._run(client, script, [self._key.encode(), maxlen.encode(), *payloads])
            except NoPermissionError:
                self._scripting = False
            except ResponseError as problem:
                if "unknown command" not in str(problem):
                    raise
                self._scripting = False
            else:
                return
        pipeline = client.pipeline(transaction=False)
        for payload in payloads:
            if self._topic:
                pipeline.publish(self._topic, payload)
            else:
                pipeline.xadd(self._key, {"event": payload}, maxlen=self._maxlen, approximate=True)
        await pipeline.execute()

    async def _run(self, client: Redis, script: str, arguments: list[bytes]) -> None:
        # Packed by the C library: the client's own packing would take longer than all the rest.
        if self._loaded is None:
            self._loaded = str(await client.script_load(script)).encode()
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            command = (b"EVALSHA", self._loaded, b"1", *arguments)
            await connection.send_packed_command(pack_command(command))  # type: ignore[arg-type]
            await connection.read_response()
        except NoScriptError:
            self._loaded = None
            await client.eval(script, 1, *arguments)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await client.connection_pool.release(connection)
