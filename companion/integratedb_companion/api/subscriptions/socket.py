"""Serves one WebSocket of a client: the protocol graphql-transport-ws."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import orjson
from graphql import OperationDefinitionNode

from integratedb.query.faces.graphql.documents import InvalidError, parse_document
from integratedb.query.faces.graphql.following import is_subscription
from integratedb_companion.api.authentication import Authentication
from integratedb_companion.api.connection import LostError
from integratedb_companion.api.execution import SurfaceUnstableError, Watch
from integratedb_companion.api.faces import Faces
from integratedb_companion.api.messages import Head, Headers, Request, Response
from integratedb_companion.api.metrics import Metrics
from integratedb_companion.api.pool import BusyError, UnreachableError
from integratedb_companion.api.surfaces import RoleError, Surfaces
from integratedb_companion.api.tokens import Caller, TokenError, UnknownKeyError
from integratedb_companion.common.logs import fault

from . import protocol
from .groups import Group, GroupError, Subject, worded
from .hub import Hub
from .protocol import Complete, Init, Ping, Pong, ProtocolError, Subscribe
from .room import Room

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]

INIT_TIMEOUT_S: Final = 10.0
#: A client that says nothing for this long is asked by a ping; after as long again, its connection ends.
SILENCE_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 3.0
#: Operations of one connection at once.
MOST_OPERATIONS: Final = 100
#: What may wait for a client that reads slowly, in characters, beside the message that it is reading.
MOST_WAITING: Final = 1 << 20
#: Characters of a document beyond which it is parsed beside other clients.
LONG_DOCUMENT: Final = 4 << 10
#: WebSockets of one worker, and those among them that have not sent connection_init.
MOST_SOCKETS: Final = 5_000
MOST_STRANGERS: Final = 200
#: Headers of a handshake that differ for each connection, or mean the handshake only.
_HANDSHAKE: Final = (b"sec-websocket-", b"connection", b"upgrade", b"authorization", b"content-length")


class Sockets:
    """The WebSockets of one worker."""

    def __init__(
        self,
        hub: Hub,
        authentication: Authentication,
        surfaces: Surfaces,
        faces: Faces,
        metrics: Metrics,
        *,
        saved_only: bool,
    ) -> None:
        self.hub = hub
        self.authentication = authentication
        self.surfaces = surfaces
        self.faces = faces
        self.metrics = metrics
        self.saved_only = saved_only
        self.open: set[Socket] = set()
        self.strangers = 0
        self.room = Room()

    async def serve(self, request: Request, headers: Headers, offered: Sequence[str], receive: Any, send: Any) -> None:
        """Serve a WebSocket until it is closed."""
        socket = Socket(self, request, headers, receive, send)
        is_full = len(self.open) >= MOST_SOCKETS or self.strangers >= MOST_STRANGERS
        if protocol.SUBPROTOCOL not in offered or is_full:
            await send({"type": "websocket.accept"})
            code = protocol.TRY_AGAIN if is_full else protocol.NOT_ACCEPTABLE
            reason = (
                "Too many clients are connected"
                if is_full
                else f"Subprotocol not acceptable: use {protocol.SUBPROTOCOL}"
            )
            await send(protocol.closing(code, reason))
            return
        await send({"type": "websocket.accept", "subprotocol": protocol.SUBPROTOCOL})
        self.open.add(socket)
        try:
            await socket.serve()
        finally:
            self.open.discard(socket)

    def close(self) -> None:
        """Close all WebSockets, because the service stops."""
        for socket in [*self.open]:
            socket.close(protocol.GOING_AWAY, "The service stops")


class Subscription:
    """A subscription of a client."""

    __slots__ = ("_before", "_socket", "group", "id")

    def __init__(self, socket: Socket, id_: str, *, is_old: bool) -> None:
        self._socket = socket
        self._before = protocol.next_message(id_, is_old=is_old)
        self.id = id_
        self.group: Group | None = None

    def deliver(self, payload: str) -> None:
        """Send the payload of a message ``next``."""
        self._socket.put(self._before, payload, protocol.END)

    def fail(self, errors: Sequence[dict[str, Any]], *, is_forbidden: bool) -> None:
        """End the subscription with an error."""
        self._socket.metrics.subscriptions_failed.inc()
        self._socket.end(self.id, errors)
        if is_forbidden:
            self._socket.close(protocol.FORBIDDEN, "Forbidden")


class Socket:
    """One WebSocket."""

    def __init__(
        self,
        sockets: Sockets,
        request: Request,
        headers: Headers,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._sockets = sockets
        self.metrics = sockets.metrics
        self._request = request
        self._headers = [(name, value) for name, value in headers if not name.startswith(_HANDSHAKE)]
        self._bearer = request.head.bearer
        self._receive = receive
        self._send = send
        self._head: Head | None = None
        self._caller: Caller | None = None
        self._operations: dict[str, asyncio.Task[None] | Subscription] = {}
        #: What waits to be sent: each message in parts, of which subscribers share the longest.
        self._waiting: deque[tuple[str, ...]] = deque()
        self._size = 0
        #: Since when something waits for the client, and not for room.
        self.behind_since_s: float | None = None
        self._may_send = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._heard_at_s = time.monotonic()
        #: Whether the client speaks the protocol before, which has no pings.
        self._is_old = False
        self._expiry: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()

    async def serve(self) -> None:
        """Serve the client until the connection is closed."""
        parts = (self._read(), self._write(), self._listen_for_silence(), self._wait_for_end())
        tasks = [asyncio.create_task(each) for each in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled() and (problem := task.exception()) is not None:
                    # The client may be gone, in any of the ways of the server.
                    log.debug("WebSocket ended", extra=fault(problem))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._finish()

    async def _wait_for_end(self) -> None:
        await self._ended.wait()

    async def _finish(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        for id_ in [*self._operations]:
            self._forget(id_)
        self._drop_waiting()
        code, reason = self._closing or (protocol.GOING_AWAY, "")
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send(protocol.closing(code, reason))

    def close(self, code: int, reason: str) -> None:
        """Close the connection; nothing more is sent."""
        if self._closing is None:
            self._closing = code, reason
            self._ended.set()

    def put(self, *parts: str) -> None:
        """Send a message, when the client reads it. A client that is too slow is disconnected."""
        if self._closing is not None:
            return
        size = sum(map(len, parts))
        if self._waiting and self._size + size > MOST_WAITING:
            self.give_up()
            return
        room, is_first = self._sockets.room, not self._waiting
        if not room.hold(parts, is_first=is_first):
            room.make(self._sockets.open)
            if not room.hold(parts, is_first=is_first):
                self.give_up()
                return
        if is_first:
            self.behind_since_s = time.monotonic()
        self._size += size
        self._waiting.append(parts)
        self._may_send.set()

    def give_up(self) -> None:
        """Disconnect a client that reads too slowly."""
        if self._closing is None:
            self.metrics.too_slow.inc()
            self.close(protocol.TOO_SLOW, "The client reads too slowly")
            self._drop_waiting()

    def _drop_waiting(self) -> None:
        for parts in self._waiting:
            self._sockets.room.free(parts)
        self._waiting.clear()
        self._size = 0

    async def _write(self) -> None:
        while True:
            await self._may_send.wait()
            while self._waiting:
                parts = self._waiting[0]
                async with self._sockets.room.copying(self, self._size_of(parts)):
                    await self._send({"type": "websocket.send", "text": "".join(parts)})
                if self._waiting:
                    self._sockets.room.free(self._waiting.popleft())
                    self._size -= self._size_of(parts)
            self.behind_since_s = None
            self._may_send.clear()

    @staticmethod
    def _size_of(parts: tuple[str, ...]) -> int:
        return sum(map(len, parts))

    async def _read(self) -> None:
        try:
            await self._begin()
            while True:
                self._take(await self._next())
        except ProtocolError as error:
            self.close(error.code, error.reason)
        except _GoneError:
            self.close(protocol.GOING_AWAY, "")

    async def _next(self) -> protocol.Message:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                raise _GoneError
            if event["type"] != "websocket.receive":
                continue
            self._heard_at_s = time.monotonic()
            text = event.get("text")
            return protocol.read_message(event.get("bytes") if text is None else text)

    async def _begin(self) -> None:
        """Wait for connection_init, and find out who is asking."""
        self._sockets.strangers += 1
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                while True:
                    match await self._next():
                        case Init(authorization):
                            break
                        case Ping():
                            self.put(protocol.PONG)
                        case Subscribe():
                            raise ProtocolError(protocol.UNAUTHORIZED, "Unauthorized")
                self._caller = await self._authenticated(authorization)
        except TimeoutError:
            raise ProtocolError(protocol.INIT_TIMEOUT, "Connection initialisation timeout") from None
        finally:
            self._sockets.strangers -= 1
        self.put(protocol.ACK)
        until_s = self._caller.expires_at_s
        if until_s != float("inf"):
            left_s = max(0.0, until_s - time.time())
            # A timer takes no longer time than that.
            self._expiry = asyncio.get_running_loop().call_later(
                min(left_s, 30 * 86400.0), self.close, protocol.FORBIDDEN, "The token has expired"
            )

    async def _authenticated(self, authorization: str | None) -> Caller:
        headers = [*self._headers]
        given = authorization.encode() if authorization is not None else None
        if given is None and self._bearer is not None:
            given = b"Bearer " + self._bearer
        if given is not None:
            headers.append((b"authorization", given))
        self._head = self._request.head = Head(headers)
        authentication = self._sockets.authentication
        try:
            try:
                caller = authentication.caller(self._request)
            except UnknownKeyError as problem:
                caller = await authentication.refreshed(self._request, problem)
            await self._sockets.surfaces.of(caller.role)
        except TokenError as problem:
            raise ProtocolError(protocol.FORBIDDEN, f"Forbidden: {problem.message}") from None
        except RoleError:
            raise ProtocolError(protocol.FORBIDDEN, "Forbidden: the role may not use this API") from None
        except Exception as problem:
            log.warning("client not admitted", extra=fault(problem))
            raise ProtocolError(protocol.TRY_AGAIN, "The database cannot be asked now") from None
        return caller

    def _take(self, message: protocol.Message) -> None:
        match message:
            case Init():
                raise ProtocolError(protocol.TOO_MANY_INITS, "Too many initialisation requests")
            case Ping():
                self.put(protocol.PONG)
            case Pong():
                pass
            case Complete(id_):
                self._forget(id_)
            case Subscribe():
                self._subscribe(message)

    def _subscribe(self, message: Subscribe) -> None:
        id_ = message.id
        self._is_old = message.is_old
        if id_ in self._operations:
            raise ProtocolError(protocol.EXISTS, f"Subscriber for {id_[:60]} already exists")
        if message.wanted is None:
            self.put(protocol.error_message(id_, [{"message": message.error}]))
        elif len(self._operations) >= MOST_OPERATIONS:
            text = f"The connection has {MOST_OPERATIONS} operations, and no more may be open at once."
            self.put(protocol.error_message(id_, [worded("PGRSTX02", text)]))
        elif self._sockets.saved_only:
            text = "Only saved queries are answered."
            self.put(protocol.error_message(id_, [worded("42501", text)]))
        else:
            self._operations[id_] = asyncio.create_task(self._operate(message))

    async def _operate(self, message: Subscribe) -> None:
        id_ = message.id
        try:
            assert message.wanted is not None
            # A long document would hold up all other clients while it is parsed.
            is_long = len(message.wanted.query) > LONG_DOCUMENT
            follows = await asyncio.to_thread(_is_subscription, message) if is_long else _is_subscription(message)
            await (self._follow(message) if follows else self._run(message))
        except GroupError as error:
            self.end(id_, error.errors)
            if error.is_forbidden:
                self.close(protocol.FORBIDDEN, "Forbidden")
        except Exception as problem:
            log.error("operation failed", extra=fault(problem))
            self.end(id_, [worded("PGRSTX00", "Something went wrong in the service.")])

    async def _follow(self, message: Subscribe) -> None:
        assert self._caller is not None
        assert self._head is not None
        assert message.wanted is not None
        subscription = Subscription(self, message.id, is_old=message.is_old)
        subject = Subject(self._caller, self._head, self._request.raw_path, message.wanted)
        group = await self._sockets.hub.subscribe(subject, subscription)
        subscription.group = group
        self._operations[message.id] = subscription

    async def _run(self, message: Subscribe) -> None:
        """Answer a query or a mutation, as over HTTP."""
        assert self._caller is not None
        body = orjson.dumps(dict(message.payload))
        head = Head([*self._headers_of_request(), (b"content-type", b"application/json")])
        request = Request("POST", "/graphql", self._request.raw_path, "", head, self._request.address, body=body)
        response = await self._answered(request, self._caller)
        answer = response.body.decode()
        if response.status < 300:
            self.put(protocol.next_message(message.id, is_old=message.is_old), answer, protocol.END)
            if self._operations.pop(message.id, None) is not None:
                self.put(protocol.complete_message(message.id))
            return
        problem = orjson.loads(answer)
        self.end(message.id, problem.get("errors") or [worded(problem.get("code", ""), problem.get("message", ""))])

    async def _answered(self, request: Request, caller: Caller) -> Response:
        """Return the answer to a request. Error: GroupError."""
        watch = Watch()
        answering = asyncio.create_task(self._sockets.faces.answer(request, caller, watch))
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            # Otherwise Postgres would not stop.
            await watch.cancel()
            if watch.connection is None:
                # It waits for a connection, and others would wait behind it.
                answering.cancel()
            answering.add_done_callback(lambda task: task.cancelled() or task.exception())
            raise
        except RoleError:
            raise GroupError([worded("42501", "The role may not use this API.")], is_forbidden=True) from None
        except (LostError, UnreachableError, BusyError, SurfaceUnstableError):
            raise GroupError([worded("PGRST000", "The database cannot answer now.")]) from None

    def _headers_of_request(self) -> Headers:
        authorization = self._head.texts.get(b"authorization") if self._head is not None else None
        given = [] if authorization is None else [(b"authorization", authorization.encode("latin-1", "replace"))]
        return [*self._headers, *given]

    def end(self, id_: str, errors: Sequence[dict[str, Any]]) -> None:
        """End an operation with errors."""
        if id_ in self._operations:
            self.put(protocol.error_message(id_, errors))
            self._forget(id_)

    def _forget(self, id_: str) -> None:
        """Stop an operation, whatever it does."""
        operation = self._operations.pop(id_, None)
        if isinstance(operation, Subscription):
            if operation.group is not None:
                self._sockets.hub.unsubscribe(operation.group, operation)
        elif operation is not None and operation is not asyncio.current_task():
            operation.cancel()

    async def _listen_for_silence(self) -> None:
        is_asked = False
        while True:
            silent_s = time.monotonic() - self._heard_at_s
            if silent_s < SILENCE_S or self._is_old:
                is_asked = False
                await asyncio.sleep(max(SILENCE_S - silent_s, 1.0))
            elif is_asked:
                self.close(protocol.GOING_AWAY, "The client is silent")
                return
            else:
                is_asked = True
                if self._caller is not None:
                    self.put(protocol.PING)
                await asyncio.sleep(SILENCE_S)


class _GoneError(Exception):
    """The client has disconnected."""


def _is_subscription(message: Subscribe) -> bool:
    """Whether an operation is a subscription. What cannot be parsed is answered as over HTTP."""
    assert message.wanted is not None
    try:
        parsed = parse_document(message.wanted.query)
    except InvalidError:
        return False
    operations = [each for each in parsed.definitions if isinstance(each, OperationDefinitionNode)]
    name = message.wanted.operation
    chosen = [each for each in operations if name is None or (each.name is not None and each.name.value == name)]
    return len(chosen) == 1 and is_subscription(chosen[0])
