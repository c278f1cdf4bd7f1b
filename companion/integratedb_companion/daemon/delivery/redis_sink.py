"""Delivers to Redis: XADD to a stream or PUBLISH to a topic, one command for many events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from integratedb.specification.channel_rules import name_problem
from integratedb_companion.daemon.routing.events import Event

from .addresses import AddressPolicy
from .attempts import BatchSize, Outcome
from .faults import ReceiverError, describe, place_of
from .names import Lookups, stakeholder
from .redis_client import RedisConnection, ReplyError, UnreadableReplyError, parse_target
from .secret_settings import UnusableSettingError, resolve_url

#: One command for each event would cost several times as much, in the daemon and in Redis.
_XADD = b"""
for i = 2, #ARGV do
  if ARGV[1] == '' then redis.call('XADD', KEYS[1], '*', 'event', ARGV[i])
  else redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[i]) end
end
return #ARGV - 1
"""
_PUBLISH = b"""
for i = 2, #ARGV do redis.call('PUBLISH', KEYS[1], ARGV[i]) end
return #ARGV - 1
"""


EVENTS_AT_ONCE = 1000
#: The arguments of a script before the events: the number of keys, the key, the limit.
NOT_PAYLOADS = 3


class RedisSink:
    """Sends events to one stream or topic."""

    def __init__(self, stakeholder: str, settings: Mapping[str, Any], policy: AddressPolicy, names: Lookups) -> None:
        self._stakeholder = stakeholder
        self._lookups = names
        self._url: str = settings["url"]
        self._topic: str | None = settings.get("topic")
        self._key: str = self._topic or settings.get("stream") or f"integratedb:{stakeholder}"
        maxlen = settings.get("maxlen")
        self._maxlen: bytes = b"" if maxlen is None else str(int(maxlen)).encode()
        self._timeout_s = float(settings.get("timeout", 10))
        self._policy = policy
        self._connection: RedisConnection | None = None
        self._scripting = True
        self._loaded: bytes | None = None
        self._size = BatchSize(EVENTS_AT_ONCE)

    @property
    def window(self) -> int:
        """How many events are sent together at present."""
        return self._size.now

    async def deliver(self, events: Sequence[Event]) -> Outcome:
        """Send events in order. After a failed attempt, some events may be delivered twice."""
        stakeholder.set(self._stakeholder)
        sockets = self._policy.sockets
        async with sockets.attempt(self._stakeholder):
            if self._connection is not None:
                if self._connection.socket.is_given_up:
                    await self.close()
                else:
                    sockets.begin_use(self._connection.socket, self._stakeholder)
            try:
                return await self._deliver(events)
            finally:
                if self._connection is not None:
                    sockets.end_use(self._connection.socket)

    async def _deliver(self, events: Sequence[Event]) -> Outcome:
        place = "Redis"
        try:
            url = resolve_url(self._url, "REDIS", self._stakeholder)
            place = f"Redis at {place_of(url)}"
            if (problem := name_problem(self._key)) is not None:
                raise UnusableSettingError(f"the stream or topic of the channel cannot be used: {problem}")
            async with asyncio.timeout(self._timeout_s):
                if self._connection is None:
                    self._connection = await RedisConnection.open(parse_target(url), self._policy, self._lookups)
                await self._send(self._connection, [event.payload for event in events])
        except ReplyError as problem:
            await self.close()
            refused = ReceiverError(f"{place} answered {problem.code or 'an error of its own'}")
            return self._failed(events, describe(refused, place))
        except Exception as problem:
            await self.close()
            return self._failed(events, describe(problem, place))
        except BaseException:  # cancelled in the middle of a command
            await self.close()
            raise
        self._size.succeeded()
        return Outcome(events)

    def _failed(self, events: Sequence[Event], error: str) -> Outcome:
        self._size.failed()
        return Outcome((), events if len(events) == 1 else (), error)

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._loaded = self._connection, None, None
        if connection is not None:
            connection.close()

    async def _send(self, connection: RedisConnection, payloads: list[bytes]) -> None:
        key = self._key.encode()
        if self._scripting:
            try:
                await self._run_script(connection, [b"1", key, self._maxlen, *payloads])
            except ReplyError as problem:
                if problem.code != "NOPERM" and not problem.unknown_command:
                    raise
                self._scripting = False
            else:
                return
        if self._topic:
            commands = [(b"PUBLISH", key, payload) for payload in payloads]
        else:
            limit = (b"MAXLEN", b"~", self._maxlen) if self._maxlen else ()
            commands = [(b"XADD", key, *limit, b"*", b"event", payload) for payload in payloads]
        await connection.run_all(commands)

    async def _run_script(self, connection: RedisConnection, arguments: list[bytes]) -> None:
        script = _PUBLISH if self._topic else _XADD
        if self._loaded is None:
            self._loaded = await connection.run(b"SCRIPT", b"LOAD", script)
        try:
            added = await connection.run(b"EVALSHA", self._loaded, *arguments)
        except ReplyError as problem:
            if problem.code != "NOSCRIPT":
                raise
            self._loaded = None
            added = await connection.run(b"EVAL", script, *arguments)
        if added != str(len(arguments) - NOT_PAYLOADS).encode():
            raise UnreadableReplyError
