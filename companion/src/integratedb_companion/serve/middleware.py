"""What happens to every request of every part: it is counted and logged, its body has a limit, its answer safe headers."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import RefusalError, answer
from .metrics import Metrics

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 5 << 20
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}
#: Asked every few seconds: worth a line only when something is wrong.
PROBES = frozenset({"/live", "/ready", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class SafeHeaders:
    """Adds headers; those that a part has set stay."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        added = SAFE_HEADERS | (OVER_TLS if scope["scheme"] == "https" else {})

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._application(scope, receive, send_safely)


class BodyLimit:
    """Refuses a body that is too long: by what its length is said to be, else as soon as it is."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        if said.isdigit() and int(said) > MAX_BODY_BYTES:
            await answer(RefusalError(413, Connection="close"))(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                # The framework's own, which it passes on from wherever a body is read.
                raise HTTPException(413, headers={"Connection": "close"})
            return message

        await self._application(scope, receive_some, send)


class Observed:
    """Counts, times and logs; neither a query nor a body is in the log, which may hold secrets."""

    def __init__(self, application: ASGIApp, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 500

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._application(scope, receive, send_observed)
        finally:
            self._note(scope, status, time.perf_counter() - began_s)

    def _note(self, scope: Scope, status: int, duration_s: float) -> None:
        # Where there is no route, the path is whatever a client makes up: a metric must not have one label for each.
        route = getattr(scope.get("route"), "path", "")
        route = scope.get("root_path", "") + route if route else ""
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.duration_s.labels(method, route).observe(duration_s)
        log.log(
            logging.DEBUG if scope["path"] in PROBES and status == 200 else logging.INFO,
            "request",
            extra={
                "method": method,
                "path": scope["path"][:200],
                "status": status,
                "duration_s": round(duration_s, 4),
                "address": (scope.get("client") or ("", 0))[0],
                "user": scope.get("state", {}).get("user_id"),
            },
        )
