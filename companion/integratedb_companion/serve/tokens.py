"""The tokens: JSON Web Tokens, signed with a secret that each user has for itself; pure."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import jwt

ALGORITHM = "HS256"
ISSUER = "integratedb"
ACCESS, REFRESH = "access", "refresh"
LIFETIMES_S = {ACCESS: 4 * 3600, REFRESH: 12 * 3600}
MAX_ID = 2**63 - 1


class BadTokenError(Exception):
    """The token is none, or is good no longer."""


def issue(use: str, user_id: int, secret: bytes, token_id: UUID | None = None) -> str:
    """Sign a token for one use, access or refresh."""
    now_s = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUER, "aud": use, "sub": str(user_id)}
    claims |= {"iat": now_s, "exp": now_s + LIFETIMES_S[use]}
    if token_id is not None:
        claims["jti"] = str(token_id)
    return jwt.encode(claims, secret, ALGORITHM)


def claimed_user(token: str) -> int:
    """Tell whose token it says it is, so that the secret can be looked up; nothing is proved yet."""
    try:
        subject = str(jwt.decode(token, options={"verify_signature": False}).get("sub"))
    except (jwt.InvalidTokenError, UnicodeError):
        raise BadTokenError from None
    if not (subject.isascii() and subject.isdigit() and len(subject) < 20 and int(subject) <= MAX_ID):
        raise BadTokenError
    return int(subject)


def verify(use: str, token: str, secret: bytes) -> dict[str, Any]:
    """Check signature, time and use; give what it says."""
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
    """Give the jti of a refresh token."""
    try:
        return UUID(str(claims["jti"]))
    except (KeyError, ValueError):
        raise BadTokenError from None
