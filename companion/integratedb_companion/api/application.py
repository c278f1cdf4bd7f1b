"""Answers requests, as an ASGI application without a framework: each step between the socket and Postgres is here."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Final

from integratedb_companion.common.logs import fault
from integratedb_companion.http.headers import OVER_TLS, SAFE_HEADERS

from . import bodies, errors, lines, worker
from .budget import Budget, Sending, Share, Unread
from .connection import DatabaseError, LostError
from .execution import SurfaceUnstableError, Watch
from .messages import Headers, Heads, Request, Response, failure
from .pool import BusyError, UnreachableError
from .proxies import Proxies
from .services import Services
from .surfaces import RoleError
from .tokens import Caller, TokenError, UnknownKeyError

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_URL_BYTES: Final = 32 << 10
MAX_HEADERS_BYTES: Final = 32 << 10
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
#: A request that takes longer than this is watched for a client that hangs up.
WATCH_AFTER_S: Final = 0.03
#: How long a client may read nothing of an answer. The system ends the connection of one that reads nothing at all.
UNREAD_TIMEOUT_S: Final = 30.0
#: A longer answer is sent in portions, so that a client that stops reading does not keep it in memory.
PORTION_BYTES: Final = 512 << 10
#: So many new objects that may be part of a cycle; requests make none, except for tracebacks.
COLLECT_AFTER: Final = 10_000

_SAFE: Final[Headers] = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
_SAFE_NAMES: Final = frozenset(name for name, _ in _SAFE)
_OVER_TLS: Final[Headers] = [(name.lower().encode(), value.encode()) for name, value in OVER_TLS.items()]


class IncompleteError(Exception):
    """Ends the connection in the middle of an answer; the server logs it, so it has no text and no cause."""


class _Watcher:
    """Cancels what a request does in Postgres when its client hangs up. Short requests are not watched."""

    __slots__ = ("_receive", "_task", "_watch", "has_ended", "since_s")

    def __init__(self, watch: Watch, receive: Receive) -> None:
        self._watch = watch
        self._receive = receive
        self._task: asyncio.Task[None] | None = None
        self.since_s = 0.0
        self.has_ended = False

    def begin(self) -> None:
        """Watch, unless the request has ended."""
        if not self.has_ended:
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        await self._watch.cancel()

    def end(self) -> None:
        """Watch no longer."""
        self.has_ended = True
        if self._task is not None and not self._task.done():
            self._task.cancel()


class _Watchers:
    """Lets watchers begin when it is time, by one timer for all requests: a timer for each would cost more."""

    def __init__(self) -> None:
        self._waiting: deque[_Watcher] = deque()
        self._has_timer = False

    def add(self, watcher: _Watcher) -> None:
        """Let a watcher begin in a while. The body must be read: a watcher would take parts of it."""
        loop = asyncio.get_running_loop()
        watcher.since_s = loop.time()
        self._waiting.append(watcher)
        if not self._has_timer:
            self._has_timer = True
            loop.call_later(WATCH_AFTER_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        due_s = loop.time() - WATCH_AFTER_S
        waiting = self._waiting
        while waiting and (waiting[0].has_ended or waiting[0].since_s <= due_s):
            waiting.popleft().begin()
        self._has_timer = bool(waiting)
        if waiting:
            loop.call_later(max(waiting[0].since_s - due_s, 0.001), self._look, loop)


class Application:
    """The ASGI application of one worker."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._prefix = services.settings.prefix
        self._proxies = Proxies(services.settings.trusted_proxies)
        self._heads = Heads()
        self._watchers = _Watchers()
        self._budget = Budget(services.settings.max_body_bytes)
        self._unread = Unread(services.settings.max_answer_bytes or 0)
        self._limiting: asyncio.Task[None] | None = None
        self._trace = (services.settings.trace_header or "").lower().encode() or None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)

    async def _serve_socket(self, scope: Message, receive: Receive, send: Send) -> None:
        sockets = self._services.sockets
        request = self._request({**scope, "method": "GET"})
        self._proxies.apply(request)
        is_long = len(request.raw_path) > MAX_URL_BYTES or request.head.size > MAX_HEADERS_BYTES
        if (await receive())["type"] != "websocket.connect":
            return
        if sockets is None or is_long or request.path != f"{self._prefix}/graphql":
            await send({"type": "websocket.close", "code": 1008})
            return
        await sockets.serve(request, scope["headers"], scope.get("subprotocols") or (), receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._services.open()
                self._limiting = asyncio.create_task(_limit_unread())
                _collect_less()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._services.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        began_s = time.perf_counter()
        request = self._request(scope)
        self._proxies.apply(request)
        role: list[str] = []
        try:
            response = await self._respond(request, receive, role)
        except bodies.BrokenError:
            # Who has gone does not read the answer.
            response = failure(400, "PGRST102", "The body is incomplete or malformed", None, None, bodies.CLOSE)
        except bodies.GoneError:
            self._note(request, "", 499, began_s, role)
            return
        except Exception as problem:
            log.error("request failed", extra=fault(problem))
            response = failure(500, "PGRSTX00", "Something went wrong in the service")
        if (
            request.lines is not None
            and not request.lines.is_ended
            and (b"connection", b"close") not in response.headers
        ):
            # What the client still sends is not read.
            response.headers.append((b"connection", b"close"))
        status = response.status
        try:
            await self._send(request, response, receive, send)
        except Exception as problem:
            # The status is sent already. Without the end of the body, the client learns that it is not complete.
            status = 499 if isinstance(problem, bodies.GoneError) else 500
            log.log(logging.INFO if status == 499 else logging.ERROR, "answer not completed", extra=fault(problem))
            # Who has hung up learns nothing, and the server would log the end as an error.
            if not isinstance(problem, bodies.LeftError):
                raise IncompleteError from None
        finally:
            self._note(request, response.route, status, began_s, role)

    async def _respond(self, request: Request, receive: Receive, role: list[str]) -> Response:
        services = self._services
        if len(request.raw_path) + len(request.query) > MAX_URL_BYTES:
            return failure(414, "PGRST131", f"The URL is longer than {MAX_URL_BYTES} bytes")
        if request.head.size > MAX_HEADERS_BYTES:
            return failure(431, "PGRST132", f"The headers are longer than {MAX_HEADERS_BYTES} bytes")
        preflight = services.cross_origin.preflight(request)
        if preflight is not None:
            return preflight
        if request.method not in METHODS:
            message = f"Unsupported HTTP method: {request.method[:20]}"
            return failure(405, "PGRST117", message, None, None, {"Allow": ",".join(sorted(METHODS))})
        if services.oauth.concerns(request.path):
            open_answer = await services.oauth.answer(request, receive)
            if open_answer is not None:
                return open_answer
        if self._prefix:
            if request.path != self._prefix and not request.path.startswith(f"{self._prefix}/"):
                return failure(404, "PGRST125", "Invalid path specified in request URL")
            request.path = request.path[len(self._prefix) :] or "/"
        page = services.page.answer(request)
        if page is not None:
            return page
        step_s = time.perf_counter()
        try:
            caller = await self._caller(request)
        except TokenError as problem:
            services.metrics.tokens_refused.labels(problem.code).inc()
            return errors.invalid_token(problem.code, problem.message, problem.details)
        step_s = request.took("jwt", step_s)
        role.append(caller.role)
        watch, share = services.watch(), Share(self._budget)
        watcher = _Watcher(watch, receive)
        try:
            await self._read(request, receive, watcher, share)
            request.took("body", step_s)
            return await services.faces.answer(request, caller, watch)
        except bodies.BodyError as refused:
            return refused.response
        except RoleError:
            return errors.role_not_allowed(caller.role)
        except DatabaseError as problem:
            if watch.is_gone:
                raise bodies.GoneError from None
            verbose = self._settings.error_verbosity == "verbose"
            return errors.of_database(problem, is_anonymous=caller.is_anonymous, is_verbose=verbose)
        except LostError:
            return errors.lost()
        except UnreachableError:
            return errors.unreachable()
        except BusyError:
            return errors.busy()
        except SurfaceUnstableError as unstable:
            return errors.unchanging(unstable.attempts)
        finally:
            watcher.end()
            share.free()

    async def _read(self, request: Request, receive: Receive, watcher: _Watcher, share: Share) -> None:
        """Read the body, or the first batch of a long one. Errors: BodyError, GoneError."""
        if request.method in WITH_BODY:
            limit = self._settings.max_body_bytes
            if lines.are_wanted(request):
                reading = lines.Lines(request, receive, limit)
                first = await reading.next()
                request.body = b"" if first is None else first.content
                if not reading.is_all_read:
                    request.lines = reading
                    reading.on_end = lambda: self._watchers.add(watcher)
                    return
            else:
                request.body = await bodies.read(request, receive, limit, share)
        self._watchers.add(watcher)

    async def _caller(self, request: Request) -> Caller:
        try:
            return self._services.authentication.caller(request)
        except UnknownKeyError as problem:
            return await self._services.authentication.refreshed(request, problem)

    async def _send(self, request: Request, response: Response, receive: Receive, send: Send) -> None:
        headers = response.headers
        given = {name for name, _ in headers}
        headers += _SAFE if given.isdisjoint(_SAFE_NAMES) else [one for one in _SAFE if one[0] not in given]
        if request.scheme == "https":
            headers += _OVER_TLS
        has_length = response.stream is None and response.status not in (204, 304) and request.method != "HEAD"
        if has_length and b"content-length" not in given:
            headers.append((b"content-length", str(len(response.body)).encode()))
        if b"access-control-allow-origin" not in given:
            headers += self._services.cross_origin.headers(request)
        if self._trace is not None:
            traced = request.header(self._trace)
            if traced is not None:
                headers.append((self._trace, traced.encode("latin-1")))
        if self._settings.server_timing:
            shown = ", ".join(f"{step};dur={took:.1f}" for step, took in request.timings.items())
            headers.append((b"server-timing", shown.encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if request.method == "HEAD" else response.body
        if response.stream is None:
            if len(body) <= PORTION_BYTES:
                await send({"type": "http.response.body", "body": body, "more_body": False})
                return
            with self._unread.sending(len(body)) as sending:
                response.body, response.stream, body = b"", _portions(body), b""
                await self._send_all(response, body, sending, receive, send)
            return
        await self._send_all(response, body, Sending(), receive, send)

    async def _send_all(self, response: Response, body: bytes, sending: Sending, receive: Receive, send: Send) -> None:
        """Send a stream, and end its source when the client hangs up. Errors: GoneError, those of the stream."""
        assert response.stream is not None
        is_gone = asyncio.Event()

        async def look() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            is_gone.set()
            if response.cancel is not None:
                await response.cancel()

        watcher = asyncio.create_task(look())
        try:
            await self._send_stream(response.stream, body, sending, is_gone, send)
        except (DatabaseError, LostError, bodies.GoneError):
            if is_gone.is_set():
                raise bodies.LeftError from None
            raise
        finally:
            watcher.cancel()

    async def _send_stream(
        self, stream: AsyncGenerator[bytes, None], first: bytes, sending: Sending, is_gone: asyncio.Event, send: Send
    ) -> None:
        """Pass a stream on, as fast as the client reads it."""
        async with contextlib.aclosing(stream) as portions:
            if first:
                await send({"type": "http.response.body", "body": first, "more_body": True})
            async for portion in portions:
                if is_gone.is_set() or sending.is_given_up:
                    raise bodies.GoneError
                try:
                    async with asyncio.timeout(UNREAD_TIMEOUT_S) as sending.timeout:
                        await send({"type": "http.response.body", "body": portion, "more_body": True})
                except (TimeoutError, OSError, RuntimeError):
                    raise bodies.GoneError from None
                finally:
                    sending.timeout = None
                self._unread.progressed(sending)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _request(self, scope: Message) -> Request:
        path = scope["path"]
        raw = scope.get("raw_path") or path.encode("utf-8", "surrogateescape")
        return Request(
            method=scope["method"],
            path=raw.decode("utf-8", "surrogateescape"),
            raw_path=raw,
            query=scope["query_string"].decode("utf-8", "surrogateescape"),
            head=self._heads.of(scope["headers"]),
            address=(scope.get("client") or ("",))[0],
        )

    def _note(self, request: Request, route: str, status: int, began_s: float, role: list[str]) -> None:
        took_s = time.perf_counter() - began_s
        method = request.method if request.method in METHODS else "other"
        route = route or _route(request.path)
        self._services.metrics.answered(method, route, status, took_s)
        level = logging.INFO if status >= 500 else logging.DEBUG
        if log.isEnabledFor(level):
            entry = {"method": method, "route": route, "status": status, "duration_s": round(took_s, 4)}
            log.log(level, "request", extra={**entry, "role": role[0] if role else None, "address": request.address})


def _collect_less() -> None:
    """Let the collector of garbage look less often, and not at what stays as long as the worker."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _limit_unread() -> None:
    """Limit how long clients may read nothing, as soon as the server listens."""
    for _ in range(200):
        if worker.end_unread(UNREAD_TIMEOUT_S):
            break
        await asyncio.sleep(0.05)


async def _portions(body: bytes) -> AsyncGenerator[bytes, None]:
    view = memoryview(body)
    for start in range(0, len(body), PORTION_BYTES):
        yield bytes(view[start : start + PORTION_BYTES])


def _route(path: str) -> str:
    """Return the kind of resource that a path names: a name would make as many figures as there are relations."""
    return "/rpc" if path.startswith("/rpc/") else "/" if path == "/" else "/relation"
