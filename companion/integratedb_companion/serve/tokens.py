"""Issues and verifies JSON Web Tokens, signed with a secret for each user; pure."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import jwt

ALGORITHM = "HS256"
ISSUER = "integratedb"
ACCESS, REFRESH, SESSION = "access", "refresh", "session"
LIFETIMES_S = {ACCESS: 4 * 3600, REFRESH: 12 * 3600, SESSION: 12 * 3600}
MAX_ID = 2**63 - 1


class BadTokenError(Exception):
    """The token is malformed, or no longer valid."""


def issue(use: str, user_id: int, secret: bytes, token_id: UUID | None = None) -> str:
    """Sign a token for one use: access, refresh or session."""
    now_s = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUER, "aud": use, "sub": str(user_id)}
    claims |= {"iat": now_s, "exp": now_s + LIFETIMES_S[use]}
    if token_id is not None:
        claims["jti"] = str(token_id)
    return jwt.encode(claims, secret, ALGORITHM)


def claimed_user(token: str) -> int:
    """Return the user that a token claims, whose secret is needed to verify it; this proves nothing yet."""
    try:
        subject = str(jwt.decode(token, options={"verify_signature": False}).get("sub"))
    except (jwt.InvalidTokenError, UnicodeError):
        raise BadTokenError from None
    if not (subject.isascii() and subject.isdigit() and len(subject) < 20 and int(subject) <= MAX_ID):
        raise BadTokenError
    return int(subject)


def verify(use: str, token: str, secret: bytes) -> dict[str, Any]:
    """Verify signature, time and use; return the claims."""
    try:
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=use,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.InvalidTokenError:
        raise BadTokenError from None


def token_id(claims: dict[str, Any]) -> UUID:
    """Return the jti of a refresh token or a session."""
    try:
        return UUID(str(claims["jti"]))
    except (KeyError, ValueError):
        raise BadTokenError from None
