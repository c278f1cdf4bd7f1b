"""Answers browsers that ask whether pages of other origins may use the API. Pure.

No cookie is ever taken for authentication, so any origin may be allowed; where origins are listed, only those are.
"""

from __future__ import annotations

from typing import Final

from .messages import Headers, Request, Response

EXPOSED: Final = (
    b"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, "
    b"Range-Unit, Preference-Applied, ETag, Proxy-Status, Server-Timing, Retry-After, Integratedb-Truncated, "
    b"Integratedb-Row-Security"
)
METHODS: Final = b"GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
MAX_AGE_S: Final = b"86400"


class CrossOrigin:
    """The rules for origins; without a list, every origin is allowed."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins if origin != "*")

    def headers(self, request: Request) -> Headers:
        """Return the headers of an answer."""
        origin = request.header(b"origin")
        if origin is None:
            return []
        allowed = self._allowed(origin)
        return [] if allowed is None else [*allowed, (b"access-control-expose-headers", EXPOSED)]

    def preflight(self, request: Request) -> Response | None:
        """Answer a request that only asks; None: it is another one."""
        if request.method != "OPTIONS" or request.header(b"access-control-request-method") is None:
            return None
        origin = request.header(b"origin")
        allowed = None if origin is None else self._allowed(origin)
        if allowed is None:
            return None
        wanted = (request.header(b"access-control-request-headers") or "").encode("latin-1")
        headers = [
            *allowed,
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", b"Authorization" + (b", " + wanted if wanted else b"")),
            (b"access-control-max-age", MAX_AGE_S),
        ]
        return Response(200, headers, route="preflight")

    def _allowed(self, origin: str) -> Headers | None:
        if not self._origins:
            return [(b"access-control-allow-origin", b"*")]
        if origin not in self._origins:
            return None
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
