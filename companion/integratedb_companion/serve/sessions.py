"""Defines the console's sessions: a cookie that scripts cannot read, and a token that each writing request repeats.

Browsers add the cookie to requests of other pages too, but other pages cannot read the token (OWASP, "Cross-Site
Request Forgery Prevention", synchronizer tokens).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from .tokens import LIFETIMES_S, SESSION

#: Browsers accept the prefix only from the host itself, and only over TLS (RFC 6265bis, 4.1.3.2).
NAME, NAME_OVER_TLS = "integratedb", "__Host-integratedb"
HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: What browsers say of requests that the console itself or the address bar has sent (Fetch Metadata).
OWN_SITES = frozenset({"same-origin", "none"})


def cookie_name(request: Request) -> str:
    """Return the name of the cookie, which depends on whether the client speaks TLS."""
    return NAME_OVER_TLS if request.url.scheme == "https" else NAME


def is_own(request: Request) -> bool:
    """Whether no page of another site has sent the request, as far as the browser says."""
    return all(site in OWN_SITES for site in request.headers.getlist("sec-fetch-site"))


def cookie_of(request: Request) -> str | None:
    """Return the session's token, unless another site has sent the request, or there are several such cookies.

    A neighbour, such as another host of the same domain, may add a cookie of that name. Nothing says whose is whose.
    """
    if not is_own(request):
        return None
    pairs = [part.split("=", 1) for header in request.headers.getlist("cookie") for part in header.split(";")]
    found = [pair[1].strip() for pair in pairs if len(pair) == 2 and pair[0].strip() == cookie_name(request)]
    return found[0] if len(found) == 1 else None


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give the session's token to the browser."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=LIFETIMES_S[SESSION],
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def delete_cookie(request: Request, response: Response) -> None:
    """Take the session's token from the browser."""
    response.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )


def csrf_token(secret: bytes, session: UUID) -> str:
    """Derive the token of a session from the secret of its user."""
    digest = hmac.digest(secret, b"csrf:" + session.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_allowed(request: Request, secret: bytes, session: UUID) -> bool:
    """Return whether a request only reads, or repeats the token of its session."""
    given = request.headers.get(HEADER, "")
    return request.method in READING or hmac.compare_digest(given.encode(), csrf_token(secret, session).encode())
