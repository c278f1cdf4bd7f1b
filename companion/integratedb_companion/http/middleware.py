"""Counts and logs every request of every part, and adds safe headers to its answer."""

from __future__ import annotations

import logging
import re
import time
import traceback
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integratedb_companion.http.refusals import RefusalError, answer, phrase

from .headers import OVER_TLS, SAFE_HEADERS
from .metrics import Metrics

log = logging.getLogger(__name__)

#: Requested every few seconds, so logged only when something is wrong.
PROBES = frozenset({"/live", "/ready", "/metrics"})
MAX_HEADERS_BYTES = 16 << 10
OTHER_NAME = "the service listens on this machine only, and is not reached by this name without --trusted-proxy"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def described(fault: BaseException) -> str:
    """Describe an exception by its type and place, without its text."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    frames = traceback.extract_tb(fault.__traceback__)[-12:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    cause = fault.__cause__ or fault.__context__
    return f"{type(fault).__name__} at {places}" + ("" if cause is None else f"; by {type(cause).__name__}")


class SafeHeaders:
    """Adds headers, and keeps those that a part has set."""

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


class Framing:
    """Refuses headers that are too long, and requests whose body two servers might delimit differently (RFC 9112)."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        status = self._refusal(scope) if scope["type"] == "http" else None
        if status is not None:
            await answer(RefusalError(status, Connection="close"))(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def _refusal(self, scope: Scope) -> int | None:
        headers = Headers(scope=scope)
        if scope["http_version"] not in ("1.0", "1.1"):
            return 505
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADERS_BYTES:
            return 431
        if "transfer-encoding" in headers and ("content-length" in headers or scope["http_version"] != "1.1"):
            return 400
        return None


class OwnNames:
    """Refuses other names of a service that only this machine reaches.

    A page of another site may let its own name lead to 127.0.0.1 (DNS rebinding). The browser then takes the service
    for a part of that site. Addresses, names without a dot, and those below localhost are not names of such a site.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not all(map(self._is_own, Headers(scope=scope).getlist("host"))):
            refusal = RefusalError(421, {"detail": phrase(421), "reason": OTHER_NAME}, Connection="close")
            await answer(refusal)(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    @staticmethod
    def _is_own(given: str) -> bool:
        name = re.sub(r":[0-9]*$", "", given.strip()).rstrip(".").lower()
        if "." not in name or name.endswith(".localhost"):
            return True
        return re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name) is not None or name.startswith("[")


class Observed:
    """Counts, times and logs requests, without query and body, which may hold secrets."""

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
        except Exception as fault:
            # The client has its answer. The exception's text may contain parts of the request, so it goes no further.
            log.error("request failed", extra={"fault": described(fault)})
        finally:
            self._note(scope, status, time.perf_counter() - began_s)

    def _note(self, scope: Scope, status: int, duration_s: float) -> None:
        # Without a route, the client may choose any path, and a metric must not have a label for each.
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
