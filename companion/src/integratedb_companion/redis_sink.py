"""The REDIS sink: XADD to a stream or PUBLISH to a topic, one command for many events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from hiredis import pack_command
from redis.asyncio import Redis
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
        url = resolve(self._url)
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss") and parts.hostname:
            infos = await asyncio.get_running_loop().getaddrinfo(
                parts.hostname, parts.port or 6379, type=socket.SOCK_STREAM
            )
            for info in infos:
                self._policy.check(str(info[4][0]))
        self._client = Redis.from_url(url, socket_timeout=self._timeout_s, socket_connect_timeout=self._timeout_s)
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
