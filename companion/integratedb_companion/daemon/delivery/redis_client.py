"""Sends commands to Redis and reads replies of bounded size.

The client reads only the four kinds of replies that the daemon's commands have. General clients allocate the size that
a reply announces, nest as deep as it says, and repeat its text in their errors.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohappyeyeballs import start_connection
from hiredis import pack_command

from .addresses import AddressPolicy
from .names import Lookups, stakeholder
from .receiver_sockets import ReceiverSocket

#: How long one address of a name is tried before the next one is tried in parallel (RFC 8305).
HAPPY_EYEBALLS_S: Final = 0.25
#: The longest line or text of a reply: ids, checksums, error texts.
REPLY_BYTES: Final = 4096
#: How much is written at once.
WRITE_BYTES: Final = 128 << 10

_NUMBER: Final = re.compile(rb"-?[0-9]{1,18}")
_CODES: Final = frozenset(
    {"ASK", "BUSY", "BUSYKEY", "CLUSTERDOWN", "CROSSSLOT", "DENIED", "ERR", "EXECABORT", "LOADING", "MASTERDOWN"}
    | {"MISCONF", "MOVED", "NOAUTH", "NOPERM", "NOPROTO", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN"}
    | {"UNKILLABLE", "WRONGPASS", "WRONGTYPE"}
)

Command = Sequence[bytes]


class ReplyError(Exception):
    """Redis refused a command: a code of the list above, or "" for any other code."""

    def __init__(self, code: str, *, unknown_command: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.unknown_command = unknown_command


class UnreadableReplyError(Exception):
    """The reply is not a valid answer to these commands."""


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a Redis server, and the login."""

    host: str
    port: int
    database: int
    encrypted: bool
    user: str = field(repr=False)
    password: str = field(repr=False)


def parse_target(url: str) -> Target:
    """Parse a URL that was checked."""
    parts = urlsplit(url)
    return Target(
        host=parts.hostname or "",
        port=parts.port or 6379,
        database=int(parts.path.strip("/") or 0),
        encrypted=parts.scheme == "rediss",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class RedisConnection:
    """One connection, logged in, with its database selected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connected: ReceiverSocket) -> None:
        self._reader = reader
        self._writer = writer
        #: The connection's socket. The connection cannot be used after the socket is given up.
        self.socket = connected
        connected.give_up = self.close

    @classmethod
    async def open(cls, target: Target, policy: AddressPolicy, names: Lookups) -> RedisConnection:
        """Connect; the address is checked at its socket, since a name may resolve differently at each lookup."""
        addresses = await names.find(target.host, target.port)
        connected = await start_connection(
            addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_S, socket_factory=policy.socket
        )
        assert isinstance(connected, ReceiverSocket)
        policy.sockets.begin_use(connected, stakeholder.get())
        try:
            reader, writer = await asyncio.open_connection(
                sock=connected,
                limit=REPLY_BYTES,
                ssl=ssl.create_default_context() if target.encrypted else None,
                server_hostname=target.host if target.encrypted else None,
            )
        except BaseException:
            connected.close()
            raise
        connection = cls(reader, writer, connected)
        try:
            if target.user or target.password:
                user = [target.user.encode()] if target.user else []
                await connection.run(b"AUTH", *user, target.password.encode())
            if target.database:
                await connection.run(b"SELECT", str(target.database).encode())
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Disconnect, and discard unsent data."""
        self._writer.transport.abort()

    async def run(self, *command: bytes) -> bytes:
        """Run one command."""
        [reply] = await self.run_all([command])
        return reply

    async def run_all(self, commands: Sequence[Command]) -> list[bytes]:
        """Send commands together; when one is refused, raise after all were answered."""
        # hiredis packs much faster than Python code.
        packed = [pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]  # declared for one part
        await self._write(packed[0] if len(packed) == 1 else b"".join(packed))
        replies: list[bytes] = []
        refusal: ReplyError | None = None
        for _ in commands:
            try:
                replies.append(await self._reply())
            except ReplyError as problem:
                refusal = refusal or problem
        if refusal is not None:
            raise refusal
        return replies

    async def _write(self, data: bytes) -> None:
        # asyncio copies what the socket does not take at once, so it gets a part of a large command at a time.
        view = memoryview(data)
        for at in range(0, len(view), WRITE_BYTES):
            self._writer.write(view[at : at + WRITE_BYTES])
            await self._writer.drain()

    async def _reply(self) -> bytes:
        line = await self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return rest
            case b":" if _NUMBER.fullmatch(rest):
                return rest
            case b"-":
                code = rest.partition(b" ")[0].decode("ascii", "replace")
                unknown = rest.startswith(b"ERR unknown command")
                raise ReplyError(code if code in _CODES else "", unknown_command=unknown)
            case b"$" if _NUMBER.fullmatch(rest):
                return await self._text(int(rest))
        raise UnreadableReplyError

    async def _text(self, length: int) -> bytes:
        if not -1 <= length <= REPLY_BYTES:
            raise UnreadableReplyError
        if length < 0:
            return b""
        text = await self._reader.readexactly(length + 2)
        if not text.endswith(b"\r\n"):
            raise UnreadableReplyError
        return text[:-2]

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError:  # longer than the limit
            raise UnreadableReplyError from None
        if not line:
            raise EOFError
        if not line.endswith(b"\r\n"):
            raise UnreadableReplyError
        return line[:-2]
